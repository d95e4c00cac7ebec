"""Measure a server under growing load: throughput, latency, goodput under an objective. Each load is a stored run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlnb.bench import metrics, runner
from vlnb.bench.workload import USERS
from vlnb.errors import BadInput
from vlnb.records import folder_for

if TYPE_CHECKING:
    from vlnb.bench.store import Stored
    from vlnb.bench.workload import Workload
    from vlnb.endpoint import Endpoint

_REQUESTS_EACH = 4  # per user at each load, at least
_COLLAPSED = 0.5  # of the best goodput: below this, more users only wait longer


@dataclass(frozen=True)
class Load:
    """A load of `users` requests in flight, and the metrics of its run (from `metrics.table`).

    `goodput` counts only requests that met the objective, per second; `kept` is true if at least 95 % of all did.
    `failure` is the most frequent error, or "".
    """

    users: int
    metrics: Mapping[str, Any]
    goodput: float
    kept: bool
    folder: Path
    failure: str = ""


def sweep(
    workload: Workload,
    endpoint: Endpoint,
    out: str | Path | None = None,
    *,
    objective: metrics.Objective,
    users: Sequence[int] = USERS,
) -> Iterator[Load]:
    """Measure each load in turn and yield it; the runs are stored in `out` (default: a new folder in runs/bench).

    Ends early once goodput falls below half of the best. Raises `BadInput` if `users` is empty, repeats a number or has
    one below 1, if `out` already holds one of the runs, and as `runner.run` does.
    """
    if not users or min(users) < 1 or len({*users}) < len(users):
        raise BadInput("Give at least one number of users, each 1 or more and none twice, such as 1, 2, 4, 8.")
    folder, best = folder_for("bench", out), 0.0
    folders = [folder / f"users-{count:04d}" for count in users]
    if held := [path.name for path in folders if any(path.glob("*.json*"))]:
        raise BadInput(f"out={folder} already holds a run in {held[0]}: name another folder.")
    for number, count in enumerate(users):
        plan = replace(workload, concurrency=count, prompts=max(workload.prompts, _REQUESTS_EACH * count), rate=None)
        seed = (workload.seed + number) % 2**32  # repeated pictures would come from the server's prefix cache
        plan = replace(plan, seed=seed)
        load = judge(runner.run(plan, endpoint, folders[number]), objective)
        yield load
        best = max(best, load.goodput)
        if load.goodput < _COLLAPSED * best:
            return


def judge(stored: Stored, objective: metrics.Objective) -> Load:
    """Judge a stored run by an objective. Failed and missing requests do not meet it."""
    values = {"output_throughput": 0.0, "request_throughput": 0.0, "p95_ttft_ms": float("inf"), "p95_tpot_ms": 0.0}
    values |= metrics.table(stored)
    good = sum(metrics.meets(record, objective) for record in stored.records)
    kept = good >= 0.95 * max(1, len(stored.records) + len(stored.missing))
    users = stored.manifest.workload.concurrency
    failure = next(iter(metrics.failures(stored)), "")
    return Load(users, values, good / max(values["duration"], 1e-9), kept, stored.folder, failure)


def largest(loads: Sequence[Load]) -> Load | None:
    """Return the load with the most users that met the objective, or None.

    >>> largest([Load(n, {}, n, n < 4, Path()) for n in (1, 2, 4)]).users
    2
    """
    return max((load for load in loads if load.kept), key=lambda load: load.users, default=None)
