"""How sure is a score: Wilson's interval, and McNemar's test of two runs over the same questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vlnb.errors import BadInput


@dataclass(frozen=True)
class Interval:
    """A share (0 to 1) of `questions`, and Wilson's interval (JASA 22, 1927) at 95 %."""

    accuracy: float
    low: float
    high: float
    questions: int

    def __str__(self) -> str:
        return f"{self.accuracy:.3f} (95 %: {self.low:.3f} to {self.high:.3f}, {self.questions} questions)"


def wilson(correct: int, questions: int) -> Interval:
    """Return the share that is right with its interval; of no question it is everything from 0 to 1."""
    if not questions:
        return Interval(float("nan"), 0.0, 1.0, 0)
    from scipy.stats import binomtest

    if not 0 <= correct <= questions:
        raise BadInput(f"{correct} right of {questions} questions cannot be.")
    found = binomtest(correct, questions).proportion_ci(0.95, method="wilson")
    return Interval(correct / questions, float(found.low), float(found.high), questions)


@dataclass(frozen=True)
class Paired:
    """Two runs over the same questions: right in one only, and how likely so uneven a split is by chance."""

    only_first: int
    only_second: int
    both: int
    neither: int
    p: float

    def __str__(self) -> str:
        questions = self.only_first + self.only_second + self.both + self.neither
        verdict = "more than noise" if self.p < _SURE else "no more than noise"
        return (
            f"Of {questions} questions, {self.only_first} are right in the first run only and {self.only_second} in the"
            f" second only: {verdict} (McNemar's exact test, p = {self.p:.3g})."
        )


_SURE = 0.05


def mcnemar(first: Mapping[str, bool], second: Mapping[str, bool]) -> Paired:
    """Compare two runs, given as question id → right, by McNemar's exact test (Psychometrika 12, 1947).

    Raises `BadInput` where they are not over the same questions.
    """
    if first.keys() != second.keys():
        odd = len(first.keys() ^ second.keys())
        raise BadInput(f"The runs are not over the same questions: {odd} are in one of them only.")
    from scipy.stats import binomtest

    counts = {(a, b): sum((first[i], second[i]) == (a, b) for i in first) for a in (True, False) for b in (True, False)}
    one, other = counts[True, False], counts[False, True]
    p = float(binomtest(one, one + other).pvalue) if one + other else 1.0
    return Paired(one, other, counts[True, True], counts[False, False], p)
