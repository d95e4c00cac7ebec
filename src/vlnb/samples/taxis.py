"""The two pictures of the cookbook's comparison, drawn by code: a red taxi in a street, and a lot full of taxis."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from vlnb.samples.canvas import Canvas

if TYPE_CHECKING:
    from vlnb.regions import Box
    from vlnb.samples.sample import Sample

_RED, _DARK_RED, _SILVER, _GLASS = "#c8202a", "#8e141c", "#d9dcdf", "#26323d"
_GREEN, _BLUE = "#2c8a52", "#2d6fb0"


def street() -> Sample:
    """Return a street of 1280 x 720 pixels: one red taxi in front with a readable plate, two more behind, shops."""
    canvas = Canvas(1280, 720, "#9fb6c8")
    _town(canvas)
    fields: dict[str, Box] = {}
    for middle, ground, width, plate in ((262, 492, 140, "DA 1906"), (1066, 506, 172, "HV 377")):
        _taxi(canvas, middle, ground, width, plate, known=False)
    fields["plate"] = _taxi(canvas, 640, 660, 430, "KX 4821", known=True)
    for text in canvas.texts:
        fields.setdefault({"NOODLE BAR": "restaurant", "BOOKS": "shop", "PEARL ST": "street"}.get(text.text, ""), text)
    fields.pop("", None)
    alt = "A red taxi with the plate KX 4821 drives towards us in a street with shops; two more taxis are behind it"
    return canvas.finish("samples.street()", alt, noise=2.5, fields=fields)


def lot() -> Sample:
    """Return a car park seen from above, 1280 x 600 pixels: 22 taxis in three rows, one of them under a cover."""
    canvas = Canvas(1280, 600, "#6d7074")
    canvas.gradient((0, 0, 1280, 600), "#7b7e82", "#606367")
    chance = random.Random(7)  # noqa: S311 - the same picture each time
    for row, ground in enumerate((180, 375, 570)):
        canvas.line([(30, ground - 168), (1250, ground - 168)], "#e8e6da", 3)
        for bay in range(9):
            left = 44 + 134 * bay
            canvas.line([(left - 10, ground - 168), (left - 10, ground)], "#e8e6da", 3)
            if (row, bay) in ((0, 4), (1, 7), (1, 8), (2, 2), (0, 8)):
                continue
            colour = chance.choice((_RED, _RED, _RED, _GREEN, _BLUE))
            covered = (row, bay) == (2, 6)
            plate = f"{chance.choice('ABCDHKLMP')}{chance.choice('ABCEHJKT')} {chance.randint(100, 9999)}"
            _from_above(canvas, left, ground - 158, "#b9b6ad" if covered else colour, plate, covered=covered)
    alt = "A car park seen from above: 22 taxis in three rows, most of them red, some green or blue, one under a cover"
    return canvas.finish("samples.lot()", alt, noise=2.5)


def _town(canvas: Canvas) -> None:
    """Draw sky, houses with windows and signs, pavement, trees, and the road."""
    canvas.gradient((0, 0, 1280, 420), "#7fb0dd", "#e4ecef")
    canvas.oval((1010, 40, 1100, 130), (255, 246, 214, 230))
    chance = random.Random(3)  # noqa: S311 - the same picture each time
    houses = ((0, 190, "#b89f86"), (190, 330, "#8c98a3"), (330, 520, "#c9b79a"), (520, 700, "#9a8478"),
              (700, 905, "#aeb6ba"), (905, 1090, "#c2a58c"), (1090, 1280, "#8f9aa8"))  # fmt: skip
    for left, right, colour in houses:
        roof = chance.randint(60, 170)
        canvas.gradient((left, roof, right, 430), colour, "#6b6560")
        canvas.rect((left, roof - 6, right, roof + 4), "#55504c")
        for x in range(left + 16, right - 26, 40):
            for y in range(roof + 24, 300, 46):
                lit = chance.random() < 0.25
                canvas.rect((x, y, x + 22, y + 28), "#ffe7a3" if lit else "#43525e", radius=2)
    for left, right, name, board, ink in (
        (335, 515, "NOODLE BAR", "#7a1f1f", "#ffe9b0"),
        (742, 898, "BOOKS", "#1f3f35", "#f4f1e6"),
        (1100, 1270, "TAILOR", "#2b2f52", "#f4f1e6"),
    ):
        canvas.rect((left, 352, right, 392), board, radius=3)
        canvas.text((left + right) / 2, 372, name, 25, ink, anchor="mm", bold=True)
        canvas.rect((left + 8, 394, right - 8, 432), "#2c3138")
    canvas.gradient((0, 425, 1280, 470), "#b9b3aa", "#9d978e")
    canvas.gradient((0, 468, 1280, 720), "#5a5c60", "#3d3f43")
    for x in (60, 205, 680, 1010):
        canvas.rect((x - 4, 300, x + 4, 446), "#5b4634")
        for dx, dy, size in ((-40, -10, 58), (-4, -38, 64), (24, -6, 52), (-18, 14, 60)):
            green = chance.choice(("#3e7a3a", "#4b8a43", "#356b35"))
            canvas.oval((x + dx, 270 + dy, x + dx + size, 270 + dy + size), green)
    canvas.rect((585, 250, 590, 446), "#707880")
    canvas.rect((530, 236, 645, 266), "#1d5fa8", radius=4, edge="white")
    canvas.text(587.5, 251, "PEARL ST", 18, "white", anchor="mm", bold=True)
    for i in range(5):
        down, half = 500 + 7.5 * i * (i + 1), 5 + 3 * i
        near, far = down + 10 + 5 * i, 205 - half * 4
        canvas.shape([(far, down), (far + half * 2, down), (160 - half * 5, near), (160 - half * 8, near)], "#e9e6d6")
    canvas.shape([(1180, 470), (1192, 470), (1280, 690), (1280, 720), (1262, 720)], "#e2c64a")


def _taxi(canvas: Canvas, middle: float, ground: float, width: float, plate: str, *, known: bool) -> Box:
    """Draw a taxi from the front, its wheels on `ground`; return the box of its plate's text."""
    w = width / 100  # the taxi is drawn on a grid 100 wide, its ground at 0

    def at(x: float, y: float) -> tuple[float, float]:
        return middle + x * w, ground + y * w

    def box(x1: float, y1: float, x2: float, y2: float) -> tuple[float, float, float, float]:
        return (*at(x1, y1), *at(x2, y2))

    canvas.oval(box(-56, -5, 56, 5), (20, 20, 24, 120))
    for x in (-45, 29):
        canvas.rect(box(x, -18, x + 16, 1), "#17181a", radius=3 * w)
    canvas.shape([at(-37, -42), at(-27, -68), at(27, -68), at(37, -42)], _SILVER)
    canvas.shape([at(-33, -43), at(-24.5, -65), at(24.5, -65), at(33, -43)], _GLASS)
    canvas.shape([at(-30, -44), at(-23, -63), at(-6, -63), at(-16, -44)], (120, 150, 175, 110))
    canvas.rect(box(-50, -44, 50, -10), _RED, radius=7 * w)
    canvas.shape([at(-46, -44), at(-37, -47), at(37, -47), at(46, -44)], "#d8434c")
    canvas.rect(box(-50, -18, 50, -7), _DARK_RED, radius=4 * w)
    for x in (-46, 28):
        canvas.rect(box(x, -37, x + 18, -26), "#f6f3dc", radius=3 * w, edge="#7d7f80")
        canvas.oval(box(x + 5, -35.5, x + 14, -27.5), "#ffffff")
    canvas.rect(box(-24, -36, 24, -26), "#2a2c30", radius=2 * w)
    for y in (-34, -31, -28):
        canvas.line([at(-22, y), at(22, y)], "#8f9499", max(0.5, 0.7 * w))
    for x in (-58, 50):
        canvas.rect(box(x, -48, x + 8, -41), _DARK_RED, radius=2 * w)
    canvas.rect(box(-13, -77, 13, -68), "#f5f5ef", radius=2 * w, edge="#8a8a84")
    canvas.text(*at(0, -72.4), "TAXI", 6.4 * w, "#b3151e", anchor="mm", bold=True, known=known)
    canvas.rect(box(-17, -23, 17, -12.4), "#fbfbf7", radius=1.2 * w, edge="#33343a")
    words = canvas.text(*at(0, -17.7), plate, 7.2 * w, "#151515", anchor="mm", bold=True, known=known)
    canvas.thing("taxi", box(-58, -77, 58, 1))
    return words


