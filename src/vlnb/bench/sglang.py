"""SGLang's own `bench_serving`: its command for a workload of ours, its run, and its results as a table."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlnb.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd

    from vlnb.bench.workload import Workload
    from vlnb.endpoint import Endpoint

_BLOCK = re.compile(r"=+ Serving Benchmark Result =+\n(.*?)\n={20,}", re.DOTALL)
_LINE = re.compile(r"^\s*([^:\n]+?):\s+(\S.*?)\s*$")
_NAMES = {
    "Backend": "backend",
    "Traffic request rate": "request_rate",
    "Max request concurrency": "max_concurrency",
    "Successful requests": "completed",
    "Benchmark duration (s)": "duration",
    "Total input tokens": "total_input_tokens",
    "Total input text tokens": "total_input_text_tokens",
    "Total input vision tokens": "total_input_vision_tokens",
    "Total generated tokens": "total_output_tokens",
    "Total generated tokens (retokenized)": "total_output_tokens_retokenized",
    "Request throughput (req/s)": "request_throughput",
    "Input token throughput (tok/s)": "input_throughput",
    "Output token throughput (tok/s)": "output_throughput",
    "Total token throughput (tok/s)": "total_throughput",
    "Peak output token throughput (tok/s)": "max_output_tokens_per_s",
    "Peak concurrent requests": "max_concurrent_requests",
    "Concurrency": "concurrency",
    "Accept length": "accept_length",
}
_STEP = re.compile(r"\b(\d+)/(\d+) \[")  # of its progress bar
_TIME = re.compile(r"^(Mean|Median|Std|Max|P\d+) (E2E Latency|TTFT|TPOT|ITL) \(ms\)$")


def command(workload: Workload, base_url: str, model: str, out: str | None = None) -> str:
    """Return the shell command that has `sglang.bench_serving` run a workload. Raises `BadInput` for what it cannot."""
    if workload.picture not in ("noise", "blank") or workload.ramp_s:
        raise BadInput("sglang.bench_serving knows noise and blank pictures only, and no ramp.")
    words = ["python3", "-m", "sglang.bench_serving", "--backend", "sglang-oai-chat"]
    words += ["--base-url", base_url.rstrip("/").removesuffix("/v1"), "--model", model, "--dataset-name", "image"]
    words += ["--image-count", str(workload.images), "--image-resolution", workload.resolution]
    words += ["--image-content", "random" if workload.picture == "noise" else "blank"]
    words += ["--random-input-len", str(workload.input_len), "--random-output-len", str(workload.output_len)]
    words += ["--random-range-ratio", str(workload.range_ratio), "--num-prompts", str(workload.prompts)]
    words += ["--max-concurrency", str(workload.concurrency), "--seed", str(workload.seed)]
    if workload.rate is not None:
        words += ["--request-rate", str(workload.rate)]
    return shlex.join([*words, *(["--output-file", out] if out else [])])


def run(
    workload: Workload,
    endpoint: Endpoint,
    out: str | Path | None = None,
    *,
    python: str = "python3",
    environment: Mapping[str, str] | None = None,
    watch: Callable[[dict[str, int]], None] = lambda _: None,
) -> pd.DataFrame:
    """Run the tool to its end and return its result as a row, as `read` does; its JSONL is added to the file `out`.

    `python` is the interpreter in which SGLang is installed, `environment` is added to ours. `watch` is told
    {"done", "of"}, in requests. Raises `BadInput` where the tool is missing or gave no result, with its last words.
    """
    words = shlex.split(command(workload, endpoint.base_url, endpoint.model, str(out or os.devnull)))
    settings = {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})}
    settings.pop("OPENAI_API_KEY", None)  # the person's own is meant for OpenAI
    if endpoint.api_key != "EMPTY":
        settings["OPENAI_API_KEY"] = endpoint.api_key  # where the tool looks for it; never in its command
    said: deque[str] = deque(maxlen=400)
    try:
        tool = subprocess.Popen(  # noqa: S603 - a list of words, and no shell
            [python, *words[1:]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=settings, text=True,
            encoding="utf-8", errors="replace",
        )  # fmt: skip
    except OSError as error:
        raise BadInput(f"{python} cannot be started: {error.strerror}. Name the Python that has SGLang.") from error
    with tool:
        try:
            for line in tool.stdout or ():  # a carriage return ends a line too, so each step of its bar is one
                if (step := _STEP.search(line)) and int(step[2]) == workload.prompts:
                    watch({"done": int(step[1]), "of": int(step[2])})
                else:
                    said.append(line)
        except BaseException:  # Ctrl-C: nothing goes on behind the person's back
            tool.kill()
            raise
    text = "".join(said)
    if re.search(r"No module named '?sglang\b", text):
        raise BadInput(f"SGLang is not installed in {python}: pip install sglang there, or name another Python.")
    frame = read(text + "\n")
    if tool.returncode or not len(frame):
        raise BadInput(f"sglang.bench_serving gave no result (code {tool.returncode}): {text.strip()[-500:]}")
    return frame


def read(source: str | Path) -> pd.DataFrame:
    """Return every result in a text (or the file of that path) as a row: printed blocks and JSONL, of any version.

    Columns have the names of SGLang's JSONL. What was not understood is listed in `frame.attrs["not_understood"]`.
    Raises `BadInput` where the file cannot be read.
    """
    import pandas as pd

    text = text_of(source)
    odd: list[str] = []
    found = [(at, dict(_block(lines, odd))) for at, lines in ((m.start(), m[1]) for m in _BLOCK.finditer(text))]
    position = 0
    for line in text.splitlines(keepends=True):
        if line.startswith("{") and '"duration"' in line:
            try:
                row = json.loads(line)
                found.append((position, {k: v for k, v in row.items() if not isinstance(v, list | dict)}))
            except ValueError as error:
                odd.append(f"a torn line of JSON ({error}): {line[:60]!r}")
        position += len(line)
    if (begun := text.count(" Serving Benchmark Result ")) > len(_BLOCK.findall(text)):
        odd.append(f"{begun - len(_BLOCK.findall(text))} result block(s) without an end")
    frame = pd.DataFrame([row for _, row in sorted(found, key=lambda one: one[0])])
    frame.attrs["not_understood"] = odd
    return frame


def text_of(source: str | Path) -> str:
    """Return what was printed: `source` itself where it is no path, else what the file holds. Raises `BadInput`."""
    if isinstance(source, str) and ("\n" in source or "{" in source):
        return source
    try:
        return Path(source).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise BadInput(
            f"{source} cannot be read: {error.strerror}. Give a path, or the printed text itself."
        ) from error


def _block(lines: str, odd: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield (key, value) of each line of a printed block; what is none goes to `odd`."""
    for line in lines.splitlines():
        if not line.strip() or re.fullmatch(r"\s*-+[^-].*?-+\s*", line):
            continue
        hit = _LINE.match(line)
        time = _TIME.match(hit[1]) if hit else None
        key = _NAMES.get(hit[1]) if hit else None
        if time:
            key = f"{time[1].lower()}_{time[2].lower().replace(' ', '_')}_ms"
        if hit is None or key is None:
            odd.append(line.strip())
            continue
        yield key, _value(hit[2])


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
