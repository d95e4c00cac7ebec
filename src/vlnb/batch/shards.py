"""The answers on disk: a folder for each job, with Parquet shards, each written atomically.

A shard is never changed. The answer of a row that is asked again, after an error, goes into a later shard, and
`Answers.frame` shows each row once. A damaged shard is ignored, and its rows count as not asked.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlnb import extras, records
from vlnb.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# The columns of the Parquet table; all but `NUMBERS` are text. `data` is the typed answer, as JSON.
NUMBERS = {"prompt_tokens": "int64", "completion_tokens": "int64", "seconds": "float64"}
COLUMNS = ("key", "path", "text", "data", "finish_reason", *NUMBERS, "model", "server", "note", "error")
JOB = "_job.json"  # readers of Parquet ignore names that begin with _


@dataclass(frozen=True)
class Answers:
    """The answers of one job: `folder` holds its Parquet files, which any tool can read at any time.

    `keys` are those of the rows that the source has now; None stands for all rows that it ever had. `new_rows` is
    the number of rows that this call of `process` asked about; 0 means that all were answered before.
    """

    folder: Path
    keys: frozenset[str] | None = field(default=None, repr=False)
    new_rows: int | None = None

    def frame(self) -> pd.DataFrame:
        """Return the table: each path once, with its newest answer, or its newest error if it has none.

        With a schema, the fields of its first level become columns; a name that the table already has gets a final `_`.
        """
        import pandas as pd

        parts = [table.to_pandas() for table in tables(self.folder)] or [pd.DataFrame(columns=COLUMNS)]
        rows = pd.concat(parts, ignore_index=True)
        rows = rows if self.keys is None else rows[rows["key"].isin(self.keys)]
        answers_last = rows.iloc[rows["error"].isna().argsort(kind="stable")]
        newest = answers_last.drop_duplicates("key", keep="last").sort_index().drop_duplicates("path", keep="last")
        table = newest.sort_values("path", ignore_index=True)
        data = [json.loads(value) if isinstance(value, str) else None for value in table.pop("data")]
        answers = [value if isinstance(value, dict) else {"data": value} if value is not None else {} for value in data]
        for field_name in dict.fromkeys(name for answer in answers for name in answer):
            name = field_name
            while name in table:
                name += "_"
            table[name] = _column([answer.get(field_name) for answer in answers])
        return table

    def __str__(self) -> str:
        frame = self.frame()
        into, out = (int(frame[name].sum()) for name in ("prompt_tokens", "completion_tokens"))
        failed = int(frame["error"].notna().sum())
        done = "Nothing new to ask: " if self.new_rows == 0 else ""
        counts = f"{done}{len(frame) - failed:,} answered, {failed:,} failed"
        return f"{counts} · {into:,} tokens in, {out:,} out · {self.folder}"


def _column(values: list[Any]) -> pd.Series:
    """Return a column. Whole numbers stay whole: beside a gap, pandas would make them floats."""
    import pandas as pd

    if {type(value) for value in values} == {int, type(None)}:
        with contextlib.suppress(OverflowError):
            return pd.Series(values, dtype="Int64")
    return pd.Series(values)


def read(out: str | Path) -> Answers:
    """Return the answers of the last job in the folder `out`, which may still be running.

    Raises `BadInput` if there is no job.
    """
    extras.require("batch", "vlnb.batch")
    jobs = sorted(Path(out).glob(f"*/{JOB}"), key=lambda path: path.stat().st_mtime_ns)
    if not jobs:
        raise BadInput(f"{out} holds no answers of a batch.")
    return Answers(jobs[-1].parent)


def tables(folder: Path, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """Yield the shards of a job in order, without damaged ones."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in sorted(folder.glob("part-*.parquet")):
        with contextlib.suppress(pa.ArrowException, OSError):
            yield pq.ParquetFile(path).read(columns=columns)


def answered(folder: Path) -> set[str]:
    """Return the keys of the rows that have an answer."""
    shards = (table.to_pydict() for table in tables(folder, ["key", "error"]))
    return {key for shard in shards for key, error in zip(shard["key"], shard["error"], strict=True) if error is None}


def write(folder: Path, rows: list[pa.StructArray]) -> None:
    """Write rows as a new shard. Raises `OSError` if that fails."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_struct_array(pa.chunked_array(rows)).cast(arrow()), buffer, compression="zstd")
    records.replace(folder / f"part-{time.time_ns()}.parquet", buffer.getvalue().to_pybytes())


def arrow() -> pa.Schema:
    """Return the Arrow schema of the columns."""
    import pyarrow as pa

    return pa.schema([(name, NUMBERS.get(name, "string")) for name in COLUMNS])


def write_requests(stem: Path, ids: Iterable[str], answers: Answers) -> None:
    """Write the answers to a file of requests, in the format of OpenAI's batch results. Raises `OSError`.

    `STEM_output.jsonl` has the answers, `STEM_errors.jsonl` the errors, in the order of the requests.
    """
    table = answers.frame().fillna(dict.fromkeys(NUMBERS, 0))  # from a server that reports no usage
    rows = {row["path"]: row for row in table.to_dict("records")}
    results = [_line(rows[name]) for name in ids if name in rows]
    for name, failed in (("output", False), ("errors", True)):
        lines = (records.line(result) for result in results if (result["response"] is None) == failed)
        records.replace(stem.with_name(f"{stem.name}_{name}.jsonl"), b"".join(lines))


def _line(row: dict[str, Any]) -> dict[str, Any]:
    names = {"id": f"batch_req_{row['key']}", "custom_id": row["path"]}
    if isinstance(row["error"], str):
        return {**names, "response": None, "error": {"code": "failed", "message": row["error"]}}
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": row["text"]},
        "finish_reason": row["finish_reason"],
    }
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
