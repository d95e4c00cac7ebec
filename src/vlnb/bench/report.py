"""A run as a table and in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from vlnb.bench import metrics
from vlnb.bench.store import Stored

if TYPE_CHECKING:
    import pandas as pd

_ROWS: Mapping[str, str] = {
    "completed": "requests completed",
    "failed": "requests failed",
    "missing": "requests not sent",
    "duration": "duration, s",
    "total_input_tokens": "input tokens",
    "total_output_tokens": "output tokens",
    "request_throughput": "requests per second",
    "output_throughput": "output tokens per second",
    "concurrency": "mean concurrency",
    "mean_ttft_ms": "TTFT mean, ms",
    "median_ttft_ms": "TTFT median, ms",
    "p99_ttft_ms": "TTFT P99, ms",
    "mean_server_ms": "last byte sent to first token, mean, ms",
    "mean_tpot_ms": "TPOT mean, ms",
    "mean_itl_ms": "ITL mean, ms",
    "p99_itl_ms": "ITL P99, ms",
    "mean_e2e_latency_ms": "E2E mean, ms",
    "p99_e2e_latency_ms": "E2E P99, ms",
}


def table(runs: Mapping[str, Stored | Mapping[str, Any]]) -> pd.DataFrame:
    """Return the metrics of several runs, one column per run: a stored run, or a mapping with SGLang's keys."""
    import pandas as pd

    columns = {name: metrics.table(run) if isinstance(run, Stored) else run for name, run in runs.items()}
    rows = {title: [column.get(key) for column in columns.values()] for key, title in _ROWS.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(columns))


def sentences(stored: Stored) -> Iterator[str]:
    """Yield what the numbers do not say: failures, the client's own error, pauses, and damaged files."""
    for why, count in metrics.failures(stored).items():
        yield f"{count} of {len(stored.records)} requests failed: {why}."
    yield from _server(stored)
    if stored.missing:
        yield f"{len(stored.missing)} requests were not sent or did not finish. Resume the run to complete it."
    good = [record.ttft_s for record in stored.records if record.ttft_s is not None and record.error is None]
    if len(good) > 1:
        low, high = metrics.mean_interval(good)
        yield f"The mean TTFT lies between {1000 * low:.1f} and {1000 * high:.1f} ms (95 %, bootstrap over requests)."
    stops = (segment.stopped for segment in stored.segments)
    yield from filter(None, (metrics.client(stored), metrics.pause(stored), *stored.notes, *stops))


def _server(stored: Stored) -> Iterator[str]:
    """Yield what the server did otherwise than asked, and what follows from it."""
    good = [record for record in stored.records if record.error is None]
    dropped = {name for segment in stored.segments for name in segment.dropped}
    early = sum(record.finish_reason == "stop" for record in good)
    if "ignore_eos" in dropped:
        yield "The server refuses ignore_eos, so requests went without it: answers may end before their full length."
    if early:
        yield f"{early} of {len(good)} answers ended before their full length: the server does not heed ignore_eos."
    if uncounted := sum(record.input_tokens is None for record in good):
        why = " (it refuses stream_options)" if "stream_options" in dropped else ""
        yield (
            f"The server did not count the tokens of {uncounted} of {len(good)} answers{why}: their chunks count as"
            " output tokens, and their input tokens are unknown."
        )
    if resent := sum(segment.resent for segment in stored.segments):
        yield f"{resent} requests were sent again, because the server had closed a connection that it had kept open."


def text(stored: Stored) -> str:
    """Return a run as text for a terminal."""
    rows = table({"": stored})[""]
    lines = [f"{title:<42}{number(value):>14}" for title, value in rows.items()]
    return "\n".join([*lines, "", *sentences(stored)])


def number(value: Any) -> str:  # noqa: ANN401 - a number or None
    """Return a number as the tables show it; a missing one is a dash.

    >>> number(1234.5), number(12.0), number(None)
    ('1,234.50', '12', '–')
    """
    if value is None or value != value:  # noqa: PLR0124 - not a number
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
