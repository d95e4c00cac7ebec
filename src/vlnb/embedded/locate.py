"""Where a text stands: answers to grounding prompts, in Qwen2.5-VL's own forms and in pixels of the picture sent."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlnb.embedded.lookup import find
from vlnb.embedded.words import WHO, alike, terms, words

if TYPE_CHECKING:
    from vlnb.embedded.page import Line, Page, Rect, Segment, Word

_ASKS = re.compile(
    r"\b(bbox(_2d)?|bounding box(es)?|point_2d|<points|coordinates?|text_content|localize|localise|spotting"
    r"|(point|pointing) (to|at)|ground(ing|ed)|QwenVL HTML|data-bbox)\b|<points",
    re.IGNORECASE,
)
_LOCATE = re.compile(r"^\W*(please )?(locate|detect|mark|highlight|spot)\b", re.IGNORECASE)
_THING = re.compile(r"^\W*(please )?(detect|count|how many)\b", re.IGNORECASE)  # of things there is no text to find
_POINTS = re.compile(r"\bpoint(s|_2d|ing)?\b", re.IGNORECASE)
_XML = re.compile(r"\bxml\b|<points", re.IGNORECASE)
_HTML = re.compile(r"\bhtml\b", re.IGNORECASE)
_PLAIN = re.compile(r"x1\s*,\s*y1\s*,\s*x2\s*,\s*y2\s+(name|label|text|object)|plain (text|lines)", re.IGNORECASE)
_EVERY = re.compile(
    r"\b(all|every|each|any)\b.{0,30}\b(text|word|line|character|string)s?\b|\b(spotting|OCR|HTML)\b", re.IGNORECASE
)
_WORDS = re.compile(r"\bword(s|-level| level| by word)?\b", re.IGNORECASE)
_LINES = re.compile(r"\bline(s|-level| level| by line| of text)\b", re.IGNORECASE)
_TALK = re.compile(
    r"\b(bbox(_2d)?|bounding|box(es)?|coordinates?|json|xml|html|format|output|outline|point(s|_2d|ing)?|position|detect"
    r"|mark|highlight|locate|localize|localise|spot|report|list|object|objects|element|region|area|text_content|label"
    r"|form|answer|text|word|words|lines?|entry|every|one by one|nothing else|using|use|key|keys|pixel|pixels|as|x1|y1"
    r"|x2|y2|QwenVL|alt|name)\b|[<>{}\[\]`]",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\"“]([^\"“”]{1,80})[\"”](?!\w)|(?<!\w)[‘«']([^‘’«»']{1,80})[’»'](?!\w)")
_ALIKE = 0.8  # share of a phrase's words that must stand on the page


@dataclass(frozen=True)
class Spot:
    """A text, where it stands, and what was asked for."""

    text: str
    box: Rect
    label: str = ""


def wants(question: str) -> bool:
    """Whether a question asks for places on the picture."""
    return bool(_ASKS.search(question) or _LOCATE.search(question))


def every(question: str) -> bool:
    """Whether it asks for the places of all text."""
    return bool(_EVERY.search(question)) and not _QUOTED.search(_without_forms(question))


def spots_on(line: Line, question: str) -> list[Spot]:
    """Return the texts of one line, in the grain that was asked for: words, whole lines, or runs of text."""
    if _WORDS.search(question):
        return [Spot(word.text, word.box) for segment in line.segments for word in segment.words]
    if _LINES.search(question):
        boxes = [segment.box for segment in line.segments]
        return [Spot(line.text, around(boxes))]
    return [Spot(segment.text, segment.box) for segment in line.segments]


def sought(page: Page, question: str) -> list[Spot]:
    """Return where on the page stands what the question names: a quoted text, its words, or the value of a label.

    A thing to detect or to count is none of these, unless it is quoted: a sign that says TAXI is no taxi.
    """
    plain = _without_forms(question)
    if quoted := _quoted(plain):
        return [spot for phrase in quoted for spot in _standing(page, phrase)]
    asked = _asked(question)
    if not asked or _THING.search(question):
        return []
    if exact := _standing(page, asked):
        value = find(page, f"What is the {asked}?")
        beside = [Spot(value.value, value.box, asked)] if value and value.label else []
        return beside or exact
    value = find(page, f"What is the {asked}?")
    return [Spot(value.value, value.box, asked)] if value else []


def _quoted(question: str) -> list[str]:
    """Return the phrases that a question puts in quotes, double or single."""
    return [double or single for double, single in _QUOTED.findall(question)]


def _asked(question: str) -> str:
    """Return the words of the first sentence that say what is meant; what follows is about the form of the answer."""
    first = re.split(r"(?<=[.?!])\s", _without_forms(question).strip(), maxsplit=1)[0]
    return " ".join(terms(_TALK.sub(" ", first)))


def _without_forms(question: str) -> str:
    """Drop the form of the answer that a prompt spells out: {"bbox_2d": […], …}, <points …>…</points>."""
    return re.sub(
        r"```.*?```|[\"“]?x1\s*,.*?y2\s*\w*[\"”]?|\[?\{[^{}]*\}\]?|<[^<>]*>|\bdata-bbox=\S*",
        " ",
        question,
        flags=re.DOTALL,
    )


def _standing(page: Page, phrase: str) -> list[Spot]:
    """Return every run of words on the page that is the phrase, misread letters allowed."""
    wanted = words(phrase)
    found = []
    for segment in page.segments:
        for part in _runs(segment, len(wanted)):
            printed = words(" ".join(word.text for word in part))
            score = sum(alike(a, b) for a, b in zip(wanted, printed, strict=True)) / len(wanted)
            if score >= _ALIKE:
                found.append(Spot(" ".join(w.text for w in part), around([w.box for w in part]), phrase))
    return found


def _runs(segment: Segment, count: int) -> Iterator[tuple[Word, ...]]:
    """Yield the runs of printed words that hold `count` words as they are compared: "17,000" is one and holds two."""
    lengths = [len(words(word.text)) for word in segment.words]
    for start in range(len(lengths)):
        for end in range(start + 1, len(lengths) + 1):
            if sum(lengths[start:end]) == count and lengths[start] and lengths[end - 1]:
                yield segment.words[start:end]


def around(boxes: Sequence[Rect]) -> Rect:
    """Return the smallest box around boxes."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def written(spots: Iterable[Spot], question: str) -> Iterator[str]:
    """Yield the answer piece by piece, in the form the question asks for; JSON where it names none."""
    if _XML.search(question) and _POINTS.search(question):
        yield from _xml(spots)
    elif _HTML.search(question):
        yield from _html(spots)
    elif _PLAIN.search(question):
        for i, spot in enumerate(spots):
            yield ("\n" if i else "") + ",".join(map(str, spot.box)) + f" {spot.label or spot.text}"
    else:
        yield from _json(spots, points=bool(_POINTS.search(question)))


