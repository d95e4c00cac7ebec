"""Where each value of an answer stands on the pictures, by the text that is recognised there.

A model's own boxes are often invented, so values are matched to text, and a box of the model only chooses among places
with the same text. "Found somewhere" is no evidence either: 100.00 may stand in ten places. The label beside or above a
value decides, and in a list its row: rows keep their order, so the i-th row takes the i-th line that fits.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

from vlnb import extras
from vlnb.regions.compare import iou
from vlnb.regions.shapes import Box, Size, scaled, to_original
from vlnb.typed import values
from vlnb.typed.answer import leaves
from vlnb.typed.form import UNREADABLE

if TYPE_CHECKING:
    from vlnb.embedded.page import Page, Rect, Segment, Word
    from vlnb.embedded.reader import Reader
    from vlnb.images import Picture

How = Literal["exact", "typed", "fuzzy", "ambiguous", "nowhere"]

_ROW = re.compile(r"(.*)\[(\d+)\](.*)")
_BOXES = re.compile(r"(?:^|\.)(bbox_2d|bbox|box)\[\d+\]$")
_CHINESE = "\u2e80-\u9fff"  # and Japanese: letters without spaces between words
_ALIKE, _LONG = 85, 6  # of 100, and letters: shorter texts are alike by chance
_WORDS = 6  # of one amount or date: 31 January 2026, 2026年1月31日
_LAST = 10**9  # beyond the last line of any document
_REACH = 3  # lines below its row's first one on which a value may stand


@dataclass(frozen=True)
class Evidence:
    """Where a value stands: `text` as printed, `box` in original pixels, number of the `picture` (from 0) and `page`.

    `how` it was matched: "exact", "typed" (the same amount or date in other form), "fuzzy" (a letter misread),
    "ambiguous" (several places fit, and this is one of them), or "nowhere" (then there is no box).
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
    """A stretch of text, its box, and the words before and above it; lines and segments count through all pictures."""

    text: str
    box: Box
    line: int
    segment: int
    picture: int
    how: How
    labels: tuple[str, ...] = ()


@functools.cache
def _reader() -> Reader:
    extras.require("engine", "Evidence, which reads the pictures again,")
    from vlnb.embedded.reader import Reader

    return Reader()


def find(printed: Any, pictures: Sequence[Picture], seen: Sequence[Size] = ()) -> Mapping[str, Evidence]:  # noqa: ANN401
    """Return the evidence of every value of an answer (`TypedReply.printed`), by path.

    `seen` are the sizes at which the model saw the pictures, for boxes among its answers.

    Raises:
        BadInput: No text recognition is installed here.
    """
    pages = [_reader().read(picture.image) for picture in pictures]
    every = {path: value for path, value in leaves(printed) if not isinstance(value, bool) and value != UNREADABLE}
    asked = {path: value for path, value in every.items() if not _BOXES.search(path)}
    text = _Text(pages, pictures)
    found = {path: text.spans(str(value)) for path, value in asked.items()}
    chosen = _by_row(found, lambda path, lines: list(text.fuzzy(str(asked[path]), lines)))
    used = {(span.picture, span.box.corners) for span in chosen.values() if span}
    for path in asked.keys() - chosen.keys():
        free = [span for span in found[path] if (span.picture, span.box.corners) not in used]
        if span := _by_label(path, free or found[path], _hint(path, every, pictures, seen)):
            chosen[path] = span
    numbers = [int(hit[1]) if (hit := re.search(r"page (\d+)", " ".join(one.notes))) else 1 for one in pictures]
    return {
        path: Evidence(path, value, one.how, one.text, one.box, one.picture, numbers[one.picture])
        if (one := chosen.get(path)) else Evidence(path, value, "nowhere")
        for path, value in asked.items()
    }  # fmt: skip


