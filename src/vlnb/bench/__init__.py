"""Measuring how fast a server is: `Workload`, `run`, and what to read from it.

`run` and `resume` load, `store` keeps, `metrics` counts, `sglang` reads the results of SGLang's own tool.
"""

from __future__ import annotations

from vlnb.bench import metrics, report, roofline, runner, search, sglang, store, workload
from vlnb.bench.runner import follow, resume, run, start
from vlnb.bench.workload import PUBLISHED, Workload

__all__ = [
    "PUBLISHED", "Workload", "follow", "metrics", "report", "resume", "roofline", "run", "runner", "search",
    "sglang", "start", "store", "workload",
]  # fmt: skip
