"""Is the server right? `check` asks questions with known answers, `mmmu` the public benchmark.

`reading` compares what was read with the truth, line by line; `resolution` measures what a smaller picture loses.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vlnb.accuracy import check, mmmu, reading, resolution

__all__ = ["check", "mmmu", "reading", "resolution"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module
    """Import a room when it is first used: each brings libraries that the others do without."""
    if name in __all__:
        return import_module(f"vlnb.accuracy.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
