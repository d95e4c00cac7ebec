"""Is the server right? `check` asks questions with known answers, `mmmu` the public benchmark.

`reading` compares what was read with the truth, line by line; `resolution` measures what a smaller picture loses.
"""

from __future__ import annotations

from vlnb.accuracy import check, mmmu, reading, resolution

__all__ = ["check", "mmmu", "reading", "resolution"]
