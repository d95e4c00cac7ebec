"""The events that an answer names: from any of the forms in which models write times to typed intervals."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vlnb.images.picture import shown_uri, to_html
from vlnb.markup import FAINT, GOOD, Html, element, listed
from vlnb.regions import lenient
from vlnb.terminal import printable
from vlnb.video.clip import frames

if TYPE_CHECKING:
    from vlnb.images import Source

_NUMBER = r"\d{1,6}(?:[.,]\d{1,6})?"
_CLOCK = r"(?:\d{1,3}:)?\d{1,3}:\d{2}(?:[.,]\d{1,6})?"
_UNIT = r"(?:(?:s|secs?|seconds?)\b|秒)"
_SPOKEN = (  # 1 h 2 min 5 s
    rf"(?:\d{{1,3}}\s?(?:h|hours?)\s{{0,3}})?\d{{1,4}}\s?(?:m|mins?|minutes?|分)(?![a-z])"
    rf"(?:\s{{0,3}}(?:and\s)?{_NUMBER}\s?{_UNIT})?"
)
_CERTAIN = rf"(?:{_SPOKEN}|{_CLOCK}(?:\s?{_UNIT})?|{_NUMBER}\s?{_UNIT})"  # a time for certain, and no mere number
_TIME = rf"(?:{_CERTAIN}|{_NUMBER})"
_HOW = re.IGNORECASE | re.ASCII
_BETWEEN = r"(?:-{1,2}>|-|–|—|~|to|until|till|through|and|bis|到|至)"
_RANGE = re.compile(rf"(?<![\d.,:])(between\s{{1,3}})?({_TIME})\s{{0,3}}({_BETWEEN})\s{{0,3}}({_TIME})", _HOW)
_MOMENT = re.compile(rf"(?<![\d.,:])({_CERTAIN})", _HOW)
_WHOLE = re.compile(rf"\s{{0,9}}({_TIME})[\s.]{{0,9}}", _HOW)
_PART = re.compile(rf"({_NUMBER})\s?(h|m|分)?", _HOW)
_SPANS = {"h": 3600, "m": 60, "分": 60}
_THOUSANDS = re.compile(r"[1-9]\d{0,2},\d{3}", re.ASCII)
_KINDS = {  # what a key in JSON stands for; the first that fits counts
    "frame": re.compile(".*frame"),  # whose number is no time
    "start": re.compile("start|begin|from"),
    "end": re.compile("end|finish|until|to$|stop"),
    "length": re.compile("duration"),
    "at": re.compile("(t|at|when|moments?|interval|seconds?|times?|time_?(s|secs?|seconds|stamps?|range|span))$"),
}
_NUMBERED = re.compile(r"^\s{0,20}\d{1,3}[.)]\s", re.MULTILINE)  # an item of a list
_AROUND = " \t-–—•*:;,.()[]|`\"'"
_FILLERS = re.compile(
    r"(?:\b(?:from|von|between|at|about|around|approximately)|^and|从|\bt\s?=)\W{0,9}$", re.IGNORECASE
)
_THUMB_PX, _SHOWN_PX, _MOST_SHOWN = 72, 420, 40
_MOST_REPAIRS, _MOST_LABEL = 20, 200
_MOST_CHARS = 200_000
_OPENS = re.compile(r"[\[{]")


@dataclass(frozen=True)
class Event:
    """What happens from `start_s` to `end_s`, in seconds; both are equal for a moment."""

    start_s: float
    end_s: float
    label: str = ""

    def __str__(self) -> str:
        times = f"{self.start_s:.2f} s" if self.start_s == self.end_s else f"{self.start_s:.2f}–{self.end_s:.2f} s"
        return printable(f"{times}  {self.label}".rstrip())


@dataclass(frozen=True)
class Events:
    """The events of an answer in its order, and what had to be repaired or left out to read them."""

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

    It reads JSON (`{"start_time": …, "end_time": …, "description": …}` and the like, cut or fenced), and prose with
    "64.0 - 72.0 seconds", "12:34.56s", "3.2 s" or a bare "02.00".

    >>> print(events("The door opens from 00:03.50 to 00:05.", 10))
    3.50–5.00 s  The door opens
    """
    repairs: list[str] = []
    text = text[:_MOST_CHARS]
    found, is_object = _in_json(text, repairs)
    if not found and not is_object:  # an object that names no event has none in its texts either
        found = [(*span, "") for span in _times(text)] or list(_in_prose(text))
    items = tuple(one for start, end, label in found for one in _placed(start, end, label, duration_s, repairs))
    told = [f"{repair} ({times} times)" if times > 1 else repair for repair, times in Counter(repairs).items()]
    more = [f"and {len(told) - _MOST_REPAIRS} more repairs"] * (len(told) > _MOST_REPAIRS)
    return Events(items, (*told[:_MOST_REPAIRS], *more))


