"""Measure how fast a server is: `run` or `resume` a `Workload`, then read the result.

`store` keeps the records, `metrics` and `report` evaluate them, `choices` measures one plan after another, and `sglang`
builds the command of SGLang's own tool.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vlnb.bench.workload import PUBLISHED, Workload

if TYPE_CHECKING:
    from vlnb.bench import choices, metrics, printed, report, roofline, runner, sglang, store, sweep, verdict, workload
    from vlnb.bench.runner import resume, run, start

__all__ = [
    "PUBLISHED", "Workload", "choices", "metrics", "printed", "report", "resume", "roofline", "run", "runner",
    "sglang", "start", "store", "sweep", "verdict", "workload",
]  # fmt: skip


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a function or a module
    """Import a module on first use: the command line needs only the workload to list its options."""
    if name in ("resume", "run", "start"):
        return getattr(import_module("vlnb.bench.runner"), name)
    if name in __all__:
        return import_module(f"vlnb.bench.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
