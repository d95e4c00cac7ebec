"""Tight boxes, and spaces that the recogniser missed."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from vlnb.embedded import ink

FONT = ImageFont.load_default(30)


def draw_text(text, size=(500, 60), at=(20, 10), paper=250, fill=30):
    """Return a picture of `text` as an array, and the centres of its letters."""
    image = Image.new("RGB", size, (paper,) * 3)
    pen = ImageDraw.Draw(image)
    pen.text(at, text, font=FONT, fill=(fill,) * 3)
    ends = [at[0] + pen.textlength(text[: i + 1], font=FONT) for i in range(len(text))]
    starts = [at[0], *ends[:-1]]
    centres = [(a + b) / 2 for a, b, char in zip(starts, ends, text, strict=True) if char != " "]
    return np.asarray(image), centres


SPACES = [
    # as printed, as recognised, what it should become
    ("CINNAMON SUGAR", "CINNAMONSUGAR", "CINNAMON SUGAR"),
    ("CASH IDR", "CASHIDR", "CASH IDR"),
    ("SUB TOTAL DUE", "SUB TOTALDUE", "SUB TOTAL DUE"),
    ("hill city", "hill city", "hill city"),
    ("illicit filling", "illicit filling", "illicit filling"),
    ("DISCOUNT", "DISCOUNT", "DISCOUNT"),
    ("17 000", "17000", "17000"),  # never inside a number: it may be its thousands mark
    ("A B", "AB", "AB"),  # too short to judge
]


@pytest.mark.parametrize(("printed", "recognised", "mended"), SPACES)
def test_missing_spaces_are_restored_only_at_clear_gaps(printed, recognised, mended):
    crop, centres = draw_text(printed)
    assert ink.mend_spaces(crop, recognised, centres) == mended


def test_text_that_does_not_match_its_letters_is_unchanged():
    crop, centres = draw_text("CASH IDR")
    assert ink.mend_spaces(crop, "CASHIDRX", centres) == "CASHIDRX"
    assert ink.mend_spaces(np.full_like(crop, 255), "CASHIDR", centres) == "CASHIDR"


@pytest.mark.parametrize(("paper", "fill"), [(250, 30), (20, 240), (180, 60)])
def test_boxes_shrink_to_the_ink(paper, fill):
    picture, _ = draw_text("Total 12", paper=paper, fill=fill)
    dark = np.argwhere(np.abs(picture[..., 0].astype(int) - paper) > 60)
    (top, left), (bottom, right) = dark.min(0), dark.max(0) + 1
    assert ink.tight(picture, (2, 2, 300, 58)) == pytest.approx((left, top, right, bottom), abs=1)


def test_a_box_excludes_the_ink_of_a_neighbouring_line():
    picture, _ = draw_text("Total", size=(200, 60))
    picture = picture.copy()
    picture[0:6, 30:90] = 30  # the descenders of the line above
    assert ink.tight(picture, (0, 0, 200, 60))[1] > 6


def test_a_box_without_ink_is_unchanged():
    assert ink.tight(np.full((40, 40, 3), 255, np.uint8), (5, 5, 30, 30)) == (5, 5, 30, 30)


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("DOB:04/11/1957", ["DOB:", "04/11/1957"]),
        ("Time:10:30", ["Time:", "10:30"]),
        ("(Total):12.50", ["(Total):", "12.50"]),
        ("日期：2026年1月31日", ["日期：", "2026年1月31日"]),
        ("Table#7", ["Table", "#7"]),
        ("Web:http://shop.example", ["Web:", "http://shop.example"]),
        ("http://shop.example:80", ["http://shop.example:80"]),
        ("std::vector", ["std::vector"]),
        ("C.1.1:A", ["C.1.1:A"]),
        ("10:30", ["10:30"]),
        ("Total:", ["Total:"]),
        ("C#", ["C#"]),
    ],
)
def test_a_label_glued_to_its_value_is_a_word_of_its_own(word, parts):
    assert ink._parts(word) == parts
