"""The pictures of the vision check, drawn by code: each with something on it that cannot be guessed."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING

from vlnb.samples.canvas import Canvas

if TYPE_CHECKING:
    from vlnb.images import Picture
    from vlnb.regions import Box

COLOURS = {
    "red": "#c8202a", "green": "#1f8a3b", "blue": "#1f57c3", "yellow": "#f2c91d", "black": "#151515",
    "orange": "#ef7d1a",
}  # fmt: skip
_PAPERS = ("#fbf8ef", "#eef4f8", "#f3eef8", "#eef8f0", "#fdf1ec")
_INKS = ("#1d2733", "#402018", "#14361f", "#2b1b45", "#111111")
_CODE_LETTERS = "ACDEFHJKLMNPRTUVWXY34679"  # no two that look alike
_CODE_CHARS = 6


def code(chance: random.Random) -> str:
    """Return a code that is no word and cannot be guessed."""
    return "".join(chance.choice(_CODE_LETTERS) for _ in range(_CODE_CHARS))


def card(chance: random.Random, text: str, *, size: tuple[int, int] = (896, 560), letters: float = 90) -> Picture:
    """Return a card with one text somewhere on it, its letters so many pixels high."""
    width, height = size
    canvas = Canvas(width, height, chance.choice(_PAPERS))
    canvas.rect((12, 12, width - 12, height - 12), (0, 0, 0, 0), radius=10, edge="#c3c8ce")
    half = 0.36 * letters * len(text)
    x = chance.uniform(half + 24, width - half - 24)
    y = chance.uniform(letters + 20, height - letters - 20)
    canvas.text(x, y, text, letters, chance.choice(_INKS), anchor="mm")
    return _finished(canvas, f"A card with the code {text}")


def two_codes(
    chance: random.Random, here: str, other: str, *, size: tuple[int, int], letters: float
) -> tuple[Picture, Box]:
    """Return a picture with one code low at the right and another high at the left, and the box of the first."""
    width, height = size
    canvas = Canvas(width, height, chance.choice(_PAPERS))
    ink = chance.choice(_INKS)
    half = 0.36 * letters * len(here)
    x, y = chance.uniform(0.6, 0.7) * width, chance.uniform(0.6, 0.8) * height
    if height < 3 * letters:  # a strip: both stand on its one line
        y = height / 2
        canvas.text(half + 20, y, other, letters, ink, anchor="mm")
    else:
        canvas.text(0.25 * width, 0.25 * height, other, letters, ink, anchor="mm")
    box = canvas.text(min(x, width - half - 20), y, here, letters, ink, anchor="mm")
    return _finished(canvas, f"The codes {other} (at the left) and {here} (at the right)"), box


def discs(chance: random.Random, count: int) -> Picture:
    """Return so many discs of one colour, apart from each other."""
    canvas = Canvas(896, 560, chance.choice(_PAPERS))
    cells = chance.sample([(column, row) for column in range(5) for row in range(3)], count)
    colour = chance.choice(list(COLOURS.values()))
    for column, row in cells:
        x = 100 + 174 * column + chance.uniform(-16, 16)
        y = 100 + 180 * row + chance.uniform(-12, 12)
        radius = chance.uniform(42, 62)
        canvas.oval((x - radius, y - radius, x + radius, y + radius), colour)
    return _finished(canvas, f"{count} discs of one colour")


def disc(chance: random.Random, colour: str) -> Picture:
    """Return one large disc of a named colour."""
    canvas = Canvas(560, 560, "#e9e9e6")
    x, y = chance.uniform(200, 360), chance.uniform(200, 360)
    canvas.oval((x - 150, y - 150, x + 150, y + 150), COLOURS[colour])
    return _finished(canvas, f"A {colour} disc")


def square_and_disc(chance: random.Random, side: str) -> Picture:
    """Return a square at one side ("left" or "right") of a disc."""
    canvas = Canvas(896, 448, chance.choice(_PAPERS))
    near, far = chance.uniform(180, 280), chance.uniform(620, 720)
    square, ball = (near, far) if side == "left" else (far, near)
    y, z = chance.uniform(150, 300), chance.uniform(150, 300)
    canvas.rect((square - 80, y - 80, square + 80, y + 80), COLOURS["blue"])
    canvas.oval((ball - 85, z - 85, ball + 85, z + 85), COLOURS["orange"])
    return _finished(canvas, f"A blue square at the {side} of an orange disc")


def lying(chance: random.Random) -> tuple[Picture, bytes]:
    """Return a picture with a red bar along its top, and a JPEG of it that lies on its side, upright by EXIF only."""
    from PIL import Image

    canvas = Canvas(896, 672, chance.choice(_PAPERS))
    canvas.rect((0, 0, 896, 110), COLOURS["red"])
    canvas.oval((380, 320, 560, 500), COLOURS["blue"])
    picture = _finished(canvas, "A red bar along the top, and a blue disc")
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by a quarter, clockwise, to see it upright
    buffer = io.BytesIO()
    picture.image.transpose(Image.Transpose.ROTATE_90).save(buffer, "JPEG", quality=92, exif=exif)
    return picture, buffer.getvalue()


def transparent(chance: random.Random, text: str) -> tuple[Picture, bytes]:
    """Return a code on white, and a PNG of it whose paper is transparent, with black beneath."""
    from PIL import Image, ImageOps

    canvas = Canvas(896, 560)
    canvas.text(chance.uniform(260, 620), chance.uniform(120, 440), text, 90, "black", anchor="mm")
    picture = _finished(canvas, f"The code {text}")
    image = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    image.putalpha(ImageOps.invert(picture.image.convert("L")))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return picture, buffer.getvalue()


def _finished(canvas: Canvas, alt: str) -> Picture:
    return canvas.finish("vlnb.accuracy.check", alt).picture
