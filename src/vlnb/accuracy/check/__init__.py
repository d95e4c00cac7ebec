"""Does this server really see? `vision_check(endpoint)` asks some twenty questions whose answers are known."""

from __future__ import annotations

from vlnb.accuracy.check.findings import Finding
from vlnb.accuracy.check.grading import Answered
from vlnb.accuracy.check.questions import vision_check
from vlnb.accuracy.check.result import Check
from vlnb.accuracy.check.skills import SKILLS, Skill
from vlnb.accuracy.check.tasks import Task, tasks

__all__ = ["SKILLS", "Answered", "Check", "Finding", "Skill", "Task", "tasks", "vision_check"]
