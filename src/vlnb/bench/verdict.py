"""What a run says about itself: whether its numbers are the server's, and whether the load was the one asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vlnb.bench.store import Record, Stored

_CPU = 0.8  # of a core: above this share a single-threaded client is its own bottleneck
_LAG = 0.05  # of the median TTFT: a client that is later than this distorts the result
_SHARE = 0.1  # of the mean TTFT: so much before the last byte was sent is not the server's
_REACHED = 0.9  # of the users, or of the rate, that were asked for
_CHUNK = 1.05  # tokens: with more in a chunk, gaps between chunks are no gaps between tokens
FEW = 100  # requests: fewer have no 99th percentile


@dataclass(frozen=True)
class Verdict:
    """One thing that was tested: the value `observed`, its `threshold`, and whether it is a `warning`.

    `code` is "client_cpu", "client_lag", "client_share", "load", "few_requests" or "chunks". Shares run from 0 to 1.
    """

    code: str
    observed: float
    threshold: float
    warning: bool
    sentence: str


@dataclass(frozen=True)
class Load:
    """How many requests were in flight on average in the steady state, and how long it and its two ends took.

    The ramp ends when all users have sent a request; the tail begins when the last request is sent. `asked` and
    `reached` are users; where requests arrive at a rate, they are requests per second and there is no ramp or tail.
    """

    asked: float
    reached: float
    ramp_s: float
    steady_s: float
    tail_s: float
    unit: str = "users"

    def __str__(self) -> str:
        if self.unit != "users":
            return f"{self.reached:.3g} of {self.asked:.3g} {self.unit} were sent."
        parts = f"(ramp {self.ramp_s:.1f} s, tail {self.tail_s:.1f} s)"
        if not self.steady_s:
            return f"There was no steady state: {self.reached:.3g} of {self.asked:.0f} users on average {parts}."
        reached = f"{self.reached:.3g} of {self.asked:.0f} users on average"
        return f"The load reached {reached} in the steady {self.steady_s:.1f} s {parts}."


def load(stored: Stored) -> Load | None:
    """Return the load that was reached, of the longest segment of the run; None without two requests."""
    (longest, _), *_ = Counter(one.segment for one in stored.records).most_common(1) or [(0, 0)]
    records = sorted((one for one in stored.records if one.segment == longest), key=lambda one: one.started_s)
    workload = stored.manifest.workload
    if len(records) < 2:
        return None
    first, last = records[0].started_s, records[-1].started_s
    if workload.rate is not None:
        due = max(one.scheduled_s for one in records) - min(one.scheduled_s for one in records)
        asked = (len(records) - 1) / due if due else workload.rate
        return Load(
            asked, (len(records) - 1) / (last - first) if last > first else asked, 0, 0, 0, "requests per second"
        )
    users = min(workload.concurrency, len(records))
    ramped, ended = records[users - 1].started_s, max(one.started_s + one.e2e_s for one in records)
    steady_s = max(0.0, last - ramped)
    window = (ramped, last) if steady_s else (first, ended)
    return Load(workload.concurrency, _in_flight(records, *window), ramped - first, steady_s, ended - max(last, ramped))


def _in_flight(records: Sequence[Record], start: float, end: float) -> float:
    busy = (min(one.started_s + one.e2e_s, end) - max(one.started_s, start) for one in records)
    return sum(max(0.0, part) for part in busy) / (end - start) if end > start else 0.0


def verdicts(stored: Stored) -> Iterator[Verdict]:
    """Yield what was tested about the client, the load, the number of requests, and the chunks."""
    good = [one for one in stored.good if one.ttft_s is not None]
    yield from _client(stored, good)
    if reached := load(stored):
        share, advice = reached.reached / reached.asked, ""
        if share < _REACHED:
            cure = "at least three requests for each user" if reached.unit == "users" else "with more concurrency"
            advice = f" So the numbers are those of a smaller load: send {cure}."
        yield Verdict("load", share, _REACHED, share < _REACHED, f"{reached}{advice}")
    if 0 < len(good) < FEW:
        said = f"P99 comes from {len(good)} requests: with fewer than {FEW}, it is close to the slowest one."
        yield Verdict("few_requests", len(good), FEW, True, said)
    if (chunks := sum(len(one.itl_s) + 1 for one in good)) and any(one.input_tokens is not None for one in good):
        tokens = sum(one.output_tokens for one in good)
        each = tokens / chunks
        said = f"{tokens:,} tokens came in {chunks:,} chunks, {each:.2f} in each."
        said += " ITL is the gap between chunks: compare TPOT, which counts tokens." if each > _CHUNK else ""
        yield Verdict("chunks", each, _CHUNK, each > _CHUNK, said)


def _client(stored: Stored, good: Sequence[Record]) -> Iterator[Verdict]:
    """Yield whether this client was the bottleneck, and how much of the TTFT is its own."""
    known = [(one.ttft_s, one.server_s) for one in good if one.ttft_s is not None and one.server_s is not None]
    if known:
        ttft, server = (1000 * fmean(values) for values in zip(*known, strict=True))
        share = (ttft - server) / ttft if ttft else 0.0
        said = f"{ttft - server:.3g} of {ttft:.4g} ms of the mean TTFT passed before the last byte was sent;"
        said += f" {server:.4g} ms are the server's."
        if share > _SHARE:
            said += " Compare servers by that, or measure with fewer users or smaller pictures."
        yield Verdict("client_share", share, _SHARE, share > _SHARE, said)
    if stored.segments:
        busy = max(segment.cpu_share for segment in stored.segments)
        late = max(segment.lag_mean_s for segment in stored.segments)
        worst = max(segment.lag_p99_s for segment in stored.segments)
        usual = median([one.ttft_s for one in stored.records if one.ttft_s is not None] or [0.0])
        share = late / usual if usual else 0.0
        advice = " This client was the bottleneck at times: use fewer users."
        said = f"The client used {busy:.0%} of a core.{advice if busy > _CPU else ''}"
        yield Verdict("client_cpu", busy, _CPU, busy > _CPU, said)
        said = f"Its event loop was {1000 * late:.1f} ms late on average, {1000 * worst:.1f} ms at P99"
        said += f": {share:.1%} of the median TTFT.{advice if share > _LAG else ''}" if share else "."
        yield Verdict("client_lag", share, _LAG, share > _LAG, said)
    else:
        said = "The client ended before it could report its own lateness. Resume the run to get it."
        yield Verdict("client_lag", 0.0, _LAG, True, said)
