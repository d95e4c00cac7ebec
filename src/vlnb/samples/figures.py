"""Figures without a story, for questions that are made by code: a bar chart, and a table of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vlnb.samples.canvas import Canvas

if TYPE_CHECKING:
    from vlnb.images import Picture

_TOP = 100  # of the axis
_BLUE = "#1f57c3"


def bars(names: Sequence[str], values: Sequence[int]) -> Picture:
    """Return a bar chart of 896 x 560 pixels; a value (0 to 100) stands nowhere but on the axis, in steps of ten."""
    canvas = Canvas(896, 560)
    bottom, top, left = 490, 60, 100
    step = (860 - left) / len(names)

    def height(value: float) -> float:
        return bottom - (bottom - top) * value / _TOP

    for value in range(0, _TOP + 1, 10):
        canvas.line([(left, height(value)), (860, height(value))], "#d5d8dc", 1)
        canvas.text(left - 14, height(value), str(value), 22, "#333333", anchor="rm")
    for i, (name, value) in enumerate(zip(names, values, strict=True)):
        x = left + step * (i + 0.5)
        canvas.rect((x - 0.3 * step, height(value), x + 0.3 * step, bottom), _BLUE)
        canvas.text(x, bottom + 34, name, 26, "#222222", anchor="mm")
    alt = f"Bars: {', '.join(f'{name} {value}' for name, value in zip(names, values, strict=True))}"
    return canvas.finish("samples.bars()", alt).picture


def table(rows: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[int]]) -> Picture:
    """Return a table of numbers, 896 pixels wide, with a rule above every row."""
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
