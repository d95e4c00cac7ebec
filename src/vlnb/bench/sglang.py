"""SGLang's side of a measurement: the command of its own benchmark, and the settings that its server reports."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from vlnb.endpoint.resolve import look_up
from vlnb.errors import BadInput, VlnbError

if TYPE_CHECKING:
    from vlnb.bench.workload import Workload

# An allowlist, because secrets turn up under any name (`launch_command: … --api-key …`, `hf_auth`).
# Names: SGLang's ServerArgs, versions 0.5.6 and 0.5.23, and what /get_server_info adds to them.
FIELDS = frozenset(
    "version model_path served_model_name revision dtype quantization kv_cache_dtype context_length tp_size dp_size"
    " pp_size ep_size nnodes mem_fraction_static max_running_requests max_queued_requests max_total_tokens"
    " max_total_num_tokens max_prefill_tokens chunked_prefill_size page_size schedule_policy schedule_conservativeness"
    " device attention_backend prefill_attention_backend decode_attention_backend mm_attention_backend"
    " sampling_backend grammar_backend disable_radix_cache disable_cuda_graph cuda_graph_max_bs enable_torch_compile"
    " enable_multimodal enable_mixed_chunk disable_overlap_schedule speculative_algorithm speculative_num_steps"
    " speculative_num_draft_tokens stream_interval random_seed tokenizer_mode chat_template skip_server_warmup"
    " constrained_json_disable_any_whitespace watchdog_timeout".split()
)
_VALUE_CHARS = 300


def command(workload: Workload, base_url: str, model: str, out: str | None = None) -> str:
    """Return the shell command that makes `sglang.bench_serving` run a workload.

    The tool appends its result to the file `out` as one line of JSON. Its keys are those of `metrics.table`, so
    `report.table` sets the two results side by side.

    Raises:
        BadInput: the tool cannot run the workload.

    >>> from vlnb.bench.workload import Workload
    >>> command(Workload(), "http://127.0.0.1:30000/v1", "Qwen/Qwen2.5-VL-7B-Instruct").split(" --")[2]
    'base-url http://127.0.0.1:30000'
    """
    if workload.picture not in ("noise", "blank") or workload.ramp_s:
        raise BadInput("sglang.bench_serving supports only noise and blank pictures, and no ramp.")
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
        "output-file": out,
    }
    words = [word for name, value in options.items() if value is not None for word in (f"--{name}", str(value))]
    return shlex.join(["python3", "-m", "sglang.bench_serving", *words])


def server_info(base_url: str) -> dict[str, Any]:
    """Return the known settings that a server reports at `/get_server_info`, or {} if it reports none.

    Sends no key, and reads at most 1 MB within 5 s. Never raises.
    """
    try:
        answer = look_up(base_url.rstrip("/").removesuffix("/v1"), "/get_server_info")
        settings = json.loads(answer.body) if answer.status == 200 else {}
    except (VlnbError, ValueError, RecursionError):
        return {}
    return {n: value for n, value in settings.items() if _is_plain(n, value)} if isinstance(settings, dict) else {}


def _is_plain(name: str, value: object) -> bool:
    if name not in FIELDS:
        return False
    if isinstance(value, str):
        return len(value) <= _VALUE_CHARS and "@" not in value and "?" not in value  # a URL may carry a secret there
    return isinstance(value, int | float)
