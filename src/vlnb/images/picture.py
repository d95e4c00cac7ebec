"""The class `Picture`, in which all of vlnb passes pictures around."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from vlnb.errors import BadInput
from vlnb.images.sizing import MAX_PIXELS, smart_resize
from vlnb.markup import Html, element
from vlnb.terminal import printable

if TYPE_CHECKING:
    from PIL import Image

JPEG_QUALITY = 92  # text stays sharp; a tenth of PNG's bytes on a photo
_STORED_QUALITY = 85  # of a frame of a video
_SHOWN_PX = 720  # longest side of a picture shown in a notebook
_FLAT = 0.5  # share of pixels equal to their left neighbour: higher in drawings and screenshots, lower in photographs
_SAMPLED_ROWS = 64
_JPEG_SIDE = 65_500  # the most pixels of a side


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture ready for a model: RGB, upright, without transparency.

    `original_size` is (width, height) in pixels, upright, before any resizing; coordinates of regions refer to it.
    `source` is where it comes from, `notes` list what loading changed, `alt` is the text for screen readers.

    >>> from vlnb import images, samples
    >>> picture = samples.receipt().picture
    >>> picture.size, picture.seen_size()
    ((640, 820), (644, 812))
    >>> images.data_uri(picture)[:22]
    'data:image/jpeg;base64'
    """

    image: Image.Image
    source: str
    original_size: tuple[int, int]
    notes: tuple[str, ...] = ()
    alt: str = ""

    @classmethod
    def stored(cls, image: Image.Image, source: str, original_size: tuple[int, int], *notes: str) -> Picture:
        """Return a picture that keeps `image` as JPEG, in a tenth of the memory, until its pixels are used."""
        from PIL import Image

        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=_STORED_QUALITY)  # colours at half resolution, which video has anyway
        data = buffer.getvalue()
        picture = cls(Image.open(io.BytesIO(data)), source, original_size, notes)
        vars(picture)["encoded"] = "image/jpeg", data
        return picture

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.image.size

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.image.width

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.image.height

    def seen_size(self, *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
        """Return the (width, height) at which the model sees the picture. Raises as `seen` does."""
        return smart_resize(*self.size, max_pixels=max_pixels)

    def seen(self, *, max_pixels: int = MAX_PIXELS) -> Picture:
        """Return the picture at the size the model sees, so that a server's own resize changes nothing.

        Raises `BadInput` if one side is more than 200 times the other, or `max_pixels` is not positive.
        """
        return self.resized(self.seen_size(max_pixels=max_pixels))

    def resized(self, size: tuple[int, int]) -> Picture:
        """Return the picture at `size` (width, height), itself if it has that size already.

        The filter is bicubic, as in the model's own image processor.
        """
        if size == self.size:
            return self
        from PIL import Image

        return replace(self, image=self.image.resize(size, Image.Resampling.BICUBIC))

    def crop(self, region: tuple[int, int, int, int]) -> Picture:
        """Return the part (x1, y1, x2, y2) of the picture, in pixels of the original, as a new picture.

        Raises `BadInput` if no pixel of the picture lies in it.
        """
        x, y = self.width / self.original_size[0], self.height / self.original_size[1]
        left, top, right, bottom = (round(side * scale) for side, scale in zip(region, (x, y, x, y), strict=True))
        box = max(0, left), max(0, top), min(self.width, right), min(self.height, bottom)
        if box[0] >= box[2] or box[1] >= box[3]:
            raise BadInput(f"The region {region} is empty: {self.source} has {self.width} x {self.height} pixels.")
        part = self.image.crop(box)
        name, alt = f"{self.source}, region {list(region)}", self.alt and f"A part of: {self.alt}"
        return replace(self, image=part, original_size=part.size, source=name, alt=alt)

    @cached_property
    def encoded(self) -> tuple[str, bytes]:
        """(media type, bytes) to send: PNG for drawings, screenshots and very long pictures, JPEG for photographs."""
        import numpy as np

        rows = np.asarray(self.image)[:: max(1, self.height // _SAMPLED_ROWS)]
        repeats = (rows[:, 1:] == rows[:, :-1]).all(axis=2).mean() if self.width > 1 else 1.0
        buffer = io.BytesIO()
        if repeats > _FLAT or max(self.size) > _JPEG_SIDE:
            self.image.save(buffer, "PNG", compress_level=3)
            return "image/png", buffer.getvalue()
        self.image.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
        return "image/jpeg", buffer.getvalue()

    def __repr__(self) -> str:
        """One line: source, size and notes."""
        notes = "".join(f"; {note}" for note in self.notes)
        return printable(f"<Picture {self.source}: {self.width} x {self.height} px{notes}>")

    def _repr_html_(self) -> str:
        return to_html(self)


def data_uri(picture: Picture) -> str:
    """Return the picture as a `data:` URI, its form in a request body."""
    return to_uri(*picture.encoded)


def to_uri(kind: str, data: bytes) -> str:
    """Return the bytes of a file with the media type `kind` as a `data:` URI."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def shown_uri(picture: Picture, shown_px: int) -> str:
    """Return the picture as a `data:` URI for display at most `shown_px` wide and high; a large picture is reduced."""
    image = picture.image
    if max(image.size) > 2 * shown_px:  # twice, for screens of high density
        image = image.copy()
        image.thumbnail((2 * shown_px, 2 * shown_px))
    return data_uri(replace(picture, image=image))


def to_html(picture: Picture, *, shown_px: int = _SHOWN_PX) -> Html:
    """Return an HTML figure of at most `shown_px`, with a text for screen readers, and the notes as its caption."""
    alt = picture.alt or f"Picture {picture.source}, {picture.width} by {picture.height} pixels"
    width = round(picture.width * min(1.0, shown_px / max(picture.size)))
    uri = shown_uri(picture, shown_px)
    image = element("img", src=uri, alt=alt, width=width, style="max-width:100%;height:auto")
    notes = [element("figcaption", element("small", "; ".join(picture.notes)))] if picture.notes else []
    return element("figure", image, *notes, style="margin:0")
