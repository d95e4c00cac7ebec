"""SGLang's side of a measurement: the command of its own benchmark, and the settings that its server reports."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from vlnb import tables
from vlnb.endpoint.resolve import look_up
from vlnb.errors import BadInput, VlnbError

if TYPE_CHECKING:
    from vlnb.bench.workload import Workload

_KEPT = frozenset(tables.read("bench/settings.toml")["kept"])
_VALUE_CHARS = 300


def command(workload: Workload, base_url: str, model: str) -> str:
    """Return the shell command that makes `sglang.bench_serving` run a workload.

    The tool prints its result, which `vlnb bench compare` shows beside ours.

    Raises:
        BadInput: the tool cannot run the workload.

    >>> from vlnb.bench.workload import Workload
    >>> command(Workload(), "http://127.0.0.1:30000/v1", "Qwen/Qwen2.5-VL-7B-Instruct").split(" --")[2]
    'base-url http://127.0.0.1:30000'
    """
    if not workload.drawn:
        raise BadInput("sglang.bench_serving supports only noise and blank pictures.")
    options = {
        "backend": "sglang-oai-chat",
        "base-url": base_url.rstrip("/").removesuffix("/v1"),
        "model": model,
        "dataset-name": "image",
        "image-count": workload.images,
        "image-resolution": workload.resolution,
        "image-content": "random" if workload.picture == "noise" else "blank",
        "random-input-len": workload.input_len,
        "random-output-len": workload.output_len,
        "random-range-ratio": workload.range_ratio,
        "num-prompts": workload.prompts,
        "max-concurrency": workload.concurrency,
        "seed": workload.seed,
        "request-rate": workload.rate,
    }
    words = [word for name, value in options.items() if value is not None for word in (f"--{name}", str(value))]
    return shlex.join(["python3", "-m", "sglang.bench_serving", *words])


def server_info(base_url: str) -> dict[str, Any]:
    """Return the settings of a server from `/get_server_info` that settings.toml allows, or {} if it reports none.

    Sends no key, and reads at most 1 MB within 5 s. Never raises.
    """
    try:
        answer = look_up(base_url.rstrip("/").removesuffix("/v1"), "/get_server_info")
        settings = json.loads(answer.body) if answer.status == 200 else {}
    except (VlnbError, ValueError, RecursionError):
        return {}
    found = settings if isinstance(settings, dict) else {}
    return {name: value for name, value in found.items() if name in _KEPT and _is_plain(value)}


def _is_plain(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _VALUE_CHARS and "@" not in value and "?" not in value  # a URL may contain a secret there
    return isinstance(value, int | float)
