"""Experiment with prompts: questions as data, a history of all runs, answers side by side, and exports.

`Asker` asks and stores, `History` searches and restores, `compare` sets two answers side by side, `export` turns a run
into Python, curl, a notebook cell or a test. `vlnb.panels.Playground` offers all of it with buttons.
"""

from __future__ import annotations

from vlnb.playground.asking import Asker, cells
from vlnb.playground.compare import Comparison, compare, overview
from vlnb.playground.export import FORMATS, export
from vlnb.playground.history import History, Run
from vlnb.playground.question import Attachment, Question, Turn

__all__ = [
    "FORMATS", "Asker", "Attachment", "Comparison", "History", "Question", "Run", "Turn", "cells", "compare", "export",
    "overview",
]  # fmt: skip
