"""Evaluate runs: scores by subject, by domain and overall with their intervals, and comparisons of runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vlnb import catalog
from vlnb.accuracy.mmmu.grading import Grade, Rules, grade
from vlnb.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd

    from vlnb.accuracy.mmmu.runs import Run

OVERALL = "Overall"
_SURE = 0.05  # p below which a difference is more than noise
_SHOWN = 5  # ids


@dataclass(frozen=True)
class Interval:
    """A share (0 to 1) of `questions` with its 95 % Wilson interval (JASA 22, 1927)."""

    accuracy: float
    low: float
    high: float
    questions: int

    def __str__(self) -> str:
        return f"{self.accuracy:.3f} (95 %: {self.low:.3f} to {self.high:.3f}, {self.questions} questions)"


def wilson(correct: int, questions: int) -> Interval:
    """Return the share of right answers (0 to 1) with its interval.

    >>> print(wilson(558, 900))
    0.620 (95 %: 0.588 to 0.651, 900 questions)
    """
    from scipy.stats import binomtest

    interval = binomtest(correct, questions).proportion_ci(0.95, method="wilson")
    return Interval(correct / questions, float(interval.low), float(interval.high), questions)


@dataclass(frozen=True)
class Scores:
    """Accuracy with its interval in `rows`: overall, by domain (only for MMMU's subjects), and by subject.

    Domains are in MMMU's order, each followed by its subjects. Every question has the same weight, as in MMMU. Those
    without an answer (`unanswered`) count as wrong.
    """

    rows: Mapping[str, Interval]
    unanswered: tuple[str, ...] = ()

    @property
    def overall(self) -> Interval:
        """The accuracy over all questions."""
        return self.rows[OVERALL]

    def __str__(self) -> str:
        lines = [f"{name.replace('_', ' '):<40}{score}" for name, score in self.rows.items()]
        if self.unanswered:
            ids = ", ".join(self.unanswered[:_SHOWN]) + (" …" if len(self.unanswered) > _SHOWN else "")
            lines.append(f"{len(self.unanswered)} questions have no answer and count as wrong: {ids}")
        return "\n".join(lines)


def grades(run: Run, rules: Rules = "official", *, seed: int = 42) -> dict[str, Grade]:
    """Return the grade of each question of a run by its id. A question without an answer is wrong."""
    texts = {name: answer.text for name, answer in run.answers.items()}
    return {question.id: grade(question, texts.get(question.id), rules, seed=seed) for question in run.questions}


def scores(run: Run, rules: Rules = "official", *, seed: int = 42) -> Scores:
    """Return the scores of a run: accuracy (0 to 1) by subject, by domain and overall, with 95 % intervals."""
    graded = grades(run, rules, seed=seed)
    right = Counter(question.subject for question in run.questions if graded[question.id].correct)
    total = Counter(question.subject for question in run.questions)
    counted = {subject: (right[subject], count) for subject, count in total.items()}
    return replace(counted_scores(counted), unanswered=tuple(question.id for question in run.missing))


def published() -> Scores:
    """Return the scores that the SGLang cookbook publishes: 72B on eight MI300X."""
    questions = catalog.MMMU_EACH
    return counted_scores({name: (round(share * questions), questions) for name, share in catalog.MMMU_SCORES.items()})


def counted_scores(counted: Mapping[str, tuple[int, int]]) -> Scores:
    """Return the scores for counts by subject: (right answers, questions).

    >>> print(counted_scores({"Art": (21, 30), "Charts": (3, 6)}))
    Overall                                 0.667 (95 %: 0.503 to 0.798, 36 questions)
    Art and Design                          0.700 (95 %: 0.521 to 0.833, 30 questions)
    Art                                     0.700 (95 %: 0.521 to 0.833, 30 questions)
    Charts                                  0.500 (95 %: 0.188 to 0.812, 6 questions)
    """
    parts = {OVERALL: list(counted)}
    for domain, subjects in catalog.MMMU_DOMAINS.items():
        if present := [subject for subject in subjects if subject in counted]:
            parts |= {domain: present, **{subject: [subject] for subject in present}}
    parts |= {subject: [subject] for subject in counted if subject not in parts}
    return Scores(
        {row: wilson(*(sum(counted[subject][i] for subject in part) for i in (0, 1))) for row, part in parts.items()}
    )


def table(runs: Mapping[str, Scores]) -> pd.DataFrame:
    """Return the accuracies of several runs side by side: a row for each subject, each domain, and overall.

    A further column for each run but the last compares it with that: "higher" or "lower" if Fisher's exact test finds a
    difference at the level 0.05 (with Bonferroni's correction, except for the overall row), otherwise "noise".
    """
    import pandas as pd

    *_, against = runs
    columns: dict[str, dict[str, object]] = {"questions": {}}
    for name, scores in runs.items():
        columns[name] = {row: score.accuracy for row, score in scores.rows.items()}
        columns["questions"] = {row: score.questions for row, score in scores.rows.items()} | columns["questions"]
        if name != against:
            columns[f"{name} against {against}"] = _verdicts(scores, runs[against])
    order = dict.fromkeys(row for scores in runs.values() for row in scores.rows)
    return pd.DataFrame(columns, index=list(order))


def _verdicts(first: Scores, second: Scores) -> dict[str, object]:
    """Compare two independent runs row by row: "higher", "lower" or "noise"."""
    from scipy.stats import fisher_exact

    def covered(row: str, scores: Scores) -> set[str]:
        return {*(scores.rows if row == OVERALL else catalog.MMMU_DOMAINS.get(row, ()))} & scores.rows.keys()

    # Totals over different subjects are not comparable.
    shared = [row for row in first.rows if row in second.rows and covered(row, first) == covered(row, second)]
    verdicts: dict[str, object] = {}
    for row in shared:
        pair = [first.rows[row], second.rows[row]]
        right = [round(interval.accuracy * interval.questions) for interval in pair]
        p = fisher_exact([right, [i.questions - count for i, count in zip(pair, right, strict=True)]]).pvalue
        higher = "higher" if pair[0].accuracy > pair[1].accuracy else "lower"
        verdicts[row] = higher if p < (_SURE if row == OVERALL else _SURE / len(shared)) else "noise"
    return verdicts


@dataclass(frozen=True)
class Paired:
    """A paired comparison of two runs; `p` is the probability of so uneven a split by chance alone."""

    questions: int
    only_first: int
    only_second: int
    p: float

    def __str__(self) -> str:
        verdict = "more than noise" if self.p < _SURE else "no more than noise"
        return (
            f"Of {self.questions} questions, only the first run has {self.only_first} right and only the second"
            f" {self.only_second}: {verdict} (McNemar's exact test, p = {self.p:.3g})."
        )


def compare(first: Run, second: Run, rules: Rules = "official") -> Paired:
    """Compare two runs question by question, by McNemar's exact test (Psychometrika 12, 1947).

    Raises:
        BadInput: the runs do not have the same questions.
    """
    from scipy.stats import binomtest

    grades_1, grades_2 = grades(first, rules), grades(second, rules)
    if odd := grades_1.keys() ^ grades_2.keys():
        raise BadInput(f"The runs do not have the same questions: {len(odd)} are in only one of them.")
    only_first = sum(grades_1[name].correct and not grades_2[name].correct for name in grades_1)
    only_second = sum(grades_2[name].correct and not grades_1[name].correct for name in grades_1)
    p = float(binomtest(only_first, only_first + only_second).pvalue) if only_first + only_second else 1.0
    return Paired(len(grades_1), only_first, only_second, p)
