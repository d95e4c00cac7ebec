"""Places on a picture, in pixels."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_BOX = re.compile(r"\[\s*(\d+(?:\.\d+)?)" + r"\s*,\s*(\d+(?:\.\d+)?)" * 3 + r"\s*\]")


@dataclass(frozen=True)
class Box:
    """A rectangle from (x1, y1), its left top, to (x2, y2), its right bottom, in pixels, and what it names or holds."""

    x1: float
    y1: float
    x2: float
    y2: float
    label: str = ""
    text: str = ""


def boxes_in(text: str, *, seen: tuple[int, int], original: tuple[int, int]) -> list[Box]:
    """Return the boxes `[x1, y1, x2, y2]` that an answer names, mapped from the `seen` size to the `original` one.

    Sizes are (width, height) in pixels. What lies outside the picture is no box.
    """
    corners = (tuple(map(float, hit.groups())) for hit in _BOX.finditer(text))
    boxes = (Box(x1, y1, x2, y2) for x1, y1, x2, y2 in corners)
    inside = (box for box in boxes if box.x1 < box.x2 <= seen[0] and box.y1 < box.y2 <= seen[1])
    return [to_original(box, seen=seen, original=original) for box in inside]


def to_original(box: Box, *, seen: tuple[int, int], original: tuple[int, int]) -> Box:
    """Return `box`, in pixels of a picture at the size `seen`, in pixels of it at its `original` size."""
    x, y = original[0] / seen[0], original[1] / seen[1]
    return replace(box, x1=box.x1 * x, y1=box.y1 * y, x2=box.x2 * x, y2=box.y2 * y)
