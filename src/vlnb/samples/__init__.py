"""Pictures made by code, each with its known truth: the same seed gives the same pixels on every machine."""

from __future__ import annotations

from vlnb.samples.canvas import Sample, Truth
from vlnb.samples.figures import bars, table
from vlnb.samples.receipt import receipt
from vlnb.samples.screens import chart, desktop
from vlnb.samples.shelf import shelf
from vlnb.samples.taxis import lot, street

__all__ = ["Sample", "Truth", "bars", "chart", "desktop", "lot", "receipt", "shelf", "street", "table"]
