"""The questions of the vision check: made anew from a seed, each with its truth and the skill that it tests."""

from __future__ import annotations

import base64
import json
import random
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from vlnb.accuracy import drawn
from vlnb.images import smart_resize

if TYPE_CHECKING:
    from vlnb.images import Picture
    from vlnb.regions import Box

_BOX = (
    'Locate the text "{0}" in the picture. Answer in JSON and nothing else: [{{"bbox_2d": [x1, y1, x2, y2], "label":'
    ' "{0}"}}]'
)
_FINE_PX = (28, 18, 12)  # font sizes; the letters are 20, 13 and 9 pixels high
_SIDES = ("top", "bottom", "left", "right")
_SCHEMA = {
    "type": "object",
    "properties": {"code": {"type": "string"}, "paper": {"type": "string", "enum": ["light", "dark"]}},
    "required": ["code", "paper"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Skill:
    """One part of the check: `low` says what a low score means, and `cure` what to try."""

    name: str
    title: str
    low: str
    cure: str


def _skills() -> Mapping[str, Skill]:
    rows = tomllib.loads(Path(__file__).with_name("skills.toml").read_text("utf-8"))
    flags = rows.pop("flags")
    return {name: Skill(name, row["title"], row["low"], row["cure"].format(**flags)) for name, row in rows.items()}


SKILLS: Mapping[str, Skill] = MappingProxyType(_skills())


@dataclass(frozen=True)
class Task:
    """One question.

    `truth` is the right answer; with `choices` it is one of them, and can be guessed. With `box`, in pixels of the
    picture, the answer is a place instead. `raw` is a file to send unchanged in place of the picture. `options` go to
    the server. `misread` is the answer of a server that ignores the file's metadata.
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
        """The probability of guessing the answer, 0 to 1."""
        return 1 / len(self.choices) if self.choices else 0.0

    @property
    def seen(self) -> tuple[int, int]:
        """(width, height) at which the model sees the first picture."""
        return smart_resize(*self.pictures[0].size)

    def right(self, text: str) -> bool:
        """Whether an answer in words is right: it names the true choice and no other, or contains the truth."""
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
    """Whether a text is JSON that matches the schema."""
    try:
        found = json.loads(text)
    except ValueError:
        return False
    if not isinstance(found, dict) or set(found) != {"code", "paper"}:
        return False
    return isinstance(found["code"], str) and found["paper"] in ("light", "dark")


def tasks(seed: int) -> tuple[Task, ...]:
    """Return the questions of a seed, always the same ones, in the order in which they are asked."""
    return tuple(_all(random.Random(seed)))  # noqa: S311 - the same pictures again


def _all(chance: random.Random) -> Iterator[Task]:
    for number in (1, 2):
        yield _task(f"code {number}", "seen", drawn.read_code(chance))
    for letters in _FINE_PX:
        yield _task(f"letters of {round(0.72 * letters)} px", "fine print", drawn.read_code(chance, letters=letters))
    far = chance.choice((1, 2, 3, 4, 7, 8, 9, 10))  # of ten, not in the middle
    for count, place, size, letters in ((2, 1, (672, 420), 70), (2, 2, (672, 420), 70), (10, far, (448, 280), 56)):
        yield _task(f"picture {place} of {count}", "order", drawn.which_code(chance, count, place, size, letters))
    yield from _places(chance)
    yield from _files(chance)
    for count in (chance.randint(3, 4), chance.randint(6, 8)):
        yield _task(f"{count} discs", "counting", drawn.count_discs(chance, count))
    for colour in chance.sample(tuple(drawn.COLOURS), 2):
        yield _task(f"{colour} disc", "colour", drawn.name_colour(chance, colour))
    for side in chance.sample(("left", "right"), 2):
        yield _task(f"square {side}", "sides", drawn.name_side(chance, side))
    yield _task("bar of a chart", "charts", drawn.read_bar(chance))
    yield _task("cell of a table", "tables", drawn.read_cell(chance))
    yield from _protocol(chance)


def _task(name: str, skill: str, made: drawn.Drawn, **more: Any) -> Task:  # noqa: ANN401 - fields of Task
    if not made.choices:
        form = "Answer with the code and nothing else."
    elif made.choices[0].isdigit():
        form = "Answer with the number and nothing else."
    else:
        form = f"Answer with one word: {', '.join(made.choices)}."
    return Task(name, skill, f"{made.text} {form}", made.pictures, made.answers[0], made.choices, **more)


def _places(chance: random.Random) -> Iterator[Task]:
    for name, size, letters in (("small", (1288, 728), 60), ("large", (2240, 1680), 96), ("strip", (1400, 42), 30)):
        here = drawn.code(chance)
        picture, box = drawn.two_codes(chance, here, size=size, letters=letters)
        raw = _uri("image/png", picture.encoded[1]) if name == "strip" else ""  # the model sees it at another height
        yield Task(f"box on a {name} picture", "places", _BOX.format(here), (picture,), here, box=box, raw=raw)


def _files(chance: random.Random) -> Iterator[Task]:
    picture, data = drawn.lying(chance)
    turned = drawn.Drawn("At which edge of the picture is the red bar?", (picture,), ("top",), _SIDES)
    yield _task("photograph on its side", "upright", turned, raw=_uri("image/jpeg", data), misread="left")
    text = drawn.code(chance)
    picture, data = drawn.transparent(chance, text)
    paper = drawn.Drawn("Read the code on the picture.", (picture,), (text,))
    yield _task("transparent paper", "transparency", paper, raw=_uri("image/png", data))


def _protocol(chance: random.Random) -> Iterator[Task]:
    """Yield the questions that test what the server does around the model."""
    form = {"type": "json_schema", "json_schema": {"name": "card", "schema": _SCHEMA, "strict": True}}
    question = "Which code is on the picture, and is its paper light or dark?"
    card = drawn.read_code(chance)
    yield Task(
        "JSON by a schema", "schema", question, card.pictures, card.answers[0], options={"response_format": form}
    )
    question = "Read the code on the picture, then describe the picture in two sentences."
    card = drawn.read_code(chance)
    yield Task("same question again", "twice", question, card.pictures, card.answers[0])
    yield _task("tokens of a picture", "usage", drawn.read_code(chance, (868, 532)))


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
