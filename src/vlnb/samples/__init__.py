"""Pictures made by code, each with its known truth: the same seed gives the same pixels on every machine."""

from __future__ import annotations

from vlnb.samples.receipt import receipt
from vlnb.samples.sample import Sample, Truth

__all__ = ["Sample", "Truth", "receipt"]
