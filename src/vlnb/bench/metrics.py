"""Metrics of a run: SGLang's, by its own names, and beside each what SGLang leaves out.

Definitions are those of `sglang/bench_serving.py` 0.5.6, `calculate_metrics`, unless the docstring says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vlnb.errors import BadInput

if TYPE_CHECKING:
    from vlnb.bench.store import Record, Stored

_PERCENTILES = (90, 95, 99)
_BUSY = 0.8  # of a core: above it a single-threaded client is its own bottleneck
_LATE = 0.05  # of the median TTFT: lateness of the client above this share colours the result


@dataclass(frozen=True)
class Objective:
    """What a good answer keeps: its first token within `ttft_s`, each further one within `tpot_s`, in seconds."""

    ttft_s: float = 2.0
    tpot_s: float = 0.05

    def kept(self, record: Record) -> bool:
        """Whether a request kept it. A failed one never does."""
        if record.error is not None or record.ttft_s is None:
            return False
        return record.ttft_s <= self.ttft_s and (tpot_s(record) or 0.0) <= self.tpot_s


def tpot_s(record: Record) -> float | None:
    """Return time per output token in seconds: (E2E - TTFT) / (output tokens - 1); None for fewer than two tokens."""
    if record.ttft_s is None or record.output_tokens < 2:
        return None
    return (record.e2e_s - record.ttft_s) / (record.output_tokens - 1)


def phases(record: Record) -> list[tuple[str, float, float]]:
    """Return (phase, start, length) of a request in seconds since its segment's start; what is unknown is left out.

    What lies between two phases belongs to the later one.
    """
    begun = record.started_s
    found = [("queue", begun - record.queue_s, record.queue_s)]
    if record.ttft_s is None:
        return [*found, ("server", begun, record.e2e_s)]
    at = begun
    if record.connect_s:
        found.append(("connect", at, record.connect_s))
        at += record.connect_s
    if record.server_s is not None:
        upload = record.ttft_s - record.server_s - (at - begun)
        found.append(("upload", at, upload))
        at += upload
    found.append(("server", at, begun + record.ttft_s - at))
    return [*found, ("stream", begun + record.ttft_s, record.e2e_s - record.ttft_s)]


def duration_s(stored: Stored) -> float:
    """Return the seconds in which requests were on their way: each segment to its last end, pauses left out."""
    ends: dict[int, float] = {}
    for record in stored.records:
        ends[record.segment] = max(ends.get(record.segment, 0.0), record.started_s + record.e2e_s)
    return sum(ends.values())


def table(stored: Stored) -> dict[str, Any]:
    """Return the metrics of a run by the keys of SGLang's JSONL, times in ms, rates a second.

    SGLang's TTFT, E2E and ITL count from the start of a request. The keys that are ours: `failed`; `*_server_ms` (last
    byte sent to first token), `*_queue_ms` and `*_upload_ms`; `*_due_ttft_ms`, which counts from the moment when the
    request was due, the client's own queue included. Output tokens are those of the server's usage. A metric of which
    nothing was measured is missing.
    """
    good = [record for record in stored.records if record.error is None]
    seconds = duration_s(stored)
    output, inputs = sum(r.output_tokens for r in good), sum(r.input_tokens or 0 for r in good)
    found: dict[str, Any] = {
        "completed": len(good),
        "failed": len(stored.records) - len(good),
        "missing": len(stored.missing),
        "duration": seconds,
        "total_input_tokens": inputs,
        "total_output_tokens": output,
    }
    if seconds > 0:
        found["request_throughput"] = len(good) / seconds
        found["input_throughput"] = inputs / seconds
        found["output_throughput"] = output / seconds
        found["total_throughput"] = (inputs + output) / seconds
        found["concurrency"] = sum(r.e2e_s for r in good) / seconds
    series: dict[str, Iterable[float | None]] = {
        "e2e_latency": (r.e2e_s for r in good),
        "ttft": (r.ttft_s for r in good),
        "tpot": (tpot_s(r) for r in good),
        "itl": (gap for r in good for gap in r.itl_s),
        "server": (r.server_s for r in good),
        "upload": (r.upload_s for r in good),
        "queue": (r.queue_s for r in good),
        "due_ttft": (r.queue_s + r.ttft_s for r in good if r.ttft_s is not None),
    }
    for name, values in series.items():
        found |= _statistics(name, [value for value in values if value is not None])
    return found


def _statistics(name: str, seconds: Sequence[float]) -> dict[str, float]:
    import numpy as np

    if not seconds:
        return {}
    ms = np.asarray(seconds) * 1000
    found = {
        f"mean_{name}_ms": float(ms.mean()),
        f"median_{name}_ms": float(np.median(ms)),
        f"std_{name}_ms": float(ms.std()),
        f"max_{name}_ms": float(ms.max()),
    }
    return found | {f"p{p}_{name}_ms": float(np.percentile(ms, p)) for p in _PERCENTILES}


def interval(
    values: Sequence[float], statistic: Callable[[Any], float] | None = None, *, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Return the bootstrap confidence interval of a statistic (the mean, where None) of `values`, in their unit."""
    import numpy as np

    if not values:
        raise BadInput("There is nothing to give an interval of: no request succeeded.")
    if not 0 < level < 1:
        raise BadInput(f"level={level} must lie between 0 and 1; 0.95 is usual.")
    chance, data = np.random.default_rng(seed), np.asarray(values)
    measure = statistic or np.mean
    draws = [float(measure(chance.choice(data, len(data)))) for _ in range(1000)]
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def goodput(stored: Stored, objective: Objective) -> tuple[float, float]:
    """Return (share of all requests that kept the objective, how many of them a second). Failures count against it."""
    kept = sum(objective.kept(record) for record in stored.records)
    seconds = duration_s(stored)
    return (kept / len(stored.records) if stored.records else 0.0), (kept / seconds if seconds else 0.0)


def client(stored: Stored) -> str:
    """Return a sentence: what this client added to the server's times, and whether it was the limit."""
    if not stored.segments:
        return "The client was killed before it could say how late it was itself; resume the run for that."
    late = max(segment.lag_mean_s for segment in stored.segments)
    worst = max(segment.lag_p99_s for segment in stored.segments)
    share = max(segment.cpu_share for segment in stored.segments)
    first = sorted(r.ttft_s for r in stored.records if r.ttft_s is not None)
    median = first[len(first) // 2] if first else 0.0
    said = (
        f"its event loop was {1000 * late:.1f} ms late on average ({1000 * worst:.1f} ms in P99),"
        f" and it took {share:.0%} of a core"
    )
    if share > _BUSY or (median and late > _LATE * median):
        return f"This client was the limit at times: {said}. Take fewer users."
    return f"This client was never the limit: {said}."


def pause(stored: Stored) -> str:
    """Return a sentence on what a pause means for the throughput; empty where there was none."""
    parts = {record.segment for record in stored.records}
    if len(parts) < 2:
        return ""
    return (
        f"The run was resumed {len(parts) - 1} time(s). Throughput is taken over the {duration_s(stored):.1f} s in"
        " which it ran; each part filled up and ran empty anew, so it is a little low."
    )


def failures(stored: Stored) -> dict[str, int]:
    """Return each error and how often it came, the commonest first."""
    from collections import Counter

    return dict(Counter(r.error for r in stored.records if r.error is not None).most_common())
