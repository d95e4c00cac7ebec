"""Locates each value of an answer on the pictures, by OCR.

Models often invent boxes, so values are matched to the recognised text, and the model's own box only chooses among
places with the same text. A match alone is no evidence: 100.00 may stand in ten places. The label beside or above a
value decides; in a list, the row decides: rows keep their order, so the i-th row takes the i-th line that fits.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import combinations
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

from vlnb import extras
from vlnb.regions.compare import iou
from vlnb.regions.shapes import Box, Size, to_original
from vlnb.typed import values
from vlnb.typed.answer import leaves
from vlnb.typed.form import UNREADABLE

if TYPE_CHECKING:
    from vlnb.embedded.page import Page, Rect, Segment, Word
    from vlnb.embedded.reader import Reader
    from vlnb.images import Picture

How = Literal["exact", "typed", "fuzzy", "ambiguous", "nowhere"]

_ROW = re.compile(r"(.*)\[(\d+)\](.*)")
_SIDE = re.compile(r"(?:^|\.)(bbox_2d|bbox|box)\[\d+\]$")
_CHINESE = "\u2e80-\u9fff"  # and Japanese: scripts without spaces between words
_ALIKE, _LONG = 85, 6  # lowest ratio of 100, and fewest letters: shorter texts are alike by chance
_WORDS = 6  # most words of one amount or date: 31 January 2026, 2026年1月31日
_REACH = 3  # lines below its row's first one on which a value may stand


@dataclass(frozen=True)
class Evidence:
    """Where a value stands: `text` as printed, `box` in original pixels, number of the `picture` (from 0) and `page`.

    `how` is the kind of match: "exact", "typed" (the same amount or date in another form), "fuzzy" (a misread letter),
    "ambiguous" (one of several places that fit), or "nowhere" (no box).
    """

    path: str
    value: Any
    how: How
    text: str = ""
    box: Box | None = None
    picture: int = 0
    page: int = 1


@dataclass(frozen=True)
class _Span:
    """A run of text and its box, in pixels of the picture as read; lines are numbered across all pictures."""

    text: str
    box: Box
    line: int
    picture: int
    how: How = "exact"


def _reader() -> Reader:
    extras.require("engine", "Evidence, which reads the pictures again,")
    from vlnb.embedded.reader import shared

    return shared()


def find(printed: Any, pictures: Sequence[Picture], seen: Sequence[Size] = ()) -> Mapping[str, Evidence]:  # noqa: ANN401
    """Return the evidence for every value of an answer (`TypedReply.printed`), by path.

    `seen` are the sizes at which the model saw the pictures; they scale the boxes in its answer.

    Raises:
        BadInput: Text recognition is not installed.
    """
    by_path = {path: value for path, value in leaves(printed) if not isinstance(value, bool) and value != UNREADABLE}
    sides = {path: value for path, value in by_path.items() if _SIDE.search(path)}
    texts = {path: str(value) for path, value in by_path.items() if path not in sides}
    pages = [_reader().read(picture.image) for picture in pictures]
    index = _Index(pages)
    spans = {path: index.spans(value) for path, value in texts.items()}
    chosen = _by_row(texts, spans, index)
    used = {(span.picture, span.box.corners) for span in chosen.values() if span}
    for path in texts.keys() - chosen.keys():
        free = [span for span in spans[path] if (span.picture, span.box.corners) not in used]
        chosen[path] = _by_label(path, free or spans[path], pages, _hint(path, sides, pictures, seen))
    return {path: _evidence(path, by_path[path], chosen[path], pictures) for path in texts}


def _evidence(path: str, value: Any, span: _Span | None, pictures: Sequence[Picture]) -> Evidence:  # noqa: ANN401
    if not span:
        return Evidence(path, value, "nowhere")
    picture = pictures[span.picture]
    page = re.search(r"page (\d+)", " ".join(picture.notes))
    box = to_original(span.box, seen=picture.size, original=picture.original_size)
    return Evidence(path, value, span.how, span.text, box, span.picture, int(page[1]) if page else 1)


class _Index:
    """Index of the words on all pages, in reading order and down each column."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self._pages: list[list[_Span]] = []
        self._columns: list[list[_Span]] = []  # texts of several lines, such as addresses
        self._values = defaultdict[Decimal | date, list[_Span]](list)
        line = 0
        for number, page in enumerate(pages):
            placed: list[tuple[Segment, list[_Span]]] = []
            for row in page.lines:
                line += 1
                for segment in row.segments:
                    parts = (part for word in segment.words for part in _parts(word))
                    spans = [_Span(text, Box(*box), line, number) for text, box in parts]
                    placed.append((segment, spans))
                    for value, span in _amounts_and_dates(spans):
                        self._values[value].append(span)
            self._pages.append([span for _, spans in placed for span in spans])
            self._columns += (_column(placed[start:]) for start in range(len(placed)))

    def spans(self, value: str) -> list[_Span]:
        """Return the places of a value, in reading order."""
        parsed, key = values.read(value), _plain(value)
        if parsed is None:
            matches = {span.box.corners: span for run in (*self._pages, *self._columns) for span in _exact(run, key)}
            return list(matches.values()) or list(self.fuzzy(value))
        return [
            span if span.text.casefold() == value.strip().casefold() else replace(span, how="typed")
            for span in self._values[parsed]
        ]

    def fuzzy(self, value: str, lines: range | None = None) -> Iterator[_Span]:
        """Yield the places on these `lines` (all by default) whose text is `value` except for a misread letter."""
        from rapidfuzz import fuzz

        key, digits, count = _plain(value), re.sub(r"\D", "", value), len(value.split())
        if len(key) < _LONG or len(digits) > len(key) / 2:
            return  # a code that differs in one letter is another code
        sizes = range(max(1, count - 1), count + 2)
        runs = [[span for span in page if lines is None or span.line in lines] for page in self._pages]
        spans = [_around(run[i : i + n]) for run in runs for n in sizes for i in range(len(run) - n + 1)]
        rated = [(fuzz.ratio(key, _plain(span.text)), span) for span in spans if re.sub(r"\D", "", span.text) == digits]
        best = max((ratio for ratio, _ in rated), default=0)
        yield from (replace(span, how="fuzzy") for ratio, span in rated if ratio == best >= _ALIKE)


