"""A run as a table and in sentences."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from vlnb import tables
from vlnb.bench import gauges, metrics
from vlnb.bench.store import Record, Stored
from vlnb.bench.verdict import verdicts
from vlnb.bench.workload import Workload
from vlnb.catalog import EMBEDDED_MODEL

if TYPE_CHECKING:
    import pandas as pd

    from vlnb.catalog import SpeedRun


@dataclass(frozen=True)
class Row:
    """One row of a report: a metric's key, title and meaning.

    `interval` names the series in `metrics.series` whose mean it is, if it has a confidence interval; `least` is the
    smallest number of requests for which the row is meaningful.
    """

    key: str
    title: str
    meaning: str
    interval: str = ""
    least: int = 1


ROWS = tuple(Row(**row) for row in tables.read("bench/rows.toml")["row"])

_MARK = " †"
_FEW = f"{_MARK.strip()} from too few requests for this percentile"


def table(runs: Mapping[str, Stored | Mapping[str, Any]]) -> pd.DataFrame:
    """Return the metrics of several runs, one column per run: a stored run, or a mapping with SGLang's keys."""
    import pandas as pd

    columns = {name: metrics.table(run) if isinstance(run, Stored) else run for name, run in runs.items()}
    rows = {row.title: [column.get(row.key) for column in columns.values()] for row in ROWS}
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(columns))


def sentences(stored: Stored) -> Iterator[str]:
    """Yield what the numbers do not show: failures, the verdicts on the client and the load, pauses, damaged files."""
    for error, count in metrics.failures(stored).items():
        yield f"{count} of {len(stored.records)} requests failed: {error}."
    yield from _server(stored)
    if stored.todo:
        yield f"{len(stored.todo)} requests were not sent or did not reach the server. Resume the run to complete it."
    yield from (verdict.sentence for verdict in verdicts(stored))
    stops = (segment.stopped for segment in stored.segments)
    ended_at = max((segment.started_at + segment.duration_s for segment in stored.segments), default=math.inf)
    yield from filter(None, (metrics.pause(stored), gauges.sentence(stored.gauges, ended_at), *stored.notes, *stops))
    yield f"The command that repeats this run: {command(stored)}"


def _server(stored: Stored) -> Iterator[str]:
    """Yield where the server deviated from the requests, and the consequence for the numbers."""
    good = stored.good
    dropped = {name for segment in stored.segments for name in segment.dropped}
    early = sum(record.finish_reason == "stop" for record in good)
    if "ignore_eos" in dropped:
        yield "The server refuses ignore_eos, so requests went without it: answers may end before their full length."
    if early:
        yield f"{early} of {len(good)} answers ended before their full length: the server does not honour ignore_eos."
    if uncounted := sum(record.input_tokens is None for record in good):
        reason = " (it refuses stream_options)" if "stream_options" in dropped else ""
        yield (
            f"The server did not count the tokens of {uncounted} of {len(good)} answers{reason}: their chunks count as"
            " output tokens, and their input tokens are unknown."
        )
    if resent := sum(segment.resent for segment in stored.segments):
        yield f"{resent} requests were sent again, because the server had closed a connection that it had kept open."


def cell(row: Row, values: Mapping[str, Any], times: Mapping[str, Sequence[float]]) -> str:
    """Return a metric of a run as text: with its 95 % interval if it is a mean, and † if the requests are too few.

    `values` come from `metrics.table`, and `times` from `metrics.series`.
    """
    value = number(values.get(row.key))
    samples = times[row.interval] if row.interval else []
    if len(samples) > 1:
        low, high = metrics.mean_interval(samples)
        value += f" ({number(1000 * low)} to {number(1000 * high)})"
    return _marked(row, value, values["completed"])


