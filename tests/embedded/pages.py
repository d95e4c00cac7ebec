"""Pictures of documents for the tests of the embedded engine, drawn with Pillow's default font."""

import random

from PIL import Image, ImageDraw, ImageFont

from vlnb.embedded.page import Line, Page, Segment, Word


def draw(size, items, *, paper="white", ink="black"):
    """Return a picture of `size` with each item (x, y, text, letter size) written on it."""
    image = Image.new("RGB", size, paper)
    pen = ImageDraw.Draw(image)
    for x, y, text, height in items:
        pen.text((x, y), text, font=ImageFont.load_default(height), fill=ink)
    return image


def unread(image):
    """Return a copy that differs in one corner, so that the engine does not find it in its cache."""
    copy = image.convert("RGB")
    copy.putpixel((0, 0), tuple(random.randbytes(3)))
    return copy


def rows(top, step, columns, table, height=24):
    """Return the items of a table: one row below the other, cells at `columns`."""
    return [
        (x, top + i * step, cell, height)
        for i, row in enumerate(table)
        for x, cell in zip(columns, row, strict=False)
        if cell
    ]


def page(*lines, size=(800, 600)):
    """Return a Page as the reader would give it: each line a list of (x, text) or (x, text, height).

    Letters are 10 pixels wide, and 20 high if no height is given; a space is 10 pixels wide.
    """
    page_lines = []
    for i, line in enumerate(lines):
        segments = []
        for x, text, *heights in line:
            words, left, bottom = [], x, 40 * i + (heights or [20])[0]
            for word in text.split(" "):
                if word:
                    words.append(Word(word, (left, 40 * i, left + 10 * len(word), bottom)))
                left += 10 * len(word) + 10
            segments.append(Segment(" ".join(text.split()), (x, 40 * i, left - 10, bottom), tuple(words)))
        if segments:
            page_lines.append(Line(tuple(segments)))
    return Page(size, tuple(page_lines))
