"""Pictures that code draws: taxis in a street and in a car park, and a kitchen shelf."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from vlnb.samples.canvas import Canvas

if TYPE_CHECKING:
    from vlnb.regions import Box
    from vlnb.samples.canvas import Row, Sample

_RED, _DARK_RED, _SILVER, _GLASS = "#c8202a", "#8e141c", "#d9dcdf", "#26323d"
_GREEN, _BLUE = "#2c8a52", "#2d6fb0"
_FRONT: tuple[Row, ...] = (  # a taxi from the front, 100 wide, its ground in the middle at (0, 0)
    ("oval", (-56, -5, 56, 5), (20, 20, 24, 120), 0, ""),
    *(("rect", (x, -18, x + 16, 1), "#17181a", 3, "") for x in (-45, 29)),
    ("shape", (-37, -42, -27, -68, 27, -68, 37, -42), _SILVER, 0, ""),
    ("shape", (-33, -43, -24.5, -65, 24.5, -65, 33, -43), _GLASS, 0, ""),
    ("rect", (-50, -44, 50, -10), _RED, 7, ""),
    ("rect", (-50, -18, 50, -7), _DARK_RED, 4, ""),
    *(("rect", (x, -37, x + 18, -26), "#f6f3dc", 3, "#7d7f80") for x in (-46, 28)),
    ("rect", (-24, -36, 24, -26), "#2a2c30", 2, ""),
    *(("rect", (x, -48, x + 8, -41), _DARK_RED, 2, "") for x in (-58, 50)),
    ("rect", (-13, -77, 13, -68), "#f5f5ef", 2, "#8a8a84"),
    ("rect", (-17, -23, 17, -12.4), "#fbfbf7", 1.2, "#33343a"),
)
_BODY: tuple[Row, ...] = (  # a taxi from high up, 114 x 150
    ("rect", (10, 8, 112, 154), (20, 20, 22, 110), 20, ""),
    ("rect", (6, 0, 104, 148), "paint", 18, ""),
)
_ROOF: tuple[Row, ...] = (
    ("shape", (18, 46, 92, 46, 84, 26, 26, 26), _GLASS, 0, ""),
    ("rect", (20, 46, 90, 98), _SILVER, 6, ""),
    ("shape", (18, 100, 92, 100, 86, 118, 24, 118), _GLASS, 0, ""),
    ("rect", (38, 62, 72, 78), "#f5f5ef", 3, "#8a8a84"),
    ("rect", (18, 121, 92, 146), "#fbfbf7", 2, "#d5d5cf"),
)
_EMPTY_BAYS = ((0, 4), (1, 7), (1, 8), (2, 2), (0, 8))
_COVERED_BAY = (2, 6)


def street() -> Sample:
    """Return a street of 1280 x 720 pixels: one red taxi in front with a readable plate, two more behind, shops.

    >>> street().truth.fields["plate"].text
    'KX 4821'
    """
    canvas = Canvas(1280, 720, "#9fb6c8")
    fields = _town(canvas)
    for middle, ground, width, plate in ((262, 492, 140, "DA 1906"), (1066, 506, 172, "HV 377")):
        _taxi(canvas, middle, ground, width, plate, known=False)
    fields["plate"] = _taxi(canvas, 640, 660, 430, "KX 4821", known=True)
    alt = "A red taxi with the plate KX 4821 drives towards us in a street with shops; two more taxis are behind it"
    return canvas.finish("samples.street()", alt, noise=2.5, fields=fields)


def _town(canvas: Canvas) -> dict[str, Box]:
    """Draw sky, houses with windows and signs, and the road; return the signs."""
    canvas.gradient((0, 0, 1280, 470), "#7fb0dd", "#e4ecef")
    chance = random.Random(3)  # noqa: S311 - the same picture each time
    houses = ((0, 190, "#b89f86"), (190, 330, "#8c98a3"), (330, 520, "#c9b79a"), (520, 700, "#9a8478"),
              (700, 905, "#aeb6ba"), (905, 1090, "#c2a58c"), (1090, 1280, "#8f9aa8"))  # fmt: skip
    for left, right, colour in houses:
        roof = chance.randint(60, 170)
        canvas.gradient((left, roof, right, 470), colour, "#6b6560")
        for x in range(left + 16, right - 26, 40):
            for y in range(roof + 24, 300, 46):
                canvas.rect((x, y, x + 22, y + 28), chance.choice(("#ffe7a3", "#43525e", "#43525e")), radius=2)
    canvas.gradient((0, 468, 1280, 720), "#5a5c60", "#3d3f43")
    fields = {}
    for field, left, top, right, bottom, name, size, board in (
        ("restaurant", 335, 352, 515, 392, "NOODLE BAR", 25, "#7a1f1f"),
        ("shop", 742, 352, 898, 392, "BOOKS", 25, "#1f3f35"),
        ("tailor", 1100, 352, 1270, 392, "TAILOR", 25, "#2b2f52"),
        ("street", 530, 236, 645, 266, "PEARL ST", 18, "#1d5fa8"),
    ):
        canvas.rect((left, top, right, bottom), board, radius=3)
        middle = (left + right) / 2, (top + bottom) / 2
        fields[field] = canvas.text(*middle, name, size, "#fff5dc", anchor="mm", bold=True)
    return fields


def _taxi(canvas: Canvas, middle: float, ground: float, width: float, plate: str, *, known: bool) -> Box:
    """Draw a taxi from the front, its wheels on `ground`; return the box of its plate's text."""
    w = width / 100
    canvas.sketch(_FRONT, middle, ground, unit=w)
    canvas.text(middle, ground - 72.4 * w, "TAXI", 6.4 * w, "#b3151e", anchor="mm", bold=True, known=known)
    canvas.thing("taxi", (middle - 58 * w, ground - 77 * w, middle + 58 * w, ground + w))
    return canvas.text(middle, ground - 17.7 * w, plate, 7.2 * w, "#151515", anchor="mm", bold=True, known=known)


