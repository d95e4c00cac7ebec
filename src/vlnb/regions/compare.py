"""Compares boxes: IoU, one-to-one matching, precision, recall and mean IoU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vlnb import extras
from vlnb.errors import BadInput
from vlnb.regions.shapes import Box


def iou(a: Box, b: Box) -> float:
    """Return the intersection over union of two boxes, from 0 (apart) to 1 (the same).

    >>> from vlnb.regions import Box
    >>> iou(Box(0, 0, 10, 10), Box(0, 0, 10, 5))
    0.5
    """
    shared = Box(max(a.x1, b.x1), max(a.y1, b.y1), min(a.x2, b.x2), min(a.y2, b.y2)).area
    return shared / (a.area + b.area - shared) if shared else 0.0


@dataclass(frozen=True)
class Match:
    """The matching of found boxes to true ones.

    `pairs` are (index of found, index of true, IoU), each with at least the threshold; `extra` and `missing` are the
    indices left over. `mean_iou` is the mean over all true boxes, where a missing one counts 0.
    """

    pairs: tuple[tuple[int, int, float], ...]
    extra: tuple[int, ...]
    missing: tuple[int, ...]

    @property
    def precision(self) -> float:
        """Share of the found boxes that are right; 1 if none was found."""
        count = len(self.pairs) + len(self.extra)
        return len(self.pairs) / count if count else 1.0

    @property
    def recall(self) -> float:
        """Share of the true boxes that were found; 1 if there are none."""
        return len(self.pairs) / self._true if self._true else 1.0

    @property
    def mean_iou(self) -> float:
        """Mean IoU over the true boxes; 1 if there are none."""
        return sum(overlap for *_, overlap in self.pairs) / self._true if self._true else 1.0

    @property
    def _true(self) -> int:
        return len(self.pairs) + len(self.missing)

    def __str__(self) -> str:
        if not self.pairs and not self.extra:
            return f"0 of {self._true} found; the answer has no box to score"
        return (
            f"{len(self.pairs)} of {self._true} found, {len(self.extra)} too many;"
            f" precision {self.precision:.2f}, recall {self.recall:.2f}, mean IoU {self.mean_iou:.2f}"
        )


def match(found: Sequence[Box], truth: Sequence[Box], *, threshold: float = 0.5, labels: bool = False) -> Match:
    """Match found boxes to true ones, one to one, so that the sum of their IoU is as large as possible.

    Pairs below `threshold` (above 0, at most 1) do not count. With `labels`, only boxes with the same label match.

    >>> from vlnb.regions import Box
    >>> print(match([Box(0, 0, 10, 10)], [Box(0, 0, 10, 9), Box(50, 50, 60, 60)]))
    1 of 2 found, 0 too many; precision 1.00, recall 0.50, mean IoU 0.45

    Raises:
        BadInput: The threshold is out of range, or a package is missing.
    """
    extras.require("bench", "Matching boxes")
    from scipy.optimize import linear_sum_assignment

    if not 0 < threshold <= 1:
        raise BadInput(f"threshold={threshold} must be above 0 and at most 1; 0.5 is usual.")

    def gain(a: Box, b: Box) -> float:
        overlap = iou(a, b) if not labels or a.label.casefold() == b.label.casefold() else 0.0
        return overlap if overlap >= threshold else 0.0

    gains = [[gain(a, b) for b in truth] for a in found]
    chosen = zip(*linear_sum_assignment(gains, maximize=True), strict=True) if found and truth else ()
    pairs = tuple((int(i), int(j), gains[i][j]) for i, j in chosen if gains[i][j])
    return Match(
        pairs=pairs,
        extra=tuple(sorted(set(range(len(found))) - {i for i, _, _ in pairs})),
        missing=tuple(sorted(set(range(len(truth))) - {j for _, j, _ in pairs})),
    )
