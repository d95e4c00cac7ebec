"""Parses any answer of a model into typed regions in pixels of the original picture, and reports every loss."""

from __future__ import annotations

import bisect
import re
from dataclasses import replace
from typing import Any, Literal

from vlnb.errors import BadAnswer, BadInput
from vlnb.regions import lenient, notations, thoughts
from vlnb.regions.meaning import KIND_OF, RawRegion, regions, short, verb_of
from vlnb.regions.shapes import Box, Change, Log, Point, Polygon, Regions, Size, clamped, excerpt, to_original

Space = Literal["auto", "pixels", "thousand", "unit"]

MAX_CHARS = 1_000_000  # of an answer that are read: some 300,000 tokens
_LAST_NUMBER = re.compile(r"[-+]?[\d.]{1,20}\Z")
_IN_PLACE, _NEAR = re.compile(r"(?:\d[,，]|[(\[])\s?\Z"), 20
_SIDE = re.compile(r"[\"'](?:x(?:_?(?:0|1|min))?|left|\w{0,9}bbox\w{0,3})[\"']\s?:", re.IGNORECASE)  # a place begins
_SPACES = re.compile(r"\s{25,1000000}")  # the patterns accept at most 24 characters of white space
# Where places may begin: a bracket, the arguments of a call, or a key without an object around it.
_OPEN = re.compile(
    r"[\[{]|(?<=\w)\(|(?<![\w\"'.<-])[\"'*`]{0,4}(?P<key>(?:(?:bounding[ _])?box|bbox|coordinates|point|rect)(?:_?2d)?"
    r"|label|name|text_content|class|category|object(?: \d{1,3})?|[xy](?:_?[012]|_?m(?:in|ax))?|left)"
    r"[\"'*`]{0,4}\s{0,24}[:=：]\s{0,24}(?=[-+.\w(\[{\"'“*`])",
    re.IGNORECASE,
)
_TELLING = re.compile(  # a first argument that makes any call an action: do(action="Tap", …), TYPE(box=[…
    r"\(\s{0,9}(?:(?:action|kind|type|step|gesture|operation)\s{0,9}=\s{0,9}[\"']?([\w -]{1,30})"
    r"|(?:start_)?(?:box|bbox|point|coordinate|position)\w{0,9}\s{0,9}=)"
)
_VERB_BEFORE = re.compile(
    r"(?:^|[^\w.])([^\W\d][\w.]{1,60})(?:\s{1,3}(?:at|on|over|up|down|to|the|point|position|coordinates?)){0,3}"
    r"\s{0,3}[:=*`→>-]{0,4}\s{0,3}`?$"
)
_BEYOND = 0.25  # of a side, plus a patch of 28 px: the largest error beyond an edge of a model that answers in pixels
_PATCH_PX = 28
_THOUSAND = 1000.0


def parse(text: str, *, seen: Size, original: Size, space: Space = "auto", finish_reason: str | None = None) -> Regions:
    """Return the boxes, points and polygons that `text` names, in pixels of the picture at its `original` size.

    `seen` is the (width, height) at which the model saw the picture: Qwen2.5-VL answers in pixels of that. `space` is
    the unit of its numbers: "pixels", "thousand" (0 to 1000), "unit" (0 to 1), or "auto": pixels, unless the numbers
    prove another unit. With the `finish_reason` "length", whatever is missing at the end is reported as cut off by
    max_tokens. An empty list is a valid answer without regions.

    >>> answer = '[{"bbox_2d": [28, 28, 56, 84], "label": "cup"}]'
    >>> found = parse(answer, seen=(280, 280), original=(1000, 500))
    >>> found.boxes[0].label, found.boxes[0].corners
    ('cup', (100.0, 50.0, 200.0, 150.0))

    Raises:
        BadAnswer: The text names no place at all; `partial` is the text.
        BadInput: An argument is invalid.
    """
    if not isinstance(text, str):
        raise BadInput(f"parse needs the text of an answer, not a {type(text).__name__}. Pass reply.text.")
    if space not in ("auto", "pixels", "thousand", "unit"):
        raise BadInput(f"Unknown space {space!r}. Choose 'auto', 'pixels', 'thousand' or 'unit'.")
    if min(*seen, *original) < 1:
        raise BadInput(f"seen={seen} and original={original} must be (width, height) of at least 1 pixel each.")
    reading = _Reading(_SPACES.sub(_shorten, text[:MAX_CHARS]), cut=finish_reason == "length")
    raw_regions, log = reading.all_regions(), reading.log
    if not raw_regions and not log.drops and not reading.empty:
        raise BadAnswer(
            "The answer names no place: it contains no box, point or polygon. Ask for coordinates (vlnb.prompts has"
            f" prompts that do), or look at the text: {excerpt(text, 0, 120)!r}",
            partial=text,
        )
    chosen, reason = _space(raw_regions, seen) if space == "auto" else (space, "as requested")
    factor = {"pixels": (1.0, 1.0), "thousand": (seen[0] / _THOUSAND, seen[1] / _THOUSAND), "unit": seen}[chosen]
    kept: dict[object, Any] = {}
    for item in raw_regions:
        region = _finish(item, factor, seen, log)
        key = (type(region), replace(region, attributes={})) if region else None
        if region and key in kept:
            log.drop("a duplicate", item.start)
        elif region:
            kept[key] = to_original(region, seen=seen, original=original)
    if len(text) > MAX_CHARS:
        log.drop(f"everything after the first {MAX_CHARS:,} characters", len(reading.text))

    return Regions(
        boxes=tuple(r for r in kept.values() if isinstance(r, Box)),
        points=tuple(r for r in kept.values() if isinstance(r, Point)),
        polygons=tuple(r for r in kept.values() if isinstance(r, Polygon)),
        repairs=_in_order(log.repairs),
        dropped=_in_order(log.drops),
        space=chosen,
        space_reason=reason,
    )


