"""The answers on disk: a folder for each job, with shards of Parquet, each written whole or not at all.

A shard is never changed. A row that is asked again, after an error, is in a later one, and `Answers.frame` shows each
row once. A damaged shard is left out, and its rows count as not asked.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vlnb import extras, records
from vlnb.batch.job import COLUMNS, NUMBERS
from vlnb.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

JOB = "_job.json"  # readers of Parquet leave out what begins with _


@dataclass(frozen=True)
class Answers:
    """The answers of one job: `folder` holds its Parquet files, which any tool can read at any time."""

    folder: Path

    def frame(self) -> pd.DataFrame:
        """Return the table: each path once, with its newest answer, or its newest error if it has none.

        With a schema, its first level becomes columns; one whose name the table has already ends in `_`.
        """
        import pandas as pd

        parts = [table.to_pandas() for table in tables(self.folder)] or [pd.DataFrame(columns=COLUMNS)]
        every = pd.concat(parts, ignore_index=True)
        answers_last = every.iloc[every["error"].isna().argsort(kind="stable")]
        newest = answers_last.drop_duplicates("key", keep="last").sort_index().drop_duplicates("path", keep="last")
        table = newest.sort_values("path", ignore_index=True)
        data = [json.loads(one) if isinstance(one, str) else None for one in table.pop("data")]
        if all(one is None for one in data):
            return table
        typed = pd.DataFrame([one if isinstance(one, dict) else {"data": one} for one in data])
        return table.merge(typed, left_index=True, right_index=True, suffixes=("", "_"))

    def __str__(self) -> str:
        frame = self.frame()
        counts = frame[["prompt_tokens", "completion_tokens"]].sum().astype(int)
        told = f"{frame['error'].notna().sum():,} errors · {counts.iloc[0]:,} tokens in · {counts.iloc[1]:,} tokens out"
        return f"{len(frame):,} rows in {self.folder} · {told}"


def read(out: str | Path) -> Answers:
    """Return the answers in the folder `out`, of the job that ran there last. It may still be running.

    Raises `BadInput` if there is none.
    """
    extras.require("batch", "vlnb.batch")
    made = sorted(Path(out).glob(f"*/{JOB}"), key=lambda path: path.stat().st_mtime_ns)
    if not made:
        raise BadInput(f"{out} holds no answers of a batch.")
    return Answers(made[-1].parent)


def tables(folder: Path, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """Yield the shards of a job in order, without those that are damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in sorted(folder.glob("part-*.parquet")):
        with contextlib.suppress(pa.ArrowException, OSError):
            yield pq.ParquetFile(path).read(columns=columns)


def answered(folder: Path) -> set[str]:
    """Return the keys of the rows that have an answer."""
    columns = (table.to_pydict() for table in tables(folder, ["key", "error"]))
    return {key for one in columns for key, error in zip(one["key"], one["error"], strict=True) if error is None}


def write(folder: Path, rows: list[dict[str, object]]) -> None:
    """Write rows as one more shard, after those that are there. Raises `OSError` if it cannot."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, arrow()), buffer, compression="zstd")
    records.replace(folder / f"part-{time.time_ns()}.parquet", buffer.getvalue().to_pybytes())


def arrow() -> pa.Schema:
    """Return the columns as Arrow has them."""
    import pyarrow as pa

    kinds = [(name, NUMBERS.get(name, "string")) for name in COLUMNS]
    return pa.schema([(name, pa.type_for_alias(kind)) for name, kind in kinds])
