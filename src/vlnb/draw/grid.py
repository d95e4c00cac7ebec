"""The tokens of a picture: a grid of squares of 28 by 28 pixels, one token each, on what the model sees."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vlnb.images import MAX_PIXELS, UNIT_PX

if TYPE_CHECKING:
    from vlnb.images import Picture


def grid(picture: Picture, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Return `picture` as the model sees it, at most `max_pixels`, with a line every 28 pixels and its cost below.

    Raises:
        BadInput: One side is more than 200 times the other, or `max_pixels` is not positive.
    """
    from PIL import Image, ImageDraw

    seen = picture.seen(max_pixels=max_pixels)
    image = seen.image.copy()
    mask = Image.new("L", image.size, 0)
    pen = ImageDraw.Draw(mask)
    for x in range(0, image.width, UNIT_PX):
        pen.line((x, 0, x, image.height), fill=150)
    for y in range(0, image.height, UNIT_PX):
        pen.line((0, y, image.width, y), fill=150)
    image.paste(Image.new("RGB", image.size, "#D55E00"), mask=mask)
    summary = cost(picture, max_pixels=max_pixels)
    alt = f"{picture.alt or picture.source}, under a grid of squares of {UNIT_PX} pixels, a token each: {summary}"
    return replace(seen, image=image, alt=alt, notes=(*picture.notes, summary))


def cost(picture: Picture, *, max_pixels: int = MAX_PIXELS) -> str:
    """Return the cost as text: "1280 × 720, seen as 1288 × 728 → 46 × 26 = 1196 tokens".

    >>> from PIL import Image
    >>> from vlnb import images
    >>> cost(images.load(Image.new("RGB", (1280, 720))))
    '1280 × 720, seen as 1288 × 728 → 46 × 26 = 1196 tokens'

    Raises:
        BadInput: One side is more than 200 times the other, or `max_pixels` is not positive.
    """
    width, height = picture.seen_size(max_pixels=max_pixels)
    across, down = width // UNIT_PX, height // UNIT_PX
    begin = "" if picture.size == (width, height) else f"{picture.width} × {picture.height}, seen as "
    return f"{begin}{width} × {height} → {across} × {down} = {across * down} tokens"
