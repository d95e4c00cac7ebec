"""Finding what a question asks for on a page: the label nearest to it, and the value that belongs to that label.

The rules are general. Words of the question are matched to words on the page (misread letters, missing spaces and
common synonyms allowed); the value stands behind the label, to its right, below it, or where its row meets a column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from vlnb.embedded.page import Line, Page, Rect, Segment
from vlnb.embedded.words import alike, match, terms, words

_FOUND = 0.55  # score from which a label counts as the one that was meant
_DATE = re.compile(
    r"\b(\d{1,4}[./-]\d{1,2}[./-]\d{1,4}"
    r"|\d{1,2}\.?\s?(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\w*\.?,?(\s?\d{2,4})?"
    r"|(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\w*\.?\s?\d{1,2}(,?\s?\d{2,4})?)",
    re.IGNORECASE,
)
_TIME = re.compile(r"\b\d{1,2}[:.h]\d{2}\b(\s?[ap]\.?m\.?)?|\b\d{1,2}\s?[ap]\.?m\b", re.IGNORECASE)
_NUMBER = re.compile(r"\d")
_RATE = re.compile(r"\(?[\d.,]+\s?%\)?")
_EMAIL = re.compile(r"\S+@\S+\.\w+")
_SITE = re.compile(r"(https?://|www\.)\S+|\b[\w-]+\.(com|org|net|io|de|eu)\b")
_PHONE = re.compile(r"(?<!\w)(?<!\d )((\+|\(?0)[\d ()./-]{6,16}\d|\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4})(?!\d)")
# What kind of value a question wants: the words that ask for it, what the value beside a label must look like, and,
# where its form alone is certain enough, what to answer with when no label is printed.
_KINDS: tuple[tuple[str, re.Pattern[str], re.Pattern[str] | None], ...] = (
    (r"\be-?mail\b", _EMAIL, _EMAIL),
    (r"\b(website|web ?site|web address|url)\b", _SITE, _SITE),
    (r"\b(phone|telephone|fax|mobile)\b", re.compile(r"(\d\D{0,2}){6}"), _PHONE),
    (r"\b(what time|at what time|time)\b", _TIME, _TIME),
    (r"\b(date|what day|which day)\b", _DATE, _DATE),
    (r"\b(who|whose|whom)\b", re.compile(r"^\D+$"), None),
    (r"\bwhen\b", re.compile(f"{_DATE.pattern}|{_TIME.pattern}", re.IGNORECASE), None),
    (r"\b(how much|how many|how old|total|amount|price|cost|costs|fee|tax|vat|balance|quantity)\b", _NUMBER, None),
)
_TITLE_TIMES = 1.3  # of the usual height of letters
_TITLES = frozenset(
    "shop store merchant company restaurant cafe vendor seller business brand issuer title heading headline".split()
)
_FORM = frozenset("invoice receipt bill statement quotation order form ticket pass menu".split())  # kinds, not names
_BLOCKS = frozenset("address bill billed ship shipped sold deliver delivered recipient sender to".split())
_REASK = re.compile(r"\b(which|who|what (item|product|article|line|row|one))\b", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """A value on a page: its text and box, the label it belongs to, how it lies to it, and a score from 0 to 1."""

    value: str
    box: Rect
    label: str
    where: str
    score: float


def find(page: Page, question: str) -> Found | None:
    """Return what the question asks for, or None where no label on the page is near enough to it."""
    question = question.partition("?")[0]  # what follows is about the form of the answer
    if reverse := _by_value(page, question):
        return reverse
    labels = frozenset(segment.text.lower().strip(" :") for segment in page.segments)
    wanted = _quoted(question) or terms(question, labels=labels)
    kind, certain = next(
        ((fits, sure) for asks, fits, sure in _KINDS if re.search(asks, question, re.IGNORECASE)), (None, None)
    )
    answers = [*_by_label(page, wanted, kind, question), *_by_row_and_column(page, wanted, kind)]
    best = max(answers, key=lambda found: found.score, default=None)
    issuer = _title(page, wanted)
    if best and best.score >= _FOUND and not (issuer and best.label in issuer.value):
        return best
    return (_by_pattern(page, certain) if certain else None) or issuer


def _quoted(question: str) -> dict[str, float]:
    quoted = re.findall(r"[\"“”‘'«](.{2,60}?)[\"“”’'»](?:\W|$)", question)
    return dict.fromkeys(words(quoted[0]), 1.0) if quoted else {}


def _by_label(page: Page, wanted: dict[str, float], kind: re.Pattern[str] | None, question: str) -> Iterator[Found]:
    for row, line in enumerate(page.lines):
        for column, segment in enumerate(line.segments):
            label, inline, parted_by = _split(segment, wanted)
            recall, precision = match(wanted, label)
            if not recall or not re.search(r"[^\W\d]", label):
                continue
            right = _right(line, column, kind, question)
            below = _below(page, row, segment, question)
            header = not label.endswith(":") and _is_header(page, row)
            sides = [("right of", right), ("below", below)]
            if parted_by == "words" and _is_title(
                page, segment
            ):  # "HOTEL MIRADOR" is a name, not a label and its value
                inline = segment
            after = ("after", inline)
            if parted_by == "colon" or (parted_by == "number" and not _is_value(right)):
                order = [after, *sides]
            else:
                order = [sides[0], after, sides[1]]
            places = [(where, found) for where, found in (order[::-1] if header else order) if found]
            fit = [place for place in places if kind and kind.search(place[1].text)]
            if kind is _NUMBER and "%" not in question:  # "VAT 25%  131.75": the amount is wanted, not the rate
                fit = [place for place in fit if not _RATE.fullmatch(place[1].text)] or fit
            if kind and not fit:
                fit = [("in the row of", s) for s in line.segments if s is not segment and kind.search(s.text)]
            for where, value in (fit or places)[:1]:
                score = 0.75 * recall + 0.25 * precision
                if kind and not fit:
                    score *= 0.7  # a label, but nothing by it that could be the answer
                yield Found(value.text, value.box, label, where, score)


def _split(segment: Segment, wanted: dict[str, float]) -> tuple[str, Segment | None, str]:
    """Part a segment into (label, value or None, by what): "No: 4711" by a colon, "TOTAL 17,000" by its number.

    "Gate A" has no mark; it is parted where the question's words end, which is the least sure of the three.
    """
    split = segment.words
    if segment.text.endswith((":", "：")):
        return segment.text, None, ""
    colon = next((i + 1 for i, word in enumerate(split[:-1]) if word.text.endswith((":", "："))), 0)
    if colon:
        return _label(segment, colon), _part(segment, colon), "colon"
    if ":" in segment.text and not _TIME.search(segment.text):
        label, _, value = segment.text.partition(":")
        return label + ":", Segment(value.strip(), segment.score, segment.box, ()), "colon"
    number = next((i for i, word in enumerate(split) if i and _NUMBER.search(word.text)), 0)
    if number:
        return _label(segment, number), _part(segment, number), "number"
    known = [max((alike(term, w) for w in words(word.text) for term in wanted), default=0) for word in split]
    end = next((i for i, sure in enumerate(known) if not sure), 0) if known and known[0] else 0
    return (_label(segment, end), _part(segment, end), "words") if end else (segment.text, None, "")


def _is_value(segment: Segment | None) -> bool:
    """Whether a segment is an amount or another value that begins with digits, and no further label."""
    return segment is not None and re.match(r"\W*\w{0,3}\W*\d", segment.text) is not None


def _is_title(page: Page, segment: Segment) -> bool:
    heights = [s.box[3] - s.box[1] for s in page.segments]
    return segment.box[3] - segment.box[1] > _TITLE_TIMES * median(heights)


def _label(segment: Segment, end: int) -> str:
    return " ".join(word.text for word in segment.words[:end])


def _part(segment: Segment, start: int) -> Segment:
    rest = segment.words[start:]
    return Segment(" ".join(word.text for word in rest), segment.score, _around([word.box for word in rest]), rest)


def _right(line: Line, column: int, kind: re.Pattern[str] | None, question: str) -> Segment | None:
    """Return the value to the right: the next segment, or among several numbers in a row of a table the last."""
    following = line.segments[column + 1 :]
    if not following or re.search(r":(\s|$)", following[0].text):  # another label with its own value
        return None
    run = []
    for segment in following:
        if not _NUMBER.search(segment.text):
            break
        run.append(segment)
    if kind is _NUMBER and len(run) > 1 and not re.search(r"\b(how many|quantity)\b", question, re.IGNORECASE):
        return run[-1]
    if kind and not kind.search(following[0].text):
        return next((segment for segment in run if kind.search(segment.text)), following[0])
    return following[0]


def _below(page: Page, row: int, label: Segment, question: str) -> Segment | None:
    """Return the nearest segment under a label; of an address the whole block."""
    height = label.box[3] - label.box[1]
    block: list[Segment] = []
    for line in page.lines[row + 1 :]:
        under = [s for s in line.segments if _shared(s.box, label.box) > 0 and s.box[1] >= label.box[3] - height // 2]
        bottom = block[-1].box[3] if block else label.box[3]
        near = [s for s in under if s.box[1] - bottom < (1.2 if block else 3) * height]
        if near:
            block.append(near[0])
        elif block or any(s.box[1] - bottom > 4 * height for s in line.segments):
            break
        if block and (not _BLOCKS & set(words(question)) or re.search(r"\bwho\b", question, re.IGNORECASE)):
            return block[0]
    block = block[:5]
    if not block:
        return None
    around = _around([segment.box for segment in block])
    return Segment(", ".join(s.text.rstrip(",") for s in block), min(s.score for s in block), around, ())


def _is_header(page: Page, row: int) -> bool:
    """Whether a line is a row of labels with their values in the next line, each under its own."""
    line = page.lines[row].segments
    if len(line) < 3 or any(_NUMBER.search(s.text) or s.text.endswith(":") for s in line):
        return len(line) == 2 and row + 1 < len(page.lines) and _stacked(line, page.lines[row + 1].segments)
    return row + 1 < len(page.lines) and _stacked(line, page.lines[row + 1].segments)


def _stacked(labels: tuple[Segment, ...], values: tuple[Segment, ...]) -> bool:
    """Whether each label has a value under it, and the values have what labels lack: digits, or larger letters."""
    under = [[v for v in values if _shared(v.box, label.box) > 0] for label in labels]
    if not all(under) or any(_NUMBER.search(label.text) or label.text.endswith(":") for label in labels):
        return False
    if len(labels) > 2:
        return True
    sizes = [
        v[0].box[3] - v[0].box[1] > 1.15 * (label.box[3] - label.box[1]) for v, label in zip(under, labels, strict=True)
    ]
    return _NUMBER.search(under[0][0].text) is not None or all(sizes)


def _by_row_and_column(page: Page, wanted: dict[str, float], kind: re.Pattern[str] | None) -> Iterator[Found]:
    """Yield the cells of tables whose row and column together are what was asked for."""
    scored = [(row, s, match(wanted, s.text)) for row, line in enumerate(page.lines) for s in line.segments]
    scored = [(row, s, m) for row, s, m in scored if m[0]]
    for header_row, header, (_, column_precision) in scored:
        for row, label, (_, row_precision) in scored:
            if row <= header_row or label is page.lines[row].segments[-1]:
                continue
            recall, _ = match(wanted, f"{header.text} {label.text}")
            cells = [s for s in page.lines[row].segments if s is not label and _shared(s.box, header.box) > 0]
            gain = recall - max(match(wanted, header.text)[0], match(wanted, label.text)[0])
            if cells and gain > 0.1 and not (kind and not kind.search(cells[0].text)):
                score = 0.75 * recall + 0.25 * (column_precision + row_precision) / 2
                name = f"{label.text} / {header.text}"
                yield Found(cells[0].text, cells[0].box, name, "in the row and column of", score)


def _by_value(page: Page, question: str) -> Found | None:
    """Answer "Which item costs 4.50?": the start of the row that holds the number."""
    numbers = {word.strip(".,") for word in re.findall(r"[\d.,]*\d", question)}
    if not numbers or not _REASK.search(question):
        return None
    for line in page.lines:
        for segment in line.segments[1:]:
            if numbers & set(re.findall(r"[\d.,]*\d", segment.text)):
                label = next((s for s in line.segments if re.search(r"[^\W\d]", s.text)), line.segments[0])
                return Found(label.text, label.box, segment.text, "in the row of", 1.0)
    return None


def _by_pattern(page: Page, kind: re.Pattern[str]) -> Found | None:
    for segment in page.segments:
        if hit := kind.search(segment.text):
            return Found(hit.group().strip(), segment.box, "", "with no label beside it", 0.5)
    return None


def _title(page: Page, wanted: dict[str, float]) -> Found | None:
    """Answer who issued the page, or what it is called: the largest line of its upper half."""
    if not _TITLES & set(wanted):
        return None
    upper = [s for s in page.segments if s.box[1] < page.size[1] / 2 and not _FORM & set(words(s.text))]
    if not upper:
        return None
    tallest = max(s.box[3] - s.box[1] for s in upper)
    first = next(s for s in upper if s.box[3] - s.box[1] >= 0.85 * tallest)
    return Found(first.text, first.box, "", "as the largest words at the top", 0.5)


def _shared(a: Rect, b: Rect) -> int:
    """Return how many pixels of width two boxes share, negative where they share none."""
    return min(a[2], b[2]) - max(a[0], b[0])


def _around(boxes: list[Rect]) -> Rect:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)
