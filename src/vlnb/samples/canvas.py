"""A canvas that records the texts written on it, each with its box, and the sample made from it.

Coordinates are pixels of the finished picture. The canvas draws at twice the size and then shrinks, for smooth edges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from vlnb.images import Picture
from vlnb.regions import Box

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

TIMES = 2
_FAINT = 90  # of 255: fainter pixels do not count as ink
_BOLD = 0.03  # of the font size: the stroke that makes Pillow's only font bold

Colour = str | tuple[int, ...]
Rect = tuple[float, float, float, float]


@dataclass(frozen=True)
class Truth:
    """The ground truth of a sample: lines of text, a box around each run of text, and the fields one may ask for.

    `objects` are the objects on it, each with its label. Boxes are tight, in pixels of the sample's picture.

    >>> from vlnb import samples
    >>> truth = samples.receipt().truth
    >>> truth.lines[-1]
    'CHANGE DUE    3,000'
    >>> truth.fields["grand_total"].text
    '17,000'
    """

    lines: tuple[str, ...]
    boxes: tuple[Box, ...]
    fields: Mapping[str, Box] = field(default_factory=lambda: MappingProxyType({}))
    objects: tuple[Box, ...] = ()

    def count(self, label: str) -> int:
        """Return how many objects have that label."""
        return sum(box.label == label for box in self.objects)


@dataclass(frozen=True)
class Sample:
    """A picture with its ground truth: what is on it, and where."""

    picture: Picture
    truth: Truth

    def _repr_html_(self) -> str:
        return self.picture._repr_html_()


class Canvas:
    """A picture of `width` x `height` pixels to draw on."""

    def __init__(self, width: int, height: int, background: Colour = "white") -> None:
        from PIL import Image, ImageDraw

        self.size = (width, height)
        self.image = Image.new("RGB", (width * TIMES, height * TIMES), background)
        self.pen = ImageDraw.Draw(self.image, "RGBA")
        self.texts: list[Box] = []

    def rect(self, rect: Rect, fill: Colour, *, radius: float = 0, edge: str | None = None) -> None:
        """Draw a rectangle with corners rounded by `radius`."""
        self.pen.rounded_rectangle(_scaled(rect), radius * TIMES, fill, edge, TIMES if edge else 0)

    def oval(self, rect: Rect, fill: Colour) -> None:
        """Draw an ellipse inside a rectangle."""
        self.pen.ellipse(_scaled(rect), fill)

    def line(self, points: Sequence[tuple[float, float]], fill: Colour, width: float = 1) -> None:
        """Draw a line through `points`."""
        self.pen.line([(x * TIMES, y * TIMES) for x, y in points], fill, round(width * TIMES), "curve")

    def text(
        self, x: float, y: float, words: str, size: float, fill: Colour = "#222222", *, anchor: str = "ls",
        bold: bool = False,
    ) -> Box:  # fmt: skip
        """Write `words` and return the box of their ink.

        `anchor` is the point of the text at (x, y), in Pillow's notation ("ls": the left end of the baseline).
        """
        from PIL import ImageFont

        font = cast("FreeTypeFont", ImageFont.load_default(size * TIMES))
        stroke = max(1, round(size * _BOLD * TIMES)) if bold else 0
        at = (x * TIMES, y * TIMES)
        self.pen.text(at, words, fill, font, anchor, stroke_width=stroke, stroke_fill=fill)
        x1, y1, x2, y2 = (side / TIMES for side in self._ink(at, words, font, anchor, stroke))
        box = Box(x1, y1, x2, y2, text=words)
        self.texts.append(box)
        return box

    def _ink(self, at: tuple[float, float], words: str, font: FreeTypeFont, anchor: str, stroke: int) -> Rect:
        """Return the box of the ink alone: Pillow's box includes the space beside letters."""
        from PIL import Image, ImageDraw

        left, top, right, bottom = self.pen.textbbox(at, words, font, anchor, stroke_width=stroke)
        x, y = int(left) - 4, int(top) - 4
        mask = Image.new("L", (int(right) - x + 4, int(bottom) - y + 4))
        ImageDraw.Draw(mask).text((at[0] - x, at[1] - y), words, 255, font, anchor, stroke_width=stroke)
        ink = mask.point(lambda level: 255 * (level > _FAINT)).getbbox()
        return (x + ink[0], y + ink[1], x + ink[2], y + ink[3]) if ink else (left, top, right, bottom)

    def finish(self, source: str, alt: str) -> Sample:
        """Return the sample: the picture and the texts on it."""
        truth = Truth(tuple(box.text for box in self.texts), tuple(self.texts))
        return Sample(Picture(self.image.reduce(TIMES), source, self.size, alt=alt), truth)


def _scaled(rect: Rect) -> Rect:
    left, top, right, bottom = rect
    return left * TIMES, top * TIMES, right * TIMES, bottom * TIMES
