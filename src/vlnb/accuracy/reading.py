"""Measure how much of a known text an answer contains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_MOST_LINES = 3  # a model may break one printed line into this many


@dataclass(frozen=True)
class LineScore:
    """One line of the truth, the most similar part of the answer, and their similarity from 0 to 1."""

    truth: str
    read: str
    similarity: float


def lines(answer: str, truth: Sequence[str]) -> list[LineScore]:
    """Return, for each line of `truth`, the most similar part of `answer`: one to three consecutive lines.

    Similarity is 1 minus the share of letters to insert or delete (rapidfuzz's normalised indel similarity). It depends
    on case, but not on the width of white space.

    >>> for score in lines("TOTAL  12.50 EUR", ["TOTAL 12.50 EUR", "Thank you"]):
    ...     print(f"{score.truth}: {score.similarity:.2f}")
    TOTAL 12.50 EUR: 1.00
    Thank you: 0.17
    """
    from rapidfuzz import fuzz

    answer_lines = [" ".join(line.split()) for line in answer.splitlines() if line.strip()]
    counts = range(1, _MOST_LINES + 1)
    stretches = [" ".join(answer_lines[i : i + n]) for n in counts for i in range(len(answer_lines) - n + 1)]
    scores = []
    for line in truth:
        expected = " ".join(line.split())
        best = max(stretches, key=lambda stretch: fuzz.ratio(expected, stretch), default="")
        scores.append(LineScore(line, best, fuzz.ratio(expected, best) / 100))
    return scores
