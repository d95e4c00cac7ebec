"""Run a batch from its source to its table with Daft, on this machine or on a Ray cluster."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vlnb import extras, records
from vlnb.batch import shards
from vlnb.batch.asking import Asker
from vlnb.batch.source import Job, Row, Source, is_requests, rows
from vlnb.endpoint import Endpoint, connect
from vlnb.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

    from vlnb.prompts import Prompt

_BATCH = 16  # rows that Daft passes on at once: a kill loses more work with more, throughput drops with fewer
# A shard is written every second at first; the interval then grows to this share of the time so far, at most half a
# minute.
_FIRST_SHARD_S, _SHARD_SHARE, _LONGEST_SHARD_S = 1.0, 0.02, 30.0
_CONNECT_S = 5.0
_ADDRESS = re.compile(r"(?:ray://)?([\w.-]{1,250}):(\d{1,9})")  # of a cluster; not "auto"
_QUIET = {"DO_NOT_TRACK": "true", "RAY_USAGE_STATS_ENABLED": "0", "DAFT_PROGRESS_BAR": "0"}


def process(
    source: Source,
    prompt: str | Prompt,
    out: str | Path,
    *,
    schema: object = None,
    endpoints: Endpoint | str | Sequence[Endpoint | str] | None = None,
    concurrency: int = 32,
    patience_s: float = 300.0,
    runner: Literal["local", "ray"] = "local",
    address: str | None = None,
    **options: Any,  # noqa: ANN401 - as `Endpoint.ask` takes them
) -> shards.Answers:
    """Ask about every picture of a source, store the answers in the folder `out`, and return them.

    `source` is a folder, a glob, a list of paths or URLs, a Parquet file with a column `path` of them, or a file of
    requests in OpenAI's batch format (`.jsonl`; `prompt` is then "", and `out` gets files in that format, too). With
    `schema` (as `Endpoint.ask` takes it), each field of its first level is a column, and `note` says what violates it.

    Rows that `out` already answers (same picture, prompt, model, schema and options) are not asked again; errors are.
    `options` are those of `Endpoint.ask`, such as `max_pixels`. `endpoints` (default: `connect()`) serve one model.
    `concurrency` rows are in flight at once, on Ray in each worker. If no server answers for `patience_s` seconds, the
    remaining rows become errors. `runner="ray"`, or an `address`, uses that cluster, or starts one here; its nodes need
    vlnb, and the pictures under the same paths.

    Raises:
        BadInput: The source, the prompt, the schema, the folder or the Ray cluster cannot be used, or another process
            writes to the folder.
        NoServer, ServerRefused, BadAnswer: A server cannot be used at the start.
    """
    check_runner(runner, address)
    if concurrency < 1:
        raise BadInput(f"concurrency={concurrency}: a batch asks at least one question at a time.")
    named = [endpoints] if endpoints is None or isinstance(endpoints, Endpoint | str) else endpoints
    # Copies without connections, which cannot be sent to another process.
    servers = [replace(one if isinstance(one, Endpoint) else connect(one, announce=None)) for one in named]
    model, *others = sorted({server.model for server in servers}) or ["none"]
    if others or not servers:
        raise BadInput(f"All endpoints of a batch serve one model, not {', '.join([model, *others])}.")
    job = Job.of(prompt, schema, model=model, options=options, requests=is_requests(source))
    by_key = {job.key(row): row for row in rows(source)}
    answers = shards.Answers(Path(out) / job.id, frozenset(by_key))
    try:
        answers.folder.mkdir(parents=True, exist_ok=True)
        with records.held(Path(out)):
            records.replace(answers.folder / shards.JOB, job.json(indent=1, ensure_ascii=False))
            answered = shards.answered(answers.folder)
            if left := {key: row for key, row in by_key.items() if key not in answered}:
                batches = _ask(left, (job, servers, concurrency, patience_s), runner, address)
                _store(answers.folder, batches, total=len(by_key), left=len(left))
            if job.requests:
                stem, ids = Path(out) / Path(str(source)).stem, [row.path for row in by_key.values()]
                shards.write_requests(stem, ids, answers)
    except OSError as error:
        raise BadInput(f"Answers cannot be stored in {out}: {error.strerror or error}.") from error
    return replace(answers, new_rows=len(left))


def check_runner(runner: str, address: str | None) -> None:
    """Raise `BadInput` if a package is missing, or nothing listens at the address of the Ray cluster."""
    extras.require("batch", "vlnb.batch")
    if (runner == "ray" or address) and extras.version("ray") is None:
        raise BadInput("A job on Ray needs the package ray, which is not installed here: pip install ray")
    if match := _ADDRESS.fullmatch(address or ""):
        try:  # Ray itself would retry for many minutes
            socket.create_connection((match[1], int(match[2])), _CONNECT_S).close()
        except (OSError, OverflowError) as error:
            raise BadInput(f"No Ray cluster answers at {address}: {error}. Check the address.") from error


def _ask(left: dict[str, Row], asking: tuple[Any, ...], runner: str, address: str | None) -> Iterator[pa.StructArray]:
    """Yield the answers about rows in batches, as they arrive."""
    os.environ.update(_QUIET)  # before the first import, which already sends telemetry
    import daft
    import pyarrow as pa

    if runner == "ray" or address:
        try:
            daft.set_runner_ray(address, noop_if_initialized=True)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise BadInput(
                f"No Ray cluster can be used at {address or 'this machine'}: {error!s:.300}. Check the address; a"
                " cluster that asks for a token needs RAY_AUTH_MODE=token and RAY_AUTH_TOKEN."
            ) from error
    elif daft.runners.get_or_infer_runner_type() != "native":
        daft.set_runner_native()

    class Worker(Asker):  # a local class, which Ray's workers get by value
        ask = daft.method.batch(return_dtype=daft.DataType.from_arrow_type(pa.struct(list(shards.arrow()))))(Asker.rows)

    # Names of files are bytes, which need not be valid UTF-8.
    items = [{"key": key, "path": os.fsencode(row.path), "content": row.content} for key, row in left.items()]
    table = daft.from_pylist(items).into_batches(_BATCH)
    _, _, concurrency, _ = asking
    worker = daft.cls(Worker, max_concurrency=2 + concurrency // _BATCH)  # otherwise all rows wait in memory at once
    answers = worker(*asking).ask(table["key"], table["path"], table["content"])
    for batch in table.select(answers.alias("answer")).to_arrow_iter():
        yield batch.column(0)


def _store(folder: Path, batches: Iterator[pa.StructArray], *, total: int, left: int) -> None:
    """Store answers as they arrive, also before an interruption, and show a bar with rate, time left and errors."""
    from tqdm.auto import tqdm

    waiting: list[pa.StructArray] = []
    errors, begun = 0, time.monotonic()
    written = begun
    with tqdm(total=total, initial=total - left, unit=" rows", smoothing=0, disable=None) as bar:
        try:
            for batch in batches:
                waiting.append(batch)
                errors += batch.field("error").is_valid().sum().as_py()
                bar.set_postfix(errors=errors, refresh=False)
                bar.update(len(batch))
                now = time.monotonic()
                if now - written > min(max(_FIRST_SHARD_S, _SHARD_SHARE * (now - begun)), _LONGEST_SHARD_S):
                    shards.write(folder, waiting)
                    waiting, written = [], now
        finally:
            if waiting:
                shards.write(folder, waiting)
