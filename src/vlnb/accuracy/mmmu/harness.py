"""SGLang's own MMMU harness: its command, and its results in our tables.

Source: benchmark/mmmu/bench_sglang.py and eval_utils.py of SGLang 0.5.6.
"""

from __future__ import annotations

import ast
import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from vlnb.accuracy.mmmu.results import Scores, counted_scores
from vlnb.errors import BadInput
from vlnb.records import opened

_BEGIN, _END = "{'", "}}"
_MOST_BYTES = 4_000_000


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
    found = {name: one for name, one in _printed(text).items() if not name.startswith("Overall")}
    return counted_scores({name: (round(one.acc * one.num), one.num) for name, one in found.items()})


@dataclass(frozen=True)
class _Subject:
    """What the harness prints of one subject."""

    acc: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    num: Annotated[int, Field(ge=1, le=10**6, strict=True)]


def _printed(text: str) -> dict[str, _Subject]:
    """Return what stands in a text by subject: in a printed Python dictionary, or in JSON."""
    from pydantic import TypeAdapter, ValidationError

    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        start = text.find(_BEGIN)  # of the first one: nothing that the harness prints before it has braces
        end = text.find(_END, start)
        try:
            found = ast.literal_eval(text[start : end + len(_END)]) if 0 <= start < end else None
        except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
            raise BadInput(f"The harness's result is damaged ({error}). Was it cut when it was copied?") from error
    try:
        subjects = TypeAdapter(dict[str, _Subject]).validate_python(found)
    except (ValidationError, RecursionError):
        subjects = {}
    if not subjects:
        raise BadInput(
            "This holds no result of SGLang's MMMU harness, which prints {'Accounting': {'acc': …, 'num': …}, …}."
        )
    return subjects
