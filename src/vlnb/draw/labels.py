"""Where labels go: by their box, inside the picture, and not on each other where there is room."""

from __future__ import annotations

from collections.abc import Sequence

Rect = tuple[float, float, float, float]
"""(left, top, right, bottom) in pixels."""


def labels(
    anchors: Sequence[Rect], sizes: Sequence[tuple[float, float]], picture: tuple[int, int]
) -> list[Rect | None]:
    """Return where each label of (width, height) goes beside its anchor, or None where it would cover another one.

    A label stands above its box, else below, inside, or beside it; the first place that is free is taken.
    """
    import numpy as np

    placed: list[Rect | None] = []
    taken = np.empty((0, 4))
    for anchor, (width, height) in zip(anchors, sizes, strict=True):
        for left, top in _places(anchor, width, height):
            x = max(0.0, min(left, picture[0] - width))
            y = max(0.0, min(top, picture[1] - height))
            covers = (
                (taken[:, 0] < x + width) & (taken[:, 2] > x) & (taken[:, 1] < y + height) & (taken[:, 3] > y)
            ).any()
            if not covers:
                spot = (x, y, x + width, y + height)
                taken = np.vstack([taken, spot])
                placed.append(spot)
                break
        else:
            placed.append(None)
    return placed


def _places(anchor: Rect, width: float, height: float) -> list[tuple[float, float]]:
    """Return the left top corners that a label may have, the best first."""
    left, top, right, bottom = anchor
    return [
        (left, top - height),
        (right - width, top - height),
        (left, bottom),
        (right - width, bottom),
        (left, top),
        (left, bottom - height),
        (right, top),
        (left - width, top),
        (right, bottom - height),
        (left - width, bottom - height),
    ]
