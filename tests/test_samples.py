"""Samples are what they say they are."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from vlnb import catalog, samples
from vlnb.accuracy import reading
from vlnb.embedded.reader import Reader

DRAW = runpy.run_path(str(Path(__file__).parent.parent / "scripts" / "draw_samples.py"))
SCENES = {name: getattr(samples, name) for name in DRAW["DRAWN"]}
PRINTED = ("street", "lot", "shelf", "chart")


@pytest.fixture(scope="module")
def scenes():
    return {name: make() for name, make in SCENES.items()}


def test_the_receipt_says_what_the_cookbooks_says(receipt):
    published = reading.lines(catalog.OCR_EXAMPLE.text, receipt.truth.lines)
    assert [line.similarity for line in published] == [1.0] * len(receipt.truth.lines)
    assert receipt.truth.fields["grand_total"].text == "17,000"


@pytest.mark.parametrize("seed", range(3))
def test_each_box_holds_its_ink_and_nothing_beside_it(seed):
    sample = DRAW["receipt"](seed)
    grey = np.asarray(sample.picture.image.convert("L"), int)
    for box in sample.truth.boxes:
        left, top, right, bottom = (round(side) for side in (box.x1, box.y1, box.x2, box.y2))
        assert (grey[top:bottom, left:right] < 110).any(), box.text
        for strip in (grey[top - 5 : top - 2, left:right], grey[bottom + 2 : bottom + 5, left:right]):
            assert (strip > 150).all(), box.text


def test_a_picture_of_it_can_be_heard(receipt):
    assert "grand total 17,000" in receipt._repr_html_()


@pytest.mark.parametrize("name", SCENES)
def test_the_files_are_what_the_script_draws(name, scenes):
    again, shipped = DRAW["DRAWN"][name](), scenes[name]
    difference = np.asarray(again.picture.image, int) - np.asarray(shipped.picture.image, int)
    assert np.abs(difference).mean() < 4, "no more than JPEG costs"
    assert DRAW["described"](again, "") == DRAW["described"](shipped, "")
    assert len(shipped.picture.alt) > 40


@pytest.mark.parametrize("name", SCENES)
def test_everything_known_lies_on_the_picture(name, scenes):
    sample = scenes[name]
    width, height = sample.picture.size
    for box in (*sample.truth.boxes, *sample.truth.objects):
        assert 0 <= box.x1 < box.x2 <= width, box
        assert 0 <= box.y1 < box.y2 <= height, box
    assert all(box.text for box in sample.truth.boxes)
    assert all(box.label for box in sample.truth.objects)


@pytest.mark.parametrize("name", PRINTED)
def test_the_ink_of_each_text_fills_its_box(name, scenes):
    """Something stands out in every edge of the box: it is tight on all four sides."""
    sample = scenes[name]
    grey = np.asarray(sample.picture.image.convert("L"), int)
    for box in sample.truth.boxes:
        left, top, right, bottom = int(box.x1), int(box.y1), int(box.x2) + 1, int(box.y2) + 1
        inside = grey[top:bottom, left:right]
        assert inside.max() - inside.min() > 60, box.text
        for edge in (inside[:3], inside[-3:], inside[:, :3], inside[:, -3:]):
            assert edge.max() - edge.min() > 25, box.text


@pytest.mark.parametrize(("name", "least"), [("street", 0.8), ("lot", 0.8), ("shelf", 0.9), ("chart", 0.85)])
def test_a_reader_finds_the_text_where_the_truth_says(name, least, scenes):
    """The OCR library knows nothing of the truth: most texts are read, letter by letter, where they were written."""
    sample = scenes[name]
    read = Reader().read(sample.picture.image).segments

    def found(truth):
        (x1, y1, x2, y2), words = truth.corners, truth.text.replace(" ", "")
        middle = ((x1 + x2) / 2, (y1 + y2) / 2)
        return any(
            s.box[0] < middle[0] < s.box[2] and s.box[1] < middle[1] < s.box[3] and words in s.text.replace(" ", "")
            for s in read
        )

    assert sum(map(found, sample.truth.boxes)) / len(sample.truth.boxes) >= least


@pytest.mark.parametrize(
    ("name", "label", "count"),
    [("street", "taxi", 3), ("lot", "taxi", 21), ("lot", "covered car", 1), ("shelf", "jar", 7), ("shelf", "bottle", 5),
     ("shelf", "box", 5), ("chart", "bar", 5)],
)  # fmt: skip
def test_things_can_be_counted(name, label, count, scenes):
    assert scenes[name].truth.count(label) == count


def test_the_taxis_plate_can_be_read_where_it_is(scenes):
    plate = scenes["street"].truth.fields["plate"]
    assert plate.text == "KX 4821"
    (left, top, right, bottom) = (round(side) for side in plate.corners)
    (segment,) = (
        Reader().read(scenes["street"].picture.image.crop((left - 20, top - 10, right + 20, bottom + 10))).segments
    )
    assert segment.text.replace(" ", "") == "KX4821"


def test_the_hard_sample_is_hard(scenes):
    """An engine reads much of the creased receipt, and not everything: a table of misses has rows."""
    sample = scenes["till"]
    text = "\n".join(segment.text for segment in Reader().read(sample.picture.image).segments)
    right = sum(line.similarity == 1.0 for line in reading.lines(text, sample.truth.lines))
    assert 0.5 < right / len(sample.truth.lines) < 0.97
