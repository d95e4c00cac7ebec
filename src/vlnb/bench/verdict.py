"""Checks on the quality of a run: whether its numbers measure the server, and whether the load reached its target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vlnb.bench.store import Record, Stored

_CPU = 0.8  # of a core: above this share a single-threaded client is its own bottleneck
_LAG = 0.05  # of the median TTFT: an event loop that is later than this distorts the result
_SHARE = 0.1  # of the mean TTFT: the largest acceptable share before the last byte is sent, which is not the server's
_REACHED = 0.9  # of the target number of users, or of the target rate
_CHUNK = 1.05  # tokens per chunk: above this, gaps between chunks are not gaps between tokens
FEW = 100  # requests: fewer have no 99th percentile


@dataclass(frozen=True)
class Verdict:
    """The result of one check: the value `observed`, its `threshold`, and whether it is a `warning`.

    `code` is "client_cpu", "client_lag", "client_share", "load", "few_requests" or "chunks". Shares run from 0 to 1.
    """

    code: str
    observed: float
    threshold: float
    warning: bool
    sentence: str


def _shown(value: float) -> str:
    """Return a number with three digits, or all digits before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _load(stored: Stored) -> Iterator[Verdict]:
    """Check whether the run's longest segment reached its target, unless it has fewer than two requests.

    The target is the number of users; of a workload with a `rate`, requests per second. Users count in the steady
    state: after the ramp, which ends when all users have sent a request, and before the tail, which begins when the
    last request is sent.
    """
    (longest, _), *_ = Counter(r.segment for r in stored.records).most_common(1) or [(0, 0)]
    records = sorted((r for r in stored.records if r.segment == longest), key=lambda r: r.started_s)
    workload = stored.manifest.workload
    if len(records) < 2:
        return
    first, last = records[0].started_s, records[-1].started_s
    if workload.rate is not None:
        span_s = max(r.scheduled_s for r in records) - min(r.scheduled_s for r in records)
        target = (len(records) - 1) / span_s if span_s else workload.rate
        reached = (len(records) - 1) / (last - first) if last > first else target
        message = f"{_shown(reached)} of {_shown(target)} requests per second were sent."
        cure = "with more concurrency"
    else:
        target, users = workload.concurrency, min(workload.concurrency, len(records))
        ended, all_begun = max(r.started_s + r.e2e_s for r in records), first + workload.ramp_s * (users - 1) / users
        ramped = min(ended, max(records[users - 1].started_s, all_begun))  # the first may have sent several requests
        steady_s = max(0.0, last - ramped)
        start, end = (ramped, last) if steady_s else (first, ended)
        busy = (min(r.started_s + r.e2e_s, end) - max(r.started_s, start) for r in records)
        reached = sum(max(0.0, part) for part in busy) / (end - start) if end > start else 0.0
        found = f"{_shown(reached)} of {_shown(target)} users on average"
        steady = f"The load reached {found} in the steady {steady_s:.1f} s"
        message = steady if steady_s else f"There was no steady state: {found}"
        message += f" (ramp {ramped - first:.1f} s, tail {ended - max(last, ramped):.1f} s)."
        cure = "at least three requests for each user"
    share = reached / target
    if share < _REACHED:
        message += f" So the numbers are those of a smaller load: send {cure}."
    yield Verdict("load", share, _REACHED, share < _REACHED, message)


def verdicts(stored: Stored) -> Iterator[Verdict]:
    """Check the client, the load, the number of requests, and the tokens per chunk."""
    good = [r for r in stored.good if r.ttft_s is not None]
    yield from _client(stored, good)
    yield from _load(stored)
    if 0 < len(good) < FEW:
        message = f"P99 comes from {len(good)} requests: with fewer than {FEW}, it is close to the slowest one."
        yield Verdict("few_requests", len(good), FEW, True, message)
    if (chunks := sum(len(r.itl_s) + 1 for r in good)) and any(r.input_tokens is not None for r in good):
        tokens = sum(r.output_tokens for r in good)
        per_chunk = tokens / chunks
        message = f"{tokens:,} tokens came in {chunks:,} chunks, {per_chunk:.2f} in each."
        message += " ITL is the gap between chunks: compare TPOT, which counts tokens." if per_chunk > _CHUNK else ""
        yield Verdict("chunks", per_chunk, _CHUNK, per_chunk > _CHUNK, message)


def _client(stored: Stored, good: Sequence[Record]) -> Iterator[Verdict]:
    """Check whether this client was the bottleneck, and how much of the TTFT it causes."""
    times = [(r.ttft_s, r.server_s) for r in good if r.ttft_s is not None and r.server_s is not None]
    if times:
        ttft, server = (1000 * fmean(values) for values in zip(*times, strict=True))
        share = (ttft - server) / ttft if ttft else 0.0
        message = f"{_shown(ttft - server)} of {_shown(ttft)} ms of the mean TTFT passed before the last byte was sent;"
        message += f" {_shown(server)} ms are the server's."
        if share > _SHARE:
            message += " Compare servers by that, or measure with fewer users or smaller pictures."
        yield Verdict("client_share", share, _SHARE, share > _SHARE, message)
    if stored.segments:
        busy = max(segment.cpu_share for segment in stored.segments)
        late = max(segment.lag_mean_s for segment in stored.segments)
        worst = max(segment.lag_p99_s for segment in stored.segments)
        usual = median([r.ttft_s for r in stored.records if r.ttft_s is not None] or [0.0])
        share = late / usual if usual else 0.0
        advice = " This client was the bottleneck at times: use fewer users."
        message = f"The client used {busy:.0%} of a core.{advice if busy > _CPU else ''}"
        yield Verdict("client_cpu", busy, _CPU, busy > _CPU, message)
        message = f"Its event loop was {1000 * late:.1f} ms late on average, {1000 * worst:.1f} ms at P99"
        message += f": {share:.1%} of the median TTFT.{advice if share > _LAG else ''}" if share else "."
        yield Verdict("client_lag", share, _LAG, share > _LAG, message)
    else:
        message = "The client ended before it could report its own lateness. Resume the run to get it."
        yield Verdict("client_lag", 0.0, _LAG, True, message)
