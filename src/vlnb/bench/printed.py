"""Results that other tools wrote: `bench_serving` of SGLang and vLLM, as the block they print or the JSON they save."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlnb.errors import BadInput
from vlnb.records import opened

_MOST_BYTES, _MOST_LINES, _MOST_NOTES = 20_000_000, 1_000, 100  # of a file, of one result, in all
_SHOWN_CHARS = 80
_COLOUR = re.compile(r"\x1b\[[\d;]{0,20}m")
_BEGIN = re.compile(r"={3,200}[^=]{1,60}benchmark result[^=]{0,60}={3}", re.IGNORECASE)
_END = re.compile(r"={10,}")
_LINE = re.compile(r"([A-Za-z][^:]{0,79}):\s*(\S.*)")
_NUMBER = re.compile(
    r"([-+]?(?:\d{1,3}(?:,\d{3}){1,9}|\d{1,30})(?:\.\d{0,30})?(?:e[-+]?\d{1,3})?)\s*[a-z%/]{0,9}", re.IGNORECASE
)
_METRIC = re.compile(
    r"completed|failed|duration|concurrency|accept_length|(?:request|input|output|total)_throughput|request_goodput"
    r"|(?:total|max)_\w+|(?:mean|median|std|min|max|p[\d_]+)_(?:ttft|tpot|itl|e2e_latency)_ms"
)
_WORDS = {"backend", "request_rate", "max_concurrency"}  # lines whose value may be a word
_KEYS = {
    "successful_requests": "completed",
    "failed_requests": "failed",
    "benchmark_duration": "duration",
    "total_generated_tokens": "total_output_tokens",
    "total_generated_tokens_retokenized": "total_output_tokens_retokenized",
    "input_token_throughput": "input_throughput",
    "output_token_throughput": "output_throughput",
    "total_token_throughput": "total_throughput",
    "peak_output_token_throughput": "max_output_tokens_per_s",
    "peak_concurrent_requests": "max_concurrent_requests",
    "max_request_concurrency": "max_concurrency",
    "maximum_request_concurrency": "max_concurrency",
    "traffic_request_rate": "request_rate",
    "request_rate_configured_rps": "request_rate",
}


@dataclass(frozen=True)
class Printed:
    """Results under the keys of SGLang's JSONL, in their order; `notes` say what was not understood."""

    rows: tuple[dict[str, float], ...]
    notes: tuple[str, ...]


def read(path: str | Path) -> Printed:
    """Return the results in a file, as `parse` does.

    Raises:
        BadInput: the file cannot be read.
    """
    try:
        with opened(Path(path)) as file:
            return parse(file.read(_MOST_BYTES).decode("utf-8", "replace"))
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error


def parse(text: str) -> Printed:
    """Return every result in a text; if there is none, a note says so.

    >>> parse('{"completed": 24, "total_token_throughput": 228.57}').rows
    ({'completed': 24, 'total_throughput': 228.57},)
    """
    lines = _COLOUR.sub("", text).splitlines()
    first = next((line.strip() for line in lines if re.search(r"\w", line)), "")
    rows: list[dict[str, float]] = []
    notes: list[str] = []
    at = 0
    while at < len(lines):
        row: dict[str, float] = {}
        if begin := _BEGIN.search(lines[at]):
            row, taken = _block(plain(lines[at + 1 : at + _MOST_LINES], lines[at][: begin.start()]), notes)
            at += 1 + taken
        elif (line := _LINE.fullmatch(lines[at].strip())) and _METRIC.fullmatch(_key(line[1])):
            notes.append("A block has no beginning: was it cut when it was copied?")
            row, taken = _block(plain(lines[at : at + _MOST_LINES], ""), notes)
            at += taken
        elif len(notes) < _MOST_NOTES and re.search(r"\{\s*(?:\"|$)", lines[at]):
            row, taken, lines_left = _json(lines[at : at + _MOST_LINES], notes)
            at += taken
            lines[at] = lines_left
        else:
            at += 1
        if any(map(_METRIC.fullmatch, row)):
            rows.append(row)
    if not rows:
        notes.append(f"No result of bench_serving was found. The text begins with {first[:_SHOWN_CHARS]!r}.")
    return Printed(tuple(rows), tuple(notes))


def plain(lines: Sequence[str], prefix: str) -> list[str]:
    """Return lines without what a log, a comment or a quotation put before each; its digits may differ.

    >>> plain(["bench-1  | Mean TTFT (ms): 2.5", "none"], "bench-1  | ")
    ['Mean TTFT (ms): 2.5', 'none']
    """
    same = re.compile(re.sub(r"\\?\d", r"\\d", re.escape(prefix.rstrip())) + r"\s*") if prefix.strip() else None
    return [(same.sub("", line, count=1) if same and same.match(line) else line).strip() for line in lines]


def _block(lines: Sequence[str], notes: list[str]) -> tuple[dict[str, float], int]:
    """Return the numbers of a printed block, and how many lines it takes."""
    stops = (count for count, line in enumerate(lines) if _END.fullmatch(line) or _BEGIN.search(line))
    stop = next(stops, len(lines))
    whole = stop < len(lines) and _END.fullmatch(lines[stop])
    if not whole:
        stop = next((count for count, line in enumerate(lines[:stop]) if not line), stop)
        notes.append("A block has no end: was it cut when it was copied?")
    row: dict[str, float] = {}
    for line in lines[:stop]:
        label, number = _LINE.fullmatch(line), None
        key = _key(label[1]) if label else ""
        if label and (number := _NUMBER.fullmatch(label[2])):
            row[key] = float(number[1].replace(",", ""))
        known = key in _WORDS or (number and _METRIC.fullmatch(key))
        if re.search(r"\w", line) and not line.startswith("--") and not known:
            notes.append(f"{'An unknown metric' if number else 'Not understood'}: {line[:_SHOWN_CHARS]!r}.")
    return row, stop + bool(whole)


def _json(lines: Sequence[str], notes: list[str]) -> tuple[dict[str, float], int, str]:
    """Return the numbers of an object in JSON, how many lines it takes before its last one, and what follows there."""
    begin = lines[0].index("{")
    text = "\n".join([lines[0][begin:], *plain(lines[1:], lines[0][:begin])])
    try:
        found, end = json.JSONDecoder(strict=False).raw_decode(text)
    except (ValueError, RecursionError):
        notes.append(f"JSON that is cut or damaged: {text[:_SHOWN_CHARS]!r}.")
        return {}, 0, ""
    row = {_key(name): value for name, value in found.items() if _is_number(value)}
    return row, text.count("\n", 0, end), text[end:].partition("\n")[0]


def _key(label: str) -> str:
    """Return the key for a label or for another tool's key: "Mean E2EL (ms)" is mean_e2e_latency_ms."""
    words = re.sub(r"\((?:s|\w+/s)\)", "", label.lower()).replace("e2el", "e2e_latency")
    name = "_".join(re.findall(r"\w+", words))
    return _KEYS.get(name, name)


def _is_number(value: Any) -> bool:  # noqa: ANN401 - of any JSON
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
