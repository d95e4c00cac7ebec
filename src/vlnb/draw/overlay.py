"""Boxes, points and polygons over a picture: sharp at any size, with labels beside them and details on hover."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from vlnb.draw.colours import INKS, colours
from vlnb.errors import BadInput
from vlnb.images import smart_resize
from vlnb.images.picture import shown_uri
from vlnb.markup import Html, element
from vlnb.regions.shapes import Box, Point, Polygon, Regions, clamped, counted, scaled, to_original

if TYPE_CHECKING:
    from PIL.Image import Image

    from vlnb.images import Picture
    from vlnb.regions.shapes import Size

Shape = Box | Point | Polygon

_SHOWN_PX = 720  # maximum width
_MIN_PX = 360  # smaller pictures are enlarged, so that labels have room
_LABEL_CHARS, _FACT_CHARS, _MOST_ATTRIBUTES = 40, 300, 10
_LABELLED = 25  # with more regions, labels appear only on hover
_ALT_LABELS = 20  # labels in the text alternative, which counts the others
_LABEL = "position:absolute;font:11px/1.4 system-ui,sans-serif;padding:0 3px;white-space:nowrap;pointer-events:none"
_OUTLINE = "position:absolute;outline:2px solid {0};box-shadow:0 0 0 3px #fff8"  # around the object, not on it
Rect = tuple[float, float, float, float]


@dataclass(frozen=True)
class Overlay:
    """A picture with regions over it, in pixels of the original picture. Notebooks display it.

    `seen` is the (width, height) at which the model saw the picture; details give coordinates in both.
    """

    picture: Picture
    shapes: tuple[Shape, ...]
    seen: Size

    @cached_property
    def colours(self) -> dict[str, str]:
        """The colour of each label."""
        return colours(shape.label for shape in self.shapes)

    @property
    def alt(self) -> str:
        """The text alternative."""
        names = list(dict.fromkeys(name_of(shape) or "unnamed" for shape in self.shapes))
        more = f" and {len(names) - _ALT_LABELS} more" if names[_ALT_LABELS:] else ""
        labels = ", ".join(names[:_ALT_LABELS]) + more
        count, name = counted(self.shapes) or "no region", self.picture.alt or self.picture.source
        return f"{name}, with {count} on it: {labels or 'none'}"

    @property
    def image(self) -> Image:
        """The picture with the outlines drawn on it, to save or to compare."""
        from PIL import ImageDraw

        image = self.picture.image.copy()
        pen, line = ImageDraw.Draw(image), max(2, round(max(image.size) / 500))
        x, y = image.width / self.picture.original_size[0], image.height / self.picture.original_size[1]
        for shape in self.shapes:
            corners = _path(clamped(scaled(shape, x, y), (image.width - 1, image.height - 1)))
            colour = self.colours[shape.label]
            if isinstance(shape, Point):
                pen.circle(corners[0], 4 * line, outline=colour, width=line)
            else:
                pen.line([*corners, *corners[:2]], colour, line, "curve")
        return image

    def _repr_html_(self) -> str:
        return to_html(self)


def overlay(picture: Picture, regions: Regions | Iterable[Shape], *, seen: Size | None = None) -> Overlay:
    """Return `picture` with `regions` over it. `seen` defaults to the size at which the model would see the picture.

    >>> from PIL import Image
    >>> from vlnb import images
    >>> from vlnb.regions import Box
    >>> overlay(images.load(Image.new("RGB", (500, 400))), [Box(20, 40, 90, 80, "cup")]).alt.partition(", with ")[2]
    '1 box on it: cup'

    Raises:
        BadInput: One side of the picture is more than 200 times the other, or a polygon has no corner.
    """
    shapes: tuple[Shape, ...] = (
        (*regions.boxes, *regions.polygons, *regions.points) if isinstance(regions, Regions) else tuple(regions)
    )
    if not all(map(_path, shapes)):
        raise BadInput("A polygon without corners cannot be drawn. Leave it out, or give its points.")
    return Overlay(picture, shapes, seen or smart_resize(*picture.size))


def name_of(shape: Shape) -> str:
    """Return the name of a region: its label, or else its text, on one line and shortened."""
    return _short(shape.label or getattr(shape, "text", ""), _LABEL_CHARS)


def _short(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def to_html(drawn: Overlay, *, shown_px: int = _SHOWN_PX) -> Html:
    """Return the picture, at most `shown_px` wide, with its regions as elements that can be hovered and focused."""
    shapes = sorted(drawn.shapes, key=_area, reverse=True)  # small ones last, so that they can be hovered
    regions = (_region(drawn, shape, named=len(shapes) <= _LABELLED) for shape in shapes)
    inside = covered(drawn.picture, drawn.alt, regions, shown_px=shown_px)
    return element("figure", inside, element("figcaption", *_caption(drawn)), style="margin:0")


def covered(picture: Picture, alt: str, parts: Iterable[Html], *, shown_px: int = _SHOWN_PX) -> Html:
    """Return the picture, at most `shown_px` wide, under `parts` that are positioned in percent of it."""
    width = min(shown_px, max(_MIN_PX, picture.width))
    image = element("img", src=shown_uri(picture, shown_px), alt=alt, style="width:100%;display:block")
    return element("div", image, *parts, style=f"position:relative;width:{width}px;max-width:100%;line-height:0")


def outlined(rect: Rect, size: Size, colour: str) -> str:
    """Return the style of an element that outlines `rect`, in pixels of a picture of `size`, over that picture."""
    return f"{_placed(rect, size)};{_OUTLINE.format(colour)}"


def _placed(rect: Rect, size: Size) -> str:
    left, top, right, bottom = (100 * side / size[i % 2] for i, side in enumerate(rect))
    return f"left:{left:.2f}%;top:{top:.2f}%;width:{right - left:.2f}%;height:{bottom - top:.2f}%"


def _caption(drawn: Overlay) -> Iterator[Html]:
    """Yield the picture's notes, and a legend if there are several colours."""
    if drawn.picture.notes:
        yield element("small", "; ".join(drawn.picture.notes) + " ")
    if len(set(drawn.colours.values())) > 1:
        for label, count in Counter(shape.label for shape in drawn.shapes).items():
            swatch = element("span", "■ ", style=f"color:{drawn.colours[label]}")
            name = _short(label, _LABEL_CHARS) or "unnamed"
            yield element("small", swatch, f"{name} ({count})  ", style="white-space:pre")


