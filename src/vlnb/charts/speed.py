"""How fast a server is: where the time of a request goes, how times are spread, and what the hardware would allow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vlnb import catalog
from vlnb.bench import metrics
from vlnb.bench.roofline import bound, cost_per_thousand
from vlnb.charts.style import styled
from vlnb.draw.colours import COLOURS
from vlnb.draw.html import plotly_text
from vlnb.errors import BadInput

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from vlnb.bench.search import Probe
    from vlnb.bench.store import Record

_POINTS = 2_000  # of a curve: more cannot be told apart on a screen
_BINS = 40  # of a histogram, equally wide on its logarithmic axis
_LEAST_MS = 0.01  # chunks that came together have no gap, and a logarithm has no zero
_TICKED = 20  # requests that each get a number on the axis
_ROWS = 200  # requests of a timeline
_PHASES = ("queue", "connect", "upload", "server", "stream")
_GREY = "#BBBBBB"
PHASE_COLOURS = dict(zip(_PHASES, (_GREY, "#56B4E9", "#E69F00", "#D55E00", "#0072B2"), strict=True))

_HOVERS = {
    "curve": "%{y:.1f} % take at most %{x:.1f} ms",
    "histogram": "%{y:.1f} % take from %{x:.2f} ms to the next step",
}
_SERIES: Mapping[str, tuple[str, Callable[[Record], Sequence[float]]]] = {
    "ttft": ("time to first token (TTFT)", lambda r: [] if r.ttft_s is None else [r.ttft_s]),
    "itl": ("gap between chunks (ITL)", lambda r: r.itl_s),
    "tpot": ("time per output token (TPOT)", lambda r: [t for t in [metrics.tpot_s(r)] if t is not None]),
    "e2e": ("whole request (E2E)", lambda r: [r.e2e_s]),
}


def timeline(records: Sequence[Record]) -> go.Figure:
    """Return a bar for each request, coloured by its phases; of more than 200 requests 200, evenly chosen."""
    import plotly.graph_objects as go

    step = max(1, -(-len(records) // _ROWS))
    rows = records[::step]
    figure = go.Figure()
    parts = [(record.id, *part) for record in rows for part in metrics.phases(record)]
    for phase in _PHASES:
        mine = [(number, start, length) for number, name, start, length in parts if name == phase]
        figure.add_bar(
            y=[number for number, *_ in mine], x=[length for *_, length in mine], base=[start for _, start, _ in mine],
            orientation="h", name=phase, marker={"color": PHASE_COLOURS[phase], "line": {"width": 0}},
            hovertemplate=f"request %{{y}}, {phase}: %{{x:.4f}} s<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title="seconds since the start")
    figure.update_yaxes(
        title=f"request{f', every {step}th' if step > 1 else ''}",
        autorange="reversed",
        dtick=1 if len(rows) <= _TICKED else None,
    )
    figure.update_layout(barmode="overlay", legend_title="phase", bargap=0.15)
    sums = {phase: sum(length for _, name, _, length in parts if name == phase) for phase in _PHASES}
    said = ", ".join(f"{phase} {seconds / max(1, len(rows)):.3f} s" for phase, seconds in sums.items())
    return styled(figure, f"{len(rows)} requests as bars; on average {said}", height=min(700, 240 + 12 * len(rows)))


def distribution(runs: Mapping[str, Sequence[Record]], what: str = "ttft", *, kind: str = "curve") -> go.Figure:
    """Return for each run which share was at most so long, of its requests, or of its chunks where `what` is "itl".

    `what` is "ttft", "tpot", "itl" or "e2e". The curve of a run with very many values is drawn through 2,000 of them.
    With kind="histogram" it is the share in each of 40 bins instead, which shows two humps where there are two.
    """
    import numpy as np
    import plotly.graph_objects as go

    if what not in _SERIES:
        raise BadInput(f"{what!r} is not measured: choose one of {', '.join(_SERIES)}.")
    if kind not in _HOVERS:
        raise BadInput(f"kind={kind!r} is none: choose {' or '.join(_HOVERS)}.")
    name, values_of = _SERIES[what]
    figure, said = go.Figure(), []
    for (run, records), colour in zip(runs.items(), COLOURS, strict=False):
        values = np.sort([1000 * value for record in records if record.error is None for value in values_of(record)])
        if not len(values):
            continue
        x, y = _curve(values) if kind == "curve" else _histogram(values)
        figure.add_scatter(
            x=x, y=y, mode="lines", name=plotly_text(run), line={"color": colour, "width": 3, "shape": "hv"},
            hovertemplate=f"{_HOVERS[kind]}<extra>%{{fullData.name}}</extra>",
        )  # fmt: skip
        half, most = np.percentile(values, [50, 99])
        said.append(f"{run}: half within {half:.1f} ms, 99 % within {most:.1f} ms")
    figure.update_xaxes(title=f"{name}, ms (logarithmic)", type="log")
    if kind == "curve":
        figure.add_hline(y=50, line={"color": _GREY, "dash": "dot"})
        figure.add_hline(y=99, line={"color": _GREY, "dash": "dot"})
        figure.update_yaxes(title="at most so long, %", range=[0, 102])
    else:
        figure.update_traces(fill="tozeroy")
        figure.update_yaxes(title="share in each bin, %", rangemode="tozero")
    return styled(figure, f"Distribution of {name}. " + "; ".join(said))


def _curve(sorted_ms: Any) -> tuple[Any, Any]:  # noqa: ANN401 - numpy is imported where it is used
    """Return (ms, % that take at most so long), through at most 2,000 of the values."""
    import numpy as np

    at = np.unique(np.linspace(0, len(sorted_ms) - 1, min(len(sorted_ms), _POINTS)).astype(int))
    return sorted_ms[at], 100 * (at + 1) / len(sorted_ms)


def _histogram(sorted_ms: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """Return (edges of the bins in ms, % in the bin that begins there, and 0 at the last edge)."""
    import numpy as np

    values = np.maximum(sorted_ms, _LEAST_MS)
    edges = np.geomspace(0.999 * values[0], 1.001 * values[-1], _BINS + 1)
    return edges, np.append(100 * np.histogram(values, edges)[0] / len(values), 0.0)


def rates(records: Sequence[Record], *, bucket_s: float = 1.0) -> go.Figure:
    """Return the chunks of text that came in each `bucket_s` seconds, as a rate: how a server fills, and runs empty."""
    import numpy as np
    import plotly.graph_objects as go

    times = [
        record.started_s + record.ttft_s + offset
        for record in records
        if record.ttft_s is not None
        for offset in (0.0, *np.cumsum(record.itl_s))
    ]
    counts = np.bincount((np.asarray(times) / bucket_s).astype(int)) if times else np.zeros(0)
    figure = go.Figure()
    figure.add_bar(x=(np.arange(len(counts)) + 0.5) * bucket_s, y=counts / bucket_s, marker_color=COLOURS[0])
    figure.update_xaxes(title="seconds since the start")
    figure.update_yaxes(title="chunks of text a second")
    most = f"{counts.max() / bucket_s:.0f}" if len(counts) else "0"
    return styled(figure, f"Chunks of text a second over time; at most {most}")


def front(probes: Sequence[Probe]) -> go.Figure:
    """Return throughput against latency, a point for each load that was tried: best is at the right, below."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for kept, colour, name in ((True, COLOURS[2], "keeps the objective"), (False, COLOURS[1], "misses it")):
        mine = [probe for probe in probes if probe.kept == kept]
        figure.add_scatter(
            x=[p.output_token_per_s for p in mine], y=[1000 * p.ttft_s for p in mine], mode="markers+text", name=name,
            text=[str(p.load) for p in mine], textposition="top center", marker={"size": 12, "color": colour},
            marker_symbol="circle" if kept else "x",
            hovertemplate="%{text} users: %{x:.0f} tokens a second, P95 TTFT %{y:.0f} ms<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title="output tokens a second", rangemode="tozero")
    figure.update_yaxes(title="P95 TTFT, ms", rangemode="tozero")
    said = "; ".join(f"{p.load} users {p.output_token_per_s:.0f} tokens/s, {1000 * p.ttft_s:.0f} ms" for p in probes)
    return styled(figure, f"Throughput against time to first token: {said}")


def published(mine: Mapping[str, Any], run: catalog.SpeedRun, *, name: str = "here") -> go.Figure:
    """Return the mean times of a `metrics.table` beside those of a published run, with the ratio in words."""
    import plotly.graph_objects as go

    pairs = {
        "TTFT": (mine.get("mean_ttft_ms"), run.ttft_ms["mean"]),
        "TPOT": (mine.get("mean_tpot_ms"), run.tpot_ms["mean"]),
        "ITL": (mine.get("mean_itl_ms"), run.itl_ms["mean"]),
        "E2E": (mine.get("mean_e2e_latency_ms"), run.e2e_ms["mean"]),
    }
    known = {what: (here, there) for what, (here, there) in pairs.items() if here is not None}
    figure = go.Figure()
    who = (f"published: {run.model} on {run.gpus} × {run.gpu}", [there for _, there in known.values()], COLOURS[0])
    for title, values, colour in (who, (name, [here for here, _ in known.values()], COLOURS[1])):
        figure.add_bar(
            x=values, y=list(known), orientation="h", name=plotly_text(title), marker_color=colour,
            text=[_short(v) for v in values], textposition="outside", cliponaxis=False,
            hovertemplate="%{y}: %{text} ms<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title="mean, ms (logarithmic)", type="log")
    figure.update_yaxes(autorange="reversed")
    ratios = ", ".join(f"{what} {_short(here / there)}" for what, (here, there) in known.items() if there)
    said = f"{ratios} times the published" if ratios else "nothing measured"
    figure.update_layout(title={"text": said, "font": {"size": 13}, "x": 0, "xref": "paper"})
    return styled(figure, f"Mean times of {name} and of the published {run.name} run: {said}")


def _short(value: float) -> str:
    return f"{value:,.1f}" if value >= 1 else f"{value:.2g}"


def roofline(gpus: int = 8, *, measured: Sequence[tuple[str, str, float]] = ()) -> go.Figure:
    """Return the least time per output token by model size and GPU, with measured ones (GPU, size, seconds) as dots."""
    import plotly.graph_objects as go

    figure = go.Figure()
    sizes = list(catalog.MODELS)
    for (gpu, colour), dash in zip(zip(catalog.GPUS, COLOURS, strict=False), ("solid", "dash", "dot"), strict=True):
        figure.add_scatter(
            x=sizes, y=[1000 * bound(gpu, size, gpus) for size in sizes], mode="lines+markers", name=gpu,
            line={"color": colour, "dash": dash},
            hovertemplate="%{x} on " + gpu + ": at least %{y:.2f} ms<extra></extra>",
        )  # fmt: skip
    said = []
    for gpu, size, tpot_s in measured:
        share = bound(gpu, size, gpus) / tpot_s
        said.append(f"{size} on {gpu}: {1000 * tpot_s:.2f} ms, {share:.0%} of the bound")
        figure.add_scatter(
            x=[size], y=[1000 * tpot_s], mode="markers+text", name=plotly_text(f"measured on {gpu}"),
            textposition="top center", text=[f"{1000 * tpot_s:.2f} ms, {share:.0%}"],
            marker={"size": 13, "color": "black", "symbol": "diamond"},
        )  # fmt: skip
    figure.update_xaxes(title="model size")
    figure.update_yaxes(title=f"time per output token on {gpus} GPU(s), ms", rangemode="tozero")
    return styled(figure, "Least time per output token by memory bandwidth; " + "; ".join(said))


def costs(pictures_per_s: Mapping[str, float], dollars_per_hour: float) -> go.Figure:
    """Return what a thousand pictures cost with each of several rates, at a price of the whole server an hour."""
    import plotly.graph_objects as go

    prices = {name: cost_per_thousand(dollars_per_hour, rate) for name, rate in pictures_per_s.items()}
    figure = go.Figure()
    figure.add_bar(
        x=list(prices.values()), y=list(map(plotly_text, prices)), orientation="h", marker_color=COLOURS[0],
        text=[f"${price:,.2f}" for price in prices.values()], textposition="outside", cliponaxis=False,
    )  # fmt: skip
    figure.update_xaxes(title=f"dollars a thousand pictures, at ${dollars_per_hour:g} an hour for the server")
    figure.update_yaxes(autorange="reversed")
    said = "; ".join(f"{name} ${price:.2f}" for name, price in prices.items())
    return styled(figure, f"Cost of a thousand pictures: {said}")
