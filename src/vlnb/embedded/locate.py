"""Where a text stands: answers to grounding prompts, in Qwen2.5-VL's own forms and in pixels of the picture sent."""

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
    """A text, where it stands, and what the question called it."""

    text: str
    box: Rect
    label: str = ""


def wants(question: str) -> bool:
    """Whether a question asks for places on the picture."""
    return bool(_PATTERNS["asks"].search(question))


def every(question: str) -> bool:
    """Whether it asks for the places of all text."""
    return bool(_PATTERNS["every"].search(question)) and not _quoted(question)


def spots_on(line: Line, question: str) -> list[Spot]:
    """Return the texts of one line: words, the whole line, or runs of text, as the question says."""
    if _PATTERNS["words"].search(question):
        return [Spot(word.text, word.box) for segment in line.segments for word in segment.words]
    if _PATTERNS["lines"].search(question):
        return [Spot(line.text, around([segment.box for segment in line.segments]))]
    return [Spot(segment.text, segment.box) for segment in line.segments]


def sought(page: Page, question: str) -> list[Spot]:
    """Return where on the page stands what the question names: a quoted text, the value of a label, or a text.

    A thing to detect or to count is none of these unless it is quoted: a sign that says TAXI is not a taxi.
    """
    if quoted := _quoted(question):
        return [spot for phrase in quoted for spot in _standing(page, phrase)]
    asked = _asked(question)
    if not asked or _PATTERNS["thing"].search(question):
        return []
    exact = _standing(page, asked)
    value = find(page, f"What is the {asked}?")
    return [Spot(value.value, value.box, asked)] if value and (value.label or not exact) else exact


def _quoted(question: str) -> list[str]:
    """Return the phrases that a question puts in quotes, double or single."""
    return [double or single for double, single in _QUOTED.findall(_without_forms(question))]


def _asked(question: str) -> str:
    """Return the words of the first sentence that say what to find; the rest describes the form of the answer."""
    first = re.split(r"(?<=[.?!])\s", _without_forms(question).strip(), maxsplit=1)[0]
    return " ".join(terms(_PATTERNS["talk"].sub(" ", first)))


def _without_forms(question: str) -> str:
    """Drop the form of the answer that a prompt spells out: {"bbox_2d": […], …}, <points …>…</points>."""
    return re.sub(r"\[?\{[^{}]*\}\]?|<[^<>]*>", " ", question)


def _standing(page: Page, phrase: str) -> list[Spot]:
    """Return every run of words on the page that is the phrase, misread letters allowed."""
    wanted = words(phrase)
    found = []
    for segment in page.segments:
        for part in _runs(segment, len(wanted)):
            text = " ".join(word.text for word in part)
            score = sum(alike(a, b) for a, b in zip(wanted, words(text), strict=True)) / len(wanted)
            if score >= _ALIKE:
                found.append(Spot(text, around([word.box for word in part]), phrase))
    return found


def _runs(segment: Segment, count: int) -> Iterator[tuple[Word, ...]]:
    """Yield the runs of printed words that hold `count` words to compare: "17,000" is printed as one and holds two."""
    lengths = [len(words(word.text)) for word in segment.words]
    for start in range(len(lengths)):
        for end in range(start + 1, len(lengths) + 1):
            if sum(lengths[start:end]) == count and lengths[start] and lengths[end - 1]:
                yield segment.words[start:end]


def written(spots: Iterable[Spot], question: str) -> Iterator[str]:
    """Yield the answer piece by piece in the form that the question names, else as JSON."""
    asks = question.lower()
    points = bool(_PATTERNS["points"].search(question))
    if points and ("xml" in asks or "<points" in asks):
        before, between, after, write = "", "\n", "", _xml
    elif "html" in asks:
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
    """Say what cannot be located, in a form that parses as no boxes."""
    about = ", ".join(_quoted(question)) or _asked(question) or "that"
    return f"[]\n{WHO}: I can locate text only, and I found no text here for “{about}”."