def _shorten(spaces: re.Match[str]) -> str:
    """Return fewer spaces, which the patterns accept; later offsets shrink."""
    return "\n\n" if "\n" in spaces[0] else spaces[0][:24]


def _in_order(changes: list[Change]) -> tuple[Change, ...]:
    return tuple(sorted(changes, key=lambda change: change.at))


class _Reading:
    """The state of parsing one answer."""

    def __init__(self, text: str, *, cut: bool) -> None:
        whole = _LAST_NUMBER.sub("", text) if cut else text  # its last digits may be missing
        self.text, self.log = whole, Log(whole, cut=cut)
        self.lost = cut and _IN_PLACE.search(whole, max(0, len(whole) - _NEAR))
        self.empty = False  # whether the answer is an empty list

    def all_regions(self) -> list[RawRegion]:
        """Return all regions in the order of the text; those in thoughts only if the answer itself has none."""
        thought = thoughts.spans(self.text)
        answer = notations.blank_out(self.text, thought)
        if thought and not self.text[: thought[0][0]].strip():  # the answer begins on a new line
            answer = "\n".rjust(thought[0][1]) + answer[thought[0][1] :]
        raw_regions = self.read(answer)
        is_answered = raw_regions or self.log.drops or self.empty
        return self.read(self.text) if thought and not is_answered else raw_regions

    def read(self, text: str) -> list[RawRegion]:
        raw_regions = list(notations.tagged(text, self.log))
        for reader in (self.json, notations.plain):
            text = notations.blank_out(text, [(item.start, item.end) for item in raw_regions])
            raw_regions += reader(text)
        raw_regions = [item for item in raw_regions if item.numbers]
        if self.lost and not self.log.drops:
            self.log.drop("a place cut off before its end", len(text))
        if not raw_regions and not self.log.drops:
            raw_regions = list(notations.lone_points(text))
        return sorted(raw_regions, key=lambda item: item.start)

    def json(self, text: str) -> list[RawRegion]:
        """Return the regions in all values that begin with a bracket or a key, anywhere in the text."""
        raw_regions: list[RawRegion] = []
        reader, at = lenient.Reader(text + "\n"), 0
        fences = [*(fence.start() for fence in re.finditer("```", text)), len(text)]
        while (hit := _OPEN.search(text, at)) is not None:
            at = hit.start()
            action = None if hit["key"] else _VERB_BEFORE.search(text, max(0, at - notations.NEAR_CHARS), at)
            verb = verb_of(action[1], call=text[at] == "(") if action else ""
            if text[at] == "[" and verb and notations.STROKE.search(notations.line_before(text, at)):
                verb = "" if notations.CORNERS.match(text, at) else verb  # Swipe [1, 2] to [3, 4]
            if telling := _TELLING.match(text, at):
                verb = verb or verb_of(telling[1] or "act")
            if text[at] == "(" and not verb:
                at += 1
                continue
            try:
                node, places = self.value(text, reader, at, fences[bisect.bisect_left(fences, at)], verb)
            except lenient.Unreadable as error:
                if error.skip > len(text):
                    self.log.drop("everything from here on: too many brackets never close", at)
                at += error.skip
                continue
            raw_regions += places or ()
            at = hit.end() if places is None else node.end
        return raw_regions

    def value(
        self, text: str, reader: lenient.Reader, at: int, end: int, verb: str
    ) -> tuple[lenient.Node, list[RawRegion] | None]:
        """Return the value that begins at `at`, and its regions, or None if it does not concern places."""
        log, is_json, is_line = Log(self.text, cut=self.log.cut), text[at] in "[{", text[at] not in "[{("
        # A number at the very end may have lost digits, but this is unlikely in a line of plain text.
        node = reader.read(at, end + (is_line and not log.cut), log.repair)
        places = list(regions(node, log, label=_label_of(text, node), verb=verb))
        bare = node.kind == "list" and node.whole and all(item.kind == "number" for item in node.value)
        if not places and (bare or is_line):
            log.drops = []  # "[3]" in a sentence is no box
        if log.cut and not (places or log.drops or node.whole) and _SIDE.search(text, node.start, node.end):
            log.drop("a place cut off before its end", node.start)
        if places or log.drops:
            self.log.repairs += log.repairs if is_json else []
            self.log.drops += log.drops
            if not node.whole and is_json and not any("cut off" in change.what for change in log.drops):
                (self.log.drop if self.log.cut else self.log.repair)("cut off at the end", len(self.text) - 1)
        elif is_json and ((not node.value and node.whole) or _mentions_places(node)):
            self.empty = True
        else:
            return node, None
        return node, places


