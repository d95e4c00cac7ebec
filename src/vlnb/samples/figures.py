"""Plain charts and tables, for generated questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vlnb.regions import Box
from vlnb.samples.canvas import Canvas

if TYPE_CHECKING:
    from vlnb.images import Picture
    from vlnb.samples.canvas import Rect

_BLUE = "#1f57c3"


def bars(names: Sequence[str], values: Sequence[int]) -> Picture:
    """Return a bar chart of 896 x 560 pixels; values (0 to 100) can be read only off the axis, in steps of ten.

    >>> bars(["Mon", "Tue"], [40, 70]).alt
    'Bars: Mon 40, Tue 70'
    """
    canvas = Canvas(896, 560)
    draw_bars(canvas, dict(zip(names, values, strict=True)), (100, 60, 860, 490), 10)
    alt = f"Bars: {', '.join(f'{name} {value}' for name, value in zip(names, values, strict=True))}"
    return canvas.finish("samples.bars()", alt).picture


def draw_bars(canvas: Canvas, bars: Mapping[str, int], rect: Rect, step: int) -> dict[str, Box]:
    """Draw bars of 0 to 100 in `rect`, with a rule and a number at each `step`; return the bars by name."""
    left, top, right, bottom = rect
    for value in range(0, 101, step):
        y = bottom - (bottom - top) * value / 100
        canvas.line([(left, y), (right, y)], "#d5d8dc", 1)
        canvas.text(left - 14, y, str(value), 22, "#333333", anchor="rm")
    wide = (right - left) / max(1, len(bars))
    drawn = {}
    for i, (name, value) in enumerate(bars.items()):
        x, y = left + wide * (i + 0.5), bottom - (bottom - top) * value / 100
        drawn[name] = Box(x - 0.3 * wide, y, x + 0.3 * wide, bottom, label="bar")
        canvas.rect(drawn[name].corners, _BLUE)
        canvas.text(x, bottom + 34, name, 26, "#222222", anchor="mm")
    return drawn


def table(rows: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[int]]) -> Picture:
    """Return a table of numbers, 896 pixels wide, with a rule above every row.

    >>> table(["Oslo"], ["Q1", "Q2"], [[1200, 900]]).size
    (896, 176)
    """
    canvas = Canvas(896, 112 + 64 * len(rows))
    right = [856 - 560 * (len(columns) - 1 - j) / max(1, len(columns) - 1) for j in range(len(columns))]
    for x, name in zip(right, columns, strict=True):
        canvas.text(x, 60, name, 30, "#111111", anchor="rm", bold=True)
    for i, (name, values) in enumerate(zip(rows, cells, strict=True)):
        y = 124 + 64 * i
        canvas.line([(40, y - 32), (872, y - 32)], "#b8bec5", 1)
        canvas.text(50, y, name, 30, "#222222", anchor="lm")
        for x, value in zip(right, values, strict=True):
            canvas.text(x, y, f"{value:,}", 30, "#222222", anchor="rm")
    alt = "; ".join(f"{name}: {', '.join(map(str, values))}" for name, values in zip(rows, cells, strict=True))
    return canvas.finish("samples.table()", f"A table of {', '.join(columns)}. {alt}").picture