def _parts(word: Word) -> Iterator[tuple[str, Rect]]:
    """Yield the parts of a word with their boxes: a label glued to its value, and each letter of Chinese."""
    x1, y1, x2, y2 = word.box
    for hit in re.finditer(rf"[{_CHINESE}]|[^:：{_CHINESE}]+[:：]?", word.text):
        left, right = (x1 + round((x2 - x1) * at / len(word.text)) for at in hit.span())
        yield hit[0], (left, y1, right, y2)


def _column(placed: Sequence[tuple[Segment, list[_Span]]]) -> list[_Span]:
    """Return the words of a segment and of those under it that begin at the same place."""
    column = [placed[0]]
    for segment, spans in placed[1:]:
        left, _, _, low = column[-1][0].box
        height = low - column[-1][0].box[1]
        if abs(segment.box[0] - left) < height and 0 <= segment.box[1] - low < height:
            column.append((segment, spans))
    return [span for _, spans in column for span in spans] if len(column) > 1 else []


def _exact(run: Sequence[_Span], key: str) -> Iterator[_Span]:
    """Yield the runs of words that make up `key`, whatever their case and punctuation."""
    text = " ".join(_plain(span.text) for span in run)
    for hit in re.finditer(rf"(?<!\S){' *'.join(key)}(?!\S)", text) if key else ():
        start, end = (text.count(" ", 0, at) for at in hit.span())
        yield _around(run[start : end + 1])


def _amounts_and_dates(words: Sequence[_Span]) -> Iterator[tuple[Decimal | date, _Span]]:
    """Yield the amounts and dates in the words of a segment, each in as few words as possible."""
    ends = [pair for pair in combinations(range(len(words) + 1), 2) if pair[1] - pair[0] <= _WORDS]
    read = {(start, end): values.read(_around(words[start:end]).text) for start, end in ends}
    for (start, end), value in read.items():
        if value is not None and value not in (read.get((start + 1, end)), read.get((start, end - 1))):
            yield value, _around(words[start:end])


def _around(spans: Sequence[_Span]) -> _Span:
    x1, y1, x2, y2 = zip(*(span.box.corners for span in spans), strict=True)
    box = Box(min(x1), min(y1), max(x2), max(y2))
    text = re.sub(rf"(?<=[{_CHINESE}]) | (?=[{_CHINESE}])", "", " ".join(span.text for span in spans))
    return replace(spans[0], text=text, box=box)