def _json(spots: Iterable[Spot], *, points: bool) -> Iterator[str]:
    yield "```json\n["
    count = 0
    for spot in spots:
        entry: dict[str, object] = {"point_2d": _middle(spot.box)} if points else {"bbox_2d": list(spot.box)}
        if spot.label or points:
            entry["label"] = spot.label or spot.text
        if not points:
            entry["text_content"] = spot.text
        yield (",\n\t" if count else "\n\t") + json.dumps(entry, ensure_ascii=False)
        count += 1
    yield "\n]\n```" if count else "]\n```"


def _xml(spots: Iterable[Spot]) -> Iterator[str]:
    for i, spot in enumerate(spots):
        x, y = _middle(spot.box)
        name = html.escape(spot.label or spot.text)
        yield ("\n" if i else "") + f'<points x1="{x}" y1="{y}" alt="{name}">{name}</points>'


def _html(spots: Iterable[Spot]) -> Iterator[str]:
    yield "```html\n<html><body>"
    for spot in spots:
        yield f'\n<p data-bbox="{" ".join(map(str, spot.box))}">{html.escape(spot.text)}</p>'
    yield "\n</body></html>\n```"


def _middle(box: Rect) -> list[int]:
    return [(box[0] + box[2]) // 2, (box[1] + box[3]) // 2]


def not_found(question: str) -> str:
    """Say what cannot be located, in a form that reads as no boxes."""
    about = ", ".join(_quoted(_without_forms(question))) or _asked(question) or "that"
    return f"[]\n{WHO}: I can locate text only, and found none here that answers to “{about}”."
