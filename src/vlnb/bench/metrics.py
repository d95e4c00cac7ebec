"""Metrics of a run: SGLang's, under its own names, and some that SGLang lacks.

The definitions are those of `calculate_metrics` in `sglang/bench_serving.py` 0.5.6 unless a docstring says otherwise.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vlnb.bench.workload import lengths

if TYPE_CHECKING:
    from vlnb.bench.store import Record, Stored

_PERCENTILES = (90, 95, 99)


@dataclass(frozen=True)
class Objective:
    """The service-level objective for each request: upper limits of TTFT and TPOT, in seconds."""

    ttft_s: float = 2.0
    tpot_s: float = 0.05


def meets(record: Record, objective: Objective) -> bool:
    """Return whether a request succeeded and met the objective."""
    if record.error is not None or record.ttft_s is None:
        return False
    return record.ttft_s <= objective.ttft_s and (tpot_s(record) or 0.0) <= objective.tpot_s


def tpot_s(record: Record) -> float | None:
    """Return TPOT in seconds: (E2E - TTFT) / (output tokens - 1), or None for fewer than two tokens.

    >>> from vlnb.bench.store import Record
    >>> times = {"queue_s": 0.0, "connect_s": 0.0, "upload_s": 0.1, "server_s": 0.4, "ttft_s": 0.5, "e2e_s": 1.5}
    >>> tpot_s(Record(0, 0.0, 0.0, **times, itl_s=(), output_tokens=11, finish_reason="length", error=None))
    0.1
    """
    if record.ttft_s is None or record.output_tokens < 2:
        return None
    return (record.e2e_s - record.ttft_s) / (record.output_tokens - 1)


def phases(record: Record) -> list[tuple[str, float, float]]:
    """Return (phase, start, length) of a request, in seconds since the start of its segment.

    Unknown phases are left out. A gap between two phases belongs to the later one.
    """
    start = record.started_s
    phases = [("queue", start - record.queue_s, record.queue_s)]
    if record.ttft_s is None:
        return [*phases, ("server", start, record.e2e_s)]
    position = start
    if record.connect_s:
        phases.append(("connect", position, record.connect_s))
        position += record.connect_s
    if record.server_s is not None:
        upload = record.ttft_s - record.server_s - (position - start)
        phases.append(("upload", position, upload))
        position += upload
    phases.append(("server", position, start + record.ttft_s - position))
    return [*phases, ("stream", start + record.ttft_s, record.e2e_s - record.ttft_s)]


def duration_s(stored: Stored) -> float:
    """Return how long the run took, without pauses: for each segment, from its start to the end of its last request."""
    return sum(_lengths_s(stored.records).values())


def _lengths_s(records: Iterable[Record]) -> dict[int, float]:
    """Return the duration of each segment, in their order."""
    ends: dict[int, float] = {}
    for record in records:
        ends[record.segment] = max(ends.get(record.segment, 0.0), record.started_s + record.e2e_s)
    return dict(sorted(ends.items()))


def joined(records: Sequence[Record]) -> list[Record]:
    """Return the records with starts since the start of the run: each segment follows the one before, without pause."""
    ends = _lengths_s(records)
    begins = dict(zip(ends, itertools.accumulate(ends.values(), initial=0.0), strict=False))
    return [replace(record, started_s=begins[record.segment] + record.started_s) for record in records]


def table(stored: Stored) -> dict[str, Any]:
    """Return the metrics of a run under the keys of SGLang's JSONL: times in ms, rates per second.

    TTFT, E2E and ITL count from the start of a request, as in SGLang. These keys are ours: `failed` and `missing`;
    `*_server_ms` (last byte sent to first token), `*_queue_ms` and `*_upload_ms`; `*_due_ttft_ms`, which counts from
    the moment the request was due, so it includes the client's own queue. Output tokens are those of the server's
    usage. A metric without any measurement is left out.
    """
    good = stored.good
    seconds, times_s = duration_s(stored), series(good)
    output, inputs = sum(r.output_tokens for r in good), sum(r.input_tokens or 0 for r in good)
    values: dict[str, Any] = {
        "completed": len(good),
        "failed": len(stored.records) - len(good),
        "missing": len(stored.missing),
        "duration": seconds,
        "total_input_tokens": inputs,
        "total_output_tokens": output,
    }
    if seconds > 0:
        values["request_throughput"] = len(good) / seconds
        values["input_throughput"] = inputs / seconds
        values["output_throughput"] = output / seconds
        values["total_throughput"] = (inputs + output) / seconds
        values["concurrency"] = sum(r.e2e_s for r in good) / seconds
        values["pictures_per_second"] = stored.manifest.workload.images * len(good) / seconds
        sent = [segment.sent_bytes for segment in stored.segments]
        begun = {record.segment for record in stored.records}
        if all(sent) and len(sent) == len(begun):  # a killed segment has not stored how many bytes it sent
            values["upload_mb_per_second"] = sum(sent) / 1e6 / seconds
    if connects := times_s["connect"]:
        values["reused_connections"] = connects.count(0.0) / len(connects)
    output_lens = lengths(stored.manifest.workload)[1]
    values["other_length"] = sum(r.output_tokens != output_lens[r.id] for r in good)
    for name, times in times_s.items():
        values |= _statistics(name, times)
    return values


def series(good: Sequence[Record]) -> dict[str, list[float]]:
    """Return the times of successful requests by name, in seconds: one per request that has it; "itl": one per gap."""
    times: dict[str, Iterable[float | None]] = {
        "e2e_latency": (r.e2e_s for r in good),
        "ttft": (r.ttft_s for r in good),
        "tpot": map(tpot_s, good),
        "request_itl": (sum(r.itl_s) / len(r.itl_s) if r.itl_s else None for r in good),
        "itl": (gap for r in good for gap in r.itl_s),
        "connect": (r.connect_s for r in good),
        "server": (r.server_s for r in good),
        "upload": (r.upload_s for r in good),
        "queue": (r.queue_s for r in good),
        "due_ttft": (r.queue_s + r.ttft_s for r in good if r.ttft_s is not None),
    }
    return {name: [value for value in values if value is not None] for name, values in times.items()}


def _statistics(name: str, seconds: Sequence[float]) -> dict[str, float]:
    import numpy as np

    if not seconds:
        return {}
    ms = np.asarray(seconds) * 1000
    values = {
        f"mean_{name}_ms": float(ms.mean()),
        f"median_{name}_ms": float(np.median(ms)),
        f"std_{name}_ms": float(ms.std()),
        f"max_{name}_ms": float(ms.max()),
    }
    return values | {f"p{p}_{name}_ms": float(np.percentile(ms, p)) for p in _PERCENTILES}


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % bootstrap confidence interval of the mean of one or more values, in their unit.

    >>> low, high = mean_interval([1.0, 2.0, 3.0])
    >>> low < 2.0 < high
    True
    """
    import numpy as np

    rng, data = np.random.default_rng(0), np.asarray(values)
    means = [rng.choice(data, len(data)).mean() for _ in range(1000)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def pause(stored: Stored) -> str:
    """Return a sentence on how pauses affect the throughput, or "" if the run was never resumed."""
    resumed = len({record.segment for record in stored.records}) - 1
    if resumed < 1:
        return ""
    count = "once" if resumed == 1 else f"{resumed} times"
    return (
        f"The run was resumed {count}. Throughput covers the {duration_s(stored):.1f} s in which it ran; the load built"
        " up and ran down again each time, so the figure is slightly low."
    )


def failures(stored: Stored) -> dict[str, int]:
    """Return each error and how often it occurred, the most frequent first."""
    return dict(Counter(r.error for r in stored.records if r.error is not None).most_common())
