"""From whatever a model wrote to typed regions in pixels of the original picture; nothing is lost without a word."""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from vlnb.errors import BadAnswer, BadInput
from vlnb.regions import loose, notations
from vlnb.regions.meaning import BOX_KEYS, POINT_KEYS, regions, short
from vlnb.regions.result import Change, Log, Regions, excerpt
from vlnb.regions.shapes import Box, Point, Polygon, Size, scaled, to_original

if TYPE_CHECKING:
    from vlnb.regions.numbers import Found

Space = Literal["auto", "pixels", "thousand", "unit"]

MAX_CHARS = 1_000_000  # of an answer that are read: some 300,000 tokens
_THINK, _THOUGHT = "<think>", "</think>"
_SPACES = re.compile(r"\s{25,1000000}")  # the patterns below bound a run of white space by 24
_KEY_BEFORE = re.compile(r"[\"'“*`]{0,4}\b([^\W\d][\w ]{1,24})[\"'”*`]{0,4}\s{0,24}[:：=]\s{0,24}[*`]{0,4}$")
_NEAR_LABEL = re.compile(
    r"\b(?:label|name|text_content|class|category|object)[\"'”*`]{0,4}\s{0,24}[:：=]\s{0,24}[\"'“*` ]{0,24}"
    r"([^\"'”*`\n,}]{1,200})",
    re.IGNORECASE,
)
_OPEN = re.compile(r"[\[{]")
_BEYOND = 0.25  # of a side, and a patch of 28 px: a model that means pixels does not miss an edge by more
_PATCH_PX = 28
_FOUR = re.compile(
    r"[\[(]\s{0,24}" + r"\s{0,24}[,\s]\s{0,24}".join([r"([-+]?\d{1,12}(?:\.\d{1,17})?)"] * 4) + r"\s{0,24}[\])]"
)
_TOO_DEEP = 60  # characters passed over where brackets nest without end
_NEAR = 12  # characters between a place and where its loss was told
_THOUSAND = 1000.0


def parse(text: str, *, seen: Size, original: Size, space: Space = "auto", finish_reason: str | None = None) -> Regions:
    """Return the boxes, points and polygons that `text` names, in pixels of the picture at its `original` size.

    `seen` is the (width, height) at which the model saw it: Qwen2.5-VL's numbers are pixels of that. With "length" as
    `finish_reason` what is missing at the end is told as cut at max_tokens. Raises `BadAnswer`, with the text, where it
    names no place at all; an empty list is an answer too, and gives no regions.
    """
    if not isinstance(text, str):
        raise BadInput(f"parse wants the text of an answer, and got a {type(text).__name__}. Pass reply.text.")
    if space not in ("auto", "pixels", "thousand", "unit"):
        raise BadInput(f"space={space!r} is none: choose 'auto', 'pixels', 'thousand' or 'unit'.")
    if min(*seen, *original) < 1:
        raise BadInput(f"seen={seen} and original={original} must be (width, height) of at least 1 pixel each.")
    short, place_of = _shortened(text)
    reading = _Reading(short, cut=finish_reason == "length")
    found = reading.everything()
    if not found and not reading.log.drops and not reading.empty:
        raise BadAnswer(
            "The answer names no place: no box, point or polygon was found in it. Ask for a form with coordinates"
            f" (vlnb.prompts has some), or look at the text: {excerpt(text, 0, 120)!r}",
            partial=text,
        )
    taken, reason = _space(found, seen) if space == "auto" else (space, "as you said")
    factor = {"pixels": (1.0, 1.0), "thousand": (seen[0] / _THOUSAND, seen[1] / _THOUSAND), "unit": seen}[taken]
    kept: dict[object, Any] = {}
    for one in found:
        region = _finished(one, factor, seen, reading.log)
        if region is None:
            continue
        key = (type(region), region.points if isinstance(region, Polygon) else _place(region), one.label, one.text)
        if key in kept:
            reading.log.drop("the same again", one.start)
        else:
            kept[key] = region
    if len(text) > MAX_CHARS:
        reading.log.drop(f"what stands behind the first {MAX_CHARS:,} characters", len(short))

    def told(changes: list[Change]) -> tuple[Change, ...]:
        return tuple(sorted((replace(c, at=place_of(c.at)) for c in changes), key=lambda change: change.at))

    every: list[Any] = [to_original(region, seen=seen, original=original) for region in kept.values()]
    return Regions(
        boxes=tuple(r for r in every if isinstance(r, Box)),
        points=tuple(r for r in every if isinstance(r, Point)),
        polygons=tuple(r for r in every if isinstance(r, Polygon)),
        repairs=told(reading.log.repairs),
        dropped=told(reading.log.drops),
        raw=text,
        space=taken,
        space_reason=reason,
    )


