"""Measuring how fast a server is: `Workload`, `run`, and what to read from it.

`run` and `resume` load, `store` keeps, `metrics` counts, `sglang` reads the results of SGLang's own tool. How right it
is: `mmmu`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vlnb.bench import metrics, report, roofline, running, search, sglang, store, workload
from vlnb.bench.running import follow, resume, run, start
from vlnb.bench.workload import PUBLISHED, Workload

if TYPE_CHECKING:
    from vlnb.bench import mmmu

__all__ = [
    "PUBLISHED", "Workload", "follow", "metrics", "mmmu", "report", "resume", "roofline", "run", "running", "search",
    "sglang", "start", "store", "workload",
]  # fmt: skip


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module
    """Import `mmmu` when it is asked for: who measures speed does not need it."""
    if name == "mmmu":
        return import_module("vlnb.bench.mmmu")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