def typical(run: SpeedRun, *, tokens: int = 40) -> Record:
    """Return a synthetic request with the mean times of a published run: its TTFT, TPOT, and gaps between chunks.

    >>> from vlnb import catalog
    >>> request = typical(catalog.LATENCY_RUN)
    >>> request.output_tokens, len(request.itl_s) + 1
    (40, 31)
    """
    ttft_s, stream_s = run.ttft_ms["mean"] / 1000, (tokens - 1) * run.tpot_ms["mean"] / 1000
    gaps = round(stream_s / (run.itl_ms["mean"] / 1000))
    return Record(
        id=0, scheduled_s=0.0, started_s=0.0, queue_s=0.0, connect_s=None, upload_s=None, server_s=None, ttft_s=ttft_s,
        e2e_s=ttft_s + stream_s, itl_s=(stream_s / gaps,) * gaps, output_tokens=tokens, finish_reason="length",
        error=None,
    )  # fmt: skip


def why_itl_exceeds_tpot(run: SpeedRun) -> str:
    """Return why the mean ITL of a published run exceeds its TPOT, computed from its own numbers.

    >>> from vlnb import catalog
    >>> print(why_itl_exceeds_tpot(catalog.LATENCY_RUN))
    The 10 requests streamed for 32.9 s in total. At a mean gap of 10.07 ms that makes 3,280 chunks for 4,220 tokens:
    1.29 tokens per chunk. TPOT divides the same time by tokens, ITL by chunks, so ITL is 1.29 times TPOT (7.82 ms).
    """
    stream_ms = run.prompts * (run.e2e_ms["mean"] - run.ttft_ms["mean"])
    chunks = stream_ms / run.itl_ms["mean"] + run.prompts
    return (
        f"The {run.prompts:,} requests streamed for {stream_ms / 1000:,.1f} s in total. At a mean gap of"
        f" {run.itl_ms['mean']:.2f} ms that makes {chunks:,.0f} chunks for {run.output_tokens:,} tokens:\n"
        f"{run.output_tokens / chunks:.2f} tokens per chunk. TPOT divides the same time by tokens, ITL by chunks, so"
        f" ITL is {run.itl_ms['mean'] / run.tpot_ms['mean']:.2f} times TPOT ({run.tpot_ms['mean']:.2f} ms)."
    )


def text(stored: Stored) -> str:
    """Return a run as text for a terminal."""
    return "\n".join([side_by_side({"": stored}), "", *sentences(stored)])


def side_by_side(runs: Mapping[str, Stored | Mapping[str, Any]]) -> str:
    """Return the metrics of several runs side by side, as text. † marks a percentile of too few requests."""
    frame = table(runs)
    completed = list(frame.loc["requests completed"])
    cells = frame.astype(object)
    for row in ROWS:
        values = zip(frame.loc[row.title], completed, strict=True)
        cells.loc[row.title] = [_marked(row, number(value), count) for value, count in values]
    marked = any(cell.endswith(_MARK) for cell in cells.to_numpy().flat)
    if marked:  # keep the numbers aligned
        cells = cells.map(lambda cell: cell if cell.endswith(_MARK) else cell + " " * len(_MARK))
    lines = [line.rstrip() for line in cells.to_string(header=any(runs)).splitlines()]
    return "\n".join([*lines, *[_FEW] * marked])


def _marked(row: Row, text: str, completed: float | None) -> str:
    few = completed is not None and completed < row.least
    return text + _MARK * (few and text != number(None))


def command(stored: Stored) -> str:
    """Return the command line that repeats a run. It contains no key: that comes from VLNB_API_KEY again."""
    workload, server = stored.manifest.workload, stored.manifest.server
    defaults = Workload()
    options = {field.name: getattr(workload, field.name) for field in fields(workload)}
    changed = {name: value for name, value in options.items() if value != getattr(defaults, name)}
    # The embedded engine has a new port each time, and is the default server.
    named = changed if server.model == EMBEDDED_MODEL else {**changed, "url": server.base_url, "model": server.model}
    words = (word for name, value in named.items() for word in (f"--{name.replace('_', '-')}", str(value)))
    return shlex.join(["vlnb", "bench", "run", *words])


def number(value: Any) -> str:  # noqa: ANN401 - a number or None
    """Format a number for the tables; a missing one is a dash.

    >>> number(1234.5), number(12.0), number(None)
    ('1,234.50', '12', '–')
    """
    if value is None or value != value:  # noqa: PLR0124 - true for NaN
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
