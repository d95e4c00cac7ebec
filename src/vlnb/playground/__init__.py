"""Trying things out: a question as data, a history of every run, answers side by side, and what to paste elsewhere.

`Asker` asks and keeps, `History` finds and restores, `compare` puts two answers side by side, `export` turns a run into
Python, curl, a notebook cell or a test. `vlnb.panels.Playground` is all of it with buttons.
"""

from __future__ import annotations

from vlnb.playground.asking import Asker, cells
from vlnb.playground.compare import Comparison, compare, overview
from vlnb.playground.export import FORMATS, export
from vlnb.playground.history import History, Run
from vlnb.playground.question import Question, Shown, Turn

__all__ = [
    "FORMATS", "Asker", "Comparison", "History", "Question", "Run", "Shown", "Turn", "cells", "compare", "export",
    "overview",
]  # fmt: skip
