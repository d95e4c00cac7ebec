"""A photographed receipt with the content of the SGLang cookbook's OCR example, drawn by code."""

from __future__ import annotations

import cmath
import math
from types import MappingProxyType
from typing import TYPE_CHECKING

from vlnb.images import Picture
from vlnb.regions import Box
from vlnb.samples.canvas import Sample, Truth

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

_PAPER = (520, 700)  # width, height of the slip in pixels, before it is turned
_SIZE = (640, 820)  # of the picture
_MARGIN = 44
# Rows: the text at the left, the text at the right, the size of the letters, the space above, the field's name.
_ROWS = (
    ("Auntie Anne's", None, 46, 20, "shop"),
    ("CINNAMON SUGAR", None, 28, 70, "item"),
    ("1 x 17,000", None, 28, 22, "quantity_and_price"),
    ("SUB TOTAL", "17,000", 28, 44, "sub_total"),
    ("GRAND TOTAL", "17,000", 32, 44, "grand_total"),
    ("CASH IDR", "20,000", 28, 44, "cash"),
    ("CHANGE DUE", "3,000", 28, 44, "change_due"),
)
_RULES_AFTER = (2, 4)  # rows under which a line is drawn
_INK = (44, 42, 48)


_ALT = (
    "Photograph of a receipt of Auntie Anne's: cinnamon sugar, 1 x 17,000, sub total 17,000, grand total 17,000,"
    " cash IDR 20,000, change due 3,000"
)


def receipt(seed: int = 0) -> Sample:
    """Return a photograph of a receipt, 640 x 820 pixels: turned a little, on a dark table, with shadow and noise.

    `seed` chooses the turn, the tone of the paper and the noise; the text is always that of the cookbook's receipt.

    >>> receipt().picture
    <Picture samples.receipt(seed=0): 640 x 820 px>
    """
    import numpy as np

    random = np.random.default_rng(seed)
    angle = math.radians(float(random.uniform(-1.6, 1.6)))
    paper, boxes = _paper()
    fields = {name: _turned(box, angle) for name, box in boxes}
    truth = Truth(
        lines=tuple("    ".join(filter(None, row[:2])) for row in _ROWS),
        boxes=tuple(_turned(box, angle) for _, box in boxes),
        fields=MappingProxyType(fields),
    )
    photo = _photograph(paper, angle, random)
    return Sample(Picture(photo, f"samples.receipt(seed={seed})", _SIZE, alt=_ALT), truth)


def _paper() -> tuple[Image.Image, list[tuple[str, Box]]]:
    """Draw the slip upright; return it, in grey, and each run of text as its field's name and its tight box."""
    from PIL import Image, ImageDraw, ImageFont

    width = _PAPER[0]
    paper = Image.new("L", _PAPER, 255)
    pen = ImageDraw.Draw(paper)
    boxes, y = [], 30
    for row, (left, right, size, white, name) in enumerate(_ROWS):
        font = ImageFont.load_default(size)
        y += white
        runs = [(_MARGIN if row else (width - pen.textlength(left, font=font)) / 2, left)]
        if right:
            runs.append((width - _MARGIN - pen.textlength(right, font=font), right))
        for x, text in runs:
            pen.text((x, y), text, font=font, fill=0)
            boxes.append((name, Box(*pen.textbbox((x, y), text, font=font), text=text)))
        y += size
        if row in _RULES_AFTER:
            pen.line((_MARGIN, y + 26, width - _MARGIN, y + 26), fill=90, width=2)
    return paper, boxes


def _photograph(paper: Image.Image, angle: float, random: np.random.Generator) -> Image.Image:
    """Lay the slip on a table, turn it, and add what a camera adds: soft edges, uneven light, noise."""
    import numpy as np
    from PIL import Image, ImageFilter

    width, height = _SIZE
    tone = np.array([250, 246, 236]) + random.integers(-4, 3, 3)
    corner = ((width - _PAPER[0]) // 2, (height - _PAPER[1]) // 2)
    ink = Image.new("L", _SIZE, 255)
    ink.paste(paper, corner)
    slip = Image.new("L", _SIZE, 0)
    slip.paste(255, (*corner, corner[0] + _PAPER[0], corner[1] + _PAPER[1]))
    ink, slip = (
        layer.rotate(-math.degrees(angle), Image.Resampling.BICUBIC, fillcolor=fill)
        for layer, fill in ((ink, 255), (slip, 0))
    )
    shadow, cover, written = (
        np.asarray(layer.filter(ImageFilter.GaussianBlur(radius)), np.float32)[..., None] / 255
        for layer, radius in ((slip, 14), (slip, 0.7), (ink, 0.6))
    )
    grain = random.normal(0, 1, (height, 1, 1)).cumsum(0).astype(np.float32)  # the table's long fibres
    table = (np.array([92, 70, 54], np.float32) + 1.2 * (grain - grain.mean())).clip(40, 130)
    paper_or_ink = written * np.float32(tone) + (1 - written) * np.array(_INK, np.float32)
    photo = cover * paper_or_ink + (1 - cover) * (table * (1 - 0.45 * shadow))
    down, across = np.linspace(0, 0.10, height), np.linspace(0, 0.05, width)
    photo *= (1.02 - down[:, None, None] - across[:, None]).astype(np.float32)
    photo += random.normal(0, 3.0, (height, width, 1)).astype(np.float32)
    return Image.fromarray(photo.clip(0, 255).astype(np.uint8))


def _turned(box: Box, angle: float) -> Box:
    """Move a box from the upright slip to the turned one in the photograph: the box around its turned corners."""
    centre, turn = complex(*_SIZE) / 2, cmath.rect(1, angle)
    corners = [
        centre + (complex(x, y) - complex(*_PAPER) / 2) * turn for x in (box.x1, box.x2) for y in (box.y1, box.y2)
    ]
    xs, ys = [corner.real for corner in corners], [corner.imag for corner in corners]
    return Box(min(xs), min(ys), max(xs), max(ys), text=box.text)
