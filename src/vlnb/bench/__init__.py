"""Measure how fast a server is: `run` or `resume` a `Workload`, then read the result.

`store` keeps the records, `metrics` and `report` evaluate them, and `sglang` has the command of SGLang's own tool.
"""

from __future__ import annotations

from vlnb.bench import metrics, report, roofline, runner, search, sglang, store, workload
from vlnb.bench.runner import follow, resume, run, start
from vlnb.bench.workload import PUBLISHED, Workload

__all__ = [
    "PUBLISHED", "Workload", "follow", "metrics", "report", "resume", "roofline", "run", "runner", "search",
    "sglang", "start", "store", "workload",
]  # fmt: skip
