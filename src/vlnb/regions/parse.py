"""From whatever a model wrote to typed regions in pixels of the original picture; every loss is reported."""

from __future__ import annotations

import bisect
import re
from dataclasses import replace
from typing import Any, Literal, cast

from vlnb.errors import BadAnswer, BadInput
from vlnb.regions import lenient, notations
from vlnb.regions.meaning import KIND_OF, Found, regions, short, verb_of
from vlnb.regions.shapes import Box, Change, Log, Point, Polygon, Regions, Size, clamped, excerpt, to_original

Space = Literal["auto", "pixels", "thousand", "unit"]

MAX_CHARS = 1_000_000  # of an answer that are read: some 300,000 tokens
_THOUGHTS = re.compile(r"<(think\w{0,40}|reasoning)>.{0,1000000}?(?:</\1>|\Z)", re.DOTALL)
_SPACES = re.compile(r"\s{25,1000000}")  # the patterns bound a run of white space by 24
# Where places may begin: a bracket, the arguments of a call, or a key without an object around it.
_OPEN = re.compile(
    r"[\[{]|(?<=\w)\(|(?<![\w\"'.<-])[\"'*`]{0,4}(?P<key>(?:(?:bounding[ _])?box|bbox|coordinates|point|rect)(?:_?2d)?"
    r"|label|name|text_content|class|category|object(?: \d{1,3})?|[xy](?:_?[012]|_?m(?:in|ax))?|left)"
    r"[\"'*`]{0,4}\s{0,24}[:=：]\s{0,24}(?=[-+.\w(\[{\"'“*`])",
    re.IGNORECASE,
)
_TELLING = re.compile(  # a first argument that makes any call an action: do(action="Tap", …), TYPE(box=[…
    r"\(\s{0,9}(?:(?:action|kind|type|step|gesture|operation)\s{0,9}=\s{0,9}[\"']?(\w{1,30})"
    r"|(?:start_)?(?:box|bbox|point|coordinate|position)\w{0,9}\s{0,9}=)"
)
_VERB_BEFORE = re.compile(
    r"(?:^|[^\w.])([^\W\d][\w.]{1,60})(?:\s{1,3}(?:at|on|to|the|point|position|coordinates?)){0,3}\s{0,3}[:=]?\s{0,3}$"
)
_BEYOND = 0.25  # of a side, and a patch of 28 px: a model that means pixels does not miss an edge by more
_PATCH_PX = 28
_THOUSAND = 1000.0


def parse(text: str, *, seen: Size, original: Size, space: Space = "auto", finish_reason: str | None = None) -> Regions:
    """Return the boxes, points and polygons that `text` names, in pixels of the picture at its `original` size.

    `seen` is the (width, height) at which the model saw the picture: Qwen2.5-VL answers in pixels of that. `space` is
    the unit of its numbers: "pixels", "thousand" (0 to 1000), "unit" (0 to 1), or "auto", which takes anything but
    pixels only if the numbers prove it. With the `finish_reason` "length", whatever is missing at the end is reported
    as cut off by max_tokens. An empty list is an answer too, and gives no regions.

    >>> answer = '[{"bbox_2d": [28, 28, 56, 84], "label": "cup"}]'
    >>> found = parse(answer, seen=(280, 280), original=(1000, 500))
    >>> found.boxes[0].label, found.boxes[0].corners
    ('cup', (100.0, 50.0, 200.0, 150.0))

    Raises:
        BadAnswer: The text names no place at all; `partial` is the text.
        BadInput: An argument cannot be used.
    """
    if not isinstance(text, str):
        raise BadInput(f"parse needs the text of an answer, not a {type(text).__name__}. Pass reply.text.")
    if space not in ("auto", "pixels", "thousand", "unit"):
        raise BadInput(f"Unknown space {space!r}. Choose 'auto', 'pixels', 'thousand' or 'unit'.")
    if min(*seen, *original) < 1:
        raise BadInput(f"seen={seen} and original={original} must be (width, height) of at least 1 pixel each.")
    reading = _Reading(_SPACES.sub(_few, text[:MAX_CHARS]), cut=finish_reason == "length")
    found, log = reading.everything(), reading.log
    if not found and not log.drops and not reading.empty:
        raise BadAnswer(
            "The answer names no place: it contains no box, point or polygon. Ask for coordinates (vlnb.prompts has"
            f" prompts that do), or look at the text: {excerpt(text, 0, 120)!r}",
            partial=text,
        )
    taken, reason = _space(found, seen) if space == "auto" else (space, "as requested")
    factor = {"pixels": (1.0, 1.0), "thousand": (seen[0] / _THOUSAND, seen[1] / _THOUSAND), "unit": seen}[taken]
    kept: dict[object, Any] = {}
    for one in found:
        region = _finished(one, factor, seen, log)
        key = (type(region), replace(region, attributes={})) if region else None
        if region and key in kept:
            log.drop("a duplicate", one.start)
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
        raw=text,
        space=taken,
        space_reason=reason,
    )


def _few(spaces: re.Match[str]) -> str:
    """Return fewer spaces than the patterns can pass over; the offsets behind them shrink."""
    return "\n\n" if "\n" in spaces[0] else spaces[0][:24]


def _in_order(changes: list[Change]) -> tuple[Change, ...]:
    return tuple(sorted(changes, key=lambda change: change.at))


