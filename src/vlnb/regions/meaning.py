"""What loosely read JSON says of places on a picture: which numbers are boxes, which points, and what they name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from vlnb.regions import numbers as values
from vlnb.regions.loose import Node
from vlnb.regions.numbers import Found

if TYPE_CHECKING:
    from vlnb.regions.result import Log

# Keys are compared without case, spaces and marks: "bbox_2d", "BBox2D" and "bbox 2d" are one.
BOX_KEYS = frozenset(
    "bbox2d bbox box2d box boxes bboxes bboxs bbox2ds boundingbox boundingboxes boundingbox2d rect rectangle region"
    " coordinates coords coordinate2d position location bounds bndbox xyxy bboxcoordinates boxcoordinates"
    " boundingboxcoordinates startbox endbox textbox quad box2ds 坐标 边界框 位置".split()
)
POINT_KEYS = frozenset(
    "point2d point points points2d point2ds coordinate coordinate2 xy center centre centerpoint keypoint keypoints"
    " click clickpoint startpoint endpoint".split()
)
POLYGON_KEYS = frozenset("polygon polygon2d polygons poly contour segmentation quadrilateral vertices".split())
_PLACE_KEYS = BOX_KEYS | POINT_KEYS
SIZE_KEYS = frozenset("xywh bboxxywh".split())
LABEL_KEYS = (
    "label name class category object objectname classname categoryname labelname title caption element desc"
    " description type ref action item entity key 标签 名称 类别 物体".split()
)
TEXT_KEYS = "textcontent text content transcription ocr value words word".split()
_WRAPPERS = frozenset(
    "objects object items detections results result data annotations answer boxes bboxes regions output predictions"
    " instances elements list arguments response"
    " textlines lines words texts figures image images detectedobjects".split()
)
_CORNERS = (
    ("x1", "y1", "x2", "y2"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("left", "top", "right", "bottom"),
    ("x0", "y0", "x1", "y1"),
    ("minx", "miny", "maxx", "maxy"),
    ("topleftx", "toplefty", "bottomrightx", "bottomrighty"),
)
_CORNER_PAIRS = (
    ("topleft", "bottomright"),
    ("lefttop", "rightbottom"),
    ("min", "max"),
    ("p1", "p2"),
    ("start", "end"),
)
_SIZES = (("x", "y", "width", "height"), ("x", "y", "w", "h"), ("left", "top", "width", "height"))
_NOT_PLACES = frozenset("color colour rgb rgba score confidence size imagesize".split())


def short(key: str) -> str:
    """Return a key as it is compared."""
    return re.sub(r"[\W_]", "", key.lower())


def regions(node: Node, *, label: str, log: Log) -> Iterator[Found]:
    """Yield every region in a value; `label` is the name that stands around it and is used where it has none."""
    if node.kind == "object":
        for members in _apart(node.value):
            yield from _Member(members, label, log).regions()
    elif node.kind == "list":
        yield from _listed(node, label, log)
    elif node.kind == "text" and len(values.of(node) or ()) == 4:
        yield from values.box(node, label, "", {}, log)


def _listed(node: Node, label: str, log: Log) -> Iterator[Found]:
    items: list[Node] = node.value
    if items and all(item.kind == "number" for item in items):
        if len(items) != 2:
            yield from values.box(node, label, "", {}, log)
        return
    named = _with_name(items, node.whole)
    if named:
        for place in named[1]:
            yield from values.box(place, named[0], "", {}, log)
        return
    before = len(log.drops)
    without: list[Node] = []
    for item in items:
        count = len(log.drops)
        found = list(regions(item, label=label, log=log))
        yield from found
        if item.kind == "object" and item.value and not found and len(log.drops) == count:
            without.append(item)
    if len(without) < len(items) or len(log.drops) > before:
        for item in without:
            log.drop("an entry without a place" if item.whole else "an entry cut off before its place", item.start)


def _with_name(items: Sequence[Node], whole: bool) -> tuple[str, list[Node]] | None:
    """Return the name and the places of ["cat", [1, 2, 3, 4]] or ["cat", 1, 2, 3, 4], None for any other list."""
    names = [item for item in items if item.kind == "text" and values.of(item) is None]
    if len(names) != 1 or len(items) == 1:
        return None
    places = [item for item in items if item is not names[0]]
    if all(item.kind == "number" for item in places):
        places = [Node("list", places, places[0].start, places[-1].end, whole)]
    return (str(names[0].value), places) if all(item.kind == "list" for item in places) else None


def _apart(members: Sequence[tuple[str, Node]]) -> list[list[tuple[str, Node]]]:
    """Part the members of two objects that ran into each other: where a place comes a second time, a new one begins."""
    groups: list[list[tuple[str, Node]]] = [[]]
    seen: set[str] = set()
    for key, node in members:
        name = short(key)
        if name and name in seen and (name in _PLACE_KEYS or not BOX_KEYS.isdisjoint(seen)):
            groups.append([])
            seen = set()
        seen.add(name)
        groups[-1].append((key, node))
    return groups


class _Member:
    """One object of the answer."""

    def __init__(self, members: Sequence[tuple[str, Node]], around: str, log: Log) -> None:
        self.members = _with_loose_halves(members, log)
        self.by_name = {short(key): node for key, node in self.members}
        self.log = log
        self.used: set[str] = set()
        self.label = self.take(LABEL_KEYS)
        self.text = self.take(TEXT_KEYS)
        if not self.label and around:
            self.label = around

    def take(self, names: Sequence[str]) -> str:
        for name in names:
            node = self.by_name.get(name)
            if node is not None and node.kind in ("text", "number") and (node.value or node.value == 0):
                if not node.whole:
                    self.log.repair(f"cut off within {name!r}", node.start)
                self.used.add(name)
                return str(node.plain())
        return ""

    def regions(self) -> Iterator[Found]:
        found = list(self.places())
        rest = [(key, node) for key, node in self.members if short(key) not in self.used]
        inner = []
        attributes = {}
        for key, node in rest:
            name = "" if short(key) in _WRAPPERS or not key else key
            below = [] if short(key) in _NOT_PLACES else self.below(node, name)
            inner += below
            if not below and key:
                attributes[key] = node.plain()
        for one in found:
            yield Found(
                one.kind, one.numbers, one.start, one.end, one.label, one.text, {**attributes, **one.attributes}
            )
        yield from inner

    def below(self, node: Node, name: str) -> list[Found]:
        if node.kind == "text" and values.of(node) and re.match(r"\s*[\[(<{]", node.value):
            return list(values.box(node, name, "", {}, self.log))
        if node.kind not in ("list", "object"):
            return []
        own = name or self.label if _PLACE_KEYS.isdisjoint(self.by_name) else self.label
        if not self.drop_worthy(node):
            return []
        return list(regions(node, label=own or name, log=self.log))

    def drop_worthy(self, node: Node) -> bool:
        """Whether a list of numbers under a key of its own can be a place: four of them, or something nested."""
        if node.kind == "list" and node.value and all(item.kind == "number" for item in node.value):
            return len(node.value) == 4
        return True

    def places(self) -> Iterator[Found]:
        names, wrappers = self.parallel_names(), _WRAPPERS & self.nested_objects()
        for key, node in self.members:
            name = short(key)
            if name in BOX_KEYS and name not in wrappers:
                self.used.add(name)
                yield from self.boxes(node, names)
            elif name in SIZE_KEYS:
                self.used.add(name)
                yield from self.from_sizes(node)
            elif name in POINT_KEYS and self.is_place(node):
                self.used.add(name)
                yield from values.points(node, self.label, self.log)
            elif name in POLYGON_KEYS:
                self.used.add(name)
                yield from values.polygons(node, self.label, self.text, self.log)
        yield from self.named_corners()

    def nested_objects(self) -> set[str]:
        """Return the names whose value is a list of objects, or an object of objects: wrappers, not places."""

        def nested(node: Node) -> bool:
            if node.kind == "list":
                return any(item.kind == "object" for item in node.value)
            return node.kind == "object" and any(item.kind in ("object", "list") for _, item in node.value)

        return {name for name, node in self.by_name.items() if nested(node)}

    def is_place(self, node: Node) -> bool:
        return node.kind in ("list", "object") or values.of(node) is not None

    def parallel_names(self) -> list[str]:
        """Return the names of {"bboxes": [..], "labels": [..]}."""
        node = next((self.by_name[n] for n in ("labels", "names", "classes", "categories") if n in self.by_name), None)
        if node is None or node.kind != "list" or any(item.kind != "text" for item in node.value):
            return []
        self.used |= {"labels", "names", "classes", "categories"}
        return [str(item.value) for item in node.value]

    def boxes(self, node: Node, names: list[str]) -> Iterator[Found]:
        if node.kind == "object":
            yield from _Member([*node.value], self.label, self.log).with_text(self.text)
            return
        nested = node.kind == "list" and node.value and all(item.kind == "list" for item in node.value)
        if nested and not values.is_pairs(node):
            for i, item in enumerate(node.value):
                label = names[i] if i < len(names) else self.label
                if values.is_pairs(item) or all(part.kind != "list" for part in item.value):
                    yield from values.box(item, label, self.text, {}, self.log)
                else:
                    yield from regions(item, label=label, log=self.log)
        else:
            yield from values.box(node, names[0] if names else self.label, self.text, {}, self.log)

    def with_text(self, text: str) -> Iterator[Found]:
        for one in self.regions():
            yield Found(one.kind, one.numbers, one.start, one.end, one.label, one.text or text, one.attributes)

    def from_sizes(self, node: Node) -> Iterator[Found]:
        sides = values.of(node)
        if sides is None or len(sides) != 4:
            self.log.drop("a box that is not four numbers", node.start)
            return
        x, y, width, height = sides
        self.log.repair("width and height turned into corners", node.start)
        yield Found("box", (x, y, x + width, y + height), node.start, node.end, self.label, self.text)

    def named_corners(self) -> Iterator[Found]:
        """Yield the box of {"x1": …, …}, {"x": …, "width": …}, {"top_left": …, …}, or the point of {"x": …, "y": …}."""
        for ends in _CORNER_PAIRS:
            pair = [self.by_name[name] for name in ends if name in self.by_name]
            halves = [half for half in map(values.point, pair) if half is not None]
            if len(halves) == 2:
                self.used |= set(ends)
                yield Found("box", halves[0] + halves[1], pair[0].start, pair[1].end, self.label, self.text)
                return
        sets: tuple[tuple[str, ...], ...] = (*_CORNERS, *_SIZES, ("x", "y"))
        for names in sets:
            nodes = [self.by_name[name] for name in names if name in self.by_name]
            sides = [side for node in nodes for side in values.of(node) or [] if node.kind in ("number", "text")]
            if len(sides) != len(names) or len(nodes) != len(names) or not nodes[-1].whole:
                continue
            self.used |= set(names)
            start, end = min(node.start for node in nodes), max(node.end for node in nodes)
            if names in _SIZES:
                self.log.repair("width and height turned into corners", start)
                sides[2:] = [sides[0] + sides[2], sides[1] + sides[3]]
            kind = "point" if names == ("x", "y") else "box"
            yield Found(kind, tuple(sides), start, end, self.label, self.text)
            return


def _with_loose_halves(members: Sequence[tuple[str, Node]], log: Log) -> list[tuple[str, Node]]:
    """Join "bbox_2d": [1, 2], [3, 4] to one value: the second half came without a key."""
    joined: list[tuple[str, Node]] = []
    for key, node in members:
        if not key and joined and node.kind == "list" and joined[-1][1].kind == "list":
            before = joined[-1][1]
            halves = [item for part in (before, node) for item in part.value]
            if short(joined[-1][0]) in BOX_KEYS and len(halves) == 4 and all(h.kind == "number" for h in halves):
                log.repair("two halves of a box joined", node.start)
                joined[-1] = (joined[-1][0], Node("list", halves, before.start, node.end, node.whole))
                continue
        joined.append((key, node))
    return joined