def timeline(found: Events, source: Source) -> Html:
    """Return the events as bars over the length of a video, with thumbnails. A click on one shows its frames.

    `source` is a `Clip`, or what `video.frames` takes; the frames are taken from the file itself.

    Raises:
        BadInput: The video cannot be read.
    """
    items = found.items[:_MOST_SHOWN]
    if not items:
        return element("div", "The answer names no event with a time in this video.", listed(found.repairs))
    exact = frames(source, at=[time for one in items for time in (one.start_s, one.end_s)])
    length_s = exact.duration_s
    rows = []
    for one in items:
        first, last = exact.nearest(one.start_s), exact.nearest(one.end_s)
        left, wide = (100 * share / length_s for share in (one.start_s, one.end_s - one.start_s))
        bar = element("div", style=f"margin-left:{left:.2f}%;width:max({wide:.2f}%,3px);height:10px;background:{GOOD}")
        thumb = element(
            "img", src=shown_uri(first.picture, _THUMB_PX), alt="", style=f"width:{_THUMB_PX}px;vertical-align:middle"
        )
        summary = element("summary", thumb, " ", str(one), element("div", bar, style=f"background:{FAINT}"))
        pictures = [to_html(frame.picture, shown_px=_SHOWN_PX) for frame in dict.fromkeys((first, last))]
        rows.append(element("details", summary, *pictures, style="margin:6px 0;cursor:pointer"))
    axis = element(
        "small", f"Each bar runs from 0 to {length_s:.2f} seconds. Click one to see its first and last frame."
    )
    rest = [element("small", f"{_MOST_SHOWN} of {len(found)} events are shown.")] * (len(found) > _MOST_SHOWN)
    return element("div", axis, *rows, *rest, listed(found.repairs))


def seconds(value: object) -> float | None:
    """Return a time in seconds: a number, or text such as "3.2s", "01:02.50" or "2 min 5 s"; None for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) else None
    return _seconds(hit[1]) if isinstance(value, str) and (hit := _WHOLE.fullmatch(value)) else None


def first_seconds(value: object) -> float | None:
    """Return the first time in a value, as `seconds` does."""
    if isinstance(value, str) and (hit := _MOMENT.search(value) or re.search(_NUMBER, value)):
        return _seconds(hit[0])
    return seconds(value)


def _seconds(text: str) -> float:
    """Return the time that matched `_TIME`, in seconds."""
    if ":" in text:
        total = 0.0
        for part in re.findall(_NUMBER, text):
            total = total * 60 + float(part.replace(",", "."))
        return total
    return sum(_number(hit[1]) * _SPANS.get((hit[2] or "").lower(), 1) for hit in _PART.finditer(text))


def _number(text: str) -> float:
    return float(text.replace(",", "" if _THOUSANDS.fullmatch(text) else "."))


Span = tuple[float, float]
Found = tuple[float, float, str]


def _in_json(text: str, repairs: list[str]) -> tuple[list[Found], bool]:
    """Return the events in the JSON of an answer, and whether it has an object with keys."""
    reader, at, found, is_object = lenient.Reader(text + "\n"), 0, list[Found](), False
    while hit := _OPENS.search(text, at):
        try:
            node = reader.read(hit.start(), len(text), lambda name, _: repairs.append(f"the JSON was mended: {name}"))
        except lenient.Unreadable as error:
            at = hit.start() + error.skip
            continue
        at = max(node.end, hit.end())
        if not node.whole:
            repairs.append("the answer was cut: its whole events are kept")
        found += _of(_plain(node))
        is_object = is_object or (node.kind == "object" and any(key for key, _ in node.value))
    return found, is_object


def _plain(node: lenient.Node) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value of a node, without the objects and values in it that were cut."""
    if node.kind == "list":
        return [_plain(one) for one in node.value if one.whole or one.kind == "list"]
    if node.kind == "object":
        return {key: _plain(one) for key, one in node.value if (node.whole and one.whole) or one.kind == "list"}
    return node.plain()


