"""How right a model is: a dot for each subject with its interval, runs beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from vlnb import catalog
from vlnb.charts.style import Chart, plotly_text, styled
from vlnb.draw.colours import COLOURS
from vlnb.errors import BadInput

if TYPE_CHECKING:
    from vlnb.accuracy.mmmu import Interval, Scores

_ROW_PX, _EDGES_PX = 19, 130
_SYMBOLS = ("circle", "diamond", "square", "cross")
_APART = 0.22  # of a row, between two runs


def accuracy(runs: Mapping[str, Scores]) -> Chart:
    """Return the accuracy of each run (at most four) by subject, domain and overall, with intervals of 95 %.

    Subjects stand below their domain, domains in MMMU's order.
    """
    if not 0 < len(runs) <= len(_SYMBOLS):
        raise BadInput(f"{len(runs)} runs cannot be told apart in one chart: give one to {len(_SYMBOLS)}.")
    rows = list(dict.fromkeys(row for found in runs.values() for row, _, _ in _rows(found)))
    shown = {row: title for found in runs.values() for row, title, _ in _rows(found)}
    figure = go.Figure()
    for number, ((name, found), colour) in enumerate(zip(runs.items(), COLOURS, strict=False)):
        mine = [(rows.index(row), title, score) for row, title, score in _rows(found)]
        shift = _APART * (number - (len(runs) - 1) / 2)
        percent = [100 * score.accuracy for *_, score in mine]
        figure.add_scatter(
            x=percent, y=[place + shift for place, *_ in mine], name=plotly_text(name), mode="markers",
            marker={"color": colour, "symbol": _SYMBOLS[number], "size": 9},
            error_x={
                "type": "data", "symmetric": False, "thickness": 1.2, "width": 2, "color": colour,
                "array": [100 * score.high - at for at, (*_, score) in zip(percent, mine, strict=True)],
                "arrayminus": [at - 100 * score.low for at, (*_, score) in zip(percent, mine, strict=True)],
            },
            text=[f"{_plain(title)}: {score}" for _, title, score in mine],
            hovertemplate="%{text}<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    figure.update_xaxes(title="right, % (bar: 95 % interval)", range=[0, 103], dtick=20)
    figure.update_yaxes(
        title="subject, by domain", tickvals=list(range(len(rows))), ticktext=[shown[row] for row in rows],
        range=[len(rows) - 0.4, -0.6], showgrid=False,
    )  # fmt: skip
    figure.update_layout(legend={"orientation": "h", "y": 1.0, "yanchor": "bottom"})
    said = "; ".join(f"{name}: overall {found.overall}" for name, found in runs.items())
    return styled(figure, f"Accuracy by subject. {said}", height=_EDGES_PX + _ROW_PX * len(rows))


def _rows(found: Scores) -> Iterator[tuple[str, str, Interval]]:
    """Yield (key, label, score): overall, then each domain in bold and its subjects."""
    yield "Overall", "<b>Overall</b>", found.overall
    known = set()
    for domain, subjects in catalog.MMMU_DOMAINS.items():
        if domain in found.domains:
            yield domain, f"<b>{domain}</b>", found.domains[domain]
        for subject in subjects:
            if subject in found.subjects:
                known.add(subject)
                yield subject, plotly_text(subject.replace("_", " ")), found.subjects[subject]
    for subject, score in found.subjects.items():
        if subject not in known:
            yield subject, plotly_text(subject.replace("_", " ")), score


def _plain(title: str) -> str:
    return title.replace("<b>", "").replace("</b>", "")