def _shortened(text: str) -> tuple[str, Callable[[int], int]]:
    """Return the text without long runs of white space, and a function from a place in it to the place in `text`."""
    cuts, gone = [(0, 0)], 0

    def one(hit: re.Match[str]) -> str:
        nonlocal gone
        kept = "\n\n" if "\n" in hit[0] else hit[0][:24]
        at = hit.start() - gone + len(kept)
        gone += len(hit[0]) - len(kept)
        cuts.append((at, gone))
        return kept

    short = _SPACES.sub(one, text[:MAX_CHARS])
    return short, lambda at: at + cuts[bisect.bisect_right(cuts, (at, len(text))) - 1][1]


def _place(region: Box | Point) -> tuple[float, ...]:
    return region.corners if isinstance(region, Box) else (region.x, region.y)


class _Reading:
    """One answer on its way."""

    def __init__(self, text: str, *, cut: bool) -> None:
        self.text, self.log = text, Log(text, cut=cut)
        self.empty = False  # whether an empty list was said
        self.values: list[tuple[int, int]] = []  # where JSON stands that was understood

    def everything(self) -> list[Found]:
        """Return all regions in the order of the text. Thoughts count only where the answer itself has none."""
        answer, thoughts = _apart_from_thoughts(self.text)
        found = self.read(answer)
        if not found and thoughts:
            return self.read(self.text)
        for at, thought in thoughts:
            for one in _Reading(thought, cut=False).read(thought):
                self.log.drop("only thought of, not answered", at + one.start)
        self.account(answer, found)
        return found

    def account(self, text: str, found: list[Found]) -> None:
        """Tell of four numbers in brackets that nothing above took for a place or named as lost."""
        known = {one.numbers[i : i + 4] for one in found for i in range(0, len(one.numbers), 4)}
        told = sorted(change.at for change in self.log.drops)
        for hit in _FOUR.finditer(_without(text, [*self.values, *((one.start, one.end) for one in found)])):
            near = bisect.bisect_left(told, hit.start() - _NEAR + 1)
            explained = near < len(told) and told[near] < hit.start() + _NEAR
            if not explained and tuple(map(float, hit.groups())) not in known:
                self.log.drop("four numbers that no form explains", hit.start())

    def read(self, text: str) -> list[Found]:
        found = list(notations.tagged(text, self.log))
        text = _without(text, [(one.start, one.end) for one in found])
        found += self.json(text)
        text = _without(text, [(one.start, one.end) for one in found])
        found += notations.plain(text)
        if not found and not self.log.drops:
            found = list(notations.lone_points(text))
        return sorted(found, key=lambda one: one.start)

    def json(self, text: str) -> list[Found]:
        """Return the regions in all values that begin with a bracket, wherever they stand."""
        found: list[Found] = []
        at, fence = 0, -1
        read = loose.reader(text)
        while (hit := _OPEN.search(text, at)) is not None:
            at = hit.start()
            if fence < at:
                fence = text.find("```", at)
                fence = len(text) if fence < 0 else fence
            log = Log(self.text, cut=self.log.cut)
            try:
                node = read(at, fence, log.repair)
            except loose.Tangled:
                self.log.drop("brackets too tangled to be read from here on", at)
                break
            except (loose.Unreadable, loose.TooDeep) as error:
                at += 1 if isinstance(error, loose.Unreadable) else _TOO_DEEP
                continue
            places = list(regions(node, label=self.label_of(text, node), log=log))
            bare = node.kind == "list" and all(item.kind == "number" for item in node.value)
            if bare and not places and not _KEY_BEFORE.search(notations.line_before(text, at)):
                log.drops = []  # "[3]" in a sentence is no box
            if places or log.drops:
                found += places
                self.take_over(log, node)
            elif (not node.value and node.whole) or _mentions_places(node):
                self.empty = True
            else:
                at += 1
                continue
            at = node.end
        return found

    def take_over(self, log: Log, node: loose.Node) -> None:
        """Keep what was told while one value was read, and say so where the answer ended before it did."""
        self.values.append((node.start, node.end))
        self.log.take_over(log)
        if not node.whole and not any("cut off" in change.what for change in log.drops):
            (self.log.drop if self.log.cut else self.log.repair)("cut off at the end", len(self.text) - 1)

    def label_of(self, text: str, node: loose.Node) -> str:
        """Return the name that stands around a bare list: "cat: [1, 2, 3, 4]", "bbox_2d: [1, 2, 3, 4]", "[…] cat"."""
        if node.kind == "object" or any(item.kind == "object" for item in node.value):
            return ""
        line, rest = notations.line_before(text, node.start), notations.line_after(text, node.end)
        key = _KEY_BEFORE.search(line)
        if key and short(key[1]) in BOX_KEYS | POINT_KEYS:
            behind = _NEAR_LABEL.search(re.split(r"bbox|\[", rest, maxsplit=1)[0])
            ahead = _NEAR_LABEL.findall(re.split(r"[\]}]", text[max(0, node.start - 200) : node.start])[-1])
            below = _NEAR_LABEL.search(re.split(r"bbox|\[", text[node.end : node.end + 200], maxsplit=1)[0])
            return (behind[1] if behind else ahead[-1] if ahead else below[1] if below else "").strip()
        return notations.before(re.sub(r"<[^<>]{0,200}>", " ", line.rpartition("]")[2])) or notations.after(rest)