def _of(value: Any, *, pairs: bool = True) -> Iterator[Found]:  # noqa: ANN401 - any JSON value
    """Yield the events in a JSON value, however deep. Pairs of numbers count where `pairs` says that they are times."""
    if isinstance(value, dict):
        yield from _of_object(value)
    elif isinstance(value, list):
        if pairs and (two := _pair(value[:2])) and all(isinstance(one, str) for one in value[2:3]):
            yield *two[0], next(iter(value[2:]), "")
        else:
            for one in value:
                yield from _of(one, pairs=pairs)


def _of_object(value: dict[str, Any]) -> Iterator[Found]:
    """Yield the events in the values of an object, and then its own; its label is theirs where they have none."""
    label = next((one for one in value.values() if isinstance(one, str) and not _times(one)), "")
    said = {kind: list[Span]() for kind in _KINDS}
    for key, one in value.items():
        kind = next((kind for kind, names in _KINDS.items() if names.match(key.lower())), "")
        if kind and (spans := _times(one)):
            scale = 0.001 if key.lower().endswith("ms") else 1.0
            said[kind] += [(start * scale, end * scale) for start, end in spans]
        elif isinstance(one, str):
            yield from ((*span, one) for span in _times(key))
        else:
            yield from ((start, end, name or label) for start, end, name in _of(one, pairs=False))
    own = said["start"] or said["at"] or said["end"]
    if own and said["end"]:
        own = [(own[0][0], said["end"][0][1])]
    elif own and said["length"]:
        own = [(own[0][0], own[0][0] + said["length"][0][1])]
    yield from ((*span, label) for span in own)


def _times(value: object) -> list[Span]:
    """Return the intervals of a value that is nothing but times: "3 - 5 s", [3, 5], [1, 2, 3], [[3, 5], [7, 9]]."""
    if isinstance(value, list):
        return _pair(value) or [span for one in value for span in _times(one)]
    if isinstance(value, str) and (hit := _RANGE.fullmatch(value.strip())):
        return [(_seconds(hit[2]), _seconds(hit[4]))]
    time = seconds(value)
    return [] if time is None else [(time, time)]


def _pair(values: list[Any]) -> list[Span]:
    """Return the interval between two moments, if the values are nothing else."""
    times = [time for one in values if (time := seconds(one)) is not None]
    return [(times[0], times[1])] if len(times) == len(values) == 2 else []


def _in_prose(text: str) -> Iterator[Found]:
    for line in _NUMBERED.sub("", text).splitlines():
        ranges = [
            hit
            for hit in _RANGE.finditer(line)
            if _MOMENT.search(hit[0]) and (hit[1] or hit[3].lower() != "and")  # two moments, unless "between"
        ]
        hits = ranges or list(_MOMENT.finditer(line))
        edges = [0, *(edge for hit in hits for edge in hit.span()), len(line)]
        parts = (line[a:b].strip() for a, b in zip(edges[::2], edges[1::2], strict=True))
        between = [_FILLERS.sub("", part).strip(_AROUND) for part in parts]
        labels = between if between[0] else between[1:]  # a label stands before its time, or after it
        for hit, label in zip(hits, labels, strict=False):
            start = _seconds(hit[2] if ranges else hit[1])
            yield start, _seconds(hit[4]) if ranges else start, label


def _placed(start: float, end: float, label: str, duration_s: float, repairs: list[str]) -> Iterator[Event]:
    """Yield the event in the order of time and within the clip, unless all of it lies outside."""
    if end < start:
        repairs.append(f"{start:g} and {end:g} s were swapped")
        start, end = end, start
    if start > duration_s or end < 0:
        repairs.append(f"left out: {start:g} to {end:g} s lies outside the clip of {duration_s:g} s")
        return
    if start < 0 or end > duration_s:
        repairs.append(f"{start:g} to {end:g} s was cut to the clip of {duration_s:g} s")
        start, end = max(0.0, start), min(end, duration_s)
    yield Event(start, end, " ".join(label.split())[:_MOST_LABEL])
