"""Find the largest load that keeps an objective, by doubling and then bisection. Every probe is a stored run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vlnb.bench import metrics, runner
from vlnb.errors import BadInput

if TYPE_CHECKING:
    from vlnb.bench.store import Stored
    from vlnb.bench.workload import Workload
    from vlnb.endpoint import Endpoint

_GAIN = 1.03  # the least growth in throughput when the load doubles; below it the server is saturated
_REQUESTS_EACH = 4  # per user in a probe, at least


@dataclass(frozen=True)
class Probe:
    """One load that was tried: P95 of TTFT and TPOT in seconds, and whether both kept the objective."""

    load: int
    ttft_s: float
    tpot_s: float
    output_token_per_s: float
    failed: int
    kept: bool
    folder: Path


def probe(stored: Stored, objective: metrics.Objective) -> Probe:
    """Judge a stored run by an objective. A failed or missing request breaks it."""
    found = metrics.table(stored)
    ttft = found.get("p95_ttft_ms", float("inf")) / 1000
    tpot = found.get("p95_tpot_ms", 0.0) / 1000
    failed = found["failed"] + found["missing"]
    kept = ttft <= objective.ttft_s and tpot <= objective.tpot_s and not failed
    rate = found.get("output_throughput", 0.0)
    return Probe(stored.manifest["workload"]["concurrency"], ttft, tpot, rate, failed, kept, stored.folder)


def search(
    workload: Workload,
    endpoint: Endpoint,
    out: str | Path,
    *,
    objective: metrics.Objective,
    most: int = 512,
) -> Iterator[Probe]:
    """Yield a probe for every load that is tried, each stored in `out`; `largest` picks the answer from them.

    The load is the number of concurrent users. It doubles until the objective is missed, or until twice the users bring
    no more tokens per second; then the gap is halved. Raises `BadInput` if `most` is less than 1, and as `runner.run`
    does.
    """

    def measure(load: int) -> Probe:
        prompts = max(workload.prompts, _REQUESTS_EACH * load)
        plan = replace(workload, concurrency=load, prompts=prompts, rate=None)
        return probe(runner.run(plan, endpoint, Path(out) / f"users-{load:04d}"), objective)

    yield from climb(measure, most=most)


def climb(measure: Callable[[int], Probe], *, most: int) -> Iterator[Probe]:
    """Yield the probes of a search; `measure(load)` takes one. Raises `BadInput` if `most` is less than 1."""
    if most < 1:
        raise BadInput(f"most={most} must be at least 1 user.")
    good, bad, before, load = 0, most + 1, 0.0, 1
    while load <= most:
        yield (last := measure(load))
        if not last.kept:
            bad = load
            break
        good = load
        if last.output_token_per_s < before * _GAIN:
            return  # saturated: more users only wait longer
        before, load = last.output_token_per_s, load * 2
    while bad - good > max(1, good // 8):
        middle = (good + bad) // 2
        yield (last := measure(middle))
        good, bad = (middle, bad) if last.kept else (good, middle)


def largest(probes: list[Probe]) -> Probe | None:
    """Return the probe with the most users that kept the objective, or None.

    >>> largest([Probe(n, 0.1 * n, 0.01, 90.0 * n, 0, n < 4, Path()) for n in (1, 2, 4, 3)]).load
    3
    """
    kept = [one for one in probes if one.kept]
    return max(kept, key=lambda one: one.load, default=None)
