"""Sample pictures with ground truth: what is on them, and where."""

from __future__ import annotations

from vlnb.samples.canvas import Sample, Truth
from vlnb.samples.clip import SampleClip, clip
from vlnb.samples.figures import bars, table
from vlnb.samples.files import chart, form, invoice, letter, lot, receipt, shelf, statement, street, till

__all__ = [
    "Sample", "SampleClip", "Truth", "bars", "chart", "clip", "form", "invoice", "letter", "lot", "receipt", "shelf",
    "statement", "street", "table", "till",
]  # fmt: skip
