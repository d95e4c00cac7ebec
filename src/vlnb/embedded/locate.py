"""Locates texts: answers to grounding prompts, in Qwen2.5-VL's own formats and in pixels of the picture as sent."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlnb.embedded.lookup import WORDS, alike, find, terms, words
from vlnb.embedded.page import around

if TYPE_CHECKING:
    from vlnb.embedded.page import Line, Page, Rect, Segment, Word

WHO = "I am vlnb's embedded engine: I read text on this CPU. I am not Qwen2.5-VL"
_PATTERNS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in WORDS["places"].items()}
_QUOTED = re.compile(r"[\"“]([^\"“”]{1,80})[\"”](?!\w)|(?<!\w)[‘«']([^‘’«»']{1,80})[’»'](?!\w)")
_ALIKE = 0.8  # share of a phrase's words that must stand on the page


@dataclass(frozen=True)
class Spot:
    """A text, its box, and its name in the question."""

    text: str
    box: Rect
    label: str = ""


def asks_for_places(question: str) -> bool:
    """Whether a question asks for places on the picture."""
    return bool(_PATTERNS["asks"].search(question))


def asks_for_all_text(question: str) -> bool:
    """Whether a question asks for the places of all text."""
    return bool(_PATTERNS["every"].search(question)) and not _quoted(question)


def spots_on(line: Line, question: str) -> list[Spot]:
    """Return the texts of one line: words, the whole line, or segments, as the question asks."""
    if _PATTERNS["words"].search(question):
        return [Spot(word.text, word.box) for segment in line.segments for word in segment.words]
    if _PATTERNS["lines"].search(question):
        return [Spot(line.text, around([segment.box for segment in line.segments]))]
    return [Spot(segment.text, segment.box) for segment in line.segments]


def search(page: Page, question: str) -> list[Spot]:
    """Return the places on the page of what the question names: a quoted text, the value of a label, or another text.

    An object to detect or count has no place unless it is quoted: a sign that says TAXI is not a taxi.
    """
    if quoted := _quoted(question):
        return [spot for phrase in quoted for spot in _occurrences(page, phrase)]
    subject = _subject(question)
    if _PATTERNS["thing"].search(question):
        return []
    exact = _occurrences(page, subject)
    if exact and _PATTERNS["literal"].search(question):
        return exact
    value = find(page, f"What is the {subject}?")
    return [Spot(value.value, value.box, subject)] if value and (value.label or not exact) else exact


def _quoted(question: str) -> list[str]:
    """Return the phrases that a question puts in quotes, double or single."""
    return [double or single for double, single in _QUOTED.findall(_without_forms(question))]


def _subject(question: str) -> str:
    """Return what to find, in words of the first sentence; the rest describes the format of the answer."""
    first = re.split(r"(?<=[.?!])\s", _without_forms(question), maxsplit=1)[0]
    return " ".join(terms(_PATTERNS["talk"].sub(" ", first)))


def _without_forms(question: str) -> str:
    """Drop the template of the answer from a prompt: {"bbox_2d": […], …}, <points …>…</points>."""
    return re.sub(r"\[?\{[^{}]*\}\]?|<[^<>]*>", " ", question)


def _occurrences(page: Page, phrase: str) -> list[Spot]:
    """Return every run of words on the page that matches the phrase; misread letters are allowed."""
    sought = words(phrase)
    spots = []
    for segment in page.segments:
        for run in _runs(segment, len(sought)):
            text = " ".join(word.text for word in run)
            score = sum(alike(a, b) for a, b in zip(sought, words(text), strict=True)) / len(sought)
            if score >= _ALIKE:
                spots.append(Spot(text, around([word.box for word in run]), phrase))
    return spots


def _runs(segment: Segment, count: int) -> Iterator[tuple[Word, ...]]:
    """Yield the runs of printed words that hold `count` words to compare: "17,000" is printed as one and holds two."""
    lengths = [len(words(word.text)) for word in segment.words]
    for start in range(len(lengths)):
        for end in range(start + 1, len(lengths) + 1):
            if sum(lengths[start:end]) == count and lengths[start] and lengths[end - 1]:
                yield segment.words[start:end]


def format_spots(spots: Iterable[Spot], question: str) -> Iterator[str]:
    """Yield the answer piece by piece, in the format that the question names, else as JSON."""
    lowered = question.lower()
    points = bool(_PATTERNS["points"].search(question))
    if points and ("xml" in lowered or "<points" in lowered):
        before, between, after, write = "", "\n", "", _xml
    elif "html" in lowered:
        before, between, after, write = "```html\n<html><body>\n", "\n", "\n</body></html>\n```", _html
    else:
        before, between, after = "```json\n[\n\t", ",\n\t", "\n]\n```"
        write = _json_point if points else _json_box
    yield before
    for i, spot in enumerate(spots):
        yield between * bool(i) + write(spot)
    yield after


def _json_box(spot: Spot) -> str:
    label = {"label": spot.label} if spot.label else {}
    return json.dumps({"bbox_2d": spot.box, **label, "text_content": spot.text}, ensure_ascii=False)


def _json_point(spot: Spot) -> str:
    return json.dumps({"point_2d": _middle(spot.box), "label": spot.label or spot.text}, ensure_ascii=False)


def _xml(spot: Spot) -> str:
    x, y = _middle(spot.box)
    name = html.escape(spot.label or spot.text)
    return f'<points x1="{x}" y1="{y}" alt="{name}">{name}</points>'


def _html(spot: Spot) -> str:
    return f'<p data-bbox="{" ".join(map(str, spot.box))}">{html.escape(spot.text)}</p>'


def _middle(box: Rect) -> tuple[int, int]:
    return (box[0] + box[2]) // 2, (box[1] + box[3]) // 2


def not_found(question: str) -> str:
    """Return an answer that names what cannot be located, and that parses as an empty list of boxes."""
    subject = ", ".join(_quoted(question)) or _subject(question) or "that"
    return f"[]\n{WHO}: I can locate text only, and I found no text here for “{subject}”."
