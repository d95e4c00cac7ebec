"""Charts: every axis with its unit, the same colours everywhere, one house style."""

from __future__ import annotations

from vlnb.charts.accuracy import accuracy
from vlnb.charts.reading import dial, scores
from vlnb.charts.report import page
from vlnb.charts.speed import costs, distribution, front, published, rates, roofline, timeline
from vlnb.charts.style import live, redraw

__all__ = [
    "accuracy", "costs", "dial", "distribution", "front", "live", "page",
    "published", "rates", "redraw", "roofline", "scores", "timeline",
]  # fmt: skip
