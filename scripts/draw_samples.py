"""Draw the sample pictures that are shipped as files, with the truth about each: `python scripts/draw_samples.py`.

The drawing code is not part of the package. The same code gives the same pictures on every machine.
"""

from __future__ import annotations

import cmath
import json
import math
import random
import runpy
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from vlnb.images import Picture
from vlnb.regions import Box
from vlnb.samples.canvas import TIMES, Canvas, Colour, Rect, Sample, Truth
from vlnb.samples.figures import draw_bars

FOLDER = Path(__file__).parent.parent / "src" / "vlnb" / "samples" / "files"
JPEG_QUALITY = 88
Row = tuple[str, tuple[float, ...], Colour, float, str]
"""A part of a sketch: its kind ("rect", "oval" or "shape"), its points (x, y, x, y, …), its colour, and for a rectangle
the radius of its corners and the colour of its edge."""


class Scene(Canvas):
    """A canvas for scenes: objects, sketches, gradients, and the grain of a camera."""

    def __init__(self, width: int, height: int, background: Colour = "white") -> None:
        super().__init__(width, height, background)
        self.objects: list[Box] = []

    def text(self, *words: Any, legible: bool = True, **style: Any) -> Box:  # noqa: ANN401 - of `Canvas.text`
        """Write words; those that are not `legible` are left out of the truth."""
        box = super().text(*words, **style)
        if not legible:
            self.texts.pop()
        return box

    def thing(self, label: str, rect: Rect) -> None:
        """Record an object in `rect`."""
        self.objects.append(Box(*rect, label=label))

    def sample(self, alt: str, fields: dict[str, Box]) -> Sample:
        """Return the sample with its objects, and with `fields` to ask for."""
        sample = self.finish("", alt)
        truth = replace(sample.truth, fields=MappingProxyType(fields), objects=tuple(self.objects))
        return replace(sample, truth=truth)

    def gradient(self, rect: Rect, top: str, bottom: str) -> None:
        """Fill a rectangle with a colour that runs from top to bottom."""
        left, y1, right, y2 = (round(side * TIMES) for side in rect)
        ramp = Image.linear_gradient("L").resize((right - left, y2 - y1))
        self.image.paste(ImageOps.colorize(ramp, top, bottom), (left, y1))

    def shape(self, points: Sequence[tuple[float, float]], fill: Colour) -> None:
        """Fill the polygon through `points`."""
        self.pen.polygon([(x * TIMES, y * TIMES) for x, y in points], fill)

    def sketch(self, rows: Sequence[Row], x: float, y: float, *, paint: Colour = "", unit: float = 1) -> None:
        """Draw the rows of a sketch with its origin at (x, y), `unit` times as large; "paint" stands for `paint`."""
        for kind, flat, colour, radius, edge in rows:
            points = [(x + across * unit, y + down * unit) for across, down in zip(flat[::2], flat[1::2], strict=True)]
            fill = paint if colour == "paint" else colour
            if kind == "rect":
                self.rect((*points[0], *points[1]), fill, radius=radius * unit, edge=edge or None)
            elif kind == "oval":
                self.oval((*points[0], *points[1]), fill)
            else:
                self.shape(points, fill)

    def photo(self, alt: str, *, noise: float, fields: dict[str, Box] | None = None) -> Sample:
        """Return the sample with noise of standard deviation `noise` (0 to 255)."""
        sample = self.sample(alt, fields or {})
        grain = np.random.default_rng(0).normal(0, noise, (*self.size[::-1], 1))
        noisy = (np.asarray(sample.picture.image) + grain).clip(0, 255).astype(np.uint8)
        return with_image(sample, Image.fromarray(noisy))


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
    """Return a street of 1280 x 720 pixels: one red taxi in front with a readable plate, two more behind, shops."""
    canvas = Scene(1280, 720, "#9fb6c8")
    fields = _town(canvas)
    for middle, ground, width, plate in ((262, 492, 140, "DA 1906"), (1066, 506, 172, "HV 377")):
        _taxi(canvas, middle, ground, width, plate, legible=False)
    fields["plate"] = _taxi(canvas, 640, 660, 430, "KX 4821", legible=True)
    alt = "A red taxi with the plate KX 4821 drives towards us in a street with shops; two more taxis are behind it"
    return canvas.photo(alt, noise=2.5, fields=fields)


