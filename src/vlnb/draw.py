"""Boxes drawn on pictures, legible on any background and size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import ImageDraw, ImageFont

    from vlnb.images import Picture
    from vlnb.regions import Box

# Okabe and Ito's colours, which colour-blind people tell apart; their yellow is left out, too faint for a thin line.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_LABEL_CHARS = 40


def overlay(picture: Picture, boxes: Iterable[Box]) -> Picture:
    """Return a copy of `picture` with each box drawn on it, its label (or else its text) above its left corner.

    Boxes are in pixels of `picture`. The same label has the same colour everywhere.
    """
    from PIL import ImageDraw, ImageFont

    boxes = list(boxes)
    image = picture.image.copy()
    pen = ImageDraw.Draw(image)
    unit = max(image.size) / 500
    line = max(2, round(unit))
    font = ImageFont.load_default(max(11, round(9 * unit)))
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(dict.fromkeys(box.label for box in boxes))}
    for box in boxes:
        colour = colours[box.label]
        x1, y1, x2, y2 = _inside(box, image.size)
        pen.rectangle((x1 - line, y1 - line, x2 + line, y2 + line), outline="white", width=line + 1)
        pen.rectangle((x1 - line, y1 - line, x2 + line, y2 + line), outline=colour, width=line)
        if name := box.label or box.text:
            _label(pen, _short(name), (x1 - line, y1 - line, y2 + line), colour, font, image.size)
    names = ", ".join(dict.fromkeys(_short(box.label or box.text or "unnamed") for box in boxes)) or "none"
    alt = f"{picture.alt or picture.source}, with {len(boxes)} box(es) drawn on it: {names}"
    return replace(picture, image=image, alt=alt)


def _inside(box: Box, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return the corners in order and within the picture."""
    (x1, x2), (y1, y2) = sorted((box.x1, box.x2)), sorted((box.y1, box.y2))
    width, height = size
    return min(max(x1, 0), width), min(max(y1, 0), height), min(max(x2, 0), width), min(max(y2, 0), height)


def _short(name: str) -> str:
    name = " ".join(name.split())
    return name if len(name) <= _LABEL_CHARS else name[: _LABEL_CHARS - 1] + "…"


def _label(
    pen: ImageDraw.ImageDraw,
    name: str,
    corner: tuple[float, float, float],
    colour: str,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    size: tuple[int, int],
) -> None:
    """Write `name` above the box, or below where there is no room, and never outside the picture."""
    left, top, bottom = corner
    x1, y1, x2, y2 = pen.textbbox((0, 0), name, font=font)
    pad = max(2, (y2 - y1) // 5)
    width, height = x2 - x1 + 2 * pad, y2 - y1 + 2 * pad
    left = max(0, min(left, size[0] - width))
    top = top - height if top >= height else min(bottom, size[1] - height)
    pen.rectangle((left, top, left + width, top + height), fill=colour)
    pen.text((left + pad - x1, top + pad - y1), name, fill="white", font=font)
