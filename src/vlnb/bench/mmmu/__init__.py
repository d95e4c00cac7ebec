"""MMMU, as its authors run it: `Question`, `grade`, and how sure a score is (`wilson`, `mcnemar`)."""

from __future__ import annotations

from vlnb.bench.mmmu.grading import Grade, Rules, grade
from vlnb.bench.mmmu.question import Question, from_row
from vlnb.bench.mmmu.statistics import Interval, Paired, mcnemar, wilson

__all__ = ["Grade", "Interval", "Paired", "Question", "Rules", "from_row", "grade", "mcnemar", "wilson"]