def _town(canvas: Scene) -> dict[str, Box]:
    """Draw sky, houses with windows and signs, and the road; return the signs."""
    canvas.gradient((0, 0, 1280, 470), "#7fb0dd", "#e4ecef")
    rng = random.Random(3)
    houses = ((0, 190, "#b89f86"), (190, 330, "#8c98a3"), (330, 520, "#c9b79a"), (520, 700, "#9a8478"),
              (700, 905, "#aeb6ba"), (905, 1090, "#c2a58c"), (1090, 1280, "#8f9aa8"))  # fmt: skip
    for left, right, colour in houses:
        roof = rng.randint(60, 170)
        canvas.gradient((left, roof, right, 470), colour, "#6b6560")
        for x in range(left + 16, right - 26, 40):
            for y in range(roof + 24, 300, 46):
                canvas.rect((x, y, x + 22, y + 28), rng.choice(("#ffe7a3", "#43525e", "#43525e")), radius=2)
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


def _taxi(canvas: Scene, middle: float, ground: float, width: float, plate: str, *, legible: bool) -> Box:
    """Draw a taxi from the front, its wheels on `ground`; return the box of its plate's text."""
    w = width / 100
    canvas.sketch(_FRONT, middle, ground, unit=w)
    canvas.text(middle, ground - 72.4 * w, "TAXI", 6.4 * w, "#b3151e", anchor="mm", bold=True, legible=legible)
    canvas.thing("taxi", (middle - 58 * w, ground - 77 * w, middle + 58 * w, ground + w))
    return canvas.text(middle, ground - 17.7 * w, plate, 7.2 * w, "#151515", anchor="mm", bold=True, legible=legible)


def lot() -> Sample:
    """Return a car park seen from above, 1280 x 600 pixels: 22 taxis in three rows, one of them under a cover."""
    canvas = Scene(1280, 600)
    canvas.gradient((0, 0, 1280, 600), "#7b7e82", "#606367")
    rng = random.Random(7)
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
            colour = rng.choice((_RED, _RED, _RED, _GREEN, _BLUE))
            canvas.sketch((*_BODY, *_ROOF), left, top, paint=colour)
            canvas.thing("taxi", (left + 6, top, left + 104, top + 148))
            canvas.text(left + 55, top + 70, "TAXI", 11, "#b3151e", anchor="mm", bold=True, legible=False)
            plate = f"{rng.choice('ABCDHKLMP')}{rng.choice('ABCEHJKT')} {rng.randint(100, 9999)}"
            canvas.text(left + 55, top + 133.5, plate, 17, "#151515", anchor="mm")
    alt = "A car park seen from above: 22 taxis in three rows, most of them red, some green or blue, one under a cover"
    return canvas.photo(alt, noise=2.5)


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
    """Return three boards of 1000 x 750 pixels with seven jars, five bottles and five boxes, each with its name."""
    canvas = Scene(1000, 750)
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
    return canvas.photo(f"A kitchen shelf with three boards: {counts}", noise=2, fields=fields)


# -- a chart ----------------------------------------------------------------------------------------------------

_VISITORS = {"Mon": 42, "Tue": 57, "Wed": 38, "Thu": 74, "Fri": 91}


def chart() -> Sample:
    """Return a bar chart of 960 x 600 pixels: visitors on five days, the numbers above the bars."""
    canvas = Scene(960, 600)
    canvas.text(480, 58, "The reading room, week 19", 32, "#1c1e22", anchor="ms")
    canvas.text(40, 74, "Visitors", 22, "#4a4f56")
    drawn = draw_bars(canvas, _VISITORS, (100, 100, 920, 500), 20)
    canvas.objects += drawn.values()
    fields = {
        day: canvas.text((bar.x1 + bar.x2) / 2, bar.y1 - 10, str(_VISITORS[day]), 24, "#1c1e22", anchor="ms")
        for day, bar in drawn.items()
    }
    canvas.text(510, 582, "Day of the week", 22, "#4a4f56", anchor="ms")
    alt = "Bar chart of the visitors of a reading room: " + ", ".join(f"{day} {n}" for day, n in _VISITORS.items())
    return canvas.sample(alt, fields)


# -- a long receipt and a letter, on which an OCR engine is not perfect ------------------------------------------

_GOODS = """
Oat milk 1 l = 2,49; Rye bread sliced = 3,20; Tomatoes vine 0,482 kg = 1,92; Eggs L free range 10 = 3,99;
Butter unsalted 250 g = 2,79; Coffee beans 500 g = 7,45; Dishwasher tabs 40 = 8,99; Deposit bottle 6 x 0,25 = 1,50;
Discount loyalty 5 % = -1,62; Basmati rice 1 kg = 2,85; Olives green 340 g = 2,29; Lemons net 500 g = 1,79;
Toothpaste mint 75 ml = 1,15; Paper towels 4 = 3,45
"""
_SMALL = (
    "Goods may be exchanged within 14 days against this receipt.",
    "Opened food and hygiene articles are excluded.",
    "VAT A 7,00 %  net 30,11  tax 2,11    VAT B 19,00 %  net 8,43  tax 1,60",
)


