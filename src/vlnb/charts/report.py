"""A report on runs: an HTML page that opens without a network, and the script that draws its charts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from vlnb import markup
from vlnb.bench import metrics
from vlnb.bench.report import ROWS, cell, sentences
from vlnb.charts.speed import concurrency, distribution, timeline
from vlnb.charts.style import THEME_CSS
from vlnb.errors import BadInput
from vlnb.markup import Html, element, joined, listed, table

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from vlnb.bench.store import Stored

_SPREADS = {"ttft": "How long did the first token take?", "itl": "How long were the gaps between chunks?",
            "e2e": "How long did whole requests take?"}  # fmt: skip
SCRIPT = "plotly.min.js"
"""The file that the charts need in the folder of the page: 5 MB, the same for every page."""

_NO_SCRIPT = f"<script>window.Plotly || document.write('The charts need {SCRIPT} beside this page.')</script>"
_FEW = "† Too few requests for this percentile. Intervals in brackets: 95 %, bootstrap over requests."
_CSS = """
:root { --jp-content-font-color1: CanvasText; }
body { max-width: 960px; margin: 2em auto; }
table { border-collapse: collapse; } td, th { text-align: left; padding: 0.15em 1em 0.15em 0; vertical-align: top; }
tr { border-bottom: 1px solid #8884; } figure { margin: 1em 0 2em; } figcaption { max-width: 60em; }
@media print { :root { color-scheme: light; } figure, tr { break-inside: avoid; } body { max-width: none; } }
"""


def page(runs: Mapping[str, Stored]) -> str:
    """Return an HTML page with tables, charts and sentences. Its charts need `script()` beside it, as `SCRIPT`.

    Raises:
        BadInput: There are no records.
    """
    if not any(run.records for run in runs.values()):
        raise BadInput("No request of these runs is on disk yet, so there is nothing to report. Resume the run first.")
    title = f"Speed of {', '.join(dict.fromkeys(run.manifest.server.model for run in runs.values()))}"
    parts: list[Html] = []
    for name, run in runs.items():
        parts += [element("h2", name), table(("", ""), _about(run)), listed(sentences(run))]
    parts += [element("h2", "Metrics"), metrics_table(runs)]
    records = {name: run.records for name, run in runs.items()}
    figures = [(question, distribution(records, key)) for key, question in _SPREADS.items()]
    for name, run in runs.items():
        figures.append((f"Where did the time go? {name}", timeline(run.records)))
        figures.append((f"How many requests were in flight? {name}", concurrency(run.records)))
    parts += [element("script", src=SCRIPT), Html(_NO_SCRIPT)]
    parts += [_figure(question, figure) for question, figure in figures]
    return markup.page(title, *parts, css=_CSS + THEME_CSS)


def script() -> str:
    """Return the script that draws the charts of a page."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def metrics_table(runs: Mapping[str, Stored]) -> Html:
    """Return the metrics of runs side by side, each with its meaning; means with their 95 % interval."""
    columns = [(metrics.table(run), metrics.series(run.good)) for run in runs.values()]
    rows = ([row.title, *(cell(row, *column) for column in columns), row.meaning] for row in ROWS)
    return joined([table(("metric", *runs, "meaning"), rows), element("p", element("small", _FEW))])


def _about(run: Stored) -> Iterator[tuple[str, str]]:
    """Yield the conditions of a run: server, flags, workload, client."""
    plan, server = run.manifest.workload, run.manifest.server
    yield "date", run.manifest.created
    yield "server", f"{server.model} at {server.base_url}"
    flags = ", ".join(f"{name} {value}" for name, value in server.reported.items())
    yield "its settings", flags or "not reported"
    yield "its GPUs", server.gpus or "unknown: servers do not report them, and it did not run on this machine's GPUs"
    arriving = f"{plan.rate:g} per second at random times" if plan.rate else f"by {plan.concurrency} users"
    yield "requests", f"{plan.prompts:,} {arriving}, seed {plan.seed}"
    pictures = f"{plan.images} pictures{f' of {plan.resolution}' if plan.drawn else ''} ({plan.picture})"
    yield "each", f"{pictures}, up to {plan.input_len} text tokens in and {plan.output_len} tokens out"
    yield "client", ", ".join(f"{name} {value}" for name, value in run.manifest.client.items())


def _figure(question: str, figure: go.Figure) -> Html:
    drawn = Html(figure.to_html(full_html=False, include_plotlyjs=False))
    alt = figure.layout.meta["alt"]
    return element(
        "figure", element("h2", question), element("div", drawn, role="img", aria_label=alt), element("figcaption", alt)
    )
