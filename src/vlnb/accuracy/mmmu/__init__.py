"""MMMU, as its authors run it: questions are asked once and graded as often as one likes.

`load` or `drawn` gives questions, `run` and `resume` ask them, `scores`, `table` and `compare` say what it is worth.
"""

from __future__ import annotations

from vlnb.accuracy.mmmu import harness
from vlnb.accuracy.mmmu.grading import Grade, Rules, grade
from vlnb.accuracy.mmmu.question import Question, from_row
from vlnb.accuracy.mmmu.results import Scores, compare, differences, grades, published, scores, table
from vlnb.accuracy.mmmu.runs import Progress, Run, read, resume, run
from vlnb.accuracy.mmmu.sets import SUBJECTS, QuestionSet, drawn, load
from vlnb.accuracy.mmmu.statistics import Interval, Paired, mcnemar, wilson
from vlnb.accuracy.mmmu.workers import Answer

__all__ = [
    "SUBJECTS", "Answer", "Grade", "Interval", "Paired", "Progress", "Question", "QuestionSet", "Rules", "Run",
    "Scores", "compare", "differences", "drawn", "from_row", "grade", "grades", "harness", "load", "mcnemar",
    "published", "read", "resume", "run", "scores", "table", "wilson",
]  # fmt: skip
