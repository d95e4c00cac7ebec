"""Finds the answer to a question on a page: the label that the question names, and the value of this label.

Words of the question match words on the page; misread letters and common synonyms are allowed. The value stands after
the label, to its right, below it, or where its row meets a column.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations, pairwise, takewhile
from typing import Any

from rapidfuzz import fuzz

from vlnb import tables
from vlnb.embedded.page import Page, Rect, Segment, around, shared_width
from vlnb.typed import values

_WORD = re.compile(r"[^\W_]+(?:['’.][^\W_]+)*|#")
WORDS = tables.read("embedded/words.toml")
STOP, VAGUE, NEUTRAL, _SIDES, _TITLES, FORMS, _BLOCKS = (
    frozenset(WORDS[name].split()) for name in ("stop", "vague", "neutral", "sides", "titles", "forms", "blocks")
)
_VAGUE_WEIGHT = 0.4
_SHAPES = str.maketrans({letter: group[0] for group in WORDS["shapes"].split() for letter in group})
_ALIKE = 82  # lowest ratio of 100 for two words that differ only in a misread letter
_SHORT = 3  # letters: words up to this length must be equal

_FOUND = 0.55  # lowest score of an answer
_TERMS = re.compile(r"net \d{1,3}( days?)?", re.IGNORECASE)  # terms of payment, not a net amount
_COUNTED = re.compile(r"\d{1,4} [^\W\d]+ [x×@] ")  # 3 nights x 80.00
_MANY = re.compile(r"\d{1,4} ?[x×]? [^\W\d]")  # 2 Flat white, if the question asks how many
_OWNER = re.compile(r"\b(\w+)['’]s\b|\bof (?:the|this|that|your|my) (\w+)")
_BESIDES = re.compile(r"\bnumber\b|\bon (?:the|this|that) \w+")  # in a question for a phone number or a date
_NET = re.compile(r"\b(?:net|sub)[ -](?:total|amount)\b", re.IGNORECASE)
_SUB = re.compile(r"\bsub[ -]total\b", re.IGNORECASE)  # one word: it is no total
_LONGEST_DATE = 6  # words: 31 de enero de 2026
_RATE = re.compile(r"\(?[\d.,]+\s?%\)?")
_FAR, _NEAR = 10, 4  # times the height of a label: largest distance to its value on the line, and to the row below
_CAPTION = 1.2  # values are larger by this factor than small labels above them
_CODE = re.compile(r"\W?[A-Z]?\.?[\d.]{0,9}\W?")  # before the label of a form: (12), C.1.1
_LETTER = re.compile(r"[^\W\d]")


@dataclass(frozen=True)
class Kind:
    """A kind of value: the words that ask for it, and its look beside a label and without one."""

    asks: re.Pattern[str]
    looks: re.Pattern[str]
    alone: re.Pattern[str] | None
    dates: bool

    def fits(self, text: str) -> bool:
        """Whether the text beside a label may be such a value."""
        return bool(self.looks.search(text) or (self.dates and _date(text, year="2000")))

    def found_in(self, text: str) -> str:
        """Return the part of a text that certainly is such a value, or ""."""
        hit = self.alone.search(text) if self.alone else None
        return hit[0] if hit else _date(text) if self.alone and self.dates else ""


def _kind(entry: dict[str, Any]) -> Kind:
    asks, looks = rf"\b({entry['asks']})\b", entry["looks"]
    alone = re.compile(entry["alone"], re.IGNORECASE) if "alone" in entry else None
    return Kind(re.compile(asks, re.IGNORECASE), re.compile(looks, re.IGNORECASE), alone, entry.get("dates", False))


_KINDS = tuple(map(_kind, WORDS["kind"]))
NUMBER, AMOUNT = _KINDS[-2:]


def _date(text: str, *, year: str = "") -> str:
    """Return the first run of words that is a date, or "". A `year` completes a date without one."""
    parts = re.findall(r"[^\s()|]+", text)
    runs = [" ".join(parts[i:j]) for i, j in combinations(range(len(parts) + 1), 2) if j - i <= _LONGEST_DATE]
    return next((run for run in runs if values.day(run) or (year and values.day(f"{run} {year}"))), "")


@dataclass(frozen=True)
class Candidate:
    """A value on a page, its box and its score (0 to 1), and its place at its label: `where` "right of" `label`.

    `rank` is 0 for the likeliest place at that label, 1 for the next.
    """

    value: str
    box: Rect
    label: str
    where: str
    score: float
    rank: int = 0


def find(page: Page, question: str) -> Candidate | None:
    """Return the answer to the question, or None if no label on the page matches it well enough."""
    page, question = page.apart(), question.partition("?")[0]  # the rest describes the format of the answer
    if hit := _by_value(page, question):
        return hit
    quoted = re.search(r"[\"“”‘'«](.{2,60}?)[\"“”’'»](?:\W|$)", question)
    labels = frozenset(segment.text.lower().strip(" :") for segment in page.segments)
    weights = dict.fromkeys(words(quoted[1]), 1.0) if quoted else terms(question, labels=labels)
    kind = next((kind for kind in _KINDS if kind.asks.search(question)), None)
    if kind and kind is not AMOUNT:  # the departure time is the time of the departure, not another time
        asked = {word for hit in kind.asks.finditer(question) for word in words(hit[0])}
        if any(weight == 1 for word, weight in weights.items() if word not in asked):
            weights |= dict.fromkeys(asked & weights.keys(), _VAGUE_WEIGHT)
    answers = [*by_label(page, weights, kind, question), *_by_row_and_column(page, weights, kind)]
    best = max(answers, key=lambda answer: answer.score, default=None)
    title = heading(page, weights)
    if title and kind and not kind.fits(title.value):
        title = None
    if best and best.score >= _FOUND and not (title and best.label in title.value != best.label):
        return best
    return (_without_label(page, kind, question) if kind and not quoted else None) or title


def words(text: str) -> list[str]:
    """Return the words of `text` in lower case."""
    return [word.lower() for word in _WORD.findall(text)]


def terms(question: str, *, labels: frozenset[str] = frozenset()) -> dict[str, float]:
    """Return the words that tell what a question is about, each with its weight.

    A stop word counts only if it is a whole label of the page (`labels`): "Where does it go to?" and TO.
    """
    all_words = [word.removesuffix("'s").removesuffix("’s") for word in words(_NET.sub("subtotal", question))]
    kept = [word for word in all_words if word not in STOP or word in labels]
    owners = {owner for pair in _OWNER.findall(question.lower()) for owner in pair}  # the patient's weight
    return {word: _VAGUE_WEIGHT if word.removesuffix("s") in VAGUE or word in owners else 1.0 for word in kept}


@lru_cache(maxsize=20_000)
def alike(a: str, b: str) -> float:
    """Return the similarity of two words: 1 if only the endings differ, 0.9 for synonyms, less if misread, else 0."""
    if a.removesuffix("s") == b.removesuffix("s") or _stem(a) == _stem(b):
        return 1.0
    if any(_stem(a) in group and _stem(b) in group for group in _SYNONYMS):
        return 0.9
    if min(len(a), len(b)) <= _SHORT or _shape(_stem(a)) != _shape(_stem(b)):  # the employer is not the employee
        return 0.0
    ratio = fuzz.ratio(a, b)
    return ratio / 100 if ratio >= _ALIKE else 0.0


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "s"):
        if len(word) > len(ending) + 2 and word.endswith(ending):
            return word.removesuffix(ending).removesuffix("e")
    return word.removesuffix("e") if len(word) > 4 else word  # "fare" is not "far"


_SYNONYMS = tuple(frozenset(map(_stem, group.split())) for group in WORDS["synonyms"])
_NUMBER = next(group for group in _SYNONYMS if "number" in group)


def _shape(word: str) -> str:
    """Return a word without accents, and with letters that OCR confuses made equal."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", word.translate(_SHAPES)))).translate(_SHAPES)


