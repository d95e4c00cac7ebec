"""The accuracy of a model: a dot with its interval for each subject, runs side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from vlnb import catalog
from vlnb.accuracy.mmmu.results import OVERALL
from vlnb.charts.style import Chart, plotly_text, styled
from vlnb.draw.colours import COLOURS
from vlnb.errors import BadInput

if TYPE_CHECKING:
    from vlnb.accuracy.mmmu import Scores

_ROW_PX, _EDGES_PX = 19, 130
_SYMBOLS = ("circle", "diamond", "square", "cross")
_OFFSET = 0.22  # between two runs, as a share of a row


def accuracy(runs: Mapping[str, Scores]) -> Chart:
    """Return the accuracy of each run (at most four) by subject, domain and overall, with intervals of 95 %."""
    if not 0 < len(runs) <= len(_SYMBOLS):
        raise BadInput(f"{len(runs)} runs cannot be told apart in one chart: give one to {len(_SYMBOLS)}.")
    rows = list(dict.fromkeys(row for run in runs.values() for row in run.rows))
    figure = go.Figure()
    for number, ((name, run), colour) in enumerate(zip(runs.items(), COLOURS, strict=False)):
        shift = _OFFSET * (number - (len(runs) - 1) / 2)
        scores = run.rows.values()
        figure.add_scatter(
            x=[100 * score.accuracy for score in scores], y=[rows.index(row) + shift for row in run.rows],
            name=plotly_text(name), mode="markers", marker={"color": colour, "symbol": _SYMBOLS[number], "size": 9},
            error_x={
                "type": "data", "symmetric": False, "thickness": 1.2, "width": 2, "color": colour,
                "array": [100 * (score.high - score.accuracy) for score in scores],
                "arrayminus": [100 * (score.accuracy - score.low) for score in scores],
            },
            text=[f"{_label(row)}: {score}" for row, score in run.rows.items()],
            hovertemplate="%{text}<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    bold = {OVERALL, *catalog.MMMU_DOMAINS}
    labels = [f"<b>{_label(row)}</b>" if row in bold else _label(row) for row in rows]
    summary = "; ".join(f"{name}: overall {run.overall}" for name, run in runs.items())
    x = {"title": "right, % (bar: 95 % interval)", "range": [0, 103], "dtick": 20}
    y = {"title": "subject, by domain", "range": [len(rows) - 0.4, -0.6], "showgrid": False}
    y |= {"tickvals": list(range(len(rows))), "ticktext": labels}
    figure.update_layout(legend={"orientation": "h", "y": 1.0, "yanchor": "bottom"})
    height = _EDGES_PX + _ROW_PX * len(rows)
    return styled(figure, f"Accuracy by subject. {summary}", x=x, y=y, height=height)


def _label(row: str) -> str:
    return plotly_text(row.replace("_", " "))
