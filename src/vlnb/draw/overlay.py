"""Boxes, points and polygons drawn on a picture, legible on any background and size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from vlnb.draw.colours import colours
from vlnb.regions.shapes import Box, Point, Polygon, Regions, clamped, scaled

if TYPE_CHECKING:
    from PIL import ImageDraw
    from PIL.Image import Image

    from vlnb.images import Picture

Shape = Box | Point | Polygon
Rect = tuple[float, float, float, float]
"""(left, top, right, bottom) in pixels."""

_LABEL_CHARS = 40
_NAMED_ALOUD = 20  # labels in the text for screen readers; the text gives the number of the others
_LEGIBLE_PX = 360  # a smaller picture is enlarged, so that labels fit
_CROWD = 40  # with more labels than this, they are written smaller


def overlay(picture: Picture, regions: Regions | Iterable[Shape]) -> Picture:
    """Return a copy of `picture` with each region drawn on it, its label (or else its text) beside it.

    Regions are in pixels of the picture's original size, whatever size it has now. A label has the same colour
    everywhere. Labels that find no free place are left out, and the notes say how many. A picture of less than 360
    pixels is enlarged by a whole number.

    >>> from PIL import Image
    >>> from vlnb import images
    >>> from vlnb.regions import Box
    >>> overlay(images.load(Image.new("RGB", (500, 400))), [Box(20, 40, 90, 80, "cup")]).alt.partition(", with ")[2]
    '1 box(es) drawn on it: cup'
    """
    from PIL import ImageDraw

    shapes = every(regions)
    image = _enlarged(picture.image)
    x, y = image.width / picture.original_size[0], image.height / picture.original_size[1]
    pen = ImageDraw.Draw(image)
    unit = max(image.size) / 500
    line = max(2, round(unit))
    colour = colours(shape.label for shape in shapes)
    here = [clamped(scaled(shape, x, y), image.size) for shape in shapes]
    for shape in sorted(here, key=_area, reverse=True):  # small ones last, so that they stay visible
        _draw(pen, shape, colour[shape.label], line)
    left_out = _label(pen, here, colour, unit, image.size)
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


def _around(shape: Shape, margin: float) -> Rect:
    """Return the upright rectangle around a region, with its corners in order."""
    x1, y1, x2, y2 = (
        shape.corners if isinstance(shape, Box)
        else shape.box.corners if isinstance(shape, Polygon)
        else (shape.x, shape.y, shape.x, shape.y)
    )  # fmt: skip
    return min(x1, x2) - margin, min(y1, y2) - margin, max(x1, x2) + margin, max(y1, y2) + margin


def _area(shape: Shape) -> float:
    left, top, right, bottom = _around(shape, 0)
    return (right - left) * (bottom - top)


def _draw(pen: ImageDraw.ImageDraw, shape: Shape, colour: str, line: int) -> None:
    """Draw the outline in its colour with a white rim, so that it shows on any background."""
    if isinstance(shape, Point):
        pen.ellipse(_around(shape, 3 * line), fill=colour, outline="white", width=max(1, line // 2 + 1))
    elif isinstance(shape, Polygon):
        path = [*shape.points, *shape.points[:2]]
        pen.line(path, fill="white", width=line + 2, joint="curve")
        pen.line(path, fill=colour, width=line, joint="curve")
    else:
        pen.rectangle(_around(shape, line), outline="white", width=line + 1)
        pen.rectangle(_around(shape, line), outline=colour, width=line)


def _label(
    pen: ImageDraw.ImageDraw, shapes: Sequence[Shape], colour: dict[str, str], unit: float, size: tuple[int, int]
) -> int:
    """Write the labels; return how many found no room."""
    from PIL import ImageColor, ImageFont

    line = max(2, round(unit))
    named = [shape for shape in shapes if name_of(shape)]
    points = max(11, round((9 if len(named) <= _CROWD else 6) * unit))
    font = ImageFont.load_default(points)
    inks = [pen.textbbox((0, 0), name_of(shape), font=font) for shape in named]
    pad = max(2, round(points / 5))
    sizes = [(x2 - x1 + 2 * pad, y2 - y1 + 2 * pad) for x1, y1, x2, y2 in inks]
    anchors = [_around(shape, 4 * line if isinstance(shape, Point) else line) for shape in named]
    spots = places(anchors, sizes, size)
    for shape, ink, spot in zip(named, inks, spots, strict=True):
        if spot is not None:
            pen.rectangle(spot, fill=colour[shape.label])
            at = (spot[0] + pad - ink[0], spot[1] + pad - ink[1])
            red, green, blue = ImageColor.getrgb(colour[shape.label])[:3]
            bright = 0.299 * red + 0.587 * green + 0.114 * blue  # of 255
            pen.text(at, name_of(shape), fill="black" if bright > 140 else "white", font=font)
    return spots.count(None)


def places(
    anchors: Sequence[Rect], sizes: Sequence[tuple[float, float]], picture: tuple[int, int]
) -> list[Rect | None]:
    """Return where each label of (width, height) goes beside its anchor, or None if it would cover another one.

    A label stands above its box, else below, inside, or beside it, in the first place that is free.
    """
    import numpy as np

    placed: list[Rect | None] = []
    taken = np.empty((0, 4))
    for (left, top, right, bottom), (width, height) in zip(anchors, sizes, strict=True):
        spot = None
        for x, y in (
            (left, top - height), (right - width, top - height), (left, bottom), (right - width, bottom), (left, top),
            (left, bottom - height), (right, top), (left - width, top), (right, bottom - height),
            (left - width, bottom - height),
        ):  # fmt: skip
            x1, y1 = max(0.0, min(x, picture[0] - width)), max(0.0, min(y, picture[1] - height))
            x2, y2 = x1 + width, y1 + height
            if not ((taken[:, 0] < x2) & (taken[:, 2] > x1) & (taken[:, 1] < y2) & (taken[:, 3] > y1)).any():
                spot = (x1, y1, x2, y2)
                taken = np.vstack([taken, spot])
                break
        placed.append(spot)
    return placed