def lot() -> Sample:
    """Return a car park seen from above, 1280 x 600 pixels: 22 taxis in three rows, one of them under a cover.

    >>> lot().truth.count("taxi")
    21
    """
    canvas = Canvas(1280, 600)
    canvas.gradient((0, 0, 1280, 600), "#7b7e82", "#606367")
    chance = random.Random(7)  # noqa: S311 - the same picture each time
    for row, top in enumerate((22, 217, 412)):
        for bay in range(9):
            left = 44 + 134 * bay
            canvas.line([(left - 10, top - 10), (left - 10, top + 158)], "#e8e6da", 3)
            if (row, bay) in _EMPTY_BAYS:
                continue
            if (row, bay) == _COVERED_BAY:
                canvas.sketch(_BODY, left, top, paint="#b9b6ad")
                canvas.thing("covered car", (left + 6, top, left + 104, top + 148))
                continue
            colour = chance.choice((_RED, _RED, _RED, _GREEN, _BLUE))
            canvas.sketch((*_BODY, *_ROOF), left, top, paint=colour)
            canvas.thing("taxi", (left + 6, top, left + 104, top + 148))
            canvas.text(left + 55, top + 70, "TAXI", 11, "#b3151e", anchor="mm", bold=True, known=False)
            plate = f"{chance.choice('ABCDHKLMP')}{chance.choice('ABCEHJKT')} {chance.randint(100, 9999)}"
            canvas.text(left + 55, top + 133.5, plate, 17, "#151515", anchor="mm")
    alt = "A car park seen from above: 22 taxis in three rows, most of them red, some green or blue, one under a cover"
    return canvas.finish("samples.lot()", alt, noise=2.5)


# -- a kitchen shelf ---------------------------------------------------------------------------------------------

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
        ("rect", (-46, -132, 46, -110), "#b5482f", 5, "#6d2a1b"),
    )),
    "bottle": (46, 192, 60, (
        ("rect", (-16, -178, 16, -110), "paint", 5, ""),
        ("shape", (-16, -128, 16, -128, 46, -92, -46, -92), "paint", 0, ""),
        ("rect", (-46, -98, 46, 0), "paint", 9, ""),
        ("rect", (-18, -192, 18, -174), "#2f2a26", 3, ""),
    )),
    "box": (54, 160, 78, (("rect", (-54, -160, 54, 0), "paint", 3, "#4a3c2c"),)),
}  # fmt: skip


def shelf() -> Sample:
    """Return three boards of 1000 x 750 pixels with seven jars, five bottles and five boxes, each with its name.

    >>> shelf().truth.count("jar")
    7
    """
    canvas = Canvas(1000, 750)
    canvas.gradient((0, 0, 1000, 750), "#e9e2d4", "#cfc4b0")
    fields = {}
    for board, row in zip(_BOARDS, _ROWS, strict=True):
        canvas.gradient((20, board, 980, board + 22), "#a9794b", "#855a33")
        step = 940 / len(row)
        for i, (kind, name, colour) in enumerate(row):
            middle = 30 + step * (i + 0.5)
            half, high, label, rows = _THINGS[kind]
            canvas.sketch(rows, middle, board, paint=colour)
            canvas.thing(kind, (middle - half, board - high, middle + half, board))
            y = board - label
            canvas.rect((middle - 44, y - 17, middle + 44, y + 17), "#fbf8ef", radius=4, edge="#8d8470")
            fields[name.lower()] = canvas.text(middle, y, name, 18 if len(name) < 7 else 16, "#2b2620", anchor="mm")
    counts = ", ".join(f"{sum(o.label == kind for o in canvas.objects)} {kind}" for kind in _THINGS)
    return canvas.finish("samples.shelf()", f"A kitchen shelf with three boards: {counts}", noise=2, fields=fields)