def till() -> Sample:
    """Return a long supermarket receipt, 720 x 1500 pixels: creased, dim, a little out of focus, with small print."""
    canvas = Scene(720, 1500, "#f4efe4")
    rng = random.Random(5)
    canvas.text(360, 90, "CORNER MARKET", 40, "#3a3835", anchor="mm", bold=True)
    canvas.text(360, 140, "14 Harbour Road · Tel 555 0142", 20, "#55514c", anchor="mm")
    fields = {"date": canvas.text(80, 200, "12.03.2026  18:47", 20, "#55514c")}
    canvas.text(640, 200, "Till 3  Receipt 0047713", 20, "#55514c", anchor="rs")
    for number, goods in enumerate(_GOODS.split(";")):
        name, price = goods.strip().split(" = ")
        y = 264 + 54 * number
        canvas.text(80, y, name, 25, "#4a4641")
        canvas.text(640, y, price, 25, "#4a4641", anchor="rs")
    canvas.line([(80, 1030), (640, 1030)], "#8b857b", 2)
    canvas.text(80, 1086, "TOTAL EUR", 36, "#3a3835", bold=True)
    fields["total"] = canvas.text(640, 1086, "42,24", 36, "#3a3835", anchor="rs", bold=True)
    canvas.text(80, 1140, "Card contactless", 25, "#4a4641")
    canvas.text(640, 1140, "42,24", 25, "#4a4641", anchor="rs")
    for number, words in enumerate(_SMALL):
        canvas.text(360, 1220 + 34 * number, words, 15, "#8a847b", anchor="mm")
    canvas.text(360, 1390, "Thank you for shopping with us", 22, "#6d675f", anchor="mm")
    alt = "A long, creased and dim supermarket receipt with 14 items, a total of 42,24 euro and small print"
    sample = canvas.sample(alt, fields)
    paper = np.asarray(sample.picture.image.filter(ImageFilter.GaussianBlur(0.9)), np.float32)
    down, across = np.mgrid[0:1500, 0:720].astype(np.float32)
    light = 0.62 - 0.22 * across / 720 - 0.10 * np.abs(down / 1500 - 0.4)
    for _ in range(9):  # creases: a dark side, and a bright side next to it
        turn, distance = rng.uniform(-0.5, 0.5) + rng.choice((0, 1.57)), rng.uniform(-620, 620)
        away = (across - 360) * np.cos(turn) + (down - 750) * np.sin(turn) - distance
        light += 0.10 * np.exp(-((away - 5) ** 2) / 30) - 0.14 * np.exp(-((away + 4) ** 2) / 40)
    grain = np.random.default_rng(1).normal(0, 5, (1500, 720, 1))
    return in_rows(
        with_image(sample, Image.fromarray((paper * light[..., None] + grain).clip(0, 255).astype(np.uint8)))
    )


def in_rows(sample: Sample) -> Sample:
    """Return the sample with texts beside each other, such as an article and its price, as one line."""
    rows: list[list[Box]] = []
    for box in sample.truth.boxes:
        above = rows[-1][-1] if rows else box
        beside = rows and above.x2 < box.x1 and abs(above.y1 + above.y2 - box.y1 - box.y2) < box.y2 - box.y1
        rows[-1:] = [[*rows[-1], box]] if beside else [*rows[-1:], [box]]
    lines = tuple("    ".join(box.text for box in row) for row in rows)
    return replace(sample, truth=replace(sample.truth, lines=lines))


_LEFT = """Dear members,

the reading room will be closed
from 3 to 14 August while the
floor is renewed. Books that are
due in this time can be returned
until 21 August without a fee.

The new opening hours follow
in the table on the right. On
Thursdays we stay open late for
the first time since 2019; please
tell us whether it helps you."""
_RIGHT = """A word about the catalogue: the
old numbers (R-118/4 and so on)
remain valid, but new books get
a five-digit shelf mark only.

Day         opens    closes
Monday      10:00    18:00
Wednesday   10:00    18:00
Thursday    12:00    21:30
Saturday     9:30    13:00

Yours sincerely,
E. Okafor, librarian"""