def _label_of(text: str, node: lenient.Node) -> str:
    """Return the name around a value, as in "cat: [1, 2, 3, 4]" or "[…] cat", unless it contains its own names."""
    if text[node.start] == "{" or (node.kind == "list" and any(item.kind == "object" for item in node.value)):
        return ""
    source = text[node.start : node.end]
    if text[node.start] not in "[(":  # members on lines of their own
        source = source.partition("\n")[0]
    return notations.name_around(text, node.start, node.start + len(source.rstrip()))


def _mentions_places(node: lenient.Node) -> bool:
    """Whether a value has a key for places but no place: {"objects": []}."""
    if node.kind != "object":
        return False
    return any(KIND_OF.get(short(key)) == "box" or (item.kind == "list" and not item.value) for key, item in node.value)


def _space(raw_regions: list[RawRegion], seen: Size) -> tuple[Literal["pixels", "thousand", "unit"], str]:
    """Return the space of the numbers and the reason; it is pixels unless another space is certain."""
    if any(item.thousandths for item in raw_regions):
        return "thousand", "its notation has numbers from 0 to 1000"
    numbers = [abs(n) for item in raw_regions for n in item.numbers]
    if not numbers:
        return "pixels", "the answer contains no numbers"
    if max(numbers) <= 1 + _BEYOND and any(not n.is_integer() for n in numbers):
        return "unit", f"all lie between 0 and {max(1, *numbers):g}"
    if max(numbers) > _THOUSAND:
        return "pixels", "some are over 1000"
    for axis, (side, size) in enumerate(zip(("width", "height"), seen, strict=True)):
        top = max(n for item in raw_regions for n in item.numbers[axis::2])
        if top > size * (1 + _BEYOND) + _PATCH_PX:
            return "thousand", f"{'xy'[axis]} {top:g} lies beyond the {side} of {size} px, and none is over 1000"
    return "pixels", "the scale of Qwen2.5-VL"


def _finish(raw: RawRegion, factor: tuple[float, float], seen: Size, log: Log) -> Box | Point | Polygon | None:
    """Return a region in pixels as seen, with ordered corners inside the picture, or None; log every change."""
    if raw.kind == "box" and raw.numbers[:2] == raw.numbers[2:] and any(raw.numbers):
        raw = replace(raw, kind="point", numbers=raw.numbers[:2])
    points = [(x * factor[0], y * factor[1]) for x, y in zip(raw.numbers[::2], raw.numbers[1::2], strict=True)]
    region: Box | Point | Polygon
    if raw.kind == "point":
        region = Point(*points[0], raw.label, raw.attributes)
    elif raw.kind == "polygon":
        region = Polygon(tuple(points), raw.label, raw.text, raw.attributes)
    else:
        (left, right), (top, bottom) = (sorted(axis) for axis in zip(*points, strict=True))
        region = Box(left, top, right, bottom, raw.label, raw.text, raw.attributes)
        if points[0] != (left, top):
            log.repair("corners swapped", raw.start)
        if not region.area:
            log.drop("a box without area", raw.start)
            return None
    inside = clamped(region, seen)
    if isinstance(inside, Box):
        lost = not inside.area
    elif isinstance(inside, Polygon):
        lost = len(set(inside.points)) < 3
    else:
        lost = max(abs(points[0][0] - inside.x), abs(points[0][1] - inside.y)) > _PATCH_PX
    if lost:
        log.drop(f"a {raw.kind} outside the picture", raw.start)
        return None
    if inside != region:
        how = "moved onto it" if raw.kind == "point" else "cut to the picture"
        log.repair(f"a {raw.kind} beyond the edge {how}", raw.start)
    return inside
