"""In which order a person reads boxes: top to bottom, left to right, column after column.

Pure geometry, before a letter is recognised: so the first line can be sent while the last is still being read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

Quad = Sequence[Sequence[float]]
"""Four corners (x, y) in pixels: top left, top right, bottom right, bottom left."""

_Box = tuple[float, float, float, float]

_SAME_ROW = 0.5  # of the smaller height: how far two centres may lie apart on one row
_MIN_COLUMN_LINES = 4
_FILLED = 0.72  # a column of prose has lines that fill it …
_LONG_LINE = 6.0  # … and that are many times wider than high; a column of labels or prices has not


def reading_order(quads: Sequence[Quad]) -> list[list[int]]:
    """Return the indices of `quads` as rows in reading order, each row from left to right."""
    if not quads:
        return []
    boxes = _upright(quads)
    return _order(list(range(len(boxes))), boxes)


def skew(quads: Sequence[Quad]) -> float:
    """Return the angle of the text in radians: the middle of all wide boxes, each with the weight of its width."""
    wide = []
    for quad in quads:
        (x1, y1), (x2, y2), _, (x4, y4) = quad
        width, height = math.dist((x1, y1), (x2, y2)), math.dist((x1, y1), (x4, y4))
        if width > 3 * height:
            wide.append((math.atan2(y2 - y1, x2 - x1), width))
    wide.sort()
    half = sum(width for _, width in wide) / 2
    for angle, width in wide:
        half -= width
        if half <= 0:
            return angle if abs(angle) < math.pi / 6 else 0.0
    return 0.0


def _upright(quads: Sequence[Quad]) -> list[_Box]:
    """Return the boxes as they would lie were the page not tilted: the centre turned back, the size kept."""
    angle = skew(quads)
    cos, sin = math.cos(-angle), math.sin(-angle)
    boxes = []
    for quad in quads:
        xs, ys = [x * cos - y * sin for x, y in quad], [x * sin + y * cos for x, y in quad]
        boxes.append((min(xs), min(ys), max(xs), max(ys)))
    return boxes


def _order(members: list[int], boxes: list[_Box]) -> list[list[int]]:
    gutter = _best_gutter(members, boxes)
    if gutter is None:
        return _rows(members, boxes)
    rows: list[list[int]] = []
    for band in _bands(members, boxes, gutter):
        left = [i for i in band if boxes[i][2] <= gutter]
        right = [i for i in band if boxes[i][0] >= gutter]
        if _are_columns(left, right, boxes):
            rows += _order(left, boxes) + _order(right, boxes)
        else:
            rows += _rows(band, boxes)
    return rows


def _rows(members: list[int], boxes: list[_Box]) -> list[list[int]]:
    rows: list[list[int]] = []
    for i in sorted(members, key=lambda i: boxes[i][1] + boxes[i][3]):
        centre, height = (boxes[i][1] + boxes[i][3]) / 2, boxes[i][3] - boxes[i][1]
        if rows:
            row_centre = median((boxes[j][1] + boxes[j][3]) / 2 for j in rows[-1])
            row_height = median(boxes[j][3] - boxes[j][1] for j in rows[-1])
            if centre - row_centre < _SAME_ROW * min(height, row_height) and not _covers(rows[-1], i, boxes):
                rows[-1].append(i)
                continue
        rows.append([i])
    return [sorted(row, key=lambda i: boxes[i][0]) for row in rows]


def _covers(row: list[int], i: int, boxes: list[_Box]) -> bool:
    """Whether box i lies over another of the row: then it is another line, however near."""
    left, _, right, _ = boxes[i]
    return any(
        min(right, boxes[j][2]) - max(left, boxes[j][0]) > 0.5 * min(right - left, boxes[j][2] - boxes[j][0])
        for j in row
    )


def _best_gutter(members: list[int], boxes: list[_Box]) -> float | None:
    """Return the x that parts most boxes into columns of prose, or None."""
    best, best_count = None, 0
    edges = sorted({boxes[i][2] for i in members})
    for edge in edges:
        following = [boxes[i][0] for i in members if boxes[i][0] >= edge]
        if not following:
            break
        gutter = (edge + min(following)) / 2
        count = 0
        for band in _bands(members, boxes, gutter):
            left = [i for i in band if boxes[i][2] <= gutter]
            right = [i for i in band if boxes[i][0] >= gutter]
            if _are_columns(left, right, boxes):
                count += len(band)
        if count > best_count:
            best, best_count = gutter, count
    return best


def _bands(members: list[int], boxes: list[_Box], gutter: float) -> list[list[int]]:
    """Part the boxes, from top to bottom, at those that lie across the gutter (a title, a rule, a footer)."""
    bands: list[list[int]] = [[]]
    crossing_last = False
    for i in sorted(members, key=lambda i: boxes[i][1] + boxes[i][3]):
        crossing = boxes[i][0] < gutter < boxes[i][2]
        if crossing != crossing_last and bands[-1]:
            bands.append([])
        bands[-1].append(i)
        crossing_last = crossing
    return [band for band in bands if band]


def _are_columns(left: list[int], right: list[int], boxes: list[_Box]) -> bool:
    """Whether two groups beside each other are columns of prose, rather than labels and their values."""
    for side in (left, right):
        if len(side) < _MIN_COLUMN_LINES:
            return False
        widths = [boxes[i][2] - boxes[i][0] for i in side]
        heights = [boxes[i][3] - boxes[i][1] for i in side]
        filled = median(sum(boxes[i][2] - boxes[i][0] for i in row) for row in _rows(side, boxes))
        if filled < _FILLED * _covered(side, boxes) or median(widths) < _LONG_LINE * median(heights):
            return False
    return True


def _covered(members: list[int], boxes: list[_Box]) -> float:
    """Return the width that the boxes cover together; the white between columns does not count."""
    total, reached = 0.0, -math.inf
    for left, right in sorted((boxes[i][0], boxes[i][2]) for i in members):
        total += max(0.0, right - max(left, reached))
        reached = max(reached, right)
    return total