def letter() -> Sample:
    """Return a printed letter in two columns with a small table, 1000 x 760 pixels."""
    canvas = Scene(1000, 760, "#fdfcf8")
    fields = {"title": canvas.text(500, 70, "Notice of the Mill Lane Library", 32, "#26241f", anchor="mm", bold=True)}
    for x, lines in ((60, _LEFT), (530, _RIGHT)):
        for number, words in enumerate(lines.splitlines()):
            if not words:
                continue
            y, cells = 150 + 42 * number, words.split("  ") if ":" in words or "opens" in words else [words]
            for place, cell in zip((0, 190, 310), filter(None, map(str.strip, cells)), strict=False):
                box = canvas.text(x + place, y, cell, 22, "#2d2b26")
                if words.startswith("Thursday    ") and place == 310:
                    fields["thursday_closes"] = box
    canvas.line([(500, 130), (500, 700)], "#c9c4b8", 1)
    alt = "A letter of a library in two columns: closing in August, new opening hours in a table, the catalogue"
    return in_rows(canvas.photo(alt, noise=3, fields=fields))


# -- the receipt of the cookbook, photographed ------------------------------------------------------------

_PAPER = (520, 700)  # width, height of the slip in pixels, before it is turned
_PHOTO = (640, 820)  # of the picture
_MARGIN = 44
# Rows: the text at the left, the text at the right, the size of the letters, the space above, the field's name.
_RECEIPT = (
    ("Auntie Anne's", None, 46, 20, "shop"),
    ("CINNAMON SUGAR", None, 28, 70, "item"),
    ("1 x 17,000", None, 28, 22, "quantity_and_price"),
    ("SUB TOTAL", "17,000", 28, 44, "sub_total"),
    ("GRAND TOTAL", "17,000", 32, 44, "grand_total"),
    ("CASH IDR", "20,000", 28, 44, "cash"),
    ("CHANGE DUE", "3,000", 28, 44, "change_due"),
)
_RULES_AFTER = (2, 4)  # rows under which a line is drawn
_LETTERS = (44, 42, 48)


_RECEIPT_ALT = (
    "Photograph of a receipt of Auntie Anne's: cinnamon sugar, 1 x 17,000, sub total 17,000, grand total 17,000,"
    " cash IDR 20,000, change due 3,000"
)


def receipt(seed: int = 0) -> Sample:
    """Return a photograph of a receipt, 640 x 820 pixels: turned a little, on a dark table, with shadow and noise.

    `seed` chooses the turn, the tone of the paper and the noise; the text is always that of the cookbook's receipt.
    """
    rng = np.random.default_rng(seed)
    angle = math.radians(float(rng.uniform(-1.6, 1.6)))
    paper, boxes = _paper()
    fields = {name: _moved(box, angle) for name, box in boxes}
    truth = Truth(
        lines=tuple("    ".join(filter(None, row[:2])) for row in _RECEIPT),
        boxes=tuple(_moved(box, angle) for _, box in boxes),
        fields=MappingProxyType(fields),
    )
    photo = _photograph(paper, angle, rng)
    return Sample(Picture(photo, f"receipt with seed {seed}", _PHOTO, alt=_RECEIPT_ALT), truth)


def _paper() -> tuple[Image.Image, list[tuple[str, Box]]]:
    """Draw the slip upright; return it, in grey, and each run of text as its field's name and its tight box."""
    width = _PAPER[0]
    paper = Image.new("L", _PAPER, 255)
    pen = ImageDraw.Draw(paper)
    boxes, y = [], 30
    for row, (left, right, size, white, name) in enumerate(_RECEIPT):
        font = ImageFont.load_default(size)
        y += white
        runs = [(_MARGIN if row else (width - pen.textlength(left, font=font)) / 2, left)]
        if right:
            runs.append((width - _MARGIN - pen.textlength(right, font=font), right))
        for x, text in runs:
            pen.text((x, y), text, font=font, fill=0)
            boxes.append((name, Box(*pen.textbbox((x, y), text, font=font), text=text)))
        y += size
        if row in _RULES_AFTER:
            pen.line((_MARGIN, y + 26, width - _MARGIN, y + 26), fill=90, width=2)
    return paper, boxes


