"""Interprets lenient JSON: which numbers are boxes, points and polygons, and which texts are their labels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from vlnb import tables
from vlnb.regions.lenient import NUMBER, Node

if TYPE_CHECKING:
    from vlnb.regions.shapes import Log

_KEYS: dict[str, dict[str, str]] = tables.read("regions/keys.toml")


def _words(table: str, name: str) -> tuple[str, ...]:
    return tuple(_KEYS[table][name].split())


KIND_OF = {key: kind for kind in _KEYS["kinds"] for key in _words("kinds", kind)}
SIDES = {name: side for side, names in enumerate(_KEYS["sides"].values()) for name in names.split()}  # x1 is 0
STROKES = frozenset(_words("actions", "strokes"))
_POINTING = STROKES | frozenset(_words("actions", "pointing"))
_VERBS = _POINTING | frozenset(_words("actions", "others"))
_VERB_KEYS, _ARGUMENTS = _words("actions", "keys"), frozenset(_words("actions", "arguments"))
LABEL_KEYS, _VAGUE_KEYS, _LABEL_LISTS, TEXT_KEYS = (
    _words("labels", name) for name in ("keys", "vague", "lists", "text")
)
_LABEL_WORDS, _NO_LABEL = frozenset(_words("labels", "words")), frozenset(_words("labels", "never"))
_WRAPPERS, _NOT_PLACES = (frozenset(_words("other", name)) for name in ("wrappers", "not_places"))
_NUMERIC = frozenset(" \t\r\n0123456789.,;()[]eE+-px%_")  # what a text of numbers may hold
_TAG = re.compile(r"<?/?[a-z]\w{0,30}>|</?[a-z]\w{0,30}|<\|\w{1,30}\|>", re.IGNORECASE)  # also a broken one
_ROW, _HEXAGON = 4, 6  # numbers of a box, and of the smallest polygon


@dataclass(frozen=True)
class RawRegion:
    """A region as written: `numbers` in the answer's own space, `start` and `end` its place in the text."""

    kind: str  # "box", "point" or "polygon"
    numbers: tuple[float, ...]
    start: int
    end: int
    label: str = ""
    text: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    thousandths: bool = False  # whether its notation has numbers from 0 to 1000


def short(key: str) -> str:
    """Return the normal form of a key, for comparison."""
    return re.sub(r"[\W_]", "", key.lower())


