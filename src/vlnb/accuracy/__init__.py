"""Measure a server's accuracy: `check` asks questions with known answers, `mmmu` runs the public benchmark.

`reading` compares a reading with the true text, line by line; `resolution` measures the loss at smaller picture sizes.
"""

from __future__ import annotations

from vlnb.accuracy import check, mmmu, reading, resolution

__all__ = ["check", "mmmu", "reading", "resolution"]
