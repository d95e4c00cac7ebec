"""Charts in one style: every axis has a unit, and colours mean the same everywhere."""

from __future__ import annotations

from vlnb.charts.accuracy import accuracy
from vlnb.charts.reading import dial, scores
from vlnb.charts.report import SCRIPT, metrics_table, page, script
from vlnb.charts.speed import concurrency, costs, distribution, progress, published, roofline, strip, sweep, timeline
from vlnb.charts.style import live, redraw

__all__ = [
    "SCRIPT", "accuracy", "concurrency", "costs", "dial", "distribution", "live", "metrics_table", "page", "progress",
    "published", "redraw", "roofline", "scores", "script", "strip", "sweep", "timeline",
]  # fmt: skip
