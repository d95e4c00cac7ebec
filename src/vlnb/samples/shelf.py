"""A kitchen shelf drawn by code: jars, bottles and boxes to count and to find."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlnb.samples.canvas import Canvas

if TYPE_CHECKING:
    from vlnb.samples.canvas import Sample

_BOARDS = (250, 480, 710)
_ROWS = (
    (
        ("jar", "HONEY", "#d99a2b"), ("jar", "PLUM", "#6b2d5c"), ("bottle", "OIL", "#8a8f2a"),
        ("jar", "MINT", "#3f7d4e"), ("box", "RICE", "#b8433a"), ("bottle", "SOY", "#3a2418"),
    ),
    (
        ("box", "TEA", "#2f6f73"), ("box", "OATS", "#c58b4e"), ("jar", "SALT", "#b9c3c9"),
        ("bottle", "VINEGAR", "#94582f"), ("jar", "CHILI", "#b3261e"),
    ),
    (
        ("bottle", "SYRUP", "#7d3b14"), ("jar", "FIGS", "#59406b"), ("box", "FLOUR", "#d8c8a8"),
        ("box", "SUGAR", "#5a86b8"), ("bottle", "JUICE", "#d9742b"), ("jar", "OLIVES", "#6f7a3a"),
    ),
)  # fmt: skip


# Each thing: its half width, its height, how high its label is, and what is drawn, its ground in the middle at (0, 0).
_THINGS = {
    "jar": (52, 132, 60, (
        ("rect", (-52, -112, 52, 0), (255, 255, 255, 90), 16, "#8c8778"),
        ("rect", (-47, -98, 47, -5), "paint", 13, ""),
        ("rect", (-42, -92, -34, -14), (255, 255, 255, 70), 4, ""),
        ("rect", (-46, -132, 46, -110), "#b5482f", 5, "#6d2a1b"),
    )),
    "bottle": (46, 192, 60, (
        ("rect", (-16, -178, 16, -110), "paint", 5, ""),
        ("shape", (-16, -128, 16, -128, 46, -92, -46, -92), "paint", 0, ""),
        ("rect", (-46, -98, 46, 0), "paint", 9, ""),
        ("rect", (-38, -88, -31, -12), (255, 255, 255, 70), 3, ""),
        ("rect", (-18, -192, 18, -174), "#2f2a26", 3, ""),
    )),
    "box": (54, 160, 78, (
        ("rect", (-54, -160, 54, 0), "paint", 3, "#4a3c2c"),
        ("shape", (40, -159, 54, -159, 54, 0, 40, 0), (0, 0, 0, 40), 0, ""),
        ("rect", (-40, -146, 26, -116), (255, 255, 255, 60), 3, ""),
    )),
}  # fmt: skip


def shelf() -> Sample:
    """Return three boards of 1000 x 750 pixels with seven jars, five bottles and five boxes, each with its name."""
    canvas = Canvas(1000, 750)
    canvas.gradient((0, 0, 1000, 750), "#e9e2d4", "#cfc4b0")
    fields = {}
    for board, row in zip(_BOARDS, _ROWS, strict=True):
        canvas.rect((24, board + 8, 976, board + 30), (60, 45, 30, 70), radius=3)
        canvas.gradient((20, board, 980, board + 22), "#a9794b", "#855a33")
        step = 940 / len(row)
        for i, (kind, name, colour) in enumerate(row):
            middle = 30 + step * (i + 0.5)
            canvas.oval((middle - 56, board - 7, middle + 56, board + 7), (40, 28, 18, 80))
            half, high, label, rows = _THINGS[kind]
            canvas.sketch(rows, middle, board, paint=colour)
            canvas.thing(kind, (middle - half, board - high, middle + half, board))
            y = board - label
            canvas.rect((middle - 44, y - 17, middle + 44, y + 17), "#fbf8ef", radius=4, edge="#8d8470")
            fields[name.lower()] = canvas.text(middle, y, name, 18 if len(name) < 7 else 16, "#2b2620", anchor="mm")
    counts = ", ".join(f"{sum(o.label == kind for o in canvas.objects)} {kind}" for kind in _THINGS)
    return canvas.finish("samples.shelf()", f"A kitchen shelf with three boards: {counts}", noise=2, fields=fields)
