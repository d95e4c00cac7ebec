"""Parses the events in an answer, from all the forms in which models write times, to intervals in seconds."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vlnb.images.picture import shown_uri, to_html
from vlnb.markup import FAINT, GOOD, Html, element, listed
from vlnb.regions import lenient, thoughts
from vlnb.terminal import printable
from vlnb.video.clip import frames

if TYPE_CHECKING:
    from vlnb.images import Source

_NUMBER = r"\d{1,6}(?:[.,]\d{1,6})?"
_CLOCK = r"(?:\d{1,3}:)?\d{1,3}:\d{2}(?:[.,]\d{1,6})?"
_UNIT = r"(?:(?:s|secs?|seconds?)\b(?:\smark\b)?|秒)"
_HOURS = rf"{_NUMBER}\s?(?:h|hrs?|hours?)(?![a-z])"
_MINUTES = rf"{_NUMBER}(?:\s?(?:mins?|minutes?|分)|m|\sm(?=\s{{1,3}}\d))(?![a-z/])"  # "5 m away" is a distance
_SECONDS, _AND = rf"{_NUMBER}\s?{_UNIT}", r"\s{0,3}(?:and\s)?"
_SPOKEN = rf"(?:{_HOURS}{_AND})?(?:{_MINUTES}{_AND})?{_SECONDS}|(?:{_HOURS}{_AND})?{_MINUTES}|{_HOURS}"  # 1 h 2 min 5 s
_CERTAIN = rf"(?:{_SPOKEN}|{_CLOCK}(?:\s?{_UNIT})?|{_NUMBER}-{_UNIT})"  # certainly a time, not a bare number
_TIME = rf"(?:{_CERTAIN}|{_NUMBER})"
_HOW = re.IGNORECASE | re.ASCII
_BETWEEN = r"(?:-{1,2}>|-|–|—|~|to|until|till|through|and|bis|到|至)"
_RANGE = re.compile(rf"(?<![\d.,:])(between\s{{1,3}})?({_TIME})\s{{0,3}}({_BETWEEN})\s{{0,3}}({_TIME})", _HOW)
_MOMENT = re.compile(rf"(?<![\d.,:])({_CERTAIN})", _HOW)
_WHOLE = re.compile(rf"\s{{0,9}}({_TIME})[\s.]{{0,9}}", _HOW)
_PART = re.compile(rf"({_NUMBER})\s?(h|m|分)?", _HOW)
_SPANS = {"h": 3600, "m": 60, "分": 60}
_THOUSANDS = re.compile(r"[1-9]\d{0,2},\d{3}", re.ASCII)
_SUFFIX = "(s|ing|e?d)?(_?(in|at|time|stamp|point|h|m|s|hh|mm|ss|ms|secs?|seconds?|milli[a-z]{0,9}|min(utes)?)){0,3}$"
_KINDS = {  # the kind of value under a key in JSON; the first match counts
    "frame": re.compile(".*frame"),  # its number is not a time
    "start": re.compile(f"(?!the_)(.*_)?(start|begin|from){_SUFFIX}"),
    "end": re.compile(f"(?!the_)(.*_)?(end|finish|until|stop|to){_SUFFIX}"),
    "length": re.compile(".*(duration|length)"),
    "at": re.compile(
        "(t|at|when|moments?|segment|seconds?|times?|(time_?)?interval|time_?(s|secs?|seconds|stamps?|range|span))$"
    ),
}
_SCALES = {"ms": 0.001, "millis": 0.001, "min": 60.0}  # of numbers under start_ms, end_milliseconds, start_minutes
_SCALE = re.compile("[_ ](ms|millis|min)(econds|utes|s)?$")
_TUPLE = re.compile(rf"[(<]\s?({_CERTAIN})\s?[,;]\s?({_CERTAIN})\s?[)>]", _HOW)  # (00:03, 00:05) text
_NAME, _MARK = r"[a-z][\w ()]{0,24}", r"[*\"]{0,3}\s?[:=]"
_NAMED = re.compile(  # start: 3 s, end: 5 s, event: a door opens
    rf"(?<!\w)({_NAME}){_MARK}(?!/)[*\"\s]{{0,4}}(.{{1,300}}?)"
    rf"(?=\s{{0,3}}(?:$|[,;|–-]\s{{0,3}}\*{{0,2}}{_NAME}{_MARK}))",
    re.IGNORECASE | re.MULTILINE,
)
_UNQUOTED = re.compile(rf"([:\[,]\s?)({_CERTAIN})(?=\s?[,\]}}])", _HOW)  # {start: 0:03}
_STAMP = re.compile(
    rf"\[[\s\"]?(?:{_TIME}\s{{0,3}}{_BETWEEN}\s{{0,3}})?{_CERTAIN}[\s\"]?\]", _HOW
)  # [00:03 - 00:05] text
_ANGLED = re.compile(rf"<\s?({_TIME})\s?,\s?({_TIME})\s?>", _HOW)  # <3.0, 5.0>
_CITED = re.compile(r"\[\d{1,2}(?:,\s?\d{1,2}){0,5}\]")  # a reference; it counts as one after a time on its line
_NUMBERED = re.compile(r"^\s{0,20}\d{1,3}[.)]\s")  # an item of a list
_HEADING = re.compile(r"\s{0,20}(?:#|[*-]|\d{1,3}[.)])")
_AROUND = " \t-–—•#*:;,.()[]|`\"'，。：；、（）【】"
_TAG = re.compile(r"<[^<>]{1,40}>")
_FILLERS = re.compile(
    r"(?:\b(?:(?:from|von|between|at|in|during|by|about|around|approximately|roughly|the|first)\s{0,3}){1,4}|^and|从"
    r"|\bt\s?=)\W{0,9}$",
    re.IGNORECASE,
)
_THUMB_PX, _SHOWN_PX, _MOST_SHOWN = 72, 420, 40
_MOST_REPAIRS, _MOST_LABEL = 20, 200
_MOST_CHARS, _NEAR = 200_000, 300
_OPENS = re.compile(r"[\[{]")


@dataclass(frozen=True)
class Event:
    """An event from `start_s` to `end_s`, in seconds; both are equal for a moment."""

    start_s: float
    end_s: float
    label: str = ""

    def __str__(self) -> str:
        times = f"{self.start_s:.2f} s" if self.start_s == self.end_s else f"{self.start_s:.2f}–{self.end_s:.2f} s"
        return printable(f"{times}  {self.label}".rstrip())


@dataclass(frozen=True)
class Events:
    """The events of an answer in their order, and a list of repairs and of what was left out."""

    items: tuple[Event, ...]
    repairs: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Event]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __str__(self) -> str:
        return "\n".join([*map(str, self.items), *(f"({repair})" for repair in self.repairs)])


def events(text: str, duration_s: float) -> Events:
    """Return the events in an answer about a clip of `duration_s` seconds.

    It parses JSON (`{"start_time": …, "end_time": …, "description": …}` and the like, even truncated or fenced), and
    prose with "64.0 - 72.0 seconds", "12:34.56s", "3.2 s" or a bare "02.00".

    >>> print(events("The door opens from 00:03.50 to 00:05.", 10))
    3.50–5.00 s  The door opens
    """
    repairs: list[str] = []
    text = _ANGLED.sub(r"[\1, \2]", _TUPLE.sub(r"\1 - \2", thoughts.without(text[:_MOST_CHARS])))
    intervals, is_object = _in_json(text, repairs)
    if not intervals and not is_object:  # an object without events has none in its texts either
        intervals = [(*span, "") for span in _times(text)]
        intervals = intervals or [interval for row in _rows(text) for interval in _in_object(row)]
        intervals = intervals or list(_in_prose(text))
    items = tuple(event for start, end, label in intervals for event in _clip(start, end, label, duration_s, repairs))
    lines = [f"{repair} ({times} times)" if times > 1 else repair for repair, times in Counter(repairs).items()]
    more = [f"and {len(lines) - _MOST_REPAIRS} more repairs"] * (len(lines) > _MOST_REPAIRS)
    return Events(items, (*lines[:_MOST_REPAIRS], *more))


def timeline(events: Events, source: Source) -> Html:
    """Return the events as bars over the length of a video, with thumbnails. A click on an event shows its frames.

    `source` is a `Clip`, or what `video.frames` takes; the frames come from the file itself.

    Raises:
        BadInput: The video cannot be read.
    """
    items = events.items[:_MOST_SHOWN]
    if not items:
        return element("div", "The answer names no event with a time in this video.", listed(events.repairs))
    exact = frames(source, at=[time for event in items for time in (event.start_s, event.end_s)])
    length_s = exact.duration_s
    rows = []
    for event in items:
        first, last = exact.nearest(event.start_s), exact.nearest(event.end_s)
        left, wide = (100 * share / length_s for share in (event.start_s, event.end_s - event.start_s))
        bar = element("div", style=f"margin-left:{left:.2f}%;width:max({wide:.2f}%,3px);height:10px;background:{GOOD}")
        thumb = element(
            "img", src=shown_uri(first.picture, _THUMB_PX), alt="", style=f"width:{_THUMB_PX}px;vertical-align:middle"
        )
        summary = element("summary", thumb, " ", str(event), element("div", bar, style=f"background:{FAINT}"))
        pictures = [to_html(frame.picture, shown_px=_SHOWN_PX) for frame in dict.fromkeys((first, last))]
        rows.append(element("details", summary, *pictures, style="margin:6px 0;cursor:pointer"))
    axis = f"Each bar runs from 0 to {length_s:.2f} seconds. Click one to see its first and last frame."
    rest = [element("small", f"{_MOST_SHOWN} of {len(events)} events are shown.")] * (len(events) > _MOST_SHOWN)
    return element("div", element("small", axis), *rows, *rest, listed(events.repairs))


def seconds(value: object) -> float | None:
    """Return the seconds of a number, or of text such as "3.2s", "01:02.50" or "2 min 5 s"; None for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number if math.isfinite(number := float(str(value))) else None  # of a huge whole number, infinite
    return _seconds(hit[1]) if isinstance(value, str) and (hit := _WHOLE.fullmatch(value)) else None


