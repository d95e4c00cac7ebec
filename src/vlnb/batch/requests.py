"""The answers to a file of requests in the form that such files come back in: one file of answers, one of errors."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlnb import records
from vlnb.batch.job import NUMBERS

if TYPE_CHECKING:
    from vlnb.batch.shards import Answers


def write(stem: Path, ids: Iterable[str], answers: Answers) -> None:
    """Write `STEM_output.jsonl` and `STEM_errors.jsonl`, in the order of the requests. Raises `OSError`."""
    table = answers.frame().fillna(dict.fromkeys(NUMBERS, 0))  # of a server that counts nothing
    found = {row["path"]: row for row in table.to_dict("records")}
    told = [_line(found[name]) for name in ids if name in found]
    for name, kept in (("output", False), ("errors", True)):
        lines = (records.line(one) for one in told if (one["response"] is None) == kept)
        records.replace(stem.with_name(f"{stem.name}_{name}.jsonl"), b"".join(lines))


def _line(row: dict[str, Any]) -> dict[str, Any]:
    names = {"id": f"batch_req_{row['key']}", "custom_id": row["path"]}
    if isinstance(row["error"], str):
        return {**names, "response": None, "error": {"code": "failed", "message": row["error"]}}
    choice = {"index": 0, "message": {"role": "assistant", "content": row["text"]}, "finish_reason": row["finish"]}
    counts = {name: int(row[name]) for name in ("prompt_tokens", "completion_tokens")}
    body = {
        "id": f"chatcmpl-{row['key']}",
        "object": "chat.completion",
        "created": 0,
        "model": row["model"],
        "choices": [{**choice, "logprobs": None}],
        "usage": {**counts, "total_tokens": sum(counts.values())},
    }
    return {**names, "response": {"status_code": 200, "request_id": row["key"], "body": body}, "error": None}