class _Text:
    """The words of all pages, in reading order and down each column, to look values up in."""

    def __init__(self, pages: Sequence[Page], pictures: Sequence[Picture]) -> None:
        from vlnb.embedded.page import shared_width

        self._pages = [list[_Span]() for _ in pages]
        self._columns: list[list[_Span]] = []  # texts of several lines, such as addresses
        line = count = 0
        for number, (page, picture) in enumerate(zip(pages, pictures, strict=True)):
            x, y = (original / now for original, now in zip(picture.original_size, picture.size, strict=True))
            placed: list[tuple[Segment, list[_Span]]] = []
            for one in page.lines:
                line += 1
                for i, segment in enumerate(one.segments):
                    count += 1
                    over = [other.text for other, _ in placed if shared_width(other.box, segment.box) > 0]
                    labels = (*(other.text for other in one.segments[max(0, i - 1) : i]), *over[-1:], *over[:1])
                    spans = [
                        _Span(text, scaled(Box(*box), x, y), line, count, number, "exact", labels)
                        for word in segment.words for text, box in _parts(word)
                    ]  # fmt: skip
                    before = [" ".join(span.text for span in spans[:place]) for place in range(len(spans))]
                    spans = [replace(s, labels=(b, *labels)) for s, b in zip(spans, before, strict=True)]
                    placed.append((segment, spans))
            self._pages[number] = [span for _, spans in placed for span in spans]
            self._columns += (_column(placed[start:]) for start in range(len(placed)))
        self._printed = [
            [(words, span, values.number(span.text), values.day(span.text)) for words, span in _stretches(run)]
            for run in self._pages
        ]

    def spans(self, value: str) -> list[_Span]:
        """Return the places at which a value stands, in reading order."""
        key, amount, day = _plain(value), values.number(value), values.day(value)
        if amount is None and day is None:
            found = {span.box.corners: span for run in (*self._pages, *self._columns) for span in _exact(run, key)}
            return list(found.values()) or list(self.fuzzy(value))
        places: list[_Span] = []
        for stretches in self._printed:
            taken: set[int] = set()
            for words, span, printed, when in stretches:
                if not words & taken and ((day and when == day) or (amount is not None and printed == amount)):
                    taken |= words
                    same = span.text.casefold() == value.strip().casefold()
                    places.append(replace(span, how="exact" if same else "typed"))
        return sorted(places, key=lambda span: (span.segment, span.box.x1))

    def fuzzy(self, value: str, lines: range | None = None) -> Iterator[_Span]:
        """Yield the places, on some lines only, whose text is `value` but for a misread letter."""
        from rapidfuzz import fuzz

        key, digits, count = _plain(value), re.sub(r"\D", "", value), len(value.split())
        if len(key) < _LONG or len(digits) > len(key) / 2:
            return  # a code that differs in one letter is another code
        sizes = range(max(1, count - 1), count + 2)
        runs = [[span for span in page if lines is None or span.line in lines] for page in self._pages]
        spans = [_around(run[i : i + n]) for run in runs for n in sizes for i in range(len(run) - n + 1)]
        ratios = [(fuzz.ratio(key, _plain(one.text)), one) for one in spans if re.sub(r"\D", "", one.text) == digits]
        best = max((ratio for ratio, _ in ratios), default=0)
        yield from (replace(one, how="fuzzy") for ratio, one in ratios if ratio == best >= _ALIKE)


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
    """Yield the stretches of words that make up `key`, whatever their case and marks."""
    plain = [_plain(span.text) for span in run]
    for start in range(len(run)):
        end, said = start, ""
        while plain[start] and end < len(run) and len(said) < len(key) and key.startswith(said + plain[end]):
            said += plain[end]
            end += 1
        if key and said == key:
            yield _around(run[start:end])


def _stretches(run: Sequence[_Span]) -> Iterator[tuple[set[int], _Span]]:
    """Yield the stretches of a few words within a segment that may print an amount or a date, the shortest first.

    The numbers are those of the words in the run.
    """
    for length in range(1, _WORDS + 1):
        for start in range(len(run) - length + 1):
            stretch = run[start : start + length]
            if stretch[0].segment == stretch[-1].segment and re.search(r"\d", stretch[0].text + stretch[-1].text):
                yield set(range(start, start + length)), _around(stretch)


def _around(spans: Sequence[_Span]) -> _Span:
    x1, y1, x2, y2 = zip(*(span.box.corners for span in spans), strict=True)
    box = Box(min(x1), min(y1), max(x2), max(y2))
    text = re.sub(rf"(?<=[{_CHINESE}]) | (?=[{_CHINESE}])", "", " ".join(span.text for span in spans))
    return replace(spans[0], text=text, box=box)


def _plain(text: str) -> str:
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", text).casefold())


