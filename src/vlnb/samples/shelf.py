"""A kitchen shelf drawn by code: jars, bottles and boxes to count and to find."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlnb.samples.canvas import Canvas

if TYPE_CHECKING:
    from vlnb.regions import Box
    from vlnb.samples.sample import Sample

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
            {"jar": _jar, "bottle": _bottle, "box": _box}[kind](canvas, middle, board, colour)
            fields[name.lower()] = _name(canvas, middle, board - (60 if kind != "box" else 78), name)
    counts = ", ".join(f"{sum(o.label == kind for o in canvas.objects)} {kind}" for kind in ("jar", "bottle", "box"))
    return canvas.finish("samples.shelf()", f"A kitchen shelf with three boards: {counts}", noise=2, fields=fields)


def _name(canvas: Canvas, x: float, y: float, name: str) -> Box:
    canvas.rect((x - 44, y - 17, x + 44, y + 17), "#fbf8ef", radius=4, edge="#8d8470")
    return canvas.text(x, y, name, 18 if len(name) < 7 else 16, "#2b2620", anchor="mm")


def _jar(canvas: Canvas, x: float, ground: float, colour: str) -> None:
    canvas.rect((x - 52, ground - 112, x + 52, ground), (255, 255, 255, 90), radius=16, edge="#8c8778")
    canvas.rect((x - 47, ground - 98, x + 47, ground - 5), colour, radius=13)
    canvas.rect((x - 42, ground - 92, x - 34, ground - 14), (255, 255, 255, 70), radius=4)
    canvas.rect((x - 46, ground - 132, x + 46, ground - 110), "#b5482f", radius=5, edge="#6d2a1b")
    canvas.thing("jar", (x - 52, ground - 132, x + 52, ground))


def _bottle(canvas: Canvas, x: float, ground: float, colour: str) -> None:
    canvas.rect((x - 16, ground - 178, x + 16, ground - 110), colour, radius=5)
    canvas.shape([(x - 16, ground - 128), (x + 16, ground - 128), (x + 46, ground - 92), (x - 46, ground - 92)], colour)
    canvas.rect((x - 46, ground - 98, x + 46, ground), colour, radius=9)
    canvas.rect((x - 38, ground - 88, x - 31, ground - 12), (255, 255, 255, 70), radius=3)
    canvas.rect((x - 18, ground - 192, x + 18, ground - 174), "#2f2a26", radius=3)
    canvas.thing("bottle", (x - 46, ground - 192, x + 46, ground))


def _box(canvas: Canvas, x: float, ground: float, colour: str) -> None:
    canvas.rect((x - 54, ground - 160, x + 54, ground), colour, radius=3, edge="#4a3c2c")
    canvas.shape([(x + 40, ground - 159), (x + 54, ground - 159), (x + 54, ground), (x + 40, ground)], (0, 0, 0, 40))
    canvas.rect((x - 40, ground - 146, x + 26, ground - 116), (255, 255, 255, 60), radius=3)
    canvas.thing("box", (x - 54, ground - 160, x + 54, ground))
