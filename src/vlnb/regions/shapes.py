"""Regions of a picture, in pixels: boxes, points and polygons, and `Regions`, the result of `parse`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

Size = tuple[int, int]
"""(width, height) in pixels."""


@dataclass(frozen=True)
class Box:
    """A rectangle from (x1, y1), its top left corner, to (x2, y2), its bottom right corner, in pixels.

    `label` names its content, `text` is the text written in it, `attributes` are all other keys and values.

    >>> Box(10, 20, 40, 60, label="cup").area
    1200
    """

    x1: float
    y1: float
    x2: float
    y2: float
    label: str = ""
    text: str = ""
    attributes: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """(x1, y1, x2, y2)."""
        return self.x1, self.y1, self.x2, self.y2

    @property
    def area(self) -> float:
        """Square pixels; 0 if the corners are in the wrong order."""
        return max(0.0, self.x2 - self.x1) * max(0.0, self.y2 - self.y1)


@dataclass(frozen=True)
class Point:
    """A point (x, y) in pixels, with its label."""

    x: float
    y: float
    label: str = ""
    attributes: dict[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Polygon:
    """A closed line through `points`, each (x, y) in pixels."""

    points: tuple[tuple[float, float], ...]
    label: str = ""
    text: str = ""
    attributes: dict[str, Any] = field(default_factory=dict, hash=False)


Region = TypeVar("Region", bound=Box | Point | Polygon)


def to_original(region: Region, *, seen: Size, original: Size) -> Region:
    """Map a region from the size at which the model saw the picture (`seen`) to the picture's `original` size.

    Nothing is rounded: with the sizes exchanged, it maps the region back.

    >>> to_original(Box(28, 28, 56, 84), seen=(280, 280), original=(1000, 500)).corners
    (100.0, 50.0, 200.0, 150.0)
    """
    return scaled(region, original[0] / seen[0], original[1] / seen[1])


def scaled(region: Region, x: float, y: float) -> Region:
    """Return a region with its coordinates multiplied by `x` across and by `y` down."""
    return _mapped(region, lambda a, b: (a * x, b * y))


def clamped(region: Region, size: Size) -> Region:
    """Return a region with every corner outside a picture of this size moved to its nearest edge."""
    return _mapped(region, lambda x, y: (min(max(x, 0), size[0]), min(max(y, 0), size[1])))


def _mapped(region: Region, move: Callable[[float, float], tuple[float, float]]) -> Region:
    changes: dict[str, Any]
    if isinstance(region, Polygon):
        changes = {"points": tuple(move(*point) for point in region.points)}
    elif isinstance(region, Point):
        changes = dict(zip(("x", "y"), move(region.x, region.y), strict=True))
    else:
        corners = (*move(region.x1, region.y1), *move(region.x2, region.y2))
        changes = dict(zip(("x1", "y1", "x2", "y2"), corners, strict=True))
    return replace(region, **changes)


@dataclass(frozen=True)
class Change:
    """A repair in an answer, or a part dropped from it.

    `what` describes it. `at` is its offset in the text, in which a run of more than 24 spaces counts as at most 24.
    """

    what: str
    at: int
    excerpt: str = ""

    def __str__(self) -> str:
        return f"{self.what} (at character {self.at}: {self.excerpt!r})"


class Log:
    """The repairs and drops of `text` so far; `cut` is whether max_tokens ended the answer."""

    def __init__(self, text: str, *, cut: bool = False) -> None:
        self.text, self.cut = text, cut
        self.repairs: list[Change] = []
        self.drops: list[Change] = []

    def repair(self, what: str, at: int) -> None:
        """Note a repair."""
        self.repairs.append(Change(what, at, excerpt(self.text, at)))

    def drop(self, what: str, at: int) -> None:
        """Note a loss."""
        if self.cut and "cut off" in what:
            what += " by max_tokens"
        self.drops.append(Change(what, at, excerpt(self.text, at)))


def excerpt(text: str, at: int, chars: int = 40) -> str:
    """Return the words of `text` around the offset `at`."""
    start = max(0, min(at, len(text)) - 8)
    return " ".join(text[start : start + chars].split())


def counted(shapes: Iterable[Box | Point | Polygon], between: str = " and ") -> str:
    """Return how many shapes there are of each kind, "" without any.

    >>> counted([Box(0, 0, 1, 1), Box(0, 0, 2, 2), Point(1, 1)])
    '2 boxes and 1 point'
    """
    names = {Box: ("box", "boxes"), Polygon: ("polygon", "polygons"), Point: ("point", "points")}
    counts = Counter(type(shape) for shape in shapes)
    return between.join(f"{counts[kind]} {forms[counts[kind] > 1]}" for kind, forms in names.items() if counts[kind])


@dataclass(frozen=True)
class Regions:
    """The regions that an answer names, in pixels of the original picture and in the order of the text.

    `space` is the unit of the numbers in the text ("pixels" of the picture as the model saw it, "thousand": 0 to 1000,
    or "unit": 0 to 1), and `space_reason` why. `repairs` lists all repairs, `dropped` everything unusable.
    """

    boxes: tuple[Box, ...]
    points: tuple[Point, ...]
    polygons: tuple[Polygon, ...]
    repairs: tuple[Change, ...]
    dropped: tuple[Change, ...]
    space: str
    space_reason: str

    def __len__(self) -> int:
        return len(self.boxes) + len(self.points) + len(self.polygons)

    @property
    def summary(self) -> str:
        """One line: the regions, the repairs, the parts left out, and the space."""
        parts = [f"{counted([*self.boxes, *self.points, *self.polygons], ', ') or 'nothing'} read"]
        for word, changes in (("repaired", self.repairs), ("left out", self.dropped)):
            counts = Counter(change.what for change in changes)
            if listed := ", ".join(what + (f" ({n})" if n > 1 else "") for what, n in counts.items()):
                parts.append(f"{word}: {listed}")
        return "; ".join(parts) + f". Numbers read as {self.space}: {self.space_reason}."
