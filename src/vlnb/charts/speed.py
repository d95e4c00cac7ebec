"""The speed of a server: phases of requests, distributions of times, and the limits of the hardware."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from vlnb import catalog
from vlnb.bench import metrics
from vlnb.bench.roofline import bound
from vlnb.charts.style import Chart, plotly_text, styled
from vlnb.draw.colours import COLOURS
from vlnb.errors import BadInput

if TYPE_CHECKING:
    from vlnb.bench.store import Record
    from vlnb.bench.sweep import Load

_POINTS = 2_000  # of a curve: a screen shows no more
_TICKED = 20  # with more requests, the axis does not number each
_ROWS = 200  # requests of a timeline
_GREY = "#8A8A8A"
_PHASES = {"queue": "#BBBBBB", "connect": "#56B4E9", "upload": "#E69F00", "server": "#D55E00", "stream": "#0072B2"}
_LEVELS = {50: 2, 90: 10, 99: 100}  # percentiles, each with the least number of values that makes it meaningful

_TIMES = {  # of `distribution`: title, and name in `metrics.series`
    "ttft": ("Time to first token (TTFT)", "ttft"),
    "itl": ("Gap between two chunks (ITL)", "itl"),
    "tpot": ("Time per output token (TPOT)", "tpot"),
    "e2e": ("Whole request (E2E)", "e2e_latency"),
}


def _add_phases(figure: go.Figure, parts: Sequence[tuple[Any, str, float, float]], unit: str) -> None:
    """Add a bar for each part: (request, phase, start, length)."""
    for phase in dict.fromkeys(name for _, name, *_ in parts):
        bars = [(request, start, length) for request, name, start, length in parts if name == phase]
        requests, starts, lengths = zip(*bars, strict=True)
        figure.add_bar(
            y=requests, x=lengths, base=starts, orientation="h", name=phase,
            marker={"color": _PHASES[phase], "line": {"width": 0}},
            hovertemplate=f"{phase}: %{{x:.4~g}} {unit}<extra></extra>",
        )  # fmt: skip


def strip(record: Record) -> Chart:
    """Return one request as a strip of its phases, with TTFT, E2E and every chunk marked on it.

    Raises `BadInput` for a request without an answer.
    """
    if record.error is not None or record.ttft_s is None:
        raise BadInput(f"Request {record.id} has no answer: {record.error}. Choose one that succeeded.")
    begun, ttft, whole = record.started_s, 1000 * record.ttft_s, 1000 * record.e2e_s
    figure = go.Figure()
    parts = [("request", phase, 1000 * (at - begun), 1000 * length) for phase, at, length in metrics.phases(record)]
    _add_phases(figure, parts, "ms")
    figure.update_traces(width=0.5)
    chunks = [ttft + 1000 * passed for passed in (0.0, *itertools.accumulate(record.itl_s))]
    figure.add_scatter(
        x=chunks, y=["request"] * len(chunks), mode="markers", name="chunk", showlegend=False,
        marker={"symbol": "line-ns-open", "size": 30, "color": "white", "line": {"width": 1}},
        hovertemplate="a chunk after %{x:.1f} ms<extra></extra>",
    )  # fmt: skip
    tpot = metrics.tpot_s(record)
    gap = (whole - ttft) / max(1, len(chunks) - 1)
    per_token = "" if tpot is None else f", TPOT {1000 * tpot:.2f} ms"
    content = f"{record.output_tokens} tokens in {len(chunks)} chunks{per_token}, mean ITL {gap:.2f} ms"
    for height, end, words in ((0.62, ttft, f"TTFT {ttft:.1f} ms"), (0.92, whole, f"E2E {whole:.1f} ms: {content}")):
        figure.add_shape(
            type="line", x0=0, x1=end, y0=height, y1=height, yref="paper", line={"color": _GREY, "width": 2}
        )
        figure.add_annotation(
            x=0, y=height, yref="paper", text=words, showarrow=False, xanchor="left", yanchor="bottom"
        )
    alt = f"One request: TTFT {ttft:.1f} ms, E2E {whole:.1f} ms; {content}"
    x, y = "milliseconds since the request began", {"showticklabels": False, "domain": [0, 0.55]}
    return styled(figure, alt, x=x, y=y, height=260, barmode="overlay", legend_title="phase")


def timeline(records: Sequence[Record]) -> Chart:
    """Return a bar for each request, coloured by phase; of more than 200 requests, an even selection of 200."""
    step = max(1, -(-len(records) // _ROWS))
    rows = metrics.joined(records)[::step]
    figure = go.Figure()
    parts = [(record.id, *part) for record in rows for part in metrics.phases(record)]
    _add_phases(figure, parts, "s")
    selection = f", every {step}th" if step > 1 else ""
    y = {"title": f"request{selection}", "autorange": "reversed", "dtick": 1 if len(rows) <= _TICKED else None}
    sums = {phase: sum(length for _, name, _, length in parts if name == phase) for phase in _PHASES}
    means = ", ".join(f"{phase} {seconds / max(1, len(rows)):.3f} s" for phase, seconds in sums.items())
    alt, height = f"{len(rows)} requests as bars; on average {means}", min(700, 240 + 12 * len(rows))
    figure.update_layout(barmode="overlay", legend_title="phase", bargap=0.15)
    return styled(figure, alt, x="seconds since the start", y=y, height=height)


def distribution(runs: Mapping[str, Sequence[Record]], metric: str = "ttft") -> Chart:
    """Return the cumulative distribution of a time over the requests (for "itl", over the gaps) of each run.

    `metric` is "ttft", "tpot", "itl" or "e2e". Dotted lines mark the percentiles for which there are enough values. The
    curve of a very long run is drawn through 2,000 of its values. Raises `BadInput` for an unknown `metric`.
    """
    import numpy as np

    if metric not in _TIMES:
        raise BadInput(f"Unknown metric {metric!r}. Choose {', '.join(_TIMES)}.")
    name, series = _TIMES[metric]
    figure, sentences, longest = go.Figure(), [], 0
    styles = itertools.cycle(itertools.product(("solid", "dash", "dot"), COLOURS))
    for (run, records), (dash, colour) in zip(runs.items(), styles, strict=False):
        good = [record for record in records if record.error is None]
        values = 1000 * np.sort(metrics.series(good)[series])
        if not len(values):
            continue
        longest = max(longest, len(values))
        at = np.unique(np.linspace(0, len(values) - 1, min(len(values), _POINTS)).astype(int))
        figure.add_scatter(
            x=values[at], y=100 * (at + 1) / len(values), mode="lines", name=plotly_text(run),
            line={"color": colour, "dash": dash, "width": 3, "shape": "hv"},
            hovertemplate="%{y:.1f} % take at most %{x:.1f} ms<extra>%{fullData.name}</extra>",
        )  # fmt: skip
        half, late = np.percentile(values, [50, 99])
        sentences.append(f"{run}: half within {half:.1f} ms, 99 % within {late:.1f} ms")
    for level in (level for level, least in _LEVELS.items() if longest >= least):
        figure.add_hline(y=level, line={"color": _GREY, "dash": "dot"}, annotation_text=f"P{level}")
    y = {"title": "share that takes at most this long, %", "range": [0, 104]}
    x = {"title": f"{name}, ms (logarithmic)", "type": "log"}
    return styled(figure, f"Distribution of {name}. " + "; ".join(sentences), x=x, y=y)


def progress(reports: Sequence[Mapping[str, Any]]) -> Chart:
    """Return the percentiles of TTFT in the course of a run, from those progress reports that have them."""
    figure, reports = go.Figure(), [report for report in reports if report.get("ttft_p50_s") is not None]
    for key, name, colour in (("ttft_p50_s", "P50", COLOURS[0]), ("ttft_p99_s", "P99", COLOURS[1])):
        figure.add_scatter(
            x=[report["elapsed_s"] for report in reports], y=[1000 * report[key] for report in reports],
            mode="lines", name=name, line={"color": colour, "width": 3},
        )  # fmt: skip
    y = {"title": "time to first token so far, ms", "rangemode": "tozero"}
    half = f"half within {1000 * reports[-1]['ttft_p50_s']:.1f} ms" if reports else "nothing measured"
    return styled(figure, f"Time to first token so far: {half}", x="seconds since the start", y=y)


def concurrency(records: Sequence[Record]) -> Chart:
    """Return the number of requests in flight over time, with the ramp at the start and the tail at the end."""
    sent = metrics.joined(records)
    edges = sorted([(r.started_s, 1) for r in sent] + [(r.started_s + r.e2e_s, -1) for r in sent])
    counts = list(itertools.accumulate(step for _, step in edges))
    figure = go.Figure()
    figure.add_scatter(
        x=[time_s for time_s, _ in edges], y=counts, line={"shape": "hv", "color": COLOURS[0]}, fill="tozeroy"
    )
    alt = f"Requests in flight over time; at most {max(counts, default=0)}"
    return styled(figure, alt, x="seconds since the start", y={"title": "requests in flight", "rangemode": "tozero"})


def sweep(loads: Sequence[Load], objective: metrics.Objective) -> Chart:
    """Return latency against throughput, a point for each number of users, and goodput against the users."""
    from plotly.subplots import make_subplots

    figure = make_subplots(cols=2, horizontal_spacing=0.14)
    users = [load.users for load in loads]
    figure.add_scatter(
        x=[load.metrics["output_throughput"] for load in loads], y=[load.metrics["p95_ttft_ms"] for load in loads],
        row=1, col=1, mode="lines+markers+text", text=list(map(str, users)), textposition="top center",
        line={"color": COLOURS[0]}, marker={"size": 10}, showlegend=False, cliponaxis=False,
        hovertemplate="%{text} users: %{x:.0f} tokens per second, P95 TTFT %{y:.0f} ms<extra></extra>",
    )  # fmt: skip
    figure.add_hline(
        y=1000 * objective.ttft_s, line={"color": _GREY, "dash": "dot"}, annotation_text="TTFT target", row=1, col=1
    )
    for name, values, colour, symbol in (
        ("all requests", [load.metrics["request_throughput"] for load in loads], COLOURS[4], "circle"),
        ("goodput: within the target", [load.goodput for load in loads], COLOURS[2], "diamond"),
    ):
        figure.add_scatter(
            x=users, y=values, row=1, col=2, mode="lines+markers", name=name, line={"color": colour},
            marker={"size": 10, "symbol": symbol},
        )  # fmt: skip
    summary = "; ".join(
        f"{load.users} users {load.metrics['output_throughput']:.0f} tokens/s, P95 TTFT"
        f" {load.metrics['p95_ttft_ms']:.0f} ms, goodput {load.goodput:.2f}/s"
        for load in loads
    )
    x, y = ({"title": title, "rangemode": "tozero"} for title in ("output tokens per second", "P95 TTFT, ms"))
    x2 = {"title": "users (requests in flight)", "type": "log", "tickvals": users}
    y2 = {"title": "requests per second", "rangemode": "tozero"}
    figure.update_layout(legend={"orientation": "h", "y": 1.12, "x": 0.55})
    alt = f"Throughput, latency and goodput by load: {summary or 'nothing measured'}"
    return styled(figure, alt, x=x, y=y, xaxis2=x2, yaxis2=y2, height=380)


def published(mine: Mapping[str, Any], run: catalog.SpeedRun, *, name: str = "here") -> Chart:
    """Return the mean times of a `metrics.table` and of a published run, as two dots for each metric."""
    pairs = {
        label: (mine[key], theirs)
        for label, key, theirs in (
            ("first token (TTFT)", "mean_ttft_ms", run.ttft_ms["mean"]),
            ("each further token (TPOT)", "mean_tpot_ms", run.tpot_ms["mean"]),
            ("gap between chunks (ITL)", "mean_itl_ms", run.itl_ms["mean"]),
            ("whole request (E2E)", "mean_e2e_latency_ms", run.e2e_ms["mean"]),
        )
        if mine.get(key)
    }
    figure = go.Figure()
    for label, pair in pairs.items():
        figure.add_scatter(
            x=pair, y=[label] * 2, mode="lines", line={"color": _GREY}, showlegend=False, hoverinfo="skip"
        )
    source = f"published: {run.model} on {run.gpus} × {run.gpu}"
    for index, (title, colour, side) in enumerate(((name, COLOURS[1], "top"), (source, COLOURS[0], "bottom"))):
        values = [pair[index] for pair in pairs.values()]
        figure.add_scatter(
            x=values, y=list(pairs), mode="markers+text", name=plotly_text(title), text=[_short(v) for v in values],
            marker={"size": 12, "color": colour}, textposition=f"{side} center", cliponaxis=False,
            hovertemplate="%{y}: %{text} ms<extra></extra>",
        )  # fmt: skip
    means = "; ".join(f"{label} {_short(a)} ms, published {_short(b)} ms" for label, (a, b) in pairs.items())
    x, y = {"title": "mean, ms (logarithmic)", "type": "log"}, {"title": "metric", "autorange": "reversed"}
    return styled(figure, f"Mean times: {means or 'nothing measured'}", x=x, y=y, title="How long does each part take?")


def _short(value: float) -> str:
    return f"{value:,.1f}" if value >= 1 else f"{value:.2g}"


def roofline(gpus: int = 8, *, measured: Sequence[tuple[str, str, float]] = ()) -> Chart:
    """Return the least time per output token by model size and GPU; `measured` (GPU, size, seconds) are dots.

    Raises `BadInput` for an unknown GPU or size, or a time of 0 or less.
    """
    figure = go.Figure()
    sizes = list(catalog.MODELS)
    for (gpu, colour), dash in zip(zip(catalog.GPUS, COLOURS, strict=False), ("solid", "dash", "dot"), strict=True):
        figure.add_scatter(
            x=sizes, y=[1000 * bound(gpu, size, gpus) for size in sizes], mode="lines+markers", name=gpu,
            line={"color": colour, "dash": dash},
            hovertemplate="%{x} on " + gpu + ": at least %{y:.2f} ms<extra></extra>",
        )  # fmt: skip
    sentences = []
    for gpu, size, tpot_s in measured:
        if tpot_s <= 0:
            raise BadInput(f"A time of {tpot_s:g} s per output token cannot be drawn: it must be greater than 0.")
        share = bound(gpu, size, gpus) / tpot_s
        sentences.append(f"{size} on {gpu}: {1000 * tpot_s:.2f} ms, {share:.0%} of the bound")
        figure.add_scatter(
            x=[size], y=[1000 * tpot_s], mode="markers+text", name=plotly_text(f"measured on {gpu}"),
            textposition="bottom left", text=[f"{1000 * tpot_s:.2f} ms, {share:.0%}"],
            marker={"size": 13, "color": COLOURS[1], "symbol": "diamond"},
        )  # fmt: skip
    alt = "Least time per output token by memory bandwidth; " + "; ".join(sentences)
    y = {"title": f"time per output token on {gpus} GPUs, ms", "rangemode": "tozero"}
    return styled(figure, alt, x="model size", y=y, title="How fast could the memory be read?")


def costs(pictures_per_s: Mapping[str, float], dollars_per_hour: float) -> Chart:
    """Return the cost of a thousand pictures at each of several rates; the price is of the whole server per hour.

    Raises `BadInput` for a negative price, or for a rate of 0 or less.
    """
    if dollars_per_hour < 0 or min(pictures_per_s.values(), default=1.0) <= 0:
        raise BadInput("The price must not be negative, and the rate must be greater than 0 pictures per second.")
    prices = {name: dollars_per_hour / 3600 / rate * 1000 for name, rate in pictures_per_s.items()}
    figure = go.Figure()
    figure.add_bar(
        x=list(prices.values()), y=list(map(plotly_text, prices)), orientation="h", marker_color=COLOURS[0],
        text=[f"${price:,.2f}" for price in prices.values()], textposition="outside", cliponaxis=False,
    )  # fmt: skip
    summary = "; ".join(f"{name} ${price:.2f}" for name, price in prices.items())
    x = f"dollars per thousand pictures, at ${dollars_per_hour:g} per hour for the server"
    return styled(figure, f"Cost of a thousand pictures: {summary}", x=x, y={"title": "load", "autorange": "reversed"})
