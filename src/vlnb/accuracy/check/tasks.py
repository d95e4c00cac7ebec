"""The questions of the vision check, made anew from a seed, each with its known truth and how an answer is judged."""

from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from vlnb import samples
from vlnb.accuracy.check import pictures
from vlnb.images import smart_resize

if TYPE_CHECKING:
    from vlnb.images import Picture
    from vlnb.regions import Box

_READ = "Read the code on the picture. Answer with the code and nothing else."
_NUMBER = "Answer with the number and nothing else."
_WORD = "Answer with one word: {}."
_BOX = (
    'Locate the text "{}" in the picture. Answer in JSON and nothing else:'
    ' [{{"bbox_2d": [x1, y1, x2, y2], "label": "{}"}}]'
)
_FINE_PX = (28, 18, 12)  # letters of 20, 13 and 9 pixels
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri")
_CITIES, _QUARTERS = ("Lagos", "Lima", "Oslo", "Pune"), ("Q1", "Q2", "Q3", "Q4")
_SIDES = ("top", "bottom", "left", "right")
SCHEMA: Mapping[str, Any] = MappingProxyType(
    {
        "type": "object",
        "properties": {"code": {"type": "string"}, "paper": {"type": "string", "enum": ["light", "dark"]}},
        "required": ["code", "paper"],
        "additionalProperties": False,
    }
)


@dataclass(frozen=True)
class Task:
    """One question.

    `truth` is the right answer; where `choices` are given it is one of them, and can be guessed. With `box`, in pixels
    of the picture, the answer is a place instead. `raw` is the file to send as it is, in place of the picture.
    `options` go to the server. `misread` is what a server says that takes the file without what belongs to it.
    """

    id: str
    skill: str
    question: str
    pictures: tuple[Picture, ...] = field(repr=False)
    truth: str
    choices: tuple[str, ...] = ()
    box: Box | None = None
    raw: str = field(default="", repr=False)
    misread: str = ""
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    @property
    def chance(self) -> float:
        """How often a server that sees nothing is right by guessing, 0 to 1."""
        return 1 / len(self.choices) if self.choices else 0.0

    @property
    def seen(self) -> tuple[int, int]:
        """(width, height) at which the model sees the first picture."""
        return smart_resize(*self.pictures[0].size)

    def right(self, text: str) -> bool:
        """Whether an answer in words is right: of the choices it names the true one alone, else it holds the truth."""
        if self.skill == "schema":
            return obeys(text) and json.loads(text)["code"] == self.truth
        if self.choices:
            return named(text, self.choices) == {self.truth}
        return re.search(rf"(?<!\w){re.escape(self.truth)}(?!\w)", text) is not None


def named(text: str, choices: tuple[str, ...]) -> set[str]:
    """Return which of the choices a text names, as whole words."""
    low = text.lower()
    return {choice for choice in choices if re.search(rf"(?<!\w){re.escape(choice)}(?!\w)", low)}


def obeys(text: str) -> bool:
    """Whether a text is JSON by the schema."""
    try:
        found = json.loads(text)
    except ValueError:
        return False
    if not isinstance(found, dict) or set(found) != set(SCHEMA["required"]):
        return False
    return isinstance(found["code"], str) and found["paper"] in ("light", "dark")


def tasks(seed: int) -> tuple[Task, ...]:
    """Return the questions of a seed, always the same ones, in the order in which they are asked."""
    return tuple(_all(random.Random(seed)))  # noqa: S311 - the same pictures again


def _all(chance: random.Random) -> Iterator[Task]:
    yield from _reading(chance)
    yield from _order(chance)
    yield from _places(chance)
    yield from _files(chance)
    yield from _looking(chance)
    yield from _obeying(chance)


def _reading(chance: random.Random) -> Iterator[Task]:
    for number in (1, 2):
        text = pictures.code(chance)
        yield Task(f"code {number}", "seen", _READ, (pictures.card(chance, text),), text)
    for letters in _FINE_PX:
        text = pictures.code(chance)
        picture = pictures.card(chance, text, letters=letters)
        yield Task(f"letters of {round(0.72 * letters)} px", "fine print", _READ, (picture,), text)


