"""Widgets for the notebooks. They hold no logic: each calls a function that a script could call."""

from __future__ import annotations

from vlnb.panels.answers import Answers
from vlnb.panels.ask import OwnPicture, Prompt
from vlnb.panels.benchmark import Benchmark
from vlnb.panels.dial import Dial
from vlnb.panels.launch import Launch

__all__ = ["Answers", "Benchmark", "Dial", "Launch", "OwnPicture", "Prompt"]