def _photograph(paper: Image.Image, angle: float, rng: np.random.Generator) -> Image.Image:
    """Lay the slip on a table, turn it, and add what a camera adds: soft edges, uneven light, noise."""
    width, height = _PHOTO
    tone = np.array([250, 246, 236]) + rng.integers(-4, 3, 3)
    corner = ((width - _PAPER[0]) // 2, (height - _PAPER[1]) // 2)
    ink = Image.new("L", _PHOTO, 255)
    ink.paste(paper, corner)
    slip = Image.new("L", _PHOTO, 0)
    slip.paste(255, (*corner, corner[0] + _PAPER[0], corner[1] + _PAPER[1]))
    ink, slip = (
        layer.rotate(-math.degrees(angle), Image.Resampling.BICUBIC, fillcolor=fill)
        for layer, fill in ((ink, 255), (slip, 0))
    )
    shadow, cover, written = (
        np.asarray(layer.filter(ImageFilter.GaussianBlur(radius)), np.float32)[..., None] / 255
        for layer, radius in ((slip, 14), (slip, 0.7), (ink, 0.6))
    )
    grain = rng.normal(0, 1, (height, 1, 1)).cumsum(0).astype(np.float32)  # the table's long fibres
    table = (np.array([92, 70, 54], np.float32) + 1.2 * (grain - grain.mean())).clip(40, 130)
    paper_or_ink = written * np.float32(tone) + (1 - written) * np.array(_LETTERS, np.float32)
    photo = cover * paper_or_ink + (1 - cover) * (table * (1 - 0.45 * shadow))
    down, across = np.linspace(0, 0.10, height), np.linspace(0, 0.05, width)
    photo *= (1.02 - down[:, None, None] - across[:, None]).astype(np.float32)
    photo += rng.normal(0, 3.0, (height, width, 1)).astype(np.float32)
    return Image.fromarray(photo.clip(0, 255).astype(np.uint8))


def _moved(box: Box, angle: float) -> Box:
    """Move a box from the upright slip to the turned one in the photograph: the box around its turned corners."""
    centre, turn = complex(*_PHOTO) / 2, cmath.rect(1, angle)
    corners = [
        centre + (complex(x, y) - complex(*_PAPER) / 2) * turn for x in (box.x1, box.x2) for y in (box.y1, box.y2)
    ]
    xs, ys = [corner.real for corner in corners], [corner.imag for corner in corners]
    return Box(min(xs), min(ys), max(xs), max(ys), text=box.text)


def with_image(sample: Sample, image: Image.Image) -> Sample:
    """Return the sample with another image of the same size."""
    return replace(sample, picture=replace(sample.picture, image=image))


DRAWN: dict[str, Callable[[], Sample]] = {
    "receipt": receipt, "street": street, "lot": lot, "shelf": shelf, "chart": chart, "till": till, "letter": letter,
}  # fmt: skip


def documents() -> Iterator[tuple[str, Sample]]:
    """Yield the pages of the documents of `draw_documents.py`, each with its values as fields."""
    drawings = runpy.run_path(str(Path(__file__).with_name("draw_documents.py")))["DRAWN"]
    for name, draw in drawings.items():
        document = draw()
        for number, page in enumerate(document.pages):
            fields = {path: box for path, (page_number, box) in document.boxes.items() if page_number == number}
            truth = replace(page.truth, fields=MappingProxyType(fields))
            yield f"{name}-{number + 1}" if len(document.pages) > 1 else name, in_rows(replace(page, truth=truth))


def described(sample: Sample, file: str) -> dict[str, object]:
    """Return what the package keeps about a sample, for JSON."""

    def boxes(regions: Sequence[Box]) -> list[list[object]]:
        return [[*(round(side, 2) for side in box.corners), box.text or box.label] for box in regions]

    truth = sample.truth
    fields = {name: truth.boxes.index(box) for name, box in truth.fields.items()}
    lines = () if truth.lines == tuple(box.text for box in truth.boxes) else truth.lines
    return {
        "file": file, "lines": lines, "alt": sample.picture.alt, "texts": boxes(truth.boxes), "fields": fields,
        "objects": boxes(truth.objects),
    }  # fmt: skip


def main() -> None:
    """Draw every sample and write its files."""
    for name, sample in (*((name, draw()) for name, draw in DRAWN.items()), *documents()):
        file = f"{name}.{'webp' if name == 'receipt' else 'png' if name == 'chart' else 'jpg'}"
        sample.picture.image.save(FOLDER / file, quality=JPEG_QUALITY, lossless=True)
        text = json.dumps(described(sample, file), ensure_ascii=False, indent=None)
        (FOLDER / f"{name}.json").write_text(text.replace("], [", "],\n [") + "\n")
        print(f"{file}: {(FOLDER / file).stat().st_size / 1000:.0f} kB", file=sys.stderr)


if __name__ == "__main__":
    main()
