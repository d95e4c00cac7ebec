"""The answers on disk: a folder for each job, with shards of Parquet, each written whole or not at all.

A shard is never changed. A row that is asked again, after an error, is in a later one, and `Answers.frame` shows each
row once. A damaged shard is left out, and its rows count as not asked.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlnb import extras, records
from vlnb.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from vlnb.batch.job import Job

JOB = "_job.json"  # readers of Parquet leave out what begins with _
_SHARD_ROWS = 1000
_SHARD_S, _SHARD_SHARE = 1.0, 0.02  # written so often, or when this share of the time so far is not on disk


@dataclass(frozen=True)
class Answers:
    """The answers of one job: `folder` holds its Parquet files, which any tool can read at any time."""

    folder: Path

    @property
    def job(self) -> dict[str, Any]:
        """What was asked: prompt, schema, model, and the limits."""
        found: dict[str, Any] = json.loads((self.folder / JOB).read_bytes())
        return found

    def frame(self) -> pd.DataFrame:
        """Return the table: each path once, with its newest answer, or its newest error if it has none."""
        import pandas as pd

        parts = [table.to_pandas() for table in tables(self.folder)]
        if not parts:
            return pd.DataFrame({"key": [], "path": [], "error": []}, dtype=object)
        every = pd.concat(parts, ignore_index=True)
        good = every[every["error"].isna()].drop_duplicates("key", keep="last")
        bad = every[~every["key"].isin(good["key"])]
        newest = pd.concat([good, bad]).sort_index().drop_duplicates("path", keep="last")
        return newest.sort_values("path", ignore_index=True)

    def __str__(self) -> str:
        frame = self.frame()
        errors = int(frame["error"].notna().sum())
        tokens = "".join(
            f" · {int(frame[name].sum()):,} tokens {way}"
            for name, way in (("prompt_tokens", "in"), ("completion_tokens", "out"))
            if name in frame
        )
        return f"{len(frame):,} rows in {self.folder} · {errors:,} errors{tokens}"


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


class Writer:
    """Writes the shards of a job, after those that are there. Raises `BadInput` if it cannot."""

    def __init__(self, out: Path, job: Job) -> None:
        self.folder, self._schema = out / job.id, job.arrow
        self._rows: list[dict[str, object]] = []
        self._begun = self._written = time.monotonic()
        self.folder.mkdir(exist_ok=True)
        records.replace(self.folder / JOB, json.dumps(asdict(job), indent=1, ensure_ascii=False).encode())
        numbers = [path.stem.removeprefix("part-") for path in self.folder.glob("part-*.parquet")]
        self._number = max((int(number) for number in numbers if number.isdigit()), default=0)

    def add(self, rows: list[dict[str, object]]) -> None:
        """Take rows, and write a shard when it is time."""
        self._rows += rows
        now = time.monotonic()
        due_s = max(_SHARD_S, _SHARD_SHARE * (now - self._begun))
        if len(self._rows) >= _SHARD_ROWS or now - self._written > due_s:
            self.flush()

    def flush(self) -> None:
        """Write what is left."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._rows:
            buffer = pa.BufferOutputStream()
            pq.write_table(pa.Table.from_pylist(self._rows, self._schema), buffer, compression="zstd")
            self._number += 1
            records.replace(self.folder / f"part-{self._number:06}.parquet", buffer.getvalue().to_pybytes())
            self._rows, self._written = [], time.monotonic()