@lru_cache(maxsize=20_000)
def _sides(word: str) -> frozenset[str]:
    return frozenset(side for side in _SIDES if alike(side, word))


def opposed(some: Iterable[str], others: Iterable[str]) -> bool:
    """Whether words name another side than others: the end is not the start, and the order is not the invoice."""
    first, second = (frozenset().union(*map(_sides, them)) for them in (some, others))
    return bool(first and second) and not first & second


def match(weights: dict[str, float], label: str) -> tuple[float, float]:
    """Return (recall, precision), 0 to 1: how much of the question the label contains, and vice versa."""
    printed = words(_SUB.sub("subtotal", label))
    if not weights or not printed or opposed(weights, printed):
        return 0.0, 0.0
    recall = sum(weight * max(alike(term, word) for word in printed) for term, weight in weights.items())
    telling = [word for word in printed if (word not in STOP and len(word) > 1) or word in weights] or printed
    precision = sum(max(alike(term, word) for term in weights) for word in telling)
    return recall / sum(weights.values()), precision / len(telling)


def by_label(
    page: Page, weights: dict[str, float], kind: Kind | None, question: str, *, all_sides: bool = False
) -> Iterator[Candidate]:
    """Yield the value of each label that contains a word of the question; with `all_sides`, the values at each side."""
    for row, line in enumerate(page.lines):
        for column, segment in enumerate(line.segments):
            label, _ = _split(segment)
            recall, precision = match(weights, label)
            numbered = kind is AMOUNT and _NUMBER & set(words(label)) - weights.keys()  # a VAT number is no VAT
            if not recall or not _LETTER.search(label) or numbered:
                continue
            places = _places(page, (row, column), question, last=kind is AMOUNT, all_sides=all_sides)
            # A value is no other label, with or without its own value.
            near = [(where, value) for where, value in places if not _split(value)[0].endswith((":", "："))]
            fit = [place for place in near if kind and kind.fits(place[1].text)]
            if kind is AMOUNT:  # "VAT 25%  131.75": the question asks for the amount, not the rate
                fit = [place for place in fit if not _RATE.fullmatch(place[1].text)] or fit
            if kind and not fit:
                others = [s for s in line.segments if s is not segment and not _split(s)[0].endswith(":")]
                fit = [("in the row of", s) for s in others if kind.fits(s.text)]
            for rank, (where, value) in enumerate(fit or near):
                score = (0.75 * recall + 0.25 * precision) * (0.5 if kind and not fit else 1)
                yield Candidate(value.text, value.box, label, where, score, rank)