def _order(chance: random.Random) -> Iterator[Task]:
    for count, place, size, letters in ((2, 1, (672, 420), 70), (2, 2, (672, 420), 70), (10, 0, (448, 280), 56)):
        place = place or chance.choice((1, 2, 3, 4, 7, 8, 9, 10))  # noqa: PLW2901 - of ten, not in the middle
        codes = [pictures.code(chance) for _ in range(count)]
        cards = tuple(pictures.card(chance, text, size=size, letters=letters) for text in codes)
        question = f"Which of these {count} pictures shows the code {codes[place - 1]}? Count from 1. {_NUMBER}"
        choices = tuple(str(number) for number in range(1, count + 1))
        yield Task(f"picture {place} of {count}", "order", question, cards, str(place), choices)


def _places(chance: random.Random) -> Iterator[Task]:
    for name, size, letters in (("small", (1288, 728), 60), ("large", (2240, 1680), 96), ("strip", (1400, 42), 30)):
        here, other = pictures.code(chance), pictures.code(chance)
        picture, box = pictures.two_codes(chance, here, other, size=size, letters=letters)
        raw = _uri("image/png", picture.encoded[1]) if name == "strip" else ""  # seen at another height than it has
        question = _BOX.format(here, here)
        yield Task(f"box on a {name} picture", "places", question, (picture,), here, box=box, raw=raw)


def _files(chance: random.Random) -> Iterator[Task]:
    picture, data = pictures.lying(chance)
    question = f"At which edge of the picture is the red bar? {_WORD.format(', '.join(_SIDES))}"
    raw = _uri("image/jpeg", data)
    yield Task("photograph on its side", "upright", question, (picture,), "top", _SIDES, raw=raw, misread="left")
    text = pictures.code(chance)
    picture, data = pictures.transparent(chance, text)
    yield Task("transparent paper", "transparency", _READ, (picture,), text, raw=_uri("image/png", data))


def _looking(chance: random.Random) -> Iterator[Task]:
    for count in (chance.randint(3, 4), chance.randint(6, 8)):
        question = f"How many discs are on the picture? {_NUMBER}"
        choices = tuple(str(number) for number in range(1, 11))
        yield Task(f"{count} discs", "counting", question, (pictures.discs(chance, count),), str(count), choices)
    names = tuple(pictures.COLOURS)
    for colour in chance.sample(names, 2):
        question = f"What colour is the disc? {_WORD.format(', '.join(names))}"
        yield Task(f"{colour} disc", "colour", question, (pictures.disc(chance, colour),), colour, names)
    for side in chance.sample(("left", "right"), 2):
        picture = pictures.square_and_disc(chance, side)
        question = f"Is the square left or right of the disc? {_WORD.format('left, right')}"
        yield Task(f"square {side}", "sides", question, (picture,), side, ("left", "right"))
    values = [10 * chance.randint(1, 9) for _ in _DAYS]
    day = chance.randrange(len(values))
    question = f"Which value does the bar {_DAYS[day]} have? {_NUMBER}"
    choices = tuple(str(10 * number) for number in range(1, 11))
    yield Task(f"bar {_DAYS[day]}", "charts", question, (samples.bars(_DAYS, values),), str(values[day]), choices)
    numbers = chance.sample(range(100, 1000), len(_CITIES) * len(_QUARTERS))
    cells = [numbers[len(_QUARTERS) * i :][: len(_QUARTERS)] for i in range(len(_CITIES))]
    row, column = chance.randrange(4), chance.randrange(4)
    question = f"Which number stands in the row {_CITIES[row]} and the column {_QUARTERS[column]}? {_NUMBER}"
    picture = samples.table(_CITIES, _QUARTERS, cells)
    choices = tuple(map(str, numbers))  # an answer that says them all has found none
    right = str(cells[row][column])
    yield Task(f"cell {_CITIES[row]} {_QUARTERS[column]}", "tables", question, (picture,), right, choices)


def _obeying(chance: random.Random) -> Iterator[Task]:
    text = pictures.code(chance)
    form = {"type": "json_schema", "json_schema": {"name": "card", "schema": dict(SCHEMA), "strict": True}}
    options = MappingProxyType({"response_format": form})
    question = "Which code is on the picture, and is its paper light or dark?"
    yield Task("JSON by a schema", "schema", question, (pictures.card(chance, text),), text, options=options)
    text = pictures.code(chance)
    question = "Read the code on the picture, then describe the picture in two sentences."
    yield Task("same question again", "twice", question, (pictures.card(chance, text),), text)
    text = pictures.code(chance)
    yield Task("tokens of a picture", "usage", _READ, (pictures.card(chance, text, size=(868, 532)),), text)


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
