"""Prompts for what Qwen2.5-VL was trained to do with places and documents, each with the form of its answer.

The wording is ours; the form of each answer, and what must be said word for word to get it, are from the source named.
`endpoint.ask(prompts.detect("taxi"), picture)` takes one as it is, with its system message.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from vlnb.errors import BadInput

_SPATIAL = "Qwen2.5-VL cookbook, spatial understanding"
_OCR = "Qwen2.5-VL cookbook, OCR"
_DOCUMENT = "Qwen2.5-VL cookbook, document parsing"
LEVELS = ("line", "word", "text")
_GRAIN = {"line": "line of text", "word": "word", "text": "text"}


@dataclass(frozen=True)
class Prompt:
    """What to ask, the `form` of the answer to expect, and the `source` of that form.

    `regions` says whether the answer names places, for `regions.parse`.
    """

    text: str
    form: str
    source: str
    system: str | None = None
    regions: bool = True

    def __str__(self) -> str:
        return self.text


def detect(what: str) -> Prompt:
    """Find every thing of a kind: "taxi", "cup, plate and fork", "the person with a hat"."""
    return Prompt(
        f"Detect every {_named(what)} in the picture. Answer with a JSON list and nothing else, one entry each:"
        ' {"bbox_2d": [x1, y1, x2, y2], "label": "..."}',
        'fenced JSON list of {"bbox_2d": [x1, y1, x2, y2], "label"}, pixels of the picture as seen',
        _SPATIAL,
    )


def points(what: str) -> Prompt:
    """Point to every thing of a kind; in XML, the form that Qwen2.5-VL writes points in most steadily."""
    return Prompt(
        f"Point to every {_named(what)} in the picture, one by one. Answer in XML:"
        ' <points x1="..." y1="..." alt="...">...</points>',
        "<points x1 y1 x2 y2 … alt>name</points>, pixels of the picture as seen",
        _SPATIAL,
    )


def count(what: str) -> Prompt:
    """Count things of a kind ("taxis") by boxing each first, which is steadier than counting at a glance."""
    return Prompt(
        f"How many {_named(what)} are in the picture? First list each with its place as JSON,"
        ' {"bbox_2d": [x1, y1, x2, y2], "label": "..."}; then say the number in one sentence.',
        "fenced JSON list, then a sentence with the number",
        _SPATIAL,
    )


def spot_text(level: str = "line") -> Prompt:
    """Read all text with its places; `level` is "line", "word" or "text" (runs without a wide gap)."""
    if level not in LEVELS:
        raise BadInput(f"level={level!r} is none: choose one of {', '.join(LEVELS)}.")
    return Prompt(
        f"Spot every {_GRAIN[level]} in the picture. Answer with a JSON list, one entry each:"
        ' {"bbox_2d": [x1, y1, x2, y2], "text_content": "..."}',
        'fenced JSON list of {"bbox_2d": [x1, y1, x2, y2], "text_content"}, without labels',
        _OCR,
    )


def locate(what: str) -> Prompt:
    """Find one thing, or the value that belongs to a name: "the grand total"."""
    return Prompt(
        f'Locate {_named(what)} in the picture. Answer in JSON: [{{"bbox_2d": [x1, y1, x2, y2], "label": "..."}}]',
        'fenced JSON list with one {"bbox_2d": [x1, y1, x2, y2], "label"}',
        _SPATIAL,
    )


def extract(fields: Iterable[str]) -> Prompt:
    """Key information: the values of named fields, as one JSON object."""
    names = list(fields)
    if not names:
        raise BadInput("extract wants the names of the fields to fill in, such as ['company', 'date', 'total'].")
    empty = json.dumps(dict.fromkeys(names, ""), ensure_ascii=False)
    return Prompt(
        f"Fill in this form from the picture, and answer with the filled form as JSON and nothing else: {empty}",
        "fenced JSON object with the keys of the form; prose may stand before it",
        _OCR,
        regions=False,
    )


def document() -> Prompt:
    """Turn a page into HTML with a place for every element. The two words must be just these."""
    return Prompt(
        "QwenVL HTML",
        'fenced HTML; h2, p, div class="image" … carry data-bbox="x1 y1 x2 y2", some data-polygon',
        _DOCUMENT,
        system="You turn pictures of documents into QwenVL HTML: every element of the page as a tag, in reading order,"
        " with its place in data-bbox.",
    )


def where(one: str, other: str) -> Prompt:
    """Ask how one thing lies to another."""
    return Prompt(
        f"Where is {_named(one)} as seen from {_named(other)}? Answer in one sentence: left, right, above,"
        " below, in front or behind.",
        "one sentence",
        _SPATIAL,
        regions=False,
    )


def read() -> Prompt:
    """Read all text, without places: the prompt of the SGLang cookbook's OCR example."""
    return Prompt("Read all the text in the image.", "plain text", "SGLang cookbook, Qwen2.5-VL", regions=False)


def compare() -> Prompt:
    """Compare the pictures that are sent, in their order."""
    return Prompt(
        "Compare these pictures. Name them first, second and so on, and say in at most 100 words how they differ.",
        "a paragraph",
        "SGLang cookbook, Qwen2.5-VL, multi-image",
        regions=False,
    )


SKILLS: Mapping[str, Callable[[str], Prompt]] = MappingProxyType(
    {
        "read all text": lambda _: read(),
        "spot text: lines": lambda _: spot_text("line"),
        "spot text: words": lambda _: spot_text("word"),
        "locate": locate,
        "detect": detect,
        "point": points,
        "count": count,
        "document as HTML": lambda _: document(),
        "compare pictures": lambda _: compare(),
    }
)
"""Each skill by its name, made from the words that say what is meant (some need none)."""


def _named(what: str) -> str:
    if not what.strip():
        raise BadInput("Say what is meant: detect('taxi'), locate('the grand total').")
    return " ".join(what.split())
