"""The style of all charts: they follow the theme of the page, and have a text alternative."""

from __future__ import annotations

import html
from typing import Any

import plotly.graph_objects as go

from vlnb.markup import Html, element

Axis = str | dict[str, Any]
_HEIGHT_PX = 340
_MAX_CHARS = 120  # of a label
# Plotly sets the colour of each text; only a style rule of the page can follow a change of JupyterLab's theme.
THEME_CSS = """
.js-plotly-plot { overflow-x: auto !important; }
.js-plotly-plot .main-svg text { fill: var(--jp-content-font-color1, CanvasText) !important; }
.js-plotly-plot .hoverlayer text { fill: #fff !important; }
.js-plotly-plot .gridlayer path, .js-plotly-plot .zerolinelayer path
  { stroke: var(--jp-border-color2, #8886) !important; }
.js-plotly-plot .vlnb-ink path { stroke: var(--jp-content-font-color1, CanvasText) !important; }
"""


class Chart(go.Figure):  # type: ignore[misc]
    """A figure that follows the theme of the page that displays it."""

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display({"text/html": element("style", Html(THEME_CSS)), "text/plain": ""}, raw=True)  # type: ignore[no-untyped-call]
        super()._ipython_display_()


def styled(figure: go.Figure, alt: str, *, x: Axis, y: Axis, title: str = "", **layout: Any) -> Chart:  # noqa: ANN401
    """Return a figure in the common style.

    `alt` is its text alternative, `title` the question that it answers. `x` and `y` are the titles of the axes, with
    their units, or dictionaries of plotly's axis options; `layout` are further layout options.
    """
    chart = Chart(figure)
    chart.layout.template = "plotly_white"  # set, not updated: an update keeps the colours of the old template
    clear = "rgba(0,0,0,0)"
    chart.update_layout(paper_bgcolor=clear, plot_bgcolor=clear, legend={"bgcolor": clear}, meta={"alt": alt})
    if title:
        chart.update_layout(title={"text": title, "font": {"size": 15}, "x": 0, "xref": "paper", "yref": "container"})
    chart.update_layout(height=_HEIGHT_PX, margin={"l": 60, "r": 10, "t": 50 if title else 30, "b": 50})
    xaxis, yaxis = ({"title": axis} if isinstance(axis, str) else axis for axis in (x, y))
    chart.update_layout(xaxis=xaxis, yaxis=yaxis, **layout)
    chart.update_yaxes(automargin=True)
    return chart


def plotly_text(text: str) -> str:
    """Return `text` for plotly: on one line, shortened, without anything that plotly reads as markup or as a template.

    Use it for names, categories and texts. A hover template must not contain untrusted text: use `%{fullData.name}`.

    >>> plotly_text("<b>50 %</b>")
    '&lt;b&gt;50 %&lt;/b&gt;'
    """
    text = " ".join(text.split())
    return html.escape(text if len(text) <= _MAX_CHARS else text[: _MAX_CHARS - 1] + "…").replace("%{", "%&#123;")


def live(figure: go.Figure) -> go.FigureWidget:
    """Return the figure as a widget, whose data `redraw` can replace while it is displayed."""
    return go.FigureWidget(figure)


def redraw(widget: go.FigureWidget, figure: go.Figure) -> None:
    """Replace the data of a live figure with those of `figure`, which has as many traces. The zoom is kept."""
    with widget.batch_update():
        for old, new in zip(widget.data, figure.data, strict=True):
            old.update(new.to_plotly_json())
        widget.layout.meta = figure.layout.meta
