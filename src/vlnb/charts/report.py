"""Runs as one HTML file that opens anywhere without a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vlnb.bench.report import number, sentences, table
from vlnb.charts.speed import concurrency, distribution, timeline
from vlnb.errors import BadInput
from vlnb.markup import Html, element, listed

if TYPE_CHECKING:
    from vlnb.bench.store import Stored

_SPREADS = {"ttft": "time to first token", "itl": "the gap between chunks", "e2e": "the whole request"}
_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>vlnb bench report</title>'
    "<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:960px;margin:2em auto;padding:0 1em}}"
    "td{{text-align:right;padding:0 1em}}th{{text-align:left}}</style>{}</html>"
)


def page(runs: Mapping[str, Stored]) -> str:
    """Return one self-contained HTML page with tables, charts and sentences. Raises `BadInput` without records."""
    if not any(run.records for run in runs.values()):
        raise BadInput("There is no request on disk yet, so there is nothing to report.")
    records = {name: run.records for name, run in runs.items()}
    figures = [(f"How {what} is spread", distribution(records, key)) for key, what in _SPREADS.items()]
    for name, run in runs.items():
        figures += [(f"Where the time went: {name}", timeline(run.records))]
        figures += [(f"Requests in flight: {name}", concurrency(run.records))]
    parts = [element("h1", ", ".join(runs))]
    for name, run in runs.items():
        server = run.manifest["server"]
        parts.append(element("h2", name))
        parts.append(element("p", f"{server['model']} at {server['base_url']}, {run.manifest['created']}"))
        parts.append(listed(sentences(run)))
    parts.append(Html(table(dict(runs)).map(number).to_html(border=0)))
    for place, (title, figure) in enumerate(figures):
        drawn = Html(figure.to_html(full_html=False, include_plotlyjs=not place))
        parts.append(element("h2", title))
        parts.append(element("div", drawn, role="img", aria_label=figure.layout.meta["alt"]))
    return _PAGE.format("".join(parts))