def _plain(text: str) -> str:
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", text).casefold())


def _by_row(texts: Mapping[str, str], spans: Mapping[str, Sequence[_Span]], index: _Index) -> dict[str, _Span | None]:
    """Return the places of the values in lists: each row on its own line, in the order of the rows.

    A value that is not on its row's lines has no place (None), even if its text stands elsewhere.
    """
    lists: dict[str, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for path in texts:
        if hit := _ROW.fullmatch(path):
            lists[hit[1]][hit[2]][hit[3]] = path
    chosen: dict[str, _Span | None] = {}
    for rows in lists.values():
        lines = _lines([[{span.line for span in spans[path]} for path in row.values()] for row in rows.values()])
        columns: dict[str, dict[str, Sequence[_Span]]] = defaultdict(dict)
        for i, (row, line) in enumerate(zip(rows.values(), lines, strict=True)):
            if line is None:
                continue
            end = min([line + _REACH, *(other for other in lines[i + 1 :] if other is not None)])
            for field, path in row.items():
                on_line = [span for span in spans[path] if span.line == line]
                below = [span for span in spans[path] if line < span.line < end]
                columns[field][path] = on_line or below or list(index.fuzzy(texts[path], range(line, end)))
        for places in columns.values():
            chosen |= _in_column(places)
    return chosen


def _in_column(places: Mapping[str, Sequence[_Span]]) -> dict[str, _Span | None]:
    """Return one place for each value of a column: of several in a row, the one in line with the unambiguous values."""
    alone = [spans[0].box.x1 + spans[0].box.x2 for spans in places.values() if len(spans) == 1]
    middle = median(alone or [0])
    return {
        path: min(spans, key=lambda span: abs(span.box.x1 + span.box.x2 - middle), default=None)
        for path, spans in places.items()
        if len(spans) < 2 or alone
    }


def _lines(rows: Sequence[Sequence[set[int]]]) -> tuple[int | None, ...]:
    """Return an ascending line for each row, so that as many values as possible stand on the line of their row.

    `rows` hold, for each value of each row, the lines on which it stands. A row without a line has None.
    """
    on_page = sorted({line for row in rows for on in row for line in on})
    # best[i]: how many values of the rows so far fit on the first i lines, and the line of each row.
    best: list[tuple[int, tuple[int | None, ...]]] = [(0, ())] * (len(on_page) + 1)
    for row in rows:
        nowhere = [(count, (*lines, None)) for count, lines in best]
        placed = [(best[i][0] + sum(line in on for on in row), (*best[i][1], line)) for i, line in enumerate(on_page)]
        best = nowhere[:1]
        for choices in zip(nowhere[1:], placed, strict=True):
            best.append(max(best[-1], *choices, key=lambda choice: choice[0]))
    return best[-1][1]


def _by_label(path: str, spans: Sequence[_Span], pages: Sequence[Page], hint: Box | None) -> _Span | None:
    """Return the place whose label matches the field's name; of several, the one that overlaps `hint` most."""
    from vlnb.embedded.lookup import by_label, words

    name = words(re.sub(r"\[\d+\]|[_.]|(?<=[a-z])(?=[A-Z])", " ", path))
    labelled = [[*by_label(page, dict.fromkeys(name, 1.0), None, " ".join(name), all_sides=True)] for page in pages]

    def likeness(span: _Span) -> float:
        return max((hit.score for hit in labelled[span.picture] if iou(span.box, Box(*hit.box))), default=0.0)

    likest = max(map(likeness, spans), default=0.0)
    best = [span for span in spans if likeness(span) == likest]
    if hint and len(best) > 1:
        best = [max(best, key=lambda span: iou(span.box, hint))]
    return replace(best[0], how=best[0].how if len(best) == 1 else "ambiguous") if best else None


def _hint(path: str, sides: Mapping[str, Any], pictures: Sequence[Picture], seen: Sequence[Size]) -> Box | None:
    """Return the model's own box for a value, in pixels of the picture, if `sides` (of all its boxes) has one."""
    beside = [values.number(str(side)) for at, side in sides.items() if _SIDE.sub("", at) == path.rpartition(".")[0]]
    if len(beside) != 4 or None in beside or not len(pictures) == len(seen) == 1:
        return None
    x1, y1, x2, y2 = (float(side or 0) for side in beside)
    return to_original(Box(x1, y1, x2, y2), seen=seen[0], original=pictures[0].size)