def _by_row(
    found: Mapping[str, Sequence[_Span]], fuzzy: Callable[[str, range], list[_Span]]
) -> dict[str, _Span | None]:
    """Return the places of the values of lists: each row on its own line, in the order of the rows.

    What is not on its row's lines is nowhere (None), wherever else it may stand.
    """
    lists: dict[str, dict[int, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for path in found:
        if hit := _ROW.fullmatch(path):
            lists[hit[1]][int(hit[2])][hit[3]] = path
    chosen: dict[str, _Span | None] = {}
    for rows in lists.values():
        ordered = [rows[i] for i in sorted(rows)]
        lines = _lines([[{span.line for span in found[path]} for path in row.values()] for row in ordered])
        ends = [next((line for line in lines[i + 1 :] if line is not None), _LAST) for i in range(len(lines))]
        for field in {field for row in ordered for field in row}:
            places = {}
            for row, line, end in zip(ordered, lines, ends, strict=True):
                if line is not None and field in row:
                    reach, path = range(line + 1, min(end, line + _REACH)), row[field]
                    on = [span for span in found[path] if span.line == line]
                    below = [span for span in found[path] if span.line in reach]
                    places[path] = on or below or fuzzy(path, range(line, max(reach.stop, line + 1)))
            chosen |= _in_column(places)
    return chosen


def _in_column(places: Mapping[str, Sequence[_Span]]) -> dict[str, _Span | None]:
    """Return one place for each value of a column: of several in one row, the one under those that stand alone."""
    alone = [spans[0].box.x1 + spans[0].box.x2 for spans in places.values() if len(spans) == 1]
    sure = {path: spans for path, spans in places.items() if len(spans) < 2 or alone}
    middle = median(alone or [0])
    return {
        path: min(spans, key=lambda span: abs(span.box.x1 + span.box.x2 - middle), default=None)
        for path, spans in sure.items()
    }


def _lines(rows: Sequence[Sequence[set[int]]]) -> tuple[int | None, ...]:
    """Return the line of each row, further down for each, so that as many values as possible stand on their row's line.

    `rows` hold, for each value of each row, the lines on which it stands. A row that stands nowhere has None.
    """
    every = sorted({line for row in rows for on in row for line in on})
    # For the first lines of the page, how many values of the rows so far can stand on them, and each row's line.
    best: list[tuple[int, tuple[int | None, ...]]] = [(0, ())] * (len(every) + 1)
    for row in rows:
        nowhere = [(count, (*lines, None)) for count, lines in best]
        here = [(best[i][0] + sum(line in on for on in row), (*best[i][1], line)) for i, line in enumerate(every)]
        best = nowhere[:1]
        for choices in zip(nowhere[1:], here, strict=True):
            best.append(max(best[-1], *choices, key=lambda choice: choice[0]))
    return best[-1][1]


def _by_label(path: str, spans: Sequence[_Span], hint: Box | None) -> _Span | None:
    """Return the place whose label says what the field says; with several such places, the one nearest to `hint`."""
    from vlnb.embedded.lookup import match, words

    wanted = dict.fromkeys(words(re.sub(r"\[\d+\]|[_.]|(?<=[a-z])(?=[A-Z])", " ", path)), 1.0)
    scores = [max((sum(match(wanted, label)) for label in span.labels), default=0.0) for span in spans]
    best = [span for span, score in zip(spans, scores, strict=True) if score == max(scores)]
    if hint and len(best) > 1:
        best = [max(best, key=lambda span: iou(span.box, hint))]
    return replace(best[0], how=best[0].how if len(best) == 1 else "ambiguous") if best else None


def _hint(path: str, every: Mapping[str, Any], pictures: Sequence[Picture], seen: Sequence[Size]) -> Box | None:
    """Return the model's own box for a value, in original pixels, if the answer has one beside it."""
    around = path.rpartition(".")[0]
    for key in ("bbox_2d", "bbox", "box"):
        corners = [every.get(f"{around}.{key}[{i}]".removeprefix(".")) for i in range(4)]
        numbers = [values.number(str(corner)) for corner in corners]
        if None not in numbers and len(pictures) == len(seen) == 1:
            x1, y1, x2, y2 = (float(number or 0) for number in numbers)
            return to_original(Box(x1, y1, x2, y2), seen=seen[0], original=pictures[0].original_size)
    return None
