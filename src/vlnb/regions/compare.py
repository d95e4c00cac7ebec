"""Boxes against boxes: how much they overlap, which belongs to which, and how good the whole is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlnb.errors import BadInput

if TYPE_CHECKING:
    from vlnb.regions.shapes import Box


def iou(a: Box, b: Box) -> float:
    """Return intersection over union, 0 (apart) to 1 (the same)."""
    width = min(a.x2, b.x2) - max(a.x1, b.x1)
    height = min(a.y2, b.y2) - max(a.y1, b.y1)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (a.area + b.area - shared)


@dataclass(frozen=True)
class Match:
    """Which found box belongs to which true one.

    `pairs` are (index of found, index of true, IoU), each at least the threshold; `extra` and `missing` the indices
    that are left over. `mean_iou` is taken over all true boxes, those that are missing counting 0.
    """

    pairs: tuple[tuple[int, int, float], ...]
    extra: tuple[int, ...]
    missing: tuple[int, ...]

    @property
    def precision(self) -> float:
        """Share of the found boxes that are right; 1 where none was found."""
        found = len(self.pairs) + len(self.extra)
        return len(self.pairs) / found if found else 1.0

    @property
    def recall(self) -> float:
        """Share of the true boxes that were found; 1 where there is none to find."""
        true = len(self.pairs) + len(self.missing)
        return len(self.pairs) / true if true else 1.0

    @property
    def mean_iou(self) -> float:
        """Mean IoU over the true boxes; 1 where there is none to find."""
        true = len(self.pairs) + len(self.missing)
        return sum(overlap for *_, overlap in self.pairs) / true if true else 1.0

    def __str__(self) -> str:
        true = len(self.pairs) + len(self.missing)
        return (
            f"{len(self.pairs)} of {true} found, {len(self.extra)} too many;"
            f" precision {self.precision:.2f}, recall {self.recall:.2f}, mean IoU {self.mean_iou:.2f}"
        )


def match(found: Sequence[Box], truth: Sequence[Box], *, threshold: float = 0.5, labels: bool = False) -> Match:
    """Return the assignment of found boxes to true ones, one to one, with the largest sum of IoU.

    Pairs below `threshold` (over 0, at most 1) are none. With `labels`, only boxes of one label belong together.
    """
    if not 0 < threshold <= 1:
        raise BadInput(f"threshold={threshold} must be over 0 and at most 1; 0.5 is usual.")

    def worth(a: Box, b: Box) -> float:
        overlap = iou(a, b) if not labels or a.label.casefold() == b.label.casefold() else 0.0
        return overlap if overlap >= threshold else 0.0

    gains = [[worth(a, b) for b in truth] for a in found]
    chosen = [(i, j, gains[i][j]) for i, j in _assign(gains) if gains[i][j]]
    return Match(
        pairs=tuple(chosen),
        extra=tuple(i for i in range(len(found)) if i not in {i for i, _, _ in chosen}),
        missing=tuple(j for j in range(len(truth)) if j not in {j for _, j, _ in chosen}),
    )


def _assign(gains: list[list[float]]) -> list[tuple[int, int]]:
    """Return the (row, column) pairs with the largest sum, each row and column used at most once."""
    if not gains or not gains[0]:
        return []
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(gains, maximize=True)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True)]
