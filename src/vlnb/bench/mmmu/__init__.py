"""MMMU, as its authors run it: questions are asked once and graded as often as one likes.

`load` or `drawn` gives questions, `run` and `resume` ask them, `scores`, `table` and `compare` say what it is worth.
"""

from __future__ import annotations

from vlnb.bench.mmmu import harness
from vlnb.bench.mmmu.asking import Answer
from vlnb.bench.mmmu.grading import Grade, Rules, grade
from vlnb.bench.mmmu.question import Question, from_row
from vlnb.bench.mmmu.results import Scores, compare, differences, grades, published, scores, table
from vlnb.bench.mmmu.running import Progress, Run, read, resume, run
from vlnb.bench.mmmu.sets import SUBJECTS, QuestionSet, drawn, load
from vlnb.bench.mmmu.statistics import Interval, Paired, mcnemar, wilson

__all__ = [
    "SUBJECTS", "Answer", "Grade", "Interval", "Paired", "Progress", "Question", "QuestionSet", "Rules", "Run",
    "Scores", "compare", "differences", "drawn", "from_row", "grade", "grades", "harness", "load", "mcnemar",
    "published", "read", "resume", "run", "scores", "table", "wilson",
]  # fmt: skip
