"""The house style of every chart: white, units on the axes, room for the labels, words for who cannot see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import plotly.graph_objects as go

_HEIGHT_PX = 340


def styled(figure: go.Figure, alt: str, *, height: int = _HEIGHT_PX) -> go.Figure:
    """Give a figure the house's look; `alt` says in words what it shows."""
    figure.update_yaxes(automargin=True)
    figure.layout.template = "plotly_white"  # set, not updated: an update leaves the old one's colours
    return figure.update_layout(height=height, margin={"l": 60, "r": 10, "t": 30, "b": 50}, meta={"alt": alt})


def live(figure: go.Figure) -> go.FigureWidget:
    """Return the figure as a widget whose data `redraw` can replace while it is shown."""
    import plotly.graph_objects as go

    return go.FigureWidget(figure)


def redraw(shown: go.FigureWidget, figure: go.Figure) -> None:
    """Show the data of `figure` in a live one. Axes stay as the person zoomed them."""
    with shown.batch_update():
        if len(shown.data) == len(figure.data):
            for here, new in zip(shown.data, figure.data, strict=True):
                here.update(new.to_plotly_json())
        else:
            shown.data = ()
            shown.add_traces(figure.data)
        shown.layout.meta = figure.layout.meta