def verb_of(words: str, *, call: bool = True) -> str:
    """Return the verb in the name of an action, such as `left_click` or `robot.tap`, or "".

    In prose (not a `call`), "at this point [3, 4]" has no verb.
    """
    parts = re.findall(r"[a-z]{1,40}", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", words).lower()) if len(words) < 40 else []
    return next((part for part in (*parts, "".join(parts)) if part in (_VERBS if call else _POINTING)), "")


def numbers_of(node: Node) -> list[float] | None:
    """Return the numbers of a list (nested ones too), a text such as "10, 20", {"x": 1, "y": 2} or one number."""
    if node.kind == "number":
        return [float(str(node.value))]  # a whole number may be too large for a float: then it is infinite
    if node.kind == "text":
        text = _TAG.sub(" ", node.value)
        if text.strip() and (set(text) - _NUMERIC or set(text).isdisjoint("0123456789")):
            return None
        return [float(hit) / (100 if "%" in text else 1) for hit in NUMBER.findall(text)]
    parts = node.value
    if node.kind == "object":
        axes = {key.lower(): value for key, value in node.value}
        parts = [axes["x"], axes["y"]] if axes.keys() == {"x", "y"} else [Node("word", None, node.start, node.end)]
    elif node.kind != "list":
        return None
    flat = [numbers_of(part) for part in parts]
    return None if None in flat else [number for part in flat for number in part or ()]


def corners(named: Mapping[str, Sequence[float]]) -> tuple[float, ...] | None:
    """Return (x1, y1, x2, y2) of numbers named after sides or corners, (x, y) of numbers named x and y, or None."""
    if {"x0", "y0"} <= named.keys():  # then x1 is on the right
        named = {name.replace("1", "2"): numbers for name, numbers in named.items()}
    sides = {SIDES[name] + i: number for name, numbers in named.items() for i, number in enumerate(numbers)}
    if {0, 1, 4, 5} <= sides.keys():
        sides |= {2: sides[0] + sides[4], 3: sides[1] + sides[5]}
    count = 4 if {0, 1, 2, 3} <= sides.keys() else 2 if {"x", "y"} <= named.keys() else 0
    return tuple(sides[i] for i in range(count)) or None


def regions(node: Node, log: Log, *, label: str = "", text: str = "", verb: str = "") -> Iterator[RawRegion]:
    """Yield every region in a value.

    `label` and `text` are the defaults for regions without their own. If the value holds the arguments of an action,
    `verb` is its name: then two numbers are a point.
    """
    if node.kind == "object":
        for members in _split(node.value):
            yield from _Object(members, log, label, text, verb).regions()
    elif node.kind == "list" and verb and len(numbers_of(node) or ()) in (2, _ROW):
        yield from _placed(node, "place", log, label, text, verb=verb)
    elif node.kind == "list":
        yield from _listed(node, log, label, text)
    elif node.kind == "text" and len(numbers_of(node) or ()) == _ROW:
        yield from _placed(node, "box", log, label, text)


def _listed(node: Node, log: Log, label: str, text: str) -> Iterator[RawRegion]:
    items: list[Node] = node.value
    names = [item for item in items if item.kind == "text" and len(numbers_of(item) or ()) != _ROW]
    rest = [item for item in items if item.kind != "text"]
    if rest and all(item.kind == "number" for item in rest):  # ["cat", 1, 2, 3, 4], ["cat", "red", 1, 2, 3, 4]
        if len(rest) > 2:  # one or two numbers may be anything: see `parse`
            name = str(names[0].value) if names else label
            yield from _placed(replace(node, value=rest), "box", log, name, text)
        return
    if len(items) > 2 and _is_pairs(node) and numbers_of(node):  # [[1, 2], [3, 4], [5, 6]]
        yield from _placed(node, "polygon" if KIND_OF.get(short(label)) == "polygon" else "point", log, label, text)
        return
    own_names = iter(names if len(names) == len(rest) else ())  # ["cat", [1, 2, 3, 4], "dog", [5, 6, 7, 8]]
    if names and rest and all(item.kind == "list" for item in rest):  # ["cat", "red", [1, 2, 3, 4]]
        items, label = rest, str(names[0].value)
    bare = []
    for item in items:
        count = len(log.drops)
        own = None if item.kind == "text" else next(own_names, None)
        inner = list(regions(item, log, label=str(own.value) if own else label, text=text))
        yield from inner
        if item.kind == "object" and item.value and not inner and len(log.drops) == count:
            bare.append(item)
    if len(bare) < len(items):
        for item in bare:
            log.drop("an entry without a place" if item.whole else "an entry cut off before its place", item.start)


def _split(members: Sequence[tuple[str, Node]]) -> list[list[tuple[str, Node]]]:
    """Split the members of merged objects: after a place, a repeated key begins the next object."""
    groups: list[list[tuple[str, Node]]] = [[]]
    seen: set[str] = set()
    for key, node in members:
        if key and short(key) in seen and not KIND_OF.keys().isdisjoint(seen):
            groups.append([])
            seen = set()
        seen.add(short(key))
        groups[-1].append((key, node))
    return groups


class _Object:
    """One object of the answer, with the label and the text around it."""

    def __init__(self, members: Sequence[tuple[str, Node]], log: Log, label: str, text: str, verb: str) -> None:
        by_position = [node for key, node in members if not key and node.kind == "number"]
        if by_position:  # tap(10, 20)
            both = Node("list", by_position, by_position[0].start, by_position[-1].end)
            members = [("", both), *members]
        self.members, self.log = members, log
        self.by_name = {short(key): node for key, node in members}
        self.used: set[str] = set()
        keys = _VERB_KEYS if _ARGUMENTS.isdisjoint(self.by_name) else (*_VERB_KEYS, "name")
        verbs = [verb, *(verb_of(str(node.value)) for name, node in self.by_name.items() if name in keys)]
        self.verb = next((word for word in verbs if word in STROKES), max(verbs))
        self.text = self.take(TEXT_KEYS) or text
        label = (self.verb and self.text) or self.take(_VAGUE_KEYS) or label
        self.label = self.take(LABEL_KEYS) or self.compound_label() or label

    def take(self, names: Sequence[str]) -> str:
        """Return the first value under one of these keys, or ""."""
        for name in names:
            node = self.by_name.get(name)
            place = node is not None and name in KIND_OF and numbers_of(node)
            if node is not None and node.kind in ("text", "number") and (node.value or node.value == 0) and not place:
                if not node.whole:
                    self.log.repair(f"cut off within {name!r}", node.start)
                self.used.add(name)
                return str(node.plain())
        return ""

    def compound_label(self) -> str:
        """Return the value of a key such as "label_de" or "element_info", or the first of {"de": …, "en": …} in it."""
        for key, node in self.members:
            values = [value for _, value in node.value] if node.kind == "object" else [node]
            if node.kind == "list" and short(key) in LABEL_KEYS:
                values = node.value
            plural = "s" if node.kind == "object" else ""
            words = {word.lower().removesuffix(plural) for word in re.findall(r"[A-Za-z][a-z]{0,40}", key)}
            if _LABEL_WORDS.isdisjoint(words) or words & _NO_LABEL:
                continue
            if values and all(value.kind == "text" and value.value for value in values):
                self.used.add(short(key))
                return str(values[0].value)
        return ""

    def regions(self) -> Iterator[RawRegion]:
        own, inner, attributes = list(self.places()), [], {}
        for key, node in self.members:
            if short(key) not in self.used:
                nested = self.nested(key, node)
                inner += nested
                if not nested and key:
                    attributes[key] = node.plain()
        for region in own:
            yield replace(region, attributes={**attributes, **region.attributes})
        yield from inner

    def places(self) -> Iterator[RawRegion]:
        """Yield the regions under keys that name a kind of place."""
        labels = next((self.by_name[name] for name in _LABEL_LISTS if name in self.by_name), None)
        names: list[str] = []  # of {"bboxes": […], "labels": […]}
        if labels is not None and labels.kind == "list" and all(item.kind == "text" for item in labels.value):
            names = [str(item.value) for item in labels.value]
            self.used.update(_LABEL_LISTS)
        for key, node in self.members:
            kind = KIND_OF.get(short(key)) or self.argument(key, node)
            wraps = kind != "polygon" and node.kind == "list" and any(item.kind == "object" for item in node.value)
            words = kind in ("point", "place") and node.kind not in ("list", "object")
            words = words and len(numbers_of(node) or ()) not in (2, _ROW)
            if not kind or wraps or words:
                continue
            self.used.add(short(key))
            if node.kind == "object" and kind == "point" and all(numbers_of(value) for _, value in node.value):
                for name, value in [("", node)] if numbers_of(node) else node.value:  # {"nose": [1, 2], "ear": …}
                    yield from _placed(value, kind, self.log, name or self.label, self.text)
            elif node.kind == "object" and numbers_of(node) is None:
                pairs = all(len(numbers_of(value) or ()) == 2 for _, value in node.value)  # {"from": [1, 2], "to": …}
                verb = self.verb if pairs else ""
                inner = list(regions(node, self.log, label=self.label, text=self.text, verb=verb))
                if kind == "box" and not node.whole and all(item.kind == "point" for item in inner):
                    self.log.drop("a box cut off before its end", node.start)
                else:
                    yield from inner
            else:
                yield from _placed(node, kind, self.log, self.label, self.text, names, verb=self.verb)
        yield from self.sides()

    def sides(self) -> Iterator[RawRegion]:
        """Yield the region that named sides make."""
        nodes = {name: node for name, node in self.by_name.items() if name in SIDES.keys() - self.used and node.whole}
        named = {name: numbers for name, node in nodes.items() if (numbers := numbers_of(node)) and len(numbers) <= 2}
        if sides := corners(named):
            self.used |= named.keys()
            start, end = min(nodes[name].start for name in named), max(nodes[name].end for name in named)
            if not named.keys().isdisjoint({"w", "width"}):
                self.log.repair("width and height turned into corners", start)
            rows = [sides[:2], sides[2:]] if self.verb in STROKES else [sides]
            for row in filter(None, rows):
                yield RawRegion("box" if len(row) == _ROW else "point", row, start, end, self.label, self.text)

    def argument(self, key: str, node: Node) -> str | None:
        """Return "place" for a list of numbers that is an argument of an action."""
        if not self.verb or short(key) in _NOT_PLACES or len(numbers_of(node) or ()) not in (2, _ROW):
            return None
        return "place" if node.kind == "list" or (node.kind == "text" and "," in node.value) else None

    def nested(self, key: str, node: Node) -> list[RawRegion]:
        """Return the regions in a value whose key names no place; the key is their label, unless it is a wrapper."""
        name = short(key)
        if name in _NOT_PLACES or (node.kind == "text" and not re.match(r"\s{0,24}[\[(<{]", node.value)):
            return []
        if node.kind == "list" and all(item.kind == "number" for item in node.value):
            is_bare = self.log.text[node.start] not in "[("  # Phone: 555 123 456 789
            if len(node.value) != _ROW or (is_bare and not _rises(numbers_of(node) or ())):
                return []
        own = "" if name in _WRAPPERS | _ARGUMENTS or name in KIND_OF else key
        has_place = not KIND_OF.keys().isdisjoint(self.by_name)
        label = (self.label or own) if has_place else (own or self.label)
        return list(regions(node, self.log, label=label, verb=self.verb))


def _rises(row: Sequence[float]) -> bool:
    """Whether the numbers are (x1, y1, x2, y2) of a box."""
    return row[0] < row[2] and row[1] < row[3]


def _is_pairs(node: Node) -> bool:
    """Whether a list is [[x, y], [x, y]]."""
    return len(node.value) > 1 and all(item.kind == "list" and len(item.value) == 2 for item in node.value)


def _is_whole(node: Node) -> bool:
    """Whether no number can be missing: the value is closed, or it has four complete numbers."""
    if node.kind != "list":
        return node.whole
    complete = len(node.value) == _ROW and all(item.kind == "number" for item in node.value)
    return (node.whole or complete) and all(_is_whole(item) for item in node.value)


def _placed(  # noqa: C901, PLR0912 - the table of rules: one a branch
    node: Node, kind: str, log: Log, label: str, text: str, names: Sequence[str] = (), *, verb: str = ""
) -> Iterator[RawRegion]:
    """Yield the regions in the numbers of a value, or report why there are none."""
    several = node.kind == "list" and node.value and all(item.kind == "list" for item in node.value)
    if several and kind != "point" and not _is_pairs(node):
        for i, item in enumerate(node.value):
            yield from _placed(item, kind, log, names[i] if i < len(names) else label, text, verb=verb)
        return
    numbers, attributes = numbers_of(node), dict[str, Any]()
    stroke = verb in STROKES and len(numbers or ()) == _ROW
    if kind == "place":
        kind = "point" if stroke or len(numbers or ()) == 2 else "box"
    what = "box" if kind == "size" else kind
    if not numbers:
        mixed = numbers is None and node.kind == "list"
        log.drop(f"a {what} with {'something other than' if mixed else 'no'} numbers in it", node.start)
        return
    if not _is_whole(node):
        log.drop(f"a {what} cut off before its end", node.start)
        pairs = [item for item in node.value if _is_whole(item) and len(item.value) == 2] if several else []
        if kind == "point" and pairs:
            yield from _placed(replace(node, value=pairs, whole=True), kind, log, label, text, names[: len(pairs)])
        return
    if node.kind == "text" or (node.kind == "list" and any(item.kind == "text" for item in node.value)):
        log.repair("coordinates in quotes", node.start)
    count = len(numbers)
    if kind == "point" and count == _ROW and not (several or stroke):
        log.repair("a box under the name of a point", node.start)
        what = "box"
    if what == "box" and count == _ROW + 1 and 0 <= numbers[4] <= 1:
        log.repair("a fifth number taken for the score", node.start)
        attributes, numbers, count = {"score": numbers[4]}, numbers[:4], _ROW
    if kind == "size" and count == _ROW:
        log.repair("width and height turned into corners", node.start)
        numbers[2:] = [numbers[0] + numbers[2], numbers[1] + numbers[3]]
    step = {"box": _ROW, "point": 2}.get(what, count)
    rows = [tuple(numbers[i : i + step]) for i in range(0, count, step)]
    boxes = step == _ROW and count % _ROW == 0 and all(map(_rises, rows))
    if what == "box" and count >= _HEXAGON and count % 2 == 0 and not boxes:
        what, rows = "polygon", [tuple(numbers)]
    if what == "polygon" and (count < _HEXAGON or count % 2):
        log.drop("a polygon that is not three or more whole points", node.start)
    elif what != "polygon" and count % step:
        counted = f"{count} number{'s' if count > 1 else ''}"
        log.drop(f"a {what} of {counted}, not {'four' if step == _ROW else 'two'}", node.start)
    else:
        if what == "box" and len(rows) > 1:
            log.repair(f"{len(rows)} boxes in one list separated", node.start)
        own = names if len(names) == len(rows) else [next(iter(names), label)] * len(rows)
        for row, name in zip(rows, own, strict=True):
            yield RawRegion(what, row, node.start, node.end, name, text, attributes)
