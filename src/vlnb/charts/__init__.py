"""Charts: every axis with its unit, the same colours everywhere, one house style."""

from __future__ import annotations

from vlnb.charts.accuracy import accuracy
from vlnb.charts.quality import dial, scores
from vlnb.charts.speed import costs, distribution, front, published, rates, roofline, timeline

__all__ = [
    "accuracy", "costs", "dial", "distribution", "front", "published", "rates", "roofline", "scores", "timeline",
]  # fmt: skip
