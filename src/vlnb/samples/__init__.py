"""Pictures that code draws, each with its truth: the same seed gives the same pixels on every machine."""

from __future__ import annotations

from vlnb.samples.canvas import Sample, Truth
from vlnb.samples.figures import bars, chart, table
from vlnb.samples.receipt import receipt
from vlnb.samples.scenes import lot, shelf, street

__all__ = ["Sample", "Truth", "bars", "chart", "lot", "receipt", "shelf", "street", "table"]