def _places(
    page: Page, at: tuple[int, int], question: str, *, last: bool, all_sides: bool
) -> list[tuple[str, Segment]]:
    """Return the values around the label at (row, column) of a page, the likeliest first."""
    row, column = at
    line, segment = page.lines[row], page.lines[row].segments[column]
    label, inline = _split(segment)
    one = _MANY if "how many" in question.lower() else _COUNTED
    if (all_sides or not last) and one.match(segment.text):  # the number of nights, not their price
        return [("before", replace(segment, text=segment.words[0].text, box=segment.words[0].box))]
    right, below = _right(line.segments[column + 1 :], last), _below(page, row, segment, question)
    if _is_captions(page, row):
        return [("below", below)] if below and below.box[3] - below.box[1] > segment.box[3] - segment.box[1] else []
    # "Employee" above "Employee no."
    is_list = below is not None and (below.text.lower().startswith(label.lower()) or _in_list(page, row))
    if len(line.segments) > 1 and all(_heads_block(s.text) for s in line.segments):  # "Bill to" beside "Ship to"
        right, is_list = None, False
    if all_sides and right and not is_list and _may_be_label(page, row, segment, right):
        right = None
    if is_list or (inline and label.endswith(":")):
        below = None
    places = [("right of", right), ("after", inline), ("below", below)]
    if label.endswith(":") or not (right and re.match(r"\W*\w{0,3}\W*\d", right.text)):
        places[:2] = places[1::-1]
    if not label.endswith(":") and _is_header(page, row):
        places.reverse()
    return [(where, value) for where, value in places if value]


