"""SGLang's own MMMU harness: its command, and a parser of its results.

Source: benchmark/mmmu/bench_sglang.py and eval_utils.py of SGLang 0.5.6.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from vlnb import records
from vlnb.accuracy.mmmu.results import Scores, counted_scores
from vlnb.errors import BadInput

_SUBJECT = re.compile(r"""["']([^"'{}]{1,80})["']\s{0,9}:\s{0,9}\{([^{}]{1,999})\}""")
_NUMBER = re.compile(
    r"""["'](acc|num)["']\s{0,9}:\s{0,9}(\d{1,9}(?:\.\d{1,30})?(?:e-?\d{1,3})?)(?![\w.])""", re.IGNORECASE
)
_NONE = "This holds no result of SGLang's MMMU harness, which prints {'Accounting': {'acc': …, 'num': …}, …}."
_MOST_BYTES, _MOST_QUESTIONS = 4_000_000, 10**6


def command(port: int = 30000, concurrency: int = 64, *, max_tokens: int | None = None) -> str:
    """Return the shell command of the harness, to run in SGLang's source tree.

    Without `max_tokens` the harness cuts answers at 30 tokens.
    """
    words = ["python3", "benchmark/mmmu/bench_sglang.py", "--port", str(port), "--concurrency", str(concurrency)]
    if max_tokens is not None:
        words += ["--extra-request-body", json.dumps({"max_tokens": max_tokens})]
    return shlex.join(words)


def read(path: str | Path) -> Scores:
    """Read the scores from a file with the harness's output (a Python dictionary), or from its val_sglang.json.

    If the harness skipped questions (large pictures, failed requests), its denominators are smaller, without a notice.
    Raises `BadInput` if the file cannot be read or holds no result.
    """
    text = records.text(path, _MOST_BYTES)
    counts: dict[str, tuple[int, int]] = {}  # right answers and questions of each subject
    entries = [hit for hit in _SUBJECT.finditer(text) if "acc" in hit[2].lower()]
    before, after = (text[: entries[0].start()], text[entries[-1].end() :]) if entries else ("", text)
    for name, entry in (hit.groups() for hit in entries if not hit[1].lower().startswith("overall")):
        numbers = {key.lower(): float(number) for key, number in _NUMBER.findall(entry)}
        accuracy, questions = numbers.get("acc", 2.0), numbers.get("num", 0.0)
        if accuracy > 1 or not (questions.is_integer() and 1 <= questions <= _MOST_QUESTIONS):
            raise BadInput(f"{_NONE} {name} has {' '.join(entry.split())}.")
        counts[name] = (round(accuracy * questions), int(questions))
    begun, ended = re.findall("[{}]", before)[-1:] == ["{"], re.findall("[{}]", after)[:1] == ["}"]
    if not (begun and ended) if entries else ("acc" in text.lower() and text.count("{") > text.count("}")):
        raise BadInput("The harness's result has no beginning or no end. Was it cut when it was copied?")
    if not counts:
        raise BadInput(_NONE)
    return counted_scores(counts)
