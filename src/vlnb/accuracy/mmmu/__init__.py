"""MMMU, run as by its authors: ask the questions once, then grade the answers any number of times.

`load` or `drawn` returns questions, `run` and `resume` ask them, and `scores`, `table` and `compare` evaluate them.
"""

from __future__ import annotations

from vlnb.accuracy.mmmu import harness
from vlnb.accuracy.mmmu.grading import Grade, Rules, grade
from vlnb.accuracy.mmmu.question import Question
from vlnb.accuracy.mmmu.results import Interval, Scores, compare, grades, published, scores, table, wilson
from vlnb.accuracy.mmmu.runs import Run, RunProgress, read, resume, run
from vlnb.accuracy.mmmu.sets import SUBJECTS, QuestionSet, drawn, load
from vlnb.accuracy.mmmu.workers import StoredAnswer

__all__ = [
    "SUBJECTS", "Grade", "Interval", "Question", "QuestionSet", "Rules", "Run", "RunProgress", "Scores",
    "StoredAnswer", "compare", "drawn", "grade", "grades", "harness", "load",
    "published", "read", "resume", "run", "scores", "table", "wilson",
]  # fmt: skip
