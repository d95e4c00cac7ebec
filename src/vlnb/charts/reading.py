"""The quality of answers: what a smaller picture loses, and published scores."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from vlnb.charts.style import Chart, plotly_text, styled
from vlnb.draw.colours import COLOURS

if TYPE_CHECKING:
    from vlnb.accuracy.resolution import Measured

_DOUBLING = "0.30103"  # log10 of 2


def dial(points: Sequence[Measured]) -> Chart:
    """Return two curves over the token budget of a picture: the share of the text that was read, and the seconds."""
    from plotly.subplots import make_subplots

    tokens = [point.step.tokens for point in points]
    sizes = [f"{point.step.size[0]} × {point.step.size[1]} px" for point in points]
    figure = make_subplots(cols=2, horizontal_spacing=0.12)
    accuracy, seconds = [100 * point.accuracy for point in points], [point.seconds for point in points]
    for column, (values, unit) in enumerate(((accuracy, "%"), (seconds, "s")), 1):
        hover = "%{text}<br>%{x} tokens: %{y:.3~g} " + unit + "<extra></extra>"
        figure.add_scatter(
            x=tokens, y=values, text=sizes, mode="lines+markers", hovertemplate=hover, row=1, col=column,
            line={"color": COLOURS[column - 1], "width": 3}, marker={"size": 9}, showlegend=False,
        )  # fmt: skip
    summary = "; ".join(f"{p.step.tokens} tokens: {p.accuracy:.0%} in {p.seconds:.2f} s" for p in points)
    x = {"title": "picture tokens (each step doubles)", "type": "log", "dtick": _DOUBLING}
    y, y2 = {"title": "text read right, %", "range": [0, 104]}, {"title": "whole answer, s", "rangemode": "tozero"}
    alt = f"Share of the text read right, and seconds, over the tokens of the picture: {summary or 'nothing measured'}"
    return styled(figure, alt, x=x, y=y, xaxis2=x, yaxis2=y2)


def scores(published: Mapping[str, Mapping[str, float]]) -> Chart:
    """Return a dot for each model size on each benchmark; `published` is benchmark → size → percent."""
    figure = go.Figure()
    sizes = list(dict.fromkeys(size for by_size in published.values() for size in by_size))
    colours, symbols = itertools.cycle(COLOURS), itertools.cycle(("circle", "square", "diamond", "cross"))
    for size, colour, symbol in zip(sizes, colours, symbols, strict=False):
        percents = {name: by_size[size] for name, by_size in published.items() if size in by_size}
        figure.add_scatter(
            x=list(percents.values()), y=list(map(plotly_text, percents)), mode="markers", name=plotly_text(size),
            marker={"size": 12, "color": colour}, marker_symbol=symbol,
            hovertemplate="%{y}: %{x} %<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    y = {"autorange": "reversed", "categoryorder": "array", "categoryarray": list(map(plotly_text, published))}
    alt = "; ".join(f"{name}: " + ", ".join(f"{s} {v} %" for s, v in by.items()) for name, by in published.items())
    return styled(figure, alt, x={"title": "published score, %", "range": [0, 100]}, y=y, legend_title="model size")
