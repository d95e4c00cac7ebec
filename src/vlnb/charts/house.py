"""The house style of every chart: white, units on the axes, room for the labels, words for who cannot see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import plotly.graph_objects as go

_HEIGHT_PX = 340


def house(figure: go.Figure, alt: str, *, height: int = _HEIGHT_PX) -> go.Figure:
    """Give a figure the house's look; `alt` says in words what it shows."""
    figure.update_yaxes(automargin=True)
    figure.layout.template = "plotly_white"  # set, not updated: an update leaves the old one's colours
    return figure.update_layout(height=height, margin={"l": 60, "r": 10, "t": 30, "b": 50}, meta={"alt": alt})
