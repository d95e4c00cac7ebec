"""What a run is worth: scores by subject, domain and overall with their intervals, and comparisons of runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, get_args

from vlnb import catalog
from vlnb.accuracy.mmmu.grading import Grade, Rules, grade
from vlnb.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd

    from vlnb.accuracy.mmmu.runs import Run

OVERALL = "Overall"
_SURE = 0.05  # p below which a difference is more than noise
_SHOWN = 5  # ids
_DOMAIN_OF = {subject: domain for domain, subjects in catalog.MMMU_DOMAINS.items() for subject in subjects}


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
    """Return the share of right answers (0 to 1) with its interval; without questions the interval is 0 to 1.

    Raises:
        BadInput: there are more right answers than questions.

    >>> print(wilson(558, 900))
    0.620 (95 %: 0.588 to 0.651, 900 questions)
    """
    if not questions:
        return Interval(float("nan"), 0.0, 1.0, 0)
    from scipy.stats import binomtest

    if not 0 <= correct <= questions:
        raise BadInput(f"{correct} right answers to {questions} questions are impossible.")
    found = binomtest(correct, questions).proportion_ci(0.95, method="wilson")
    return Interval(correct / questions, float(found.low), float(found.high), questions)


@dataclass(frozen=True)
class Paired:
    """Two runs over the same questions; `p` is the probability that chance alone splits them this unevenly."""

    only_first: int
    only_second: int
    both: int
    neither: int
    p: float

    def __str__(self) -> str:
        questions = self.only_first + self.only_second + self.both + self.neither
        verdict = "more than noise" if self.p < _SURE else "no more than noise"
        return (
            f"Of {questions} questions, only the first run has {self.only_first} right and only the second"
            f" {self.only_second}: {verdict} (McNemar's exact test, p = {self.p:.3g})."
        )


def mcnemar(first: Mapping[str, bool], second: Mapping[str, bool]) -> Paired:
    """Compare two runs, given as question id → right, by McNemar's exact test (Psychometrika 12, 1947).

    Raises:
        BadInput: the runs do not have the same questions.

    >>> mcnemar({"q1": True, "q2": True}, {"q1": True, "q2": False})
    Paired(only_first=1, only_second=0, both=1, neither=0, p=1.0)
    """
    if first.keys() != second.keys():
        odd = len(first.keys() ^ second.keys())
        raise BadInput(f"The runs do not have the same questions: {odd} are in only one of them.")
    from scipy.stats import binomtest

    both = sum(first[name] and second[name] for name in first)
    one, other = sum(first.values()) - both, sum(second.values()) - both
    p = float(binomtest(one, one + other).pvalue) if one + other else 1.0
    return Paired(one, other, both, len(first) - one - other - both, p)


@dataclass(frozen=True)
class Scores:
    """Accuracy with its interval: by subject, by domain (only for MMMU's subjects), and overall.

    Every question has the same weight, as in MMMU. Those without an answer (`unanswered`) are wrong.
    """

    subjects: Mapping[str, Interval]
    domains: Mapping[str, Interval]
    overall: Interval
    unanswered: tuple[str, ...] = ()

    def __str__(self) -> str:
        rows = [*self.subjects.items(), *self.domains.items(), (OVERALL, self.overall)]
        lines = [f"{name.replace('_', ' '):<40}{score}" for name, score in rows]
        if self.unanswered:
            shown = ", ".join(self.unanswered[:_SHOWN]) + (" …" if len(self.unanswered) > _SHOWN else "")
            lines.append(f"{len(self.unanswered)} questions have no answer and count as wrong: {shown}")
        return "\n".join(lines)


def grades(run: Run, rules: Rules = "official", *, seed: int = 42) -> dict[str, Grade]:
    """Return the grade of every question of a run by its id. A question without an answer is wrong."""
    return {
        question.id: grade(
            question, answer.text if (answer := run.answers.get(question.id)) else None, rules, seed=seed
        )
        for question in run.questions
    }


def scores(run: Run, rules: Rules = "official", *, seed: int = 42) -> Scores:
    """Return the scores of a run: accuracy (0 to 1) by subject, by domain and overall, with 95 % intervals."""
    graded = grades(run, rules, seed=seed)
    by_subject: dict[str, list[bool]] = {}
    for question in run.questions:
        by_subject.setdefault(question.subject, []).append(graded[question.id].correct)
    counted = {subject: (sum(found), len(found)) for subject, found in by_subject.items()}
    return replace(counted_scores(counted), unanswered=tuple(one.id for one in run.missing))


def published() -> Scores:
    """Return the scores that the SGLang cookbook publishes: 72B on eight MI300X."""
    each = catalog.MMMU_EACH
    return counted_scores({name: (round(share * each), each) for name, share in catalog.MMMU_SCORES.items()})


def counted_scores(counted: Mapping[str, tuple[int, int]]) -> Scores:
    """Return the scores for counts by subject: (right answers, questions).

    >>> print(counted_scores({"Art": (21, 30), "Charts": (3, 6)}))
    Art                                     0.700 (95 %: 0.521 to 0.833, 30 questions)
    Charts                                  0.500 (95 %: 0.188 to 0.812, 6 questions)
    Art and Design                          0.700 (95 %: 0.521 to 0.833, 30 questions)
    Overall                                 0.667 (95 %: 0.503 to 0.798, 36 questions)
    """
    by_domain: dict[str, list[tuple[int, int]]] = {}
    for subject, count in counted.items():
        if domain := _DOMAIN_OF.get(subject):
            by_domain.setdefault(domain, []).append(count)
    domains = {name: _together(by_domain[name]) for name in catalog.MMMU_DOMAINS if name in by_domain}
    subjects = {name: wilson(*count) for name, count in counted.items()}
    return Scores(subjects, domains, _together(counted.values()))


def _together(counts: Iterable[tuple[int, int]]) -> Interval:
    pairs = list(counts)
    return wilson(sum(right for right, _ in pairs), sum(of for _, of in pairs))


def table(runs: Mapping[str, Scores], against: str | None = None) -> pd.DataFrame:
    """Return accuracies side by side: a row for each subject, each domain, and overall.

    With `against`, the name of one run, each other run gets a column with its difference from that run: "higher" or
    "lower" if Fisher's exact test says so at 0.05 (divided by the number of subjects, as Bonferroni did), otherwise
    "noise". Raises `BadInput` for an unknown name.
    """
    import pandas as pd

    if against is not None and against not in runs:
        raise BadInput(f"Unknown run {against!r}. Choose one of: {', '.join(runs)}.")
    rows: dict[str, dict[str, object]] = {}
    for name, found in runs.items():
        for row, score in _rows(found):
            rows.setdefault(row, {})[name] = score.accuracy
            rows[row].setdefault("questions", score.questions)
    for name, found in runs.items():
        if against is not None and name != against:
            for row, verdict in _verdicts(found, runs[against]).items():
                rows[row][f"{name} against {against}"] = verdict
    frame = pd.DataFrame.from_dict(rows, orient="index")
    order = [row for found in runs.values() for row, _ in _rows(found)]
    ranked = sorted(dict.fromkeys(order), key=lambda row: (row == OVERALL, row in catalog.MMMU_DOMAINS))
    return frame.loc[ranked]


def _rows(found: Scores) -> Iterator[tuple[str, Interval]]:
    yield from found.subjects.items()
    yield from found.domains.items()
    yield OVERALL, found.overall


def _verdicts(mine: Scores, other: Scores) -> dict[str, str]:
    """Return for each row whether two independent runs differ by more than noise."""
    levels = [(mine.subjects, other.subjects), (mine.domains, other.domains)]
    if mine.subjects.keys() == other.subjects.keys():  # otherwise the totals are not comparable
        levels.append(({OVERALL: mine.overall}, {OVERALL: other.overall}))
    verdicts: dict[str, str] = {}
    for here, there in levels:
        shared = [row for row in here if row in there]
        for row in shared:
            higher = "higher" if here[row].accuracy > there[row].accuracy else "lower"
            verdicts[row] = higher if _fisher(here[row], there[row]) < _SURE / len(shared) else "noise"
    return verdicts


def _fisher(one: Interval, other: Interval) -> float:
    from scipy.stats import fisher_exact

    counts = [(round(i.accuracy * i.questions), i.questions) for i in (one, other)]
    return float(fisher_exact([[right, of - right] for right, of in counts]).pvalue)


def compare(first: Run, second: Run, rules: Rules = "official", *, seed: int = 42) -> Paired:
    """Compare two runs question by question (McNemar). Raises `BadInput` if the questions differ."""
    one, other = ({i: g.correct for i, g in grades(run, rules, seed=seed).items()} for run in (first, second))
    return mcnemar(one, other)


def differences(run: Run, *, seed: int = 42) -> dict[str, dict[str, Grade]]:
    """Return the questions whose grade depends on the rules: id → rules → grade."""
    by_rules = {rules: grades(run, rules, seed=seed) for rules in get_args(Rules)}
    return {
        question.id: {rules: found[question.id] for rules, found in by_rules.items()}
        for question in run.questions
        if len({found[question.id].correct for found in by_rules.values()}) > 1
    }