def first_seconds(value: object) -> float | None:
    """Return the first time in a value, as `seconds` does."""
    if isinstance(value, str) and (hit := _MOMENT.search(value) or re.search(_NUMBER, value)):
        return _seconds(hit[0])
    return seconds(value)


def _seconds(text: str) -> float:
    """Return the seconds of a text that matches `_TIME`."""
    if ":" in text:
        parts = reversed(re.findall(_NUMBER, text))
        return sum(float(part.replace(",", ".")) * 60.0**place for place, part in enumerate(parts))
    return sum(_number(hit[1]) * _SPANS.get((hit[2] or "").lower(), 1) for hit in _PART.finditer(text))


def _number(text: str) -> float:
    return float(text.replace(",", "" if _THOUSANDS.fullmatch(text) else "."))


Span = tuple[float, float]
Interval = tuple[float, float, str]


def _in_json(text: str, repairs: list[str]) -> tuple[list[Interval], bool]:
    """Return the events in the JSON of an answer, and whether it has an object with keys."""
    text = _UNQUOTED.sub(r'\1"\2"', text)
    reader, intervals, is_object, at, last = lenient.Reader(text + "\n"), list[Interval](), False, 0, 0
    while hit := _OPENS.search(text, at):
        line = text.rfind("\n", 0, hit.start()) + 1
        if skipped := _STAMP.match(text, hit.start()) or (
            _MOMENT.search(text, max(line, hit.start() - _NEAR), hit.start()) and _CITED.match(text, hit.start())
        ):
            at = skipped.end()
            continue
        try:
            node = reader.read(hit.start(), len(text), lambda name, _: repairs.append(f"the JSON was repaired: {name}"))
        except lenient.Unreadable as error:
            at = hit.start() + error.skip
            continue
        at = max(node.end, hit.end())
        if not node.whole:
            repairs.append("the answer was cut: its whole events are kept")
        value, begin, last = _plain(node), max(line, last), at
        if isinstance(value, list) and (pair := _pair(value)):  # [3.0, 5.0] in a sentence, or before its words
            intervals.append(
                (*pair[0], _label(text[begin : hit.start()]) or _label(re.split(r"[\n\[{]", text[at : at + _NEAR])[0]))
            )
        else:
            intervals += _in_value(value)
        is_object = is_object or (node.kind == "object" and any(key for key, _ in node.value))
    return intervals, is_object