class _Reading:
    """One answer while it is read."""

    def __init__(self, text: str, *, cut: bool) -> None:
        self.text, self.log = text, Log(text, cut=cut)
        self.empty = False  # whether the answer is an empty list

    def everything(self) -> list[Found]:
        """Return all regions in the order of the text. Thoughts count only if the answer itself has none."""
        thoughts = [thought.span() for thought in _THOUGHTS.finditer(self.text)]
        answer = notations.without(self.text, thoughts)
        if thoughts and not self.text[: thoughts[0][0]].strip():  # what follows begins a line
            answer = "\n".rjust(thoughts[0][1]) + answer[thoughts[0][1] :]
        found = self.read(answer)
        return self.read(self.text) if thoughts and not found and not self.log.drops else found

    def read(self, text: str) -> list[Found]:
        found = list(notations.tagged(text, self.log))
        for reader in (self.json, notations.plain):
            text = notations.without(text, [(one.start, one.end) for one in found])
            found += reader(text)
        found = [one for one in found if one.numbers]
        if not found and not self.log.drops:
            found = list(notations.lone_points(text))
        return sorted(found, key=lambda one: one.start)

    def json(self, text: str) -> list[Found]:
        """Return the regions in all values that begin with a bracket or a key, wherever they are."""
        found: list[Found] = []
        reader, at = lenient.Reader(text + "\n"), 0
        fences = [*(fence.start() for fence in re.finditer("```", text)), len(text)]
        while (hit := _OPEN.search(text, at)) is not None:
            at = hit.start()
            action = None if hit["key"] else _VERB_BEFORE.search(text, max(0, at - notations.NEAR_CHARS), at)
            verb = verb_of(action[1], call=text[at] == "(") if action else ""
            if text[at] == "(" and (telling := _TELLING.match(text, at)):
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
            found += places or ()
            at = hit.end() if places is None else node.end
        return found

    def value(
        self, text: str, reader: lenient.Reader, at: int, end: int, verb: str
    ) -> tuple[lenient.Node, list[Found] | None]:
        """Return the value that begins at `at`, and its regions; None if it has nothing to do with places."""
        log, is_json, is_line = Log(self.text, cut=self.log.cut), text[at] in "[{", text[at] not in "[{("
        # A number at the very end may have lost digits, but hardly in a line of plain text.
        node = reader.read(at, end + (is_line and not log.cut), log.repair)
        places = list(regions(node, log, label=_label_of(text, node), verb=verb))
        bare = node.kind == "list" and node.whole and all(item.kind == "number" for item in node.value)
        if not places and (bare or is_line):
            log.drops = []  # "[3]" in a sentence is no box
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
    """Return the name around a value, as in "cat: [1, 2, 3, 4]" or "[…] cat", unless it has names of its own."""
    if text[node.start] == "{" or (node.kind == "list" and any(item.kind == "object" for item in node.value)):
        return ""
    read = text[node.start : node.end]
    if text[node.start] not in "[(":  # members on lines of their own
        read = read.partition("\n")[0]
    return notations.name_around(text, node.start, node.start + len(read.rstrip()))


def _mentions_places(node: lenient.Node) -> bool:
    """Whether a value would hold places but holds none: {"objects": []}."""
    if node.kind != "object":
        return False
    return any(KIND_OF.get(short(key)) == "box" or (one.kind == "list" and not one.value) for key, one in node.value)


def _space(found: list[Found], seen: Size) -> tuple[Literal["pixels", "thousand", "unit"], str]:
    """Return the space of the numbers, and why: anything but pixels only if it is certain."""
    if stated := next((one.space for one in found if one.space), ""):
        return cast("Literal['thousand']", stated), "its notation has numbers from 0 to 1000"
    numbers = [abs(n) for one in found for n in one.numbers]
    if not numbers:
        return "pixels", "the answer contains no numbers"
    if max(numbers) <= 1 and any(not n.is_integer() for n in numbers):
        return "unit", "all lie between 0 and 1"
    if max(numbers) > _THOUSAND:
        return "pixels", "some are over 1000"
    for axis, (side, size) in enumerate(zip(("width", "height"), seen, strict=True)):
        top = max(n for one in found for n in one.numbers[axis::2])
        if top > size * (1 + _BEYOND) + _PATCH_PX:
            return "thousand", f"{'xy'[axis]} {top:g} lies beyond the {side} of {size} px, and none is over 1000"
    return "pixels", "the scale of Qwen2.5-VL"


def _finished(one: Found, factor: tuple[float, float], seen: Size, log: Log) -> Box | Point | Polygon | None:
    """Return a region in pixels as seen, with its corners in order and within the picture; report why if it is None."""
    if one.kind == "box" and one.numbers[:2] == one.numbers[2:] and any(one.numbers):
        one = replace(one, kind="point", numbers=one.numbers[:2])
    points = [(x * factor[0], y * factor[1]) for x, y in zip(one.numbers[::2], one.numbers[1::2], strict=True)]
    region: Box | Point | Polygon
    if one.kind == "point":
        region = Point(*points[0], one.label, one.attributes)
    elif one.kind == "polygon":
        region = Polygon(tuple(points), one.label, one.text, one.attributes)
    else:
        (left, right), (top, bottom) = (sorted(axis) for axis in zip(*points, strict=True))
        region = Box(left, top, right, bottom, one.label, one.text, one.attributes)
        if points[0] != (left, top):
            log.repair("corners swapped", one.start)
        if not region.area:
            log.drop("a box without area", one.start)
            return None
    inside = clamped(region, seen)
    if isinstance(inside, Box):
        lost = not inside.area
    elif isinstance(inside, Polygon):
        lost = len(set(inside.points)) < 3
    else:
        lost = max(abs(points[0][0] - inside.x), abs(points[0][1] - inside.y)) > _PATCH_PX
    if lost:
        log.drop(f"a {one.kind} outside the picture", one.start)
        return None
    if inside != region:
        how = "moved onto it" if one.kind == "point" else "cut to the picture"
        log.repair(f"a {one.kind} beyond the edge {how}", one.start)
    return inside
