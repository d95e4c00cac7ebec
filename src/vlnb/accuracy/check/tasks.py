"""The questions of the vision check: generated from a seed, each with its true answer and the skill that it tests."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ValidationError

from vlnb import tables
from vlnb.accuracy import drawn

if TYPE_CHECKING:
    from vlnb.images import Picture
    from vlnb.regions import Box

_BOX = (
    'Locate the text "{0}" in the picture. Answer in JSON and nothing else: [{{"bbox_2d": [x1, y1, x2, y2], "label":'
    ' "{0}"}}]'
)
_FINE_PX = (28, 18, 12)  # font sizes; the letters are 20, 13 and 9 pixels high
_PLACES = {"small": ((1288, 728), 60), "large": ((2240, 1680), 96)}  # size of the picture and of its letters, in pixels


class _Card(BaseModel, extra="forbid", strict=True):
    """The schema of the question that needs an answer in JSON."""

    code: str
    paper: Literal["light", "dark"]


@dataclass(frozen=True)
class Skill:
    """One part of the check: `low` says what a low score means, `cures` what to try, by the maker of the server."""

    name: str
    title: str
    low: str
    cures: Mapping[str, str]

    def cure(self, owner: str = "") -> str:
        """Return what to try on any server, and what on those of the maker `owner` ("sglang", "vllm", "llamacpp").

        >>> SKILLS["cache"].cure("vllm")
        "Turn the server's caches off. --no-enable-prefix-caching, and --mm-processor-cache-gb 0."
        """
        return " ".join(filter(None, (self.cures["cure"], self.cures.get(owner))))


_ROWS = tables.read("accuracy/check/skills.toml")
_FLAGS = _ROWS.pop("flags")
SKILLS: Mapping[str, Skill] = {
    name: Skill(name, row.pop("title"), row.pop("low"), {by: text.format(**_FLAGS) for by, text in row.items()})
    for name, row in _ROWS.items()
}


@dataclass(frozen=True)
class Task:
    """One question.

    `truth` is the right answer; with `choices` it is one of them, and can be guessed. With a `box`, in pixels of the
    picture, the right answer is that place. `options` are added to the request body.
    """

    id: str
    skill: str
    question: str
    pictures: tuple[Picture, ...] = field(repr=False)
    truth: str
    choices: tuple[str, ...] = ()
    box: Box | None = None
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def right(self, text: str) -> bool:
        """Return whether a text answer is right: it names only the true choice, or contains the truth."""
        if self.skill == "schema":
            return obeys(text) and json.loads(text)["code"] == self.truth
        words, flags = (self.choices, re.IGNORECASE) if self.choices else ((self.truth,), re.NOFLAG)
        named = [word for word in words if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, flags)]
        return named == [self.truth]


def obeys(text: str) -> bool:
    """Return whether a text is JSON that matches the schema.

    >>> obeys('{"code": "KX7", "paper": "light"}'), obeys('{"code": "KX7"}')
    (True, False)
    """
    try:
        _Card.model_validate_json(text)
    except ValidationError:
        return False
    return True


def tasks(seed: int) -> tuple[Task, ...]:
    """Return the questions of a seed in the order of asking. The same seed gives the same questions."""
    return tuple(_all(random.Random(seed)))  # noqa: S311 - the same pictures again


def _all(rng: random.Random) -> Iterator[Task]:
    for number in (1, 2, 3):
        yield _task(f"code {number}", "seen", drawn.read_code(rng))
    for letters in _FINE_PX:
        yield _task(f"letters of {round(0.72 * letters)} px", "fine print", drawn.read_code(rng, letters=letters))
    far = rng.choice((1, 2, 3, 4, 7, 8, 9, 10))  # of ten, not in the middle
    for count, place, size, letters in ((2, 1, (672, 420), 70), (2, 2, (672, 420), 70), (10, far, (448, 280), 56)):
        yield _task(f"picture {place} of {count}", "order", drawn.which_code(rng, count, place, size, letters))
    for name, (size, letters) in _PLACES.items():
        code = drawn.code(rng)
        picture, box = drawn.two_codes(rng, code, size=size, letters=letters)
        yield Task(f"box on a {name} picture", "places", _BOX.format(code), (picture,), code, box=box)
    for count in (rng.randint(3, 4), rng.randint(6, 8)):
        yield _task(f"{count} discs", "counting", drawn.count_discs(rng, count))
    for colour in rng.sample(tuple(drawn.COLOURS), 2):
        yield _task(f"{colour} disc", "colour", drawn.name_colour(rng, colour))
    for side in rng.sample(("left", "right"), 2):
        yield _task(f"square {side}", "sides", drawn.name_side(rng, side))
    for number in (1, 2):
        yield _task(f"bar of chart {number}", "charts", drawn.read_bar(rng))
        yield _task(f"cell of table {number}", "tables", drawn.read_cell(rng))
    yield from _protocol(rng)


def _task(name: str, skill: str, question: drawn.Drawn) -> Task:
    if not question.choices:
        form = "Answer with the code and nothing else."
    elif question.choices[0].isdigit():
        form = "Answer with the number and nothing else."
    else:
        form = f"Answer with one word: {', '.join(question.choices)}."
    return Task(name, skill, f"{question.text} {form}", question.pictures, question.answers[0], question.choices)


def _protocol(rng: random.Random) -> Iterator[Task]:
    """Yield the questions that test the server around the model: schemas, repeatability, token counts."""
    form = {"type": "json_schema", "json_schema": {"name": "card", "schema": _Card.model_json_schema(), "strict": True}}
    question = "Which code is on the picture, and is its paper light or dark?"
    card = drawn.read_code(rng)
    yield Task(
        "JSON by a schema", "schema", question, card.pictures, card.answers[0], options={"response_format": form}
    )
    question = "Read the code on the picture, then describe the picture in two sentences."
    card = drawn.read_code(rng)
    yield Task("same question again", "twice", question, card.pictures, card.answers[0])
    yield _task("tokens of a picture", "usage", drawn.read_code(rng, (868, 532)))