def _heads_block(text: str) -> bool:
    return all(word in STOP or any(alike(word, head) for head in _BLOCKS | _TITLES) for word in words(text))


def _may_be_label(page: Page, row: int, label: Segment, right: Segment) -> bool:
    """Whether the text right of a label may be another label: far away, or in a row of labels above their values."""
    if label.text.endswith((":", "：")) or re.search(r"\d", right.text):
        return False
    height = label.box[3] - label.box[1]
    tops = [line.segments[0].box[1] for line in page.lines[max(0, row - 1) : row + 3]]
    steps = [low - high for high, low in pairwise(tops)]
    above = steps.pop(0) if row else math.inf
    below, after = (*steps, math.inf, math.inf)[:2]
    alone = below < min(above, after) / 1.3  # a row and the next one, apart from the others
    return right.box[0] - label.box[2] > _FAR * height or (alone and below < _NEAR * height)


def _split(segment: Segment) -> tuple[str, Segment | None]:
    """Return label and value of a segment that contains both: "No: 4711" and "TOTAL 17,000"."""
    parts = segment.words
    end = next((i + 1 for i, word in enumerate(parts[:-1]) if word.text.endswith((":", "："))), 0)
    end = end or next((i for i, word in enumerate(parts) if i and re.search(r"\d", word.text)), 0)
    if not end or segment.text.endswith((":", "：")) or _TERMS.fullmatch(segment.text):
        return segment.text, None
    text, value = (" ".join(word.text for word in part) for part in (parts[:end], parts[end:]))
    return text, Segment(value, around([word.box for word in parts[end:]]), parts[end:])


def _right(following: tuple[Segment, ...], last: bool) -> Segment | None:
    """Return the value to the right of a label; with `last`, the last of several numbers in the row of a table."""
    # Up to another label with its own value.
    until = list(takewhile(lambda segment: not re.search(r":(\s|$)", segment.text), following))
    numbers = [segment for segment in until if re.search(r"\d", segment.text)]
    return numbers[-1] if last and numbers and numbers[0] is until[0] else next(iter(until), None)


