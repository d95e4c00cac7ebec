"""Parse the results of other tools: `bench_serving` of SGLang and vLLM, as the printed block or the saved JSON."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlnb import records, tables

if TYPE_CHECKING:
    from pathlib import Path

_MOST_BYTES = 20_000_000
_SHOWN_CHARS = 80
_COLOUR = re.compile(r"\x1b\[[\d;]{0,20}m")
_END = re.compile(r"(?<!=)={30,1000}[ \t]{0,99}$|\}", re.MULTILINE)
_NUMBER = r"[-+]?(?:\d{1,3}(?:,\d{3}){1,9}|\d{1,30})(?:\.\d{0,30})?(?:e[-+]?\d{1,2})?"
# A label or a key in quotes, its number and unit, and what may follow; a log may put its own prefix before a label.
_PAIR = re.compile(
    rf"""([^:",{{}}\[\]\n]{{1,120}})"?\s{{0,99}}:\s{{0,99}}({_NUMBER})\s{{0,9}}[a-z%/]{{0,9}}\s*?(?=,(?!\d)|[}}\]\n]|\Z)""",
    re.IGNORECASE,
)
_KEYS = tables.read("bench/printed.toml")
_METRIC = re.compile(rf"(?:^|_)({'|'.join([*_KEYS['other'], *_KEYS['own']])})$")


@dataclass(frozen=True)
class Printed:
    """Results under the keys of SGLang's JSONL, in their order; `notes` describe anomalies."""

    rows: tuple[dict[str, float], ...]
    notes: tuple[str, ...]


def read(path: str | Path) -> Printed:
    """Return the results in a file, as `parse` does.

    Raises:
        BadInput: the file cannot be read.
    """
    return parse(records.text(path, _MOST_BYTES))


def parse(text: str) -> Printed:
    """Return all results in a text; a note says if there are none. A repeated metric begins a new result.

    >>> parse('{"completed": 24, "total_token_throughput": 228.57}').rows
    ({'completed': 24.0, 'total_throughput': 228.57},)
    """
    text = "\n".join(_COLOUR.sub("", text).splitlines())
    rows: list[dict[str, float]] = []
    unknown: dict[str, float] = {}  # between two metrics of a result, or between its last one and the rule below it
    strange: dict[str, None] = {}
    end, rule = 0, None  # of the last pair, and what ends the result
    for pair in _PAIR.finditer(text):
        key, value = _key(pair[1]), float(pair[2].replace(",", ""))
        end, rule = pair.end(), rule or _END.search(text, end, pair.start())
        if not key:
            if not rule and re.search(r"[^\W\d_]", pair[1]):  # otherwise it is a timestamp of a log
                unknown["_".join(re.findall(r"[^\W_]+", pair[1].lower()))] = value
            continue
        if rows and (rule[0] != "}" if rule else key not in rows[-1]):
            rows[-1] |= unknown
            strange |= dict.fromkeys(unknown)
        if not rows or key in rows[-1] or rule:
            rows.append({})
        rows[-1][key], rule = value, None
        unknown.clear()
    rule = rule or _END.search(text, end)
    if rows and rule and rule[0] != "}":
        rows[-1] |= unknown
        strange |= dict.fromkeys(unknown)
    notes = [f"Not known, and taken as printed: {', '.join(strange)}."] if strange else []
    if rows and not rule:
        notes.append("The last result has no end: was it cut when it was copied? Its last number may be cut too.")
    if not rows:
        first_line = next((line.strip() for line in text.splitlines() if re.search(r"\w", line)), "")
        notes.append(f"No result of bench_serving was found. The text begins with {first_line[:_SHOWN_CHARS]!r}.")
    return Printed(tuple(rows), tuple(notes))


def _key(label: str) -> str:
    """Return the key of a metric for its label or for another tool's key, or "" if it is not a metric.

    >>> _key("bench-1 | Mean E2EL (ms)"), _key("Backend")
    ('mean_e2e_latency_ms', '')
    """
    words = re.sub(r"\((?:s|\w+/s(?:ec)?)\)", "", label.lower()).replace("e2el", "e2e_latency")
    match = _METRIC.search("_".join(re.findall(r"[^\W_]+", words)))
    return _KEYS["other"].get(match[1], match[1]) if match else ""
