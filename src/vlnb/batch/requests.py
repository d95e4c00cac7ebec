"""The answers to a file of requests in the form that such files come back in: one file of answers, one of errors."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlnb import records

if TYPE_CHECKING:
    from vlnb.batch.shards import Answers
    from vlnb.batch.source import Row


def write(stem: Path, rows: Iterable[Row], answers: Answers) -> None:
    """Write `STEM_output.jsonl` and `STEM_errors.jsonl`, in the order of the requests. Raises `OSError`."""
    found = {row["path"]: row for row in answers.frame().to_dict("records")}
    told = [found[row.path] for row in rows if row.path in found]
    for name, kept, line in (("output", False, _output), ("errors", True, _error)):
        lines = (records.line(line(row)) for row in told if isinstance(row["error"], str) == kept)
        records.replace(stem.with_name(f"{stem.name}_{name}.jsonl"), b"".join(lines))


def _output(row: dict[str, Any]) -> dict[str, Any]:
    name = f"batch_req_{row['key']}"
    choice = {"index": 0, "message": {"role": "assistant", "content": row["text"]}, "finish_reason": row["finish"]}
    counts = {name: 0 if math.isnan(row[name]) else int(row[name]) for name in ("prompt_tokens", "completion_tokens")}
    body = {
        "id": f"chatcmpl-{row['key']}",
        "object": "chat.completion",
        "created": 0,
        "model": row["model"],
        "choices": [choice | {"logprobs": None}],
        "usage": counts | {"total_tokens": sum(counts.values())},
    }
    response = {"status_code": 200, "request_id": row["key"], "body": body}
    return {"id": name, "custom_id": row["path"], "response": response, "error": None}


def _error(row: dict[str, Any]) -> dict[str, Any]:
    error = {"code": "failed", "message": row["error"]}
    return {"id": f"batch_req_{row['key']}", "custom_id": row["path"], "response": None, "error": error}
