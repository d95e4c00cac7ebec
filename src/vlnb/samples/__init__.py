"""Sample pictures, each with the truth about it: what is on it, and where."""

from __future__ import annotations

from vlnb.samples.canvas import Sample, Truth
from vlnb.samples.figures import bars, table
from vlnb.samples.files import chart, letter, lot, receipt, shelf, street, till

__all__ = ["Sample", "Truth", "bars", "chart", "letter", "lot", "receipt", "shelf", "street", "table", "till"]
