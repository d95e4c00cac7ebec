"""The numbers of one value: whether they are a box, several, a point, a polygon, or something to tell of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vlnb.regions.loose import NUMBER, Node

if TYPE_CHECKING:
    from vlnb.regions.result import Log

_QUAD, _SCORED = 8, 5
_NUMERIC = frozenset(" \t\r\n0123456789.,;()[]eE+-px")  # what a text of numbers may hold


@dataclass(frozen=True)
class Found:
    """A region as it was written: `numbers` in the answer's own space, `start` and `end` its place in the text."""

    kind: str  # "box", "point" or "polygon"
    numbers: tuple[float, ...]
    start: int
    end: int
    label: str = ""
    text: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)


def of(node: Node) -> list[float] | None:  # noqa: PLR0911 - a kind of value a return
    """Return the numbers of a value: of a list (nested pairs too), of a text such as "10, 20", or of one number."""
    if node.kind == "number":
        return [node.value]
    if node.kind == "text":
        if not node.value.strip():  # a stray quote
            return []
        text = re.sub(r"</?\w{1,30}>|<\|\w{1,30}\|>", " ", node.value)
        if set(text) - _NUMERIC or set(text).isdisjoint("0123456789"):
            return None
        return [float(hit) for hit in NUMBER.findall(text)]
    if node.kind == "list":
        flat: list[float] = []
        for item in node.value:
            part = of(item)
            if part is None:
                return None
            flat += part
        return flat
    return None


def point(node: Node) -> tuple[float, float] | None:
    """Return the (x, y) of [x, y] or {"x": …, "y": …}."""
    numbers = of(node)
    if node.kind == "object":
        axes = {key.lower(): of(value) for key, value in node.value}
        numbers = [*(axes.get("x") or ()), *(axes.get("y") or ())]
    return (numbers[0], numbers[1]) if numbers is not None and len(numbers) == 2 and node.whole else None


def is_pairs(node: Node) -> bool:
    """Whether a list is [[x, y], [x, y]]."""
    return (
        node.kind == "list"
        and len(node.value) > 1
        and all(item.kind == "list" and len(item.value) == 2 for item in node.value)
    )


def box(node: Node, label: str, text: str, attributes: dict[str, Any], log: Log) -> Iterator[Found]:
    """Yield what a value that should be a box is: one box, several in a row, a polygon, or (told) nothing."""
    numbers = of(node)
    if node.kind == "word" or (numbers is None and node.kind != "list") or numbers == []:
        log.drop("a box without coordinates", node.start)
        return
    if numbers is None:
        log.drop("a box with something else than numbers in it", node.start)
        return
    if not _is_whole(node):
        log.drop("a box cut off before its end", node.start)
        return
    if node.kind == "text" or (node.kind == "list" and any(item.kind == "text" for item in node.value)):
        log.repair("coordinates in quotes", node.start)
    count = len(numbers)
    if count == _SCORED and 0 <= numbers[4] <= 1:
        log.repair("a fifth number taken for the score", node.start)
        attributes, numbers, count = {**attributes, "score": numbers[4]}, numbers[:4], 4
    if count == 4:
        yield Found("box", tuple(numbers), node.start, node.end, label, text, attributes)
        return
    rows = [tuple(numbers[i : i + 4]) for i in range(0, count, 4)]
    if count % 4 == 0 and all(x1 < x2 and y1 < y2 for x1, y1, x2, y2 in rows):
        log.repair(f"{len(rows)} boxes in one list parted", node.start)
        for row in rows:
            yield Found("box", row, node.start, node.end, label, text, attributes)
    elif count >= _QUAD - 2 and count % 2 == 0:
        yield Found("polygon", tuple(numbers), node.start, node.end, label, text, attributes)
    else:
        log.drop(f"a box of {count} number{'s' if count > 1 else ''}, not four", node.start)


def _is_whole(node: Node) -> bool:
    """Whether no number of a place can be missing: it was closed, or has all four and something behind the last."""
    if node.kind != "list":
        return node.whole
    complete = len(node.value) == 4 and all(item.kind == "number" for item in node.value)
    return (node.whole or complete) and all(_is_whole(item) for item in node.value)


def points(node: Node, label: str, log: Log) -> Iterator[Found]:
    """Yield the points of a value that should hold one or more."""
    numbers = of(node)
    if numbers is None:
        log.drop("a point with something else than numbers in it", node.start)
    elif not _is_whole(node):
        log.drop("a point cut off before its end", node.start)
        if node.kind == "list" and is_pairs(Node("list", node.value[:-1], node.start, node.end)):
            for item in node.value[:-1]:
                yield Found("point", (item.value[0].value, item.value[1].value), item.start, item.end, label)
    elif len(numbers) % 2 or not numbers:
        log.drop(f"a point of {len(numbers)} numbers, not two", node.start)
    elif len(numbers) == 4 and not is_pairs(node):
        log.repair("a box under the name of a point", node.start)
        yield from box(node, label, "", {}, log)
    else:
        for i in range(0, len(numbers), 2):
            yield Found("point", (numbers[i], numbers[i + 1]), node.start, node.end, label)


def polygons(node: Node, label: str, text: str, log: Log) -> Iterator[Found]:
    """Yield the polygons of a value that should hold one or more."""
    several = node.kind == "list" and node.value and all(n.kind == "list" for n in node.value) and not is_pairs(node)
    for one in node.value if several else [node]:
        numbers = of(one)
        if numbers is None or not _is_whole(one) or len(numbers) < _QUAD - 2 or len(numbers) % 2:
            log.drop("a polygon that is not three or more whole points", one.start)
        else:
            yield Found("polygon", tuple(numbers), one.start, one.end, label, text)
