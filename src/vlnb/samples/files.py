"""Samples that are shipped as files, with ground truth. `scripts/draw_samples.py` drew them."""

from __future__ import annotations

import io
import json
from importlib import resources
from types import MappingProxyType

from vlnb.errors import BadInput
from vlnb.images import Picture
from vlnb.regions import Box
from vlnb.samples.canvas import Sample, Truth


def receipt() -> Sample:
    """Return the receipt of the SGLang cookbook's OCR example, photographed, 640 x 820 pixels.

    It is slightly rotated, on a dark table, with shadow and noise.

    >>> receipt().truth.fields["grand_total"].text
    '17,000'
    """
    return _stored("receipt")


def street() -> Sample:
    """Return a street of 1280 x 720 pixels: one red taxi in front with a readable plate, two more behind, shops.

    >>> street().truth.fields["plate"].text
    'KX 4821'
    """
    return _stored("street")


def lot() -> Sample:
    """Return a car park seen from above, 1280 x 600 pixels: 22 taxis in three rows, one of them under a cover.

    >>> lot().truth.count("taxi")
    21
    """
    return _stored("lot")


def shelf() -> Sample:
    """Return three boards of 1000 x 750 pixels with seven jars, five bottles and five boxes, each with its name.

    >>> shelf().truth.count("jar")
    7
    """
    return _stored("shelf")


def chart() -> Sample:
    """Return a bar chart of 960 x 600 pixels: visitors on five days, the numbers above the bars.

    >>> chart().truth.fields["Fri"].text
    '91'
    """
    return _stored("chart")


def till() -> Sample:
    """Return a long supermarket receipt, 720 x 1500 pixels: creased, dim, a little out of focus, with small print.

    >>> till().truth.fields["total"].text
    '42,24'
    """
    return _stored("till")


def letter() -> Sample:
    """Return a printed letter in two columns with a small table, 1000 x 760 pixels.

    >>> letter().truth.fields["thursday_closes"].text
    '21:30'
    """
    return _stored("letter")


def invoice(layout: int = 0) -> Sample:
    """Return an invoice of 1000 x 1300 pixels, in one of four layouts (0 to 3): `fields` by path, `items[0].price`.

    >>> invoice(1).truth.fields["total"].text
    'USD 15,135.72'

    Raises:
        BadInput: There is no such layout.
    """
    if layout not in range(4):
        raise BadInput(f"The invoice has no layout {layout!r}: choose 0 to 3.")
    return _stored(f"invoice-{layout}")


def form() -> Sample:
    """Return a membership form of 1000 x 700 pixels, with three of its eight fields empty.

    >>> sorted({"city", "email", "phone", "street"} - form().truth.fields.keys())
    ['phone']
    """
    return _stored("form")


def statement() -> tuple[Sample, Sample]:
    """Return the two pages of a bank statement, 1000 x 1000 pixels each, with 18 bookings on each page.

    >>> statement()[1].truth.fields["closing_balance"].text
    '8,104.17'
    """
    return _stored("statement-1"), _stored("statement-2")


def _stored(name: str) -> Sample:
    from PIL import Image

    folder = resources.files("vlnb.samples") / "files"
    stored = json.loads((folder / f"{name}.json").read_text("utf-8"))
    image = Image.open(io.BytesIO((folder / stored["file"]).read_bytes())).convert("RGB")
    texts = tuple(Box(x1, y1, x2, y2, text=text) for x1, y1, x2, y2, text in stored["texts"])
    truth = Truth(
        lines=tuple(stored["lines"]) or tuple(box.text for box in texts),
        boxes=texts,
        fields=MappingProxyType({field: texts[place] for field, place in stored["fields"].items()}),
        objects=tuple(Box(x1, y1, x2, y2, label=label) for x1, y1, x2, y2, label in stored["objects"]),
    )
    return Sample(Picture(image, f"samples.{name}()", image.size, alt=stored["alt"]), truth)
