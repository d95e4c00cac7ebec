"""Test whether a server really sees: `vision_check(endpoint)` asks 24 questions with known answers."""

from __future__ import annotations

from vlnb.accuracy.check.asking import Answered, vision_check
from vlnb.accuracy.check.result import Check
from vlnb.accuracy.check.tasks import SKILLS, Skill, Task, tasks

__all__ = ["SKILLS", "Answered", "Check", "Skill", "Task", "tasks", "vision_check"]
