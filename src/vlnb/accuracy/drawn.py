"""Questions about generated pictures, each with an answer that cannot be known without seeing the picture.

The vision check and the generated question set in MMMU's form both use them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from vlnb import samples
from vlnb.samples.canvas import Canvas

if TYPE_CHECKING:
    from vlnb.images import Picture
    from vlnb.regions import Box

COLOURS = {
    "red": "#c8202a", "green": "#1f8a3b", "blue": "#1f57c3", "yellow": "#f2c91d", "black": "#151515",
    "orange": "#ef7d1a",
}  # fmt: skip
IMAGES = tuple(f"<image {number}>" for number in range(1, 5))
_PAPERS = ("#fbf8ef", "#eef4f8", "#f3eef8", "#eef8f0", "#fdf1ec")
_INKS = ("#1d2733", "#402018", "#14361f", "#2b1b45", "#111111")
_CODE_LETTERS = "ACDEFHJKLMNPRTUVWXY34679"  # no two that look alike
_CODE_CHARS = 6
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri")
_CITIES = ("Lagos", "Lima", "Oslo", "Pune", "Quito", "Sofia", "Tunis", "Turin", "Vigo")
_QUARTERS = ("Q1", "Q2", "Q3", "Q4")
_WORDS = "zero one two three four five six seven eight nine ten".split()
_TENS = tuple(str(number) for number in range(10, 101, 10))
_COUNTS = tuple(str(number) for number in range(1, 11))


@dataclass(frozen=True)
class Drawn:
    """A question about generated pictures. Any of `answers` is right; with `choices`, the first answer is one of them.

    Choices that name pictures (`IMAGES`) stand for the pictures themselves.
    """

    text: str
    pictures: tuple[Picture, ...] = field(repr=False)
    answers: tuple[str, ...]
    choices: tuple[str, ...] = ()


def code(rng: Random) -> str:
    """Return a code that is not a word and cannot be guessed."""
    return "".join(rng.choice(_CODE_LETTERS) for _ in range(_CODE_CHARS))


def card(rng: Random, text: str, size: tuple[int, int] = (896, 560), letters: float = 90) -> Picture:
    """Return a card with a text at a random place, in letters of the given height in pixels."""
    width, height = size
    canvas = Canvas(width, height, rng.choice(_PAPERS))
    canvas.rect((12, 12, width - 12, height - 12), (0, 0, 0, 0), radius=10, edge="#c3c8ce")
    half = 0.36 * letters * len(text)
    x = rng.uniform(half + 24, width - half - 24)
    y = rng.uniform(letters + 20, height - letters - 20)
    canvas.text(x, y, text, letters, rng.choice(_INKS), anchor="mm")
    return _finished(canvas, f"A card with the code {text}")


def two_codes(rng: Random, right: str, *, size: tuple[int, int], letters: float) -> tuple[Picture, Box]:
    """Return a picture with another code at the upper left and the code `right` at the lower right, and its box."""
    left, (width, height) = code(rng), size
    canvas = Canvas(width, height, rng.choice(_PAPERS))
    ink = rng.choice(_INKS)
    half = 0.36 * letters * len(right)
    x, y = rng.uniform(0.6, 0.7) * width, rng.uniform(0.6, 0.8) * height
    canvas.text(0.25 * width, 0.25 * height, left, letters, ink, anchor="mm")
    box = canvas.text(min(x, width - half - 20), y, right, letters, ink, anchor="mm")
    return _finished(canvas, f"The codes {left} (on the left) and {right} (on the right)"), box


def read_code(rng: Random, size: tuple[int, int] = (896, 560), letters: float = 90) -> Drawn:
    """Ask for the code on a card."""
    text = code(rng)
    return Drawn("Read the code on the picture.", (card(rng, text, size, letters),), (text,))


def which_code(rng: Random, count: int, place: int, size: tuple[int, int], letters: float) -> Drawn:
    """Ask which of several cards shows a code; the right one is number `place`, counted from 1."""
    codes = [code(rng) for _ in range(count)]
    cards = tuple(card(rng, text, size, letters) for text in codes)
    text = f"Which of these {count} pictures shows the code {codes[place - 1]}? Count from 1."
    return Drawn(text, cards, (str(place),), _COUNTS[:count])


def count_discs(rng: Random, count: int) -> Drawn:
    """Ask how many discs there are."""
    return Drawn("How many discs are on the picture?", (_discs(rng, count),), (str(count),), _COUNTS)


def sum_discs(rng: Random) -> Drawn:
    """Ask for the number of discs on two pictures together; digits and words are both right."""
    few, many = rng.randint(1, 4), rng.randint(5, 6)
    pictures = (_discs(rng, few), _discs(rng, many))
    return Drawn("How many discs are on both pictures together?", pictures, (str(few + many), _WORDS[few + many]))


def most_discs(rng: Random) -> Drawn:
    """Ask for the picture with the most discs; the choices are the pictures."""
    counts = rng.sample((2, 4, 7), 3)
    pictures = tuple(_discs(rng, count) for count in counts)
    return Drawn("Which picture shows the most discs?", pictures, (IMAGES[counts.index(7)],), IMAGES[:3])


def name_colour(rng: Random, colour: str) -> Drawn:
    """Ask for the colour of one large disc."""
    canvas = Canvas(560, 560, "#e9e9e6")
    x, y = rng.uniform(200, 360), rng.uniform(200, 360)
    canvas.oval((x - 150, y - 150, x + 150, y + 150), COLOURS[colour])
    picture = _finished(canvas, f"A {colour} disc")
    return Drawn("What colour is the disc?", (picture,), (colour,), tuple(COLOURS))


def name_side(rng: Random, side: str) -> Drawn:
    """Ask on which side ("left" or "right") of a disc a square is."""
    canvas = Canvas(896, 448, rng.choice(_PAPERS))
    near, far = rng.uniform(180, 280), rng.uniform(620, 720)
    square, ball = (near, far) if side == "left" else (far, near)
    y, z = rng.uniform(150, 300), rng.uniform(150, 300)
    canvas.rect((square - 80, y - 80, square + 80, y + 80), COLOURS["blue"])
    canvas.oval((ball - 85, z - 85, ball + 85, z + 85), COLOURS["orange"])
    picture = _finished(canvas, f"A blue square on the {side} of an orange disc")
    return Drawn("Is the square left or right of the disc?", (picture,), (side,), ("left", "right"))


def read_bar(rng: Random) -> Drawn:
    """Ask for the value of one bar of a chart."""
    values, picture = _bars(rng)
    day = rng.choice(_DAYS)
    return Drawn(f"Which value does the bar {day} have?", (picture,), (str(values[day]),), _TENS)


def pick_bar(rng: Random, which: str, best: Callable[..., str]) -> Drawn:
    """Ask for the highest or the lowest bar of a chart (`best` is max or min)."""
    values, picture = _bars(rng)
    return Drawn(f"On which day is the bar {which}?", (picture,), (best(_DAYS, key=values.__getitem__),), _DAYS)


def compare_bars(rng: Random) -> Drawn:
    """Ask in which of two charts a bar is higher."""
    (a, first), (b, second) = _bars(rng), _bars(rng)
    choices = ("the first", "the second", "they are equal")
    higher = choices[0 if a["Wed"] > b["Wed"] else 1 if a["Wed"] < b["Wed"] else 2]
    return Drawn("In which of the two charts is the bar Wed higher?", (first, second), (higher,), choices)


def read_cell(rng: Random) -> Drawn:
    """Ask for one cell of a table; all its numbers are choices, so that an answer that lists them all is wrong."""
    cells, picture = _table(rng, 4)
    row, column = rng.randrange(4), rng.randrange(4)
    text = f"Which number stands in the row {_CITIES[row]} and the column {_QUARTERS[column]}?"
    return Drawn(text, (picture,), (str(cells[row][column]),), tuple(str(cell) for line in cells for cell in line))


def pick_row(rng: Random) -> Drawn:
    """Ask for the row of a table with the largest number in a column."""
    cells, picture = _table(rng, len(_CITIES))
    column = rng.randrange(4)
    best = max(range(len(_CITIES)), key=lambda row: cells[row][column])
    text = f"Which city has the largest number in {_QUARTERS[column]}?"
    return Drawn(text, (picture,), (_CITIES[best],), _CITIES)


def sum_row(rng: Random) -> Drawn:
    """Ask for the sum of a row of a table."""
    cells, picture = _table(rng, 4)
    row = rng.randrange(4)
    return Drawn(f"What is the sum of the row {_CITIES[row]}?", (picture,), (str(sum(cells[row])),))


def _discs(rng: Random, count: int) -> Picture:
    canvas = Canvas(896, 560, rng.choice(_PAPERS))
    cells = rng.sample([(column, row) for column in range(5) for row in range(3)], count)
    colour = rng.choice(list(COLOURS.values()))
    for column, row in cells:
        x = 100 + 174 * column + rng.uniform(-16, 16)
        y = 100 + 180 * row + rng.uniform(-12, 12)
        radius = rng.uniform(42, 62)
        canvas.oval((x - radius, y - radius, x + radius, y + radius), colour)
    return _finished(canvas, f"{count} discs of one colour")


def _bars(rng: Random) -> tuple[dict[str, int], Picture]:
    values = rng.sample(range(10, 100, 10), len(_DAYS))
    return dict(zip(_DAYS, values, strict=True)), samples.bars(_DAYS, values)


def _table(rng: Random, rows: int) -> tuple[list[list[int]], Picture]:
    columns = len(_QUARTERS)
    numbers = rng.sample(range(100, 1000), rows * columns)
    cells = [numbers[columns * row :][:columns] for row in range(rows)]
    return cells, samples.table(_CITIES[:rows], _QUARTERS, cells)


def _finished(canvas: Canvas, alt: str) -> Picture:
    return canvas.finish("vlnb.accuracy.drawn", alt).picture
