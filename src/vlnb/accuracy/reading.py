"""How much of a known text an answer holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_MOST_LINES = 3  # a model may break one printed line into this many


@dataclass(frozen=True)
class LineScore:
    """One line of the truth, what the answer has nearest to it, and their similarity from 0 to 1."""

    truth: str
    read: str
    similarity: float


def lines(answer: str, truth: Sequence[str]) -> list[LineScore]:
    """Return, for each line of `truth`, the nearest stretch of `answer`: a line, or up to three lines that follow.

    Similarity is 1 minus the share of letters to insert or delete (rapidfuzz's normalised indel similarity); white
    space counts as one space, however wide, and case counts.

    >>> for score in lines("TOTAL  12.50 EUR", ["TOTAL 12.50 EUR", "Thank you"]):
    ...     print(f"{score.truth}: {score.similarity:.2f}")
    TOTAL 12.50 EUR: 1.00
    Thank you: 0.17
    """
    from rapidfuzz import fuzz

    read = [" ".join(line.split()) for line in answer.splitlines() if line.strip()]
    runs = range(1, _MOST_LINES + 1)
    stretches = [" ".join(read[i : i + n]) for n in runs for i in range(len(read) - n + 1)]
    scores = []
    for line in truth:
        wanted = " ".join(line.split())
        best = max(stretches, key=lambda stretch: fuzz.ratio(wanted, stretch), default="")
        scores.append(LineScore(line, best, fuzz.ratio(wanted, best) / 100))
    return scores
