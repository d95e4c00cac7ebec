"""Does this server really see? `vision_check(endpoint)` asks some twenty questions whose answers are known."""

from __future__ import annotations

from vlnb.check.answered import Answered
from vlnb.check.asking import vision_check
from vlnb.check.findings import Finding
from vlnb.check.result import Check
from vlnb.check.skills import SKILLS, Skill
from vlnb.check.tasks import Task, tasks

__all__ = ["SKILLS", "Answered", "Check", "Finding", "Skill", "Task", "tasks", "vision_check"]
