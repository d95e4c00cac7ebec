"""Prompts for the grounding and document skills of Qwen2.5-VL.

Pass a prompt to an endpoint, with its system message: `endpoint.ask(prompts.detect("taxi"), picture)`. The wording, in
`prompts.toml`, is ours; the form of each answer, and all words that must be exact, come from the Qwen2.5-VL cookbooks
(spatial understanding, OCR, document parsing) and from the SGLang cookbook on Qwen2.5-VL. All coordinates are pixels of
the picture as the model sees it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from vlnb import tables
from vlnb.errors import BadInput

_WORDS = tables.read("prompts.toml")
_LEVELS = {"line": "line of text", "word": "word", "text": "text"}


@dataclass(frozen=True)
class Prompt:
    """The text to ask, and its system message, if any."""

    text: str
    system: str | None = None

    def __str__(self) -> str:
        return self.text


def detect(what: str) -> Prompt:
    """Find all objects of a kind: "taxi", "cup, plate and fork", "the person with a hat".

    The answer is a fenced JSON list of {"bbox_2d": [x1, y1, x2, y2], "label": name}.

    >>> print(detect("taxi").text[:29])
    Detect in this picture: taxi.

    Raises:
        BadInput: `what` is empty.
    """
    return _worded("detect", _named(what))


def points(what: str) -> Prompt:
    """Point to all objects of a kind, in XML, the form in which Qwen2.5-VL writes points most reliably.

    The answer is <points x1="…" y1="…" x2="…" y2="…" alt="name">name</points>.

    Raises:
        BadInput: `what` is empty.
    """
    return _worded("points", _named(what))


def count(what: str) -> Prompt:
    """Count objects of a kind ("taxis") by boxing each first, which is more reliable than counting at a glance.

    The answer is a fenced JSON list as for `detect`, then a sentence with the number.

    Raises:
        BadInput: `what` is empty.
    """
    return _worded("count", _named(what))


def spot_text(level: str = "line") -> Prompt:
    """Read all text with its position; `level` is "line", "word" or "text" (runs without a wide gap).

    The answer is a fenced JSON list of {"bbox_2d": [x1, y1, x2, y2], "text_content": text}, without labels.

    Raises:
        BadInput: The level is unknown.
    """
    if level not in _LEVELS:
        raise BadInput(f"Unknown level {level!r}. Choose {', '.join(_LEVELS)}.")
    return _worded("spot_text", _LEVELS[level])


def locate(what: str) -> Prompt:
    """Find one object, or the value of a name: "the grand total".

    The answer is a fenced JSON list with one {"bbox_2d": [x1, y1, x2, y2], "label": name}.

    Raises:
        BadInput: `what` is empty.
    """
    return _worded("locate", _named(what))


def extract(fields: Iterable[str]) -> Prompt:
    """Extract the values of named fields as one JSON object with these keys.

    >>> print(extract(["company", "total"]).text.partition(": ")[2])
    {"company": "", "total": ""}

    Raises:
        BadInput: No field is named, or the names are one text.
    """
    names = list(fields)
    if not names or isinstance(fields, str):
        raise BadInput("extract needs the names of the fields to fill in, such as ['company', 'date', 'total'].")
    return _worded("extract", json.dumps(dict.fromkeys(names, ""), ensure_ascii=False))


def document() -> Prompt:
    """Turn a page into HTML with the position of every element. The prompt's two words must be exact.

    The answer is fenced HTML: h2, p, div class="image" … with data-bbox="x1 y1 x2 y2", some with data-polygon.
    """
    return Prompt(_WORDS["document"], system=_WORDS["document_system"])


def read() -> Prompt:
    """Read all text, without positions: the prompt of the OCR example in the SGLang cookbook."""
    return _worded("read")


def compare() -> Prompt:
    """Compare the pictures of the request, in their order."""
    return _worded("compare")


def region(where: str) -> Prompt:
    """Restrict a question to a region, such as "[10, 20, 300, 90] of picture 1, in pixels"."""
    return _worded("region", where)


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
"""The skills by name. Each is a function of what to look for; some ignore it."""


def _worded(name: str, what: str = "") -> Prompt:
    return Prompt(_WORDS[name].replace("$what", what))


def _named(what: str) -> str:
    if not what.strip():
        raise BadInput("Say what to look for, such as detect('taxi') or locate('the grand total').")
    return " ".join(what.split())
