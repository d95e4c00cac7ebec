"""A page: the text on a picture, its boxes, and its reading order.

The order comes from the boxes alone, before any letter is recognised, so the engine can stream the first line while it
still reads the last.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median

Rect = tuple[int, int, int, int]
"""(left, top, right, bottom) in pixels of the picture."""

Quad = Sequence[Sequence[float]]
"""Four corners (x, y) in pixels: top left, top right, bottom right, bottom left."""

_Box = tuple[float, float, float, float]

_GAP = "    "  # between segments of one line: a label and its value, or two cells of a table
_APART = 1.2  # times the height of a segment: a wider gap between two of its words separates two values
_SAME_ROW = 0.5  # of the smaller height: largest distance between the centres of two boxes on one row
# A column of prose has several lines. Most of them fill it, and they are much wider than high, unlike a column of
# labels or prices.
_MIN_COLUMN_LINES, _FILLED, _LONG_LINE = 4, 0.72, 6.0


@dataclass(frozen=True)
class Word:
    """One word and the tight box of its ink."""

    text: str
    box: Rect


@dataclass(frozen=True)
class Segment:
    """A run of text without a wide gap, and the score of the recogniser (0 to 1)."""

    text: str
    box: Rect
    words: tuple[Word, ...]
    score: float = 1.0


@dataclass(frozen=True)
class Line:
    """Segments side by side, from left to right."""

    segments: tuple[Segment, ...]

    @property
    def text(self) -> str:
        """The line as a person would type it, with four spaces for each wide gap."""
        return _GAP.join(segment.text for segment in self.segments)


@dataclass(frozen=True)
class Page:
    """All lines of one picture of `size` (width, height) in pixels, in reading order."""

    size: tuple[int, int]
    lines: tuple[Line, ...]

    @property
    def text(self) -> str:
        """All lines, one below the other."""
        return "\n".join(line.text for line in self.lines)

    @property
    def segments(self) -> list[Segment]:
        """All segments in reading order."""
        return [segment for line in self.lines for segment in line.segments]

    def apart(self) -> Page:
        """Return the page with its segments cut at wide gaps: "Server: Anna   Table 7" holds two values."""
        lines = (Line(tuple(part for segment in line.segments for part in _cut(segment))) for line in self.lines)
        return Page(self.size, tuple(lines))


def _cut(segment: Segment) -> list[Segment]:
    """Return the parts of a segment between its wide gaps."""
    runs: list[list[Word]] = []
    for word in segment.words:
        if runs and word.box[0] - runs[-1][-1].box[2] <= _APART * (segment.box[3] - segment.box[1]):
            runs[-1].append(word)
        else:
            runs.append([word])
    if len(runs) < 2:
        return [segment]
    parts = [(" ".join(word.text for word in run), around([word.box for word in run]), tuple(run)) for run in runs]
    return [Segment(*part, segment.score) for part in parts]


def around(boxes: Sequence[Rect]) -> Rect:
    """Return the smallest box around boxes."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def shared_width(a: Rect | _Box, b: Rect | _Box) -> float:
    """Return how many pixels of width two boxes share, negative if they share none."""
    return min(a[2], b[2]) - max(a[0], b[0])


def reading_order(quads: Sequence[Quad]) -> list[list[int]]:
    """Return the indices of `quads` as rows in reading order, each row from left to right."""
    angle = skew(quads)
    cos, sin = math.cos(-angle), math.sin(-angle)
    boxes = []
    for quad in quads:  # rotated back, if the page is tilted
        xs, ys = [x * cos - y * sin for x, y in quad], [x * sin + y * cos for x, y in quad]
        boxes.append((min(xs), min(ys), max(xs), max(ys)))
    return _order(list(range(len(boxes))), boxes)


def skew(quads: Sequence[Quad]) -> float:
    """Return the angle of the text in radians: the median of the wide boxes."""
    angles = [
        math.atan2(right[1] - left[1], right[0] - left[0])
        for left, right, _, low in quads
        if math.dist(left, right) > 3 * math.dist(left, low)
    ]
    angle = median(angles or [0.0])
    return angle if abs(angle) < math.pi / 6 else 0.0


def _order(members: list[int], boxes: list[_Box]) -> list[list[int]]:
    """Return the rows of `members`, column after column if a gutter separates columns of prose."""
    for gutter in sorted((boxes[i][2] for i in members), reverse=True):
        parts = _columns(members, boxes, gutter)
        if len(parts) > 1:
            return [row for part in parts for row in _order(part, boxes)]
    return _rows(members, boxes)


def _columns(members: list[int], boxes: list[_Box], gutter: float) -> list[list[int]]:
    """Return the parts of a page: the two columns of prose that `gutter` separates, and what is above and below them.

    Boxes across the gutter (a title, a rule, a footer) end the columns above them.
    """
    parts: list[list[int]] = [[]]
    down = sorted(members, key=lambda i: boxes[i][1] + boxes[i][3])
    for _, group in groupby(down, key=lambda i: boxes[i][0] < gutter < boxes[i][2]):
        band = list(group)
        columns = [[i for i in band if boxes[i][2] <= gutter], [i for i in band if boxes[i][0] >= gutter]]
        if all(_is_prose(column, boxes) for column in columns):
            parts += [*columns, []]
        else:
            parts[-1] += band
    return parts


def _is_prose(members: list[int], boxes: list[_Box]) -> bool:
    if len(members) < _MIN_COLUMN_LINES:
        return False
    widths = [boxes[i][2] - boxes[i][0] for i in members]
    heights = [boxes[i][3] - boxes[i][1] for i in members]
    filled = [sum(boxes[i][2] - boxes[i][0] for i in row) for row in _rows(members, boxes)]
    return median(filled) >= _FILLED * max(filled) and median(widths) >= _LONG_LINE * median(heights)


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
    """Whether box `i` lies below or above another box of the row: then it is on another line, however close."""
    widths = [boxes[j][2] - boxes[j][0] for j in (i, *row)]
    return any(shared_width(boxes[i], boxes[j]) > 0.5 * min(widths[0], w) for j, w in zip(row, widths[1:], strict=True))