def _region(drawn: Overlay, shape: Shape, *, named: bool) -> Html:
    width, height = drawn.picture.original_size
    path = _path(clamped(shape, drawn.picture.original_size))
    (left, right), (top, bottom) = ((min(axis), max(axis)) for axis in zip(*path, strict=True))
    colour, facts = drawn.colours[shape.label], "\n".join(_short(fact, _FACT_CHARS) for fact in _facts(shape, drawn))
    inside: list[Html] = []
    if isinstance(shape, Point):  # a ring, so that the object in it stays visible
        place = f"left:calc({100 * left / width:.2f}% - 9px);top:calc({100 * top / height:.2f}% - 9px)"
        place += f";width:18px;height:18px;border-radius:50%;{_OUTLINE.format(colour)}"
    elif isinstance(shape, Box):
        place = outlined((left, top, right, bottom), (width, height), colour)
    else:
        place = f"{_placed((left, top, right, bottom), (width, height))};position:absolute"
        points = " ".join(f"{x - left:g},{y - top:g}" for x, y in path)
        line = element(
            "polygon", points=points, fill="none", stroke=colour, stroke_width=2, vector_effect="non-scaling-stroke"
        )
        inside.append(element("svg", line, viewBox=f"0 0 {right - left:g} {bottom - top:g}", preserveAspectRatio="none",
                              style="position:absolute;inset:0;width:100%;height:100%;overflow:visible"))  # fmt: skip
    if named and (name := name_of(shape)):
        side = "left:-2px" if left < 0.6 * width else "right:-2px"
        above = "bottom:calc(100% + 2px)" if top > 0.06 * height else "top:calc(100% + 2px)"
        inside.append(element("span", name, style=f"{_LABEL};{side};{above};background:{colour};color:{INKS[colour]}"))
    return element("div", *inside, title=facts, tabindex=0, role="note", aria_label=facts, style=place)


def _facts(shape: Shape, drawn: Overlay) -> Iterator[str]:
    """Yield the facts about a region; every region of an answer repeats the attributes that they share."""
    original = drawn.picture.original_size
    yield shape.label or "unnamed"
    if text := getattr(shape, "text", ""):
        yield f"text: {text}"
    yield from (f"{key}: {value}" for key, value in islice(shape.attributes.items(), _MOST_ATTRIBUTES))
    if len(shape.attributes) > _MOST_ATTRIBUTES:
        yield f"and {len(shape.attributes) - _MOST_ATTRIBUTES} more attributes"
    yield f"original pixels: {_numbers(shape)}"
    small = to_original(shape, seen=original, original=drawn.seen)
    yield f"as seen ({drawn.seen[0]} × {drawn.seen[1]}): {_numbers(small)}"


def _path(shape: Shape) -> list[tuple[float, float]]:
    """Return the corners of a region in order; a point has one corner."""
    if isinstance(shape, Point):
        return [(shape.x, shape.y)]
    if isinstance(shape, Polygon):
        return list(shape.points)
    x1, y1, x2, y2 = shape.corners
    return [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]


def _area(shape: Shape) -> float:
    width, height = (max(axis) - min(axis) for axis in zip(*_path(shape), strict=True))
    return float(width * height)


def _numbers(shape: Shape) -> str:
    if isinstance(shape, Box):
        return ", ".join(f"{side:.0f}" for side in shape.corners)
    return " ".join(f"{x:.0f}, {y:.0f}" for x, y in _path(shape))
