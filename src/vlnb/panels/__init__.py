"""Widgets for the notebooks. They hold no logic: each calls functions that a script can call, too."""

from __future__ import annotations

from vlnb.panels.answers import Answers
from vlnb.panels.ask import Ask
from vlnb.panels.benchmark import Benchmark
from vlnb.panels.dial import Dial
from vlnb.panels.launch import Launch
from vlnb.panels.playground import Playground

__all__ = ["Answers", "Ask", "Benchmark", "Dial", "Launch", "Playground"]
