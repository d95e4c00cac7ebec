"""SGLang's own MMMU harness: its command, and its results in our tables.

Source: benchmark/mmmu/bench_sglang.py and eval_utils.py of SGLang 0.5.6.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path
from typing import Any

from vlnb.accuracy.mmmu.results import Scores, counted_scores
from vlnb.errors import BadInput

_DICT = re.compile(r"\{'[A-Z][A-Za-z_]*': \{'acc'.*?\}\}", re.DOTALL)
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
        with Path(path).open("rb") as file:
            text = file.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    found = {name: one for name, one in _printed(text).items() if not name.startswith("Overall")}
    return counted_scores({name: (round(one["acc"] * one["num"]), int(one["num"])) for name, one in found.items()})


def _printed(text: str) -> dict[str, Any]:
    """Return the dictionary with 'acc' and 'num' in a text: a printed Python dictionary, or JSON."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        hit = _DICT.search(text)
        try:
            found = ast.literal_eval(hit[0]) if hit else None
        except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
            raise BadInput(f"The harness's result is damaged ({error}). Was it cut when it was copied?") from error
    if not isinstance(found, dict) or not all(
        isinstance(one, dict) and {"acc", "num"} <= one.keys() for one in found.values()
    ):
        raise BadInput(
            "This holds no result of SGLang's MMMU harness, which prints {'Accounting': {'acc': …, 'num': …}, …}."
        )
    return found
