"""Places on a picture, in pixels: boxes, points and polygons."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

Size = tuple[int, int]
"""(width, height) in pixels."""


@dataclass(frozen=True)
class Box:
    """A rectangle from (x1, y1), its left top, to (x2, y2), its right bottom, in pixels.

    `label` names what it holds, `text` is what is written in it, `attributes` whatever else was said of it.
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
        """Square pixels; 0 where the corners are in the wrong order."""
        return max(0.0, self.x2 - self.x1) * max(0.0, self.y2 - self.y1)


@dataclass(frozen=True)
class Point:
    """A place (x, y) in pixels, and what it names."""

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

    @property
    def box(self) -> Box:
        """The upright box around it."""
        xs, ys = zip(*self.points, strict=True)
        return Box(min(xs), min(ys), max(xs), max(ys), self.label, self.text, self.attributes)


Region = TypeVar("Region", bound=Box | Point | Polygon)


def to_original(region: Region, *, seen: Size, original: Size) -> Region:
    """Return a region, in pixels of a picture at the size `seen`, in pixels of it at its `original` size.

    Nothing is rounded: mapped back with the sizes exchanged, it is where it was.
    """
    x, y = original[0] / seen[0], original[1] / seen[1]
    return scaled(region, x, y)


def scaled(region: Region, x: float, y: float) -> Region:
    """Return a region with its coordinates multiplied by `x` across and `y` down."""
    moved: Region = _SCALE[type(region)](region, x, y)
    return moved


_SCALE: dict[type, Any] = {
    Box: lambda box, x, y: replace(box, x1=box.x1 * x, y1=box.y1 * y, x2=box.x2 * x, y2=box.y2 * y),
    Point: lambda point, x, y: replace(point, x=point.x * x, y=point.y * y),
    Polygon: lambda polygon, x, y: replace(polygon, points=tuple((a * x, b * y) for a, b in polygon.points)),
}
