"""SGLang's own MMMU harness: its command, and its results in our tables.

Source: benchmark/mmmu/bench_sglang.py and eval_utils.py of SGLang 0.5.6.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from vlnb.accuracy.mmmu.results import Scores, counted_scores
from vlnb.bench.printed import plain
from vlnb.errors import BadInput
from vlnb.records import opened

_BEGIN = re.compile(r"\{\s*(?:['\"]|$)")  # nothing that the harness prints before its result has braces
_END = re.compile(r"\}\s*,?\s*\}")
_NONE = "This holds no result of SGLang's MMMU harness, which prints {'Accounting': {'acc': …, 'num': …}, …}."
_MOST_BYTES, _MOST_STARTS = 4_000_000, 20


def command(port: int = 30000, concurrency: int = 64, *, max_tokens: int | None = None) -> str:
    """Return the shell command of the harness, for the source tree of SGLang.

    Without `max_tokens` it cuts answers at 30 tokens.
    """
    words = ["python3", "benchmark/mmmu/bench_sglang.py", "--port", str(port), "--concurrency", str(concurrency)]
    if max_tokens is not None:
        words += ["--extra-request-body", json.dumps({"max_tokens": max_tokens})]
    return shlex.join(words)


def read(path: str | Path) -> Scores:
    """Return the scores in a file with what the harness printed, or in its val_sglang.json.

    If the harness skipped questions (large pictures, failed requests), its denominators are smaller, and it does not
    say so. Raises `BadInput` if the file cannot be read or holds no result.
    """
    try:
        with opened(Path(path)) as file:
            text = file.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    return counted_scores({name: (round(one.acc * one.num), one.num) for name, one in _printed(text).items()})


@dataclass(frozen=True)
class _Subject:
    """What the harness prints of one subject."""

    acc: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    num: Annotated[int, Field(ge=1, le=10**6, strict=True)]


def _printed(text: str) -> dict[str, _Subject]:
    """Return what a text says of each subject, in a printed Python dictionary or in JSON."""
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if _BEGIN.search(line)]
    why: BadInput | None = None
    for number in starts[:_MOST_STARTS]:  # something else may have braces too
        before, _, after = lines[number].partition("{")
        try:
            return _subjects("\n".join(["{" + after, *plain(lines[number + 1 :], before)]))
        except BadInput as error:
            why = why or error
    raise why or BadInput(_NONE)


def _subjects(text: str) -> dict[str, _Subject]:
    from pydantic import TypeAdapter, ValidationError

    end = _END.search(text)
    if not end and "acc" in text.lower():
        raise BadInput("The harness's result has no end. Was it cut when it was copied?")
    try:
        found = ast.literal_eval(text[: end.end()]) if end else {}
        lower = {name: {key.lower(): value for key, value in one.items()} for name, one in found.items()}
        subjects = TypeAdapter(dict[str, _Subject]).validate_python(lower)
    except (ValidationError, AttributeError):
        subjects = {}
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise BadInput(f"The harness's result is damaged ({error}). Was it cut when it was copied?") from error
    subjects = {name: one for name, one in subjects.items() if not name.lower().startswith("overall")}
    if not subjects:
        raise BadInput(_NONE)
    return subjects
