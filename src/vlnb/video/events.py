"""The events that an answer names: from any of the forms in which models write times to typed intervals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vlnb.images.picture import shown_uri
from vlnb.markup import FAINT, GOOD, Html, element, listed
from vlnb.regions import lenient
from vlnb.terminal import printable
from vlnb.video.clip import frames, shown

if TYPE_CHECKING:
    from vlnb.images import Source

_CLOCK = r"(?:\d{1,3}:)?\d{1,3}:\d{2}(?:[.,]\d{1,6})?"
_UNIT = r"(?:s|secs?|seconds?)\b"
_TIME = rf"(?:{_CLOCK}\s?(?:{_UNIT})?|\d{{1,6}}(?:\.\d{{1,6}})?\s?(?:{_UNIT})?)"
_RANGE = re.compile(
    rf"(?<![\d.:])({_TIME})\s{{0,3}}(?:-|–|—|to|until|till|and|through)\s{{0,3}}({_TIME})", re.IGNORECASE
)
_MOMENT = re.compile(rf"(?<![\d.:])({_CLOCK}(?:\s?{_UNIT})?|\d{{1,6}}(?:\.\d{{1,6}})?\s?{_UNIT})", re.IGNORECASE)
_BARE = re.compile(r"\s{0,9}(\d{1,6}(?:\.\d{1,6})?)[\s.]{0,9}")
_START, _END = (
    re.compile(r"(start|begin|from)", re.IGNORECASE),
    re.compile(r"(end|finish|until|to$|stop)", re.IGNORECASE),
)
_AT = re.compile(r"(time|at$|moment|interval|second|when|t$)", re.IGNORECASE)
_MARK = re.compile(r"\s{0,20}(?:[-*•]|\d{1,3}[.)](?=\s))\s{0,9}")
_AROUND = " \t-–—•*:;,.()[]`\"'"
_FILLERS = re.compile(r"\b(?:from|between|at|about|around|approximately)\W{0,9}$", re.IGNORECASE)
_THUMB_PX, _SHOWN_PX, _MOST_SHOWN = 72, 420, 40
_MOST_CHARS = 200_000


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
    found = list(_in_json(text[:_MOST_CHARS], repairs)) or list(_in_prose(text[:_MOST_CHARS]))
    return Events(
        tuple(one for start, end, label in found for one in _placed(start, end, label, duration_s, repairs)),
        tuple(repairs),
    )


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
        pictures = [shown(frame, f"{frame.time_s:.2f} s", _SHOWN_PX) for frame in dict.fromkeys((first, last))]
        rows.append(element("details", summary, *pictures, style="margin:6px 0;cursor:pointer"))
    axis = element(
        "small", f"Each bar runs from 0 to {length_s:.2f} seconds. Click one to see its first and last frame."
    )
    return element("div", axis, *rows, listed(dict.fromkeys(found.repairs)))


def seconds(value: object) -> float | None:
    """Return a time in seconds: a number, or text such as "3.2s", "01:02.50" or "1:02:03"; None for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    hit = re.fullmatch(_TIME, value.strip(), re.IGNORECASE) if isinstance(value, str) else None
    if hit is None:
        return None
    total = 0.0
    for part in hit[0].lower().rstrip("second ").replace(",", ".").split(":"):
        total = total * 60 + float(part)
    return total


Found = tuple[float, float, str]


def _in_json(text: str, repairs: list[str]) -> Iterator[Found]:
    reader, at = lenient.Reader(text + "\n"), 0
    while hit := re.compile(r"[\[{]").search(text, at):
        try:
            node = reader.read(hit.start(), len(text), lambda name, _: repairs.append(f"the JSON was mended: {name}"))
        except lenient.Unreadable as error:
            at = hit.start() + error.skip
            continue
        at = max(node.end, hit.end())
        if not node.whole:
            repairs.append("the answer was cut: its whole events are kept")
        yield from _of(_plain(node))


def _plain(node: lenient.Node) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value of a node, without the objects and values in it that were cut."""
    if node.kind == "list":
        return [_plain(one) for one in node.value if one.whole or one.kind == "list"]
    if node.kind == "object":
        return {key: _plain(one) for key, one in node.value if (node.whole and one.whole) or one.kind == "list"}
    return node.plain()


def _of(value: Any) -> Iterator[Found]:  # noqa: ANN401 - any JSON value
    """Yield the events in a JSON value, however deep."""
    if isinstance(value, list):
        pair = [seconds(one) for one in value[:2]]
        if len(pair) == 2 and None not in pair:
            yield pair[0] or 0.0, pair[1] or 0.0, next((one for one in value[2:] if isinstance(one, str)), "")
        else:
            for one in value:
                yield from _of(one)
    elif isinstance(value, dict):
        times: dict[str, float] = {}
        label = ""
        for key, one in value.items():
            name = "start" if _START.match(key) else "end" if _END.match(key) else "at" if _AT.search(key) else ""
            pair = [seconds(part) for part in one[:2]] if isinstance(one, list) else _pair(one) if name else []
            if name and len(pair) == 2 and None not in pair:
                times |= {"start": pair[0] or 0.0, "end": pair[1] or 0.0}
            elif name and (time := seconds(one)) is not None:
                times[name] = time
            elif isinstance(one, str):
                label = label or one
            else:
                yield from _of(one)
        start = times.get("start", times.get("at", times.get("end")))
        if start is not None:
            yield start, times.get("end", start), label


def _pair(value: object) -> list[float | None]:
    hit = _RANGE.fullmatch(value.strip()) if isinstance(value, str) else None
    return [seconds(hit[1]), seconds(hit[2])] if hit else []


def _in_prose(text: str) -> Iterator[Found]:
    if bare := _BARE.fullmatch(text):
        yield float(bare[1]), float(bare[1]), ""
    for line in (_MARK.sub("", line, count=1) if _MARK.match(line) else line for line in text.splitlines()):
        ranges = [hit for hit in _RANGE.finditer(line) if _MOMENT.search(hit[0])]
        hits = ranges or list(_MOMENT.finditer(line))
        edges = [0, *(edge for hit in hits for edge in hit.span()), len(line)]
        between = [
            _FILLERS.sub("", line[a:b].strip()).strip(_AROUND) for a, b in zip(edges[::2], edges[1::2], strict=True)
        ]
        labels = between if between[0] else between[1:]  # a label stands before its time, or after it
        for hit, label in zip(hits, labels, strict=False):
            start = seconds(hit[1]) or 0.0
            yield start, (seconds(hit[2]) or 0.0) if ranges else start, label


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
    yield Event(start, end, " ".join(label.split()))