def _plain(node: lenient.Node) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value of a node, without the truncated objects and values in it."""
    if node.kind == "list":
        return [_plain(item) for item in node.value if item.whole or item.kind == "list"]
    if node.kind == "object":
        return {key: _plain(item) for key, item in node.value if (node.whole and item.whole) or item.kind == "list"}
    return node.plain()


def _in_value(value: Any, *, pairs: bool = True) -> Iterator[Interval]:  # noqa: ANN401 - any JSON value
    """Yield the events in a JSON value, however deep. With `pairs`, pairs of numbers are times."""
    if isinstance(value, dict):
        yield from _in_object(value)
    elif isinstance(value, list):
        labels = [item for item in value[2:3] if isinstance(item, str) and not _times(item)]
        times = value[:2] if labels else value
        pairs = pairs or all(isinstance(item, str) and _MOMENT.fullmatch(item) for item in value[:2])
        if pairs and all(seconds(item) is not None for item in times):
            yield from ((*span, "".join(labels)) for span in _times(times))
        else:
            for item in value:
                yield from _in_prose(item) if isinstance(item, str) else _in_value(item, pairs=pairs)


def _in_object(value: dict[str, Any]) -> Iterator[Interval]:
    """Yield the events in the values of an object, then its own; those without a label get the label of the object."""
    label = next((item for item in value.values() if isinstance(item, str) and not _times(item)), "")
    spans_of = {kind: list[Span]() for kind in _KINDS}
    for key, item in value.items():
        kind, spans = _kind(key), _times(item)
        if kind and spans:
            unit = _SCALE.search(key.lower())
            scale = _SCALES[unit[1]] if unit and not isinstance(item, str) else 1.0
            spans_of[kind] += [(start * scale, end * scale) for start, end in spans]
        elif isinstance(item, str):
            spans = spans if _MOMENT.search(item) else []  # {"dog": "0:03"}, but not {"count": "3"}
            yield from [*((*span, item) for span in _times(key)), *((*span, label or key) for span in spans)]
        else:
            own_name = key if isinstance(item, list) and _pair(item) else ""  # {"a dog": ["0:03", "0:05"]}
            nested = _in_value(item, pairs=False)
            yield from ((start, end, name or label or own_name) for start, end, name in nested)
    own = spans_of["start"] or spans_of["at"] or spans_of["end"]
    if spans_of["end"]:
        own = [(own[0][0], spans_of["end"][0][1])]
    elif own and spans_of["length"]:
        own = [(own[0][0], own[0][0] + spans_of["length"][0][1])]
    lists = [item for item in value.values() if isinstance(item, list) and len(item) == len(own) > 1]
    labels = next((item for item in lists if all(isinstance(text, str) and not _times(text) for text in item)), None)
    yield from ((*span, text) for span, text in zip(own, labels or [label] * len(own), strict=True))


def _times(value: object) -> list[Span]:
    """Return the intervals of a value that holds only times: "3 - 5 s", [3, 5], [1, 2, 3], [[3, 5], [7, 9]]."""
    if isinstance(value, list):
        return _pair(value) or [span for item in value for span in _times(item)]
    if isinstance(value, str) and (hit := _RANGE.fullmatch(value.strip())):
        return [(_seconds(hit[2]), _seconds(hit[4]))]
    time = seconds(value)
    return [] if time is None else [(time, time)]


def _pair(values: list[Any]) -> list[Span]:
    """Return the interval between two moments, if the values are just these."""
    times = [time for item in values if (time := seconds(item)) is not None]
    return [(times[0], times[1])] if len(times) == len(values) == 2 else []


def _rows(text: str) -> list[dict[str, Any]]:
    """Return the rows of a table, and of lines such as "start: 3 s, end: 5 s, event: a door", as objects."""
    rows: list[dict[str, Any]] = [{}]
    for name, value in _NAMED.findall(text):
        key = name.rstrip(" 0123456789")  # Event 2: …
        if key in rows[-1]:
            rows.append({})
        hit = None if _times(value) or not _kind(key) else _MOMENT.match(value)
        rows[-1] |= {key: hit[0], "": value[hit.end() :].strip(_AROUND)} if hit else {key: value}
    head: list[str] = []
    for line in text.splitlines():
        mark = next((mark for mark in "|;\t," if mark in line), "\n")
        cells = [cell.strip(_AROUND) for cell in line.strip("| \t").split(mark, len(head) - 1)]
        if head and len(cells) == len(head):
            rows.append(dict(zip(head, cells, strict=True)))
        elif any(_kind(cell) for cell in cells):
            head = cells
    kinds = [{_kind(key) for key in row} for row in rows]
    return [row for row, has in zip(rows, kinds, strict=True) if {"start", "end"} <= has or ("at" in has and "" in has)]


def _kind(key: str) -> str:
    """Return the kind of value under a key, or "" if it is no time."""
    name = re.sub(r"\W+", "_", key.lower()).strip("_")
    return next((kind for kind, names in _KINDS.items() if names.match(name)), "")


def _label(text: str) -> str:
    return _FILLERS.sub("", _TAG.sub("", _CITED.sub("", text)).strip()).strip(_AROUND)


def _in_prose(text: str) -> Iterator[Interval]:
    lines = text.splitlines()
    for number, full in enumerate(lines):
        line = _NUMBERED.sub("", full)
        ranges = [
            hit
            for hit in _RANGE.finditer(line)
            if _MOMENT.search(hit[0]) and (hit[1] or hit[3].lower() != "and")  # two moments, unless "between"
        ]
        hits = ranges or list(_MOMENT.finditer(line))
        edges = [0, *(edge for hit in hits for edge in hit.span()), len(line)]
        between = [_label(line[a:b]) for a, b in zip(edges[::2], edges[1::2], strict=True)]
        labels = between if between[0] else between[1:]  # a label stands before its time, or after it
        if labels == [""]:
            labels = [_label_beside(lines, number)]
        for hit, label in zip(hits, labels, strict=False):
            start = _seconds(hit[2] if ranges else hit[1])
            yield start, _seconds(hit[4]) if ranges else start, label


def _label_beside(lines: list[str], number: int) -> str:
    """Return the line after a line that holds only a time, as in subtitles, or the heading before it."""
    before, after = lines[number - 1 : number], lines[number + 1 : number + 2]
    words = [line for line in after if not _HEADING.match(line)] or [line for line in before if _HEADING.match(line)]
    return next((_label(_NUMBERED.sub("", line)) for line in words if not _MOMENT.search(line)), "")


def _clip(start: float, end: float, label: str, duration_s: float, repairs: list[str]) -> Iterator[Event]:
    """Yield the event with start and end in order and within the clip, unless it lies outside."""
    if end < start:
        repairs.append(f"{start:g} and {end:g} s were swapped")
        start, end = end, start
    if start > duration_s or end < 0:
        times = f"{start:g}" if start == end else f"{start:g} to {end:g}"
        repairs.append(f"left out: {times} s lies outside the clip of {duration_s:g} s")
        return
    if start < 0 or end > duration_s:
        repairs.append(f"{start:g} to {end:g} s was cut to the clip of {duration_s:g} s")
        start, end = max(0.0, start), min(end, duration_s)
    yield Event(start, end, " ".join(label.split())[:_MOST_LABEL])
