"""Boxes, points and polygons drawn on a picture, legible on any background and size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from vlnb.draw import labels
from vlnb.draw.colours import colours
from vlnb.regions.result import Regions
from vlnb.regions.shapes import Box, Point, Polygon, scaled

if TYPE_CHECKING:
    from PIL import ImageDraw, ImageFont
    from PIL.Image import Image

    from vlnb.images import Picture

Shape = Box | Point | Polygon

_LABEL_CHARS = 40
_NAMED_ALOUD = 20  # labels in the text for screen readers; the rest is counted
_LEGIBLE_PX = 360  # a smaller picture is enlarged, or no label would fit
_CROWD = 40  # labels: more are written smaller


def overlay(picture: Picture, regions: Regions | Iterable[Shape]) -> Picture:
    """Return a copy of `picture` with each region drawn on it, its label (or else its text) beside it.

    Regions are in pixels of the picture's original size, whatever size it has now. The same label has the same colour
    everywhere. A label that finds no free place is left out, and the notes say how many were; a picture of less than
    360 pixels is enlarged by a whole number.
    """
    from PIL import ImageDraw

    shapes = every(regions)
    image = _enlarged(picture.image)
    x, y = image.width / picture.original_size[0], image.height / picture.original_size[1]
    pen = ImageDraw.Draw(image)
    unit = max(image.size) / 500
    line = max(2, round(unit))
    colour = colours(shape.label for shape in shapes)
    here = [_inside(scaled(shape, x, y), image.size) for shape in shapes]
    for shape in sorted(here, key=_area, reverse=True):  # small ones last: they stay visible
        _draw(pen, shape, colour[shape.label], line)
    left_out = _label(pen, here, colour, line, unit, image.size)
    names = list(dict.fromkeys(name_of(shape) or "unnamed" for shape in shapes))
    said = ", ".join(names[:_NAMED_ALOUD]) + (f" and {len(names) - _NAMED_ALOUD} more" if names[_NAMED_ALOUD:] else "")
    alt = f"{picture.alt or picture.source}, with {counted(shapes)} drawn on it: {said or 'none'}"
    notes = (*picture.notes, f"{left_out} label(s) left out: no room") if left_out else picture.notes
    return replace(picture, image=image, alt=alt, notes=notes)


def every(regions: Regions | Iterable[Shape]) -> list[Shape]:
    """Return all boxes, polygons and points as one list."""
    if isinstance(regions, Regions):
        return [*regions.boxes, *regions.polygons, *regions.points]
    return list(regions)


def name_of(shape: Shape) -> str:
    """Return what stands beside a region: its label, or else its text, on one line and not too long."""
    name = " ".join((shape.label or getattr(shape, "text", "")).split())
    return name if len(name) <= _LABEL_CHARS else name[: _LABEL_CHARS - 1] + "…"


def counted(shapes: Sequence[Shape]) -> str:
    """Return "2 box(es) and 1 point(s)"."""
    kinds = (("box(es)", Box), ("polygon(s)", Polygon), ("point(s)", Point))
    counts = [(sum(isinstance(shape, kind) for shape in shapes), name) for name, kind in kinds]
    return " and ".join(f"{count} {name}" for count, name in counts if count) or "0 box(es)"


def _enlarged(image: Image) -> Image:
    from PIL import Image

    times = -(-_LEGIBLE_PX // max(image.size))
    if times <= 1:
        return image.copy()
    return image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)


def _inside(shape: Shape, size: tuple[int, int]) -> Shape:
    """Return a region with its corners in order and within the picture."""
    width, height = size
    if isinstance(shape, Box):
        (x1, x2), (y1, y2) = sorted((shape.x1, shape.x2)), sorted((shape.y1, shape.y2))
        sides = min(max(x1, 0), width), min(max(y1, 0), height), min(max(x2, 0), width), min(max(y2, 0), height)
        return replace(shape, x1=sides[0], y1=sides[1], x2=sides[2], y2=sides[3])
    if isinstance(shape, Point):
        return replace(shape, x=min(max(shape.x, 0), width), y=min(max(shape.y, 0), height))
    return replace(shape, points=tuple((min(max(x, 0), width), min(max(y, 0), height)) for x, y in shape.points))


def _area(shape: Shape) -> float:
    return 0.0 if isinstance(shape, Point) else (shape if isinstance(shape, Box) else shape.box).area


def _draw(pen: ImageDraw.ImageDraw, shape: Shape, colour: str, line: int) -> None:
    """Draw the outline in its colour with a white rim, so that it shows on any background."""
    if isinstance(shape, Point):
        size = 3 * line
        around = (shape.x - size, shape.y - size, shape.x + size, shape.y + size)
        pen.ellipse(around, fill=colour, outline="white", width=max(1, line // 2 + 1))
    elif isinstance(shape, Polygon):
        path = [*shape.points, *shape.points[:2]]
        pen.line(path, fill="white", width=line + 2, joint="curve")
        pen.line(path, fill=colour, width=line, joint="curve")
    else:
        around = (shape.x1 - line, shape.y1 - line, shape.x2 + line, shape.y2 + line)
        pen.rectangle(around, outline="white", width=line + 1)
        pen.rectangle(around, outline=colour, width=line)


def _label(
    pen: ImageDraw.ImageDraw,
    shapes: Sequence[Shape],
    colour: dict[str, str],
    line: int,
    unit: float,
    size: tuple[int, int],
) -> int:
    """Write the labels; return how many found no room."""
    from PIL import ImageFont

    named = [shape for shape in shapes if name_of(shape)]
    points = max(11, round((9 if len(named) <= _CROWD else 6) * unit))
    font = ImageFont.load_default(points)
    inks = [pen.textbbox((0, 0), name_of(shape), font=font) for shape in named]
    pad = max(2, round(points / 5))
    sizes = [(x2 - x1 + 2 * pad, y2 - y1 + 2 * pad) for x1, y1, x2, y2 in inks]
    spots = labels.labels([_anchor(shape, line) for shape in named], sizes, size)
    for shape, ink, spot in zip(named, inks, spots, strict=True):
        if spot is not None:
            pen.rectangle(spot, fill=colour[shape.label])
            _write(pen, name_of(shape), (spot[0] + pad - ink[0], spot[1] + pad - ink[1]), colour[shape.label], font)
    return spots.count(None)


def _anchor(shape: Shape, line: int) -> labels.Rect:
    if isinstance(shape, Point):
        size = 4 * line
        return shape.x - size, shape.y - size, shape.x + size, shape.y + size
    box = shape if isinstance(shape, Box) else shape.box
    return box.x1 - line, box.y1 - line, box.x2 + line, box.y2 + line


def _write(
    pen: ImageDraw.ImageDraw,
    text: str,
    at: tuple[float, float],
    on: str,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    """Write in black or white, whichever stands out from the colour it is written on."""
    red, green, blue = (int(on[i : i + 2], 16) for i in (1, 3, 5))
    bright = 0.299 * red + 0.587 * green + 0.114 * blue
    pen.text(at, text, fill="black" if bright > 140 else "white", font=font)
