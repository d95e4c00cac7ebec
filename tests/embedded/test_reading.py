"""The reader on real pictures: what is written, where, and in which order."""

import io
import random
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.embedded.pages import draw, rows
from vlnb.embedded.lookup import find
from vlnb.embedded.reader import Reader, Stopped


@pytest.fixture(scope="module")
def reader():
    return Reader()


def overlap(a, b):
    """Intersection over union of a rectangle and a Box."""
    width = min(a[2], b.x2) - max(a[0], b.x1)
    height = min(a[3], b.y2) - max(a[1], b.y1)
    shared = max(0, width) * max(0, height)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b.x2 - b.x1) * (b.y2 - b.y1) - shared)


DRAW = runpy.run_path(str(Path(__file__).parent.parent.parent / "scripts" / "draw_samples.py"))


@pytest.mark.parametrize("seed", range(4))
def test_the_receipt_is_read_whole_and_its_boxes_are_tight(reader, seed):
    sample = DRAW["receipt"](seed)
    page = reader.read(sample.picture.image)
    assert tuple(line.text for line in page.lines) == sample.truth.lines
    scores = [overlap(segment.box, box) for segment, box in zip(page.segments, sample.truth.boxes, strict=True)]
    assert min(scores) > 0.8
    assert np.mean(scores) > 0.9


def test_a_till_roll_of_a_hundred_lines(reader):
    chance = random.Random(7)
    stock = "Apples Basil Carrots Dates Eggs Flour Garlic Honey Jam Kale Lemons Milk Nuts Oats Pears Rice".split()
    truth = [
        (f"{chance.choice(stock)} {chance.choice(stock)}", f"{chance.randint(1, 99)}.{chance.randint(10, 99)}")
        for _ in range(100)
    ]
    roll = draw((420, 8400), rows(20, 83, (20, 320), truth, height=22))
    lines = [line.text.split("    ") for line in reader.read(roll).lines]
    assert len(lines) == 100
    assert sum(got == list(want) for got, want in zip(lines, truth, strict=True)) >= 98


def test_long_lines_are_read_once_and_whole(reader):
    words = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    wide = draw((3000, 400), [(40, 60 + 90 * i, f"{i}00 {words}", 60) for i in range(3)])
    assert [line.text for line in reader.read(wide).lines] == [f"{i}00 {words}" for i in range(3)]


def test_two_columns_of_prose(reader):
    text = "The quick brown fox jumps over the lazy dog and runs on into the deep dark wood to sleep".split()
    lines = [" ".join(text[i : i + 4]) for i in range(0, 16, 4)]
    items = [(x, 40 + 50 * i, line, 28) for x in (30, 520) for i, line in enumerate(lines)]
    assert [line.text for line in reader.read(draw((1000, 280), items)).lines] == lines * 2


def test_light_letters_on_dark(reader):
    dark = draw((500, 120), [(30, 40, "Open until 22:00", 36)], paper=(20, 24, 40), ink=(240, 230, 200))
    assert reader.read(dark).text == "Open until 22:00"


def test_questions_about_a_picture_of_a_bill(reader):
    table = [("Account number", "7730 2214"), ("Electricity used", "412 kWh"), ("Amount due", "$96.37")]
    page = reader.read(draw((760, 330), [(40, 30, "City Power", 40), *rows(120, 60, (40, 460), table, 28)]))
    assert find(page, "How much electricity was used?").value == "412 kWh"
    assert find(page, "What is the amount due?").value == "$96.37"
    assert find(page, "Which company sent it?").value == "City Power"


@pytest.mark.parametrize(
    "image", [Image.new("RGB", (500, 400), "white"), Image.effect_noise((400, 300), 60).convert("RGB")]
)
def test_where_nothing_is_written_nothing_is_read(reader, image):
    assert reader.read(image).text == ""


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3), (30, 30)])
def test_tiny_pictures(reader, size):
    assert reader.read(Image.new("RGB", size, "white")).lines == ()


def test_reading_stops_when_nobody_waits(reader, receipt):
    asked = iter([False, False, True])
    with pytest.raises(Stopped):
        reader.read(receipt.picture.image, stop=lambda: next(asked))
    assert reader.read(receipt.picture.image).lines, "and the next one is read"


def test_small_letters_on_a_large_page(reader):
    lines = [f"Lot {i}: {7 * i} barrels of tar" for i in range(12)]
    page = draw((3000, 4000), [(200 + 90 * i, 200 + 310 * i, line, 24) for i, line in enumerate(lines)])
    assert [line.text for line in reader.read(page).lines] == lines


def test_a_jpeg_of_poor_quality(reader, receipt):
    buffer = io.BytesIO()
    receipt.picture.image.save(buffer, "JPEG", quality=25)
    assert tuple(line.text for line in reader.read(Image.open(buffer)).lines) == receipt.truth.lines