def _from_above(canvas: Canvas, left: float, top: float, colour: str, plate: str, *, covered: bool) -> None:
    """Draw a taxi from high up: roof, glass, sign, and the plate at its front end. 114 x 150 pixels."""
    canvas.rect((left + 10, top + 8, left + 112, top + 154), (20, 20, 22, 110), radius=20)
    canvas.rect((left + 6, top, left + 104, top + 148), colour, radius=18)
    if covered:
        for i in range(5):
            canvas.line([(left + 18 + 17 * i, top + 8), (left + 12 + 20 * i, top + 140)], "#a19e95", 2)
    else:
        canvas.shape(
            [(left + 18, top + 46), (left + 92, top + 46), (left + 84, top + 26), (left + 26, top + 26)], _GLASS
        )
        canvas.rect((left + 20, top + 46, left + 90, top + 98), _SILVER, radius=6)
        canvas.shape(
            [(left + 18, top + 100), (left + 92, top + 100), (left + 86, top + 118), (left + 24, top + 118)], _GLASS
        )
        canvas.rect((left + 38, top + 62, left + 72, top + 78), "#f5f5ef", radius=3, edge="#8a8a84")
        canvas.text(left + 55, top + 70, "TAXI", 11, "#b3151e", anchor="mm", bold=True, known=False)
        canvas.rect((left + 18, top + 121, left + 92, top + 146), "#fbfbf7", radius=2, edge="#d5d5cf")
        canvas.text(left + 55, top + 133.5, plate, 17, "#151515", anchor="mm", known=True)
    canvas.thing("covered car" if covered else "taxi", (left + 6, top, left + 104, top + 148))
