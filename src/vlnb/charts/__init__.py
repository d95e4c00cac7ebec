"""Charts: every axis with its unit, the same colours everywhere, one house style."""

from __future__ import annotations

from vlnb.charts.accuracy import accuracy
from vlnb.charts.reading import dial, scores
from vlnb.charts.report import metrics_table, page
from vlnb.charts.speed import costs, distribution, progress, published, roofline, strip, sweep, timeline
from vlnb.charts.style import live, redraw

__all__ = [
    "accuracy", "costs", "dial", "distribution", "live", "metrics_table", "page", "progress",
    "published", "redraw", "roofline", "scores", "strip", "sweep", "timeline",
]  # fmt: skip
