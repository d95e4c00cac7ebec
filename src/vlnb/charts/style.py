"""The house style of every chart: it follows the page's theme, and says in words what it shows."""

from __future__ import annotations

import html
from typing import Any

import plotly.graph_objects as go

from vlnb.markup import Html, element

Axis = str | dict[str, Any]
_HEIGHT_PX = 340
_WORDS = 120  # characters of a label or an attribute shown
# Plotly writes colours into each text; only a rule of the page can follow a change of JupyterLab's theme.
THEME_CSS = """
.js-plotly-plot .main-svg text { fill: var(--jp-content-font-color1, CanvasText) !important; }
.js-plotly-plot .hoverlayer text { fill: #fff !important; }
.js-plotly-plot .gridlayer path, .js-plotly-plot .zerolinelayer path
  { stroke: var(--jp-border-color2, #8886) !important; }
.js-plotly-plot .vlnb-ink path { stroke: var(--jp-content-font-color1, CanvasText) !important; }
"""


class Chart(go.Figure):  # type: ignore[misc]
    """A figure that follows the theme of the page in which it is shown."""

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display({"text/html": element("style", Html(THEME_CSS)), "text/plain": ""}, raw=True)  # type: ignore[no-untyped-call]
        super()._ipython_display_()


def styled(figure: go.Figure, alt: str, *, x: Axis, y: Axis, title: str = "", **layout: Any) -> Chart:  # noqa: ANN401
    """Return a figure in the house's look.

    `alt` says in words what it shows, `title` is the question it answers. `x` and `y` are the titles of the axes, with
    their units, or what else plotly is to know of each; `layout` is what it is to know of the rest.
    """
    made = Chart(figure)
    made.layout.template = "plotly_white"  # set, not updated: an update leaves the old one's colours
    clear = "rgba(0,0,0,0)"
    made.update_layout(paper_bgcolor=clear, plot_bgcolor=clear, legend={"bgcolor": clear}, meta={"alt": alt})
    if title:
        made.update_layout(title={"text": title, "font": {"size": 15}, "x": 0, "xref": "paper", "yref": "container"})
    made.update_layout(height=_HEIGHT_PX, margin={"l": 60, "r": 10, "t": 50 if title else 30, "b": 50})
    xaxis, yaxis = ({"title": one} if isinstance(one, str) else one for one in (x, y))
    made.update_layout(xaxis=xaxis, yaxis=yaxis, **layout)
    made.update_yaxes(automargin=True)
    return made


def plotly_text(text: str) -> str:
    """Return `text` for plotly: on one line, shortened, with nothing that plotly reads as markup or as a template.

    Use it for names, categories and texts. A hover template must not contain untrusted words at all: write
    `%{fullData.name}` there.

    >>> plotly_text("<b>50 %</b>")
    '&lt;b&gt;50 %&lt;/b&gt;'
    """
    text = " ".join(text.split())
    return html.escape(text if len(text) <= _WORDS else text[: _WORDS - 1] + "…").replace("%{", "%&#123;")


def live(figure: go.Figure) -> go.FigureWidget:
    """Return the figure as a widget whose data `redraw` can replace while it is shown."""
    return go.FigureWidget(figure)


def redraw(shown: go.FigureWidget, figure: go.Figure) -> None:
    """Show the data of `figure` in a live one with as many traces. Axes stay as the person zoomed them."""
    with shown.batch_update():
        for here, new in zip(shown.data, figure.data, strict=True):
            here.update(new.to_plotly_json())
        shown.layout.meta = figure.layout.meta