def _below(page: Page, row: int, label: Segment, question: str) -> Segment | None:
    """Return the nearest segment under a label, or the whole block of an address."""
    height = label.box[3] - label.box[1]
    block: list[Segment] = []
    most = 5 if _BLOCKS & set(words(question)) and "who" not in words(question) else 1
    for line in page.lines[row + 1 :]:
        bottom = (block[-1] if block else label).box[3]
        reach = bottom + (1.2 if block else 3) * height
        under = [s for s in line.segments if shared_width(s.box, label.box) > 0]
        near = [s for s in under if label.box[3] - height // 2 <= s.box[1] < reach]
        block += near[:1]
        if len(block) == most or (not near and (block or line.segments[0].box[1] > reach)):
            break
    if not block:
        return None
    parts = block[0].words if len(block) == 1 else ()
    return Segment(", ".join(s.text.rstrip(",") for s in block), around([s.box for s in block]), parts)


def _is_header(page: Page, row: int) -> bool:
    """Whether a line is a row of labels, each with its value in the next line under it."""
    labels = page.lines[row].segments
    if row + 1 == len(page.lines) or len(labels) == 1 or any(re.search(r"\d|:$", s.text) for s in labels):
        return False
    under = [[s for s in page.lines[row + 1].segments if shared_width(s.box, label.box) > 0] for label in labels]
    return all(under) and (len(labels) > 2 or re.search(r"\d", under[0][0].text) is not None)


def _is_captions(page: Page, row: int) -> bool:
    """Whether a line is a row of small captions: the next line is larger, and each of its texts stands under one."""
    labels, values = (line.segments for line in (page.lines[row], page.lines[min(row + 1, len(page.lines) - 1)]))
    small, large = (max(s.box[3] - s.box[1] for s in segments) for segments in (labels, values))
    is_near = values[0].box[1] - labels[0].box[3] < _NEAR * small
    under = all(any(shared_width(value.box, label.box) > 0 for label in labels) for value in values)
    plain = not any(re.search(r"[^\W\d].*\d|:", label.text) for label in labels)
    return len(labels) > 1 and large > _CAPTION * small and plain and is_near and under


def _in_list(page: Page, row: int) -> bool:
    """Whether a line is one of three or more, evenly spaced, that hold a label and a value in the same columns."""
    height = page.lines[row].segments[0].box[3] - page.lines[row].segments[0].box[1]
    for first in range(max(0, row - 2), row + 1):
        three = [line.segments for line in page.lines[first : first + 3]]
        pairs = [line[1:] if _CODE.fullmatch(line[0].text) else line for line in three]
        if len(pairs) < 3 or any(len(pair) != 2 or ":" in pair[1].text for pair in pairs):
            continue
        columns = [[pair[i].box[0] for pair in pairs] for i in (0, 1)]
        steps = [low[0].box[1] - high[0].box[1] for high, low in pairwise(pairs)]
        if all(max(lefts) - min(lefts) < height for lefts in columns) and max(steps) < 1.3 * min(steps):
            return True
    return False


def _by_row_and_column(page: Page, weights: dict[str, float], kind: Kind | None) -> Iterator[Candidate]:
    """Yield the cells of tables whose row and column together match the question."""
    scored = [(row, s, match(weights, s.text)) for row, line in enumerate(page.lines) for s in line.segments]
    scored = [(row, s, m) for row, s, m in scored if m[0]]
    for header_row, header, (header_recall, header_precision) in scored:
        for row, label, (label_recall, label_precision) in scored:
            if row <= header_row or label is page.lines[row].segments[-1]:
                continue
            recall, _ = match(weights, f"{header.text} {label.text}")
            cells = [s for s in page.lines[row].segments if s is not label and shared_width(s.box, header.box) > 0]
            if cells and recall - max(header_recall, label_recall) > 0.1 and (not kind or kind.fits(cells[0].text)):
                score = 0.75 * recall + 0.25 * (header_precision + label_precision) / 2
                name = f"{label.text} / {header.text}"
                yield Candidate(cells[0].text, cells[0].box, name, "in the row and column of", score)


def _by_value(page: Page, question: str) -> Candidate | None:
    """Answer "Which item costs 4.50?" with the start of the row that contains the number."""
    if not re.search(r"\b(which|who|what (item|product|article|line|row|one))\b", question, re.IGNORECASE):
        return None
    numbers = set(re.findall(r"(?<![\w.,])\d[\d.,]*(?<![.,])", question))
    for line in page.lines:
        for segment in line.segments[1:]:
            if numbers & set(re.findall(r"[\d.,]*\d", segment.text)):
                label = next((s for s in line.segments if _LETTER.search(s.text)), line.segments[0])
                return Candidate(label.text, label.box, segment.text, "in the row of", 1.0)
    return None


def _without_label(page: Page, kind: Kind, question: str) -> Candidate | None:
    """Return the first value of a kind if the question asks for nothing more specific, such as the date of birth."""
    specific = terms(kind.asks.sub(" ", _BESIDES.sub(" ", question))).keys() - ((FORMS | _TITLES) - _SIDES)
    found = ((kind.found_in(segment.text), segment.box) for segment in page.segments * (not specific))
    return next((Candidate(text, box, "", "with no label beside it", 0.5) for text, box in found if text), None)


def heading(page: Page, weights: dict[str, float]) -> Candidate | None:
    """Answer questions for the issuer or the title of the page with the largest line of its upper half."""
    upper = [s for s in page.segments if s.box[1] < page.size[1] / 2 and not FORMS & set(words(s.text))]
    if not upper or not _TITLES & set(weights) or set(weights) - (_TITLES | VAGUE | NEUTRAL):
        return None
    tallest = max(s.box[3] - s.box[1] for s in upper)
    first = next(s for s in upper if s.box[3] - s.box[1] >= 0.85 * tallest)
    return Candidate(first.text, first.box, "", "as the largest words at the top", 0.5)