def _mentions_places(node: loose.Node) -> bool:
    """Whether a value would hold places and holds none: {"objects": []}."""
    if node.kind != "object":
        return False
    return any(short(key) in BOX_KEYS or (one.kind == "list" and not one.value) for key, one in node.value)


def _apart_from_thoughts(text: str) -> tuple[str, list[tuple[int, str]]]:
    """Return the answer with its thoughts blanked, and each thought that says something with its place."""
    thoughts, spans, at = [], [], 0
    while (start := text.find(_THINK, at)) >= 0:
        begin = start + len(_THINK)
        end = text.find(_THOUGHT, begin)
        at = len(text) if end < 0 else end + len(_THOUGHT)
        if (thought := text[begin : end if end >= 0 else at]).strip():
            thoughts.append((begin, thought))
            spans.append((start, at))
    return _without(text, spans), thoughts


def _without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Return `text` with these places replaced by spaces, so that all others stay where they are."""
    parts, at = [], 0
    for start, end in sorted(spans):
        if end > at:
            begin = max(at, start)
            parts += [text[at:begin], re.sub(r"[^\n]", " ", text[begin:end])]
            at = end
    return "".join([*parts, text[at:]])


def _space(found: list[Found], seen: Size) -> tuple[Literal["pixels", "thousand", "unit"], str]:
    """Return in which space the numbers are, and why: anything but pixels only where it is certain."""
    numbers = [abs(n) for one in found for n in one.numbers]
    if not numbers:
        return "pixels", "there are none to tell it by"
    if max(numbers) <= 1 and any(not n.is_integer() for n in numbers):
        return "unit", "all lie between 0 and 1"
    xs = [n for one in found for n in one.numbers[::2]]
    ys = [n for one in found for n in one.numbers[1::2]]
    width, height = seen
    outside = [
        f"{name} {top:g} lies beyond the {side} of {size} px"
        for name, top, side, size in (("x", max(xs), "width", width), ("y", max(ys), "height", height))
        if top > size * (1 + _BEYOND) + _PATCH_PX
    ]
    if outside and max(numbers) <= _THOUSAND:
        return "thousand", f"{outside[0]}, and none is over 1000"
    if max(numbers) > _THOUSAND:
        return "pixels", "some are over 1000"
    return "pixels", "Qwen2.5-VL's own, and nothing speaks for another"


def _finished(one: Found, factor: tuple[float, float], seen: Size, log: Log) -> Box | Point | Polygon | None:
    """Return a region in pixels as seen: corners in order, within the picture; None (told) where nothing is left."""
    width, height = seen
    numbers = one.numbers
    if one.kind == "point":
        point = scaled(Point(numbers[0], numbers[1], one.label, one.attributes), *factor)
        if not (-_PATCH_PX <= point.x <= width + _PATCH_PX and -_PATCH_PX <= point.y <= height + _PATCH_PX):
            log.drop("a point outside the picture", one.start)
            return None
        x, y = min(max(point.x, 0), width), min(max(point.y, 0), height)
        if (x, y) != (point.x, point.y):
            log.repair("a point beyond the edge moved onto it", one.start)
        return Point(x, y, one.label, one.attributes)
    if one.kind == "polygon":
        corners = tuple(zip(numbers[::2], numbers[1::2], strict=True))
        polygon = scaled(Polygon(corners, one.label, one.text, one.attributes), *factor)
        inside = tuple((min(max(x, 0), width), min(max(y, 0), height)) for x, y in polygon.points)
        if len(set(inside)) < 3:
            log.drop("a polygon outside the picture", one.start)
            return None
        if inside != polygon.points:
            log.repair("a polygon beyond the edge cut to the picture", one.start)
        return Polygon(inside, one.label, one.text, one.attributes)
    left, top, right, bottom = numbers
    box = scaled(Box(left, top, right, bottom, one.label, one.text, one.attributes), *factor)
    (x1, x2), (y1, y2) = sorted((box.x1, box.x2)), sorted((box.y1, box.y2))
    if (x1, y1) != (box.x1, box.y1):
        log.repair("corners swapped", one.start)
    inside_box = Box(max(x1, 0), max(y1, 0), min(x2, width), min(y2, height), one.label, one.text, one.attributes)
    if not inside_box.area:
        flat = x1 == x2 or y1 == y2
        log.drop("a box without area" if flat else "a box outside the picture", one.start)
        return None
    if inside_box.corners != (x1, y1, x2, y2):
        log.repair("a box beyond the edge cut to the picture", one.start)
    return inside_box
