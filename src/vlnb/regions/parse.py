"""From whatever a model wrote to typed regions in pixels of the original picture; every loss is reported."""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from vlnb.errors import BadAnswer, BadInput
from vlnb.regions import lenient, notations
from vlnb.regions.meaning import KIND_OF, Found, regions, short
from vlnb.regions.shapes import Box, Change, Log, Point, Polygon, Regions, Size, excerpt, to_original

Space = Literal["auto", "pixels", "thousand", "unit"]

MAX_CHARS = 1_000_000  # of an answer that are read: some 300,000 tokens
_THOUGHTS = re.compile(r"<think>(.{0,1000000}?)(?:</think>|\Z)", re.DOTALL)
_SPACES = re.compile(r"\s{25,1000000}")  # the patterns bound a run of white space by 24
_KEY_BEFORE = re.compile(r"[\"'“*`]{0,4}\b([^\W\d][\w ]{1,24})[\"'”*`]{0,4}\s{0,24}[:：=]\s{0,24}[*`]{0,4}$")
_LABEL_NEAR = re.compile(
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
_TOO_DEEP = 60  # characters skipped when brackets nest without end
_NEAR = 12  # characters between a place and a loss that explains it
_THOUSAND = 1000.0


def parse(text: str, *, seen: Size, original: Size, space: Space = "auto", finish_reason: str | None = None) -> Regions:
    """Return the boxes, points and polygons that `text` names, in pixels of the picture at its `original` size.

    `seen` is the (width, height) at which the model saw the picture: Qwen2.5-VL answers in pixels of that. With the
    `finish_reason` "length", whatever is missing at the end is reported as cut off by max_tokens. An empty list is an
    answer too, and gives no regions. Raises `BadAnswer`, with the text, if it names no place at all, and `BadInput` for
    a wrong argument.
    """
    if not isinstance(text, str):
        raise BadInput(f"parse needs the text of an answer, not a {type(text).__name__}. Pass reply.text.")
    if space not in ("auto", "pixels", "thousand", "unit"):
        raise BadInput(f"Unknown space {space!r}. Choose 'auto', 'pixels', 'thousand' or 'unit'.")
    if min(*seen, *original) < 1:
        raise BadInput(f"seen={seen} and original={original} must be (width, height) of at least 1 pixel each.")
    short_text, offset_of = _shortened(text)
    reading = _Reading(short_text, cut=finish_reason == "length")
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
        log.drop(f"everything after the first {MAX_CHARS:,} characters", len(short_text))

    def located(changes: list[Change]) -> tuple[Change, ...]:
        return tuple(sorted((replace(c, at=offset_of(c.at)) for c in changes), key=lambda change: change.at))

    return Regions(
        boxes=tuple(r for r in kept.values() if isinstance(r, Box)),
        points=tuple(r for r in kept.values() if isinstance(r, Point)),
        polygons=tuple(r for r in kept.values() if isinstance(r, Polygon)),
        repairs=located(log.repairs),
        dropped=located(log.drops),
        raw=text,
        space=taken,
        space_reason=reason,
    )


def _shortened(text: str) -> tuple[str, Callable[[int], int]]:
    """Return the text without long runs of white space, and a function from an offset in it to one in `text`."""
    cuts, gone = [(0, 0)], 0

    def one(hit: re.Match[str]) -> str:
        nonlocal gone
        kept = "\n\n" if "\n" in hit[0] else hit[0][:24]
        at = hit.start() - gone + len(kept)
        gone += len(hit[0]) - len(kept)
        cuts.append((at, gone))
        return kept

    short_text = _SPACES.sub(one, text[:MAX_CHARS])
    return short_text, lambda at: at + cuts[bisect.bisect_right(cuts, (at, len(text))) - 1][1]


class _Reading:
    """The state of reading one answer."""

    def __init__(self, text: str, *, cut: bool) -> None:
        self.text, self.log = text, Log(text, cut=cut)
        self.empty = False  # whether the answer is an empty list
        self.values: list[tuple[int, int]] = []  # where JSON was understood

    def everything(self) -> list[Found]:
        """Return all regions in the order of the text. Thoughts count only if the answer itself has none."""
        thoughts = list(_THOUGHTS.finditer(self.text))
        answer = notations.without(self.text, [thought.span() for thought in thoughts])
        found = self.read(answer)
        if not found and any(thought[1].strip() for thought in thoughts):
            return self.read(self.text)
        for thought in thoughts:
            for one in _Reading(thought[1], cut=False).read(thought[1]):
                self.log.drop("in the model's thoughts, not in its answer", thought.start(1) + one.start)
        self.account(answer, found)
        return found

    def account(self, text: str, found: list[Found]) -> None:
        """Report four numbers in brackets that nothing took for a place or reported as lost."""
        known = {one.numbers[i : i + 4] for one in found for i in range(0, len(one.numbers), 4)}
        lost = sorted(change.at for change in self.log.drops)
        for hit in _FOUR.finditer(notations.without(text, [*self.values, *((one.start, one.end) for one in found)])):
            near = bisect.bisect_left(lost, hit.start() - _NEAR + 1)
            explained = near < len(lost) and lost[near] < hit.start() + _NEAR
            if not explained and tuple(map(float, hit.groups())) not in known:
                self.log.drop("four numbers in an unknown form", hit.start())

    def read(self, text: str) -> list[Found]:
        found = list(notations.tagged(text, self.log))
        for reader in (self.json, notations.plain):
            text = notations.without(text, [(one.start, one.end) for one in found])
            found += reader(text)
        if not found and not self.log.drops:
            found = list(notations.lone_points(text))
        return sorted(found, key=lambda one: one.start)

    def json(self, text: str) -> list[Found]:
        """Return the regions in all values that begin with a bracket, wherever they are."""
        found: list[Found] = []
        at, fence = 0, -1
        reader = lenient.Reader(text)
        while (hit := _OPEN.search(text, at)) is not None:
            at = hit.start()
            if fence < at:
                fence = text.find("```", at)
                fence = len(text) if fence < 0 else fence
            log = Log(self.text, cut=self.log.cut)
            try:
                node = reader.read(at, fence, log.repair)
            except lenient.Tangled:
                self.log.drop("everything from here on: too many brackets never close", at)
                break
            except (lenient.Unreadable, lenient.TooDeep) as error:
                at += 1 if isinstance(error, lenient.Unreadable) else _TOO_DEEP
                continue
            places = list(regions(node, log, label=_label_of(text, node)))
            bare = node.kind == "list" and all(item.kind == "number" for item in node.value)
            if bare and not places and not _KEY_BEFORE.search(notations.line_before(text, at)):
                log.drops = []  # "[3]" in a sentence is no box
            if places or log.drops:
                found += places
                self.values.append((node.start, node.end))
                self.log.repairs += log.repairs
                self.log.drops += log.drops
                if not node.whole and not any("cut off" in change.what for change in log.drops):
                    (self.log.drop if self.log.cut else self.log.repair)("cut off at the end", len(self.text) - 1)
            elif (not node.value and node.whole) or _mentions_places(node):
                self.empty = True
            else:
                at += 1
                continue
            at = node.end
        return found


def _label_of(text: str, node: lenient.Node) -> str:
    """Return the name around a bare list: "cat: [1, 2, 3, 4]", "[…] cat", or `label: …` near "bbox_2d: […]"."""
    if node.kind == "object" or any(item.kind == "object" for item in node.value):
        return ""
    line, rest = notations.line_before(text, node.start), notations.line_after(text, node.end)
    key = _KEY_BEFORE.search(line)
    if not key or short(key[1]) not in KIND_OF:
        return notations.before(re.sub(r"<[^<>]{0,200}>", " ", line.rpartition("]")[2])) or notations.after(rest)
    above = re.split(r"[\]}]", text[max(0, node.start - 200) : node.start])[-1]
    below = re.split(r"bbox|\[", text[node.end : node.end + 200], maxsplit=1)[0]
    same_line = _LABEL_NEAR.findall(below.partition("\n")[0])[:1]
    return next(iter(same_line or _LABEL_NEAR.findall(above)[-1:] or _LABEL_NEAR.findall(below)), "").strip()


def _mentions_places(node: lenient.Node) -> bool:
    """Whether a value would hold places but holds none: {"objects": []}."""
    if node.kind != "object":
        return False
    return any(KIND_OF.get(short(key)) == "box" or (one.kind == "list" and not one.value) for key, one in node.value)


def _space(found: list[Found], seen: Size) -> tuple[Literal["pixels", "thousand", "unit"], str]:
    """Return the space of the numbers, and why: anything but pixels only if it is certain."""
    numbers = [abs(n) for one in found for n in one.numbers]
    if not numbers:
        return "pixels", "there are none to tell it by"
    if max(numbers) <= 1 and any(not n.is_integer() for n in numbers):
        return "unit", "all lie between 0 and 1"
    if max(numbers) > _THOUSAND:
        return "pixels", "some are over 1000"
    for axis, (side, size) in enumerate(zip(("width", "height"), seen, strict=True)):
        top = max(n for one in found for n in one.numbers[axis::2])
        if top > size * (1 + _BEYOND) + _PATCH_PX:
            return "thousand", f"{'xy'[axis]} {top:g} lies beyond the {side} of {size} px, and none is over 1000"
    return "pixels", "Qwen2.5-VL's own, and nothing suggests another"


def _finished(one: Found, factor: tuple[float, float], seen: Size, log: Log) -> Box | Point | Polygon | None:
    """Return a region in pixels as seen, with its corners in order and within the picture; report why if it is None."""
    points = [(x * factor[0], y * factor[1]) for x, y in zip(one.numbers[::2], one.numbers[1::2], strict=True)]
    if one.kind == "box":
        xs, ys = (sorted(axis) for axis in zip(*points, strict=True))
        if points[0] != (xs[0], ys[0]):
            log.repair("corners swapped", one.start)
        points = list(zip(xs, ys, strict=True))
    inside = [(min(max(x, 0), seen[0]), min(max(y, 0), seen[1])) for x, y in points]
    if one.kind == "point":
        lost = max(abs(a - b) for a, b in zip(points[0], inside[0], strict=True)) > _PATCH_PX
    elif one.kind == "polygon":
        lost = len(set(inside)) < 3
    else:
        lost = any(low >= high for low, high in zip(*inside, strict=True))
        if any(low == high for low, high in zip(*points, strict=True)):
            log.drop("a box without area", one.start)
            return None
    if lost:
        log.drop(f"a {one.kind} outside the picture", one.start)
        return None
    if inside != points:
        how = "moved onto it" if one.kind == "point" else "cut to the picture"
        log.repair(f"a {one.kind} beyond the edge {how}", one.start)
    if one.kind == "point":
        return Point(*inside[0], one.label, one.attributes)
    if one.kind == "polygon":
        return Polygon(tuple(inside), one.label, one.text, one.attributes)
    return Box(*inside[0], *inside[1], one.label, one.text, one.attributes)
