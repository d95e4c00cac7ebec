"""The sample pictures match their recorded truth."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from vlnb import BadInput, catalog, samples
from vlnb.accuracy import reading
from vlnb.embedded.reader import Reader

DRAW = runpy.run_path(str(Path(__file__).parent.parent / "scripts" / "draw_samples.py"))
SCENES = {name: getattr(samples, name) for name in DRAW["DRAWN"]}
PRINTED = ("street", "lot", "shelf", "chart")


@pytest.fixture(scope="module")
def scenes():
    return {name: make() for name, make in SCENES.items()}


def test_the_receipt_has_the_text_of_the_cookbooks_receipt(receipt):
    published = reading.lines(catalog.OCR_EXAMPLE.text, receipt.truth.lines)
    assert [line.similarity for line in published] == [1.0] * len(receipt.truth.lines)
    assert receipt.truth.fields["grand_total"].text == "17,000"


@pytest.mark.parametrize("seed", range(3))
def test_each_receipt_box_holds_its_ink_with_clear_paper_around_it(seed):
    sample = DRAW["receipt"](seed)
    grey = np.asarray(sample.picture.image.convert("L"), int)
    for box in sample.truth.boxes:
        left, top, right, bottom = (round(side) for side in (box.x1, box.y1, box.x2, box.y2))
        assert (grey[top:bottom, left:right] < 110).any(), box.text
        for strip in (grey[top - 5 : top - 2, left:right], grey[bottom + 2 : bottom + 5, left:right]):
            assert (strip > 150).all(), box.text


def test_the_receipt_has_an_alt_text(receipt):
    assert "grand total 17,000" in receipt._repr_html_()


@pytest.mark.parametrize("name", SCENES)
def test_the_shipped_files_match_the_drawing_script(name, scenes):
    redrawn, shipped = DRAW["DRAWN"][name](), scenes[name]
    difference = np.asarray(redrawn.picture.image, int) - np.asarray(shipped.picture.image, int)
    assert np.abs(difference).mean() < 4, "no more than JPEG compression changes"
    assert DRAW["described"](redrawn, "") == DRAW["described"](shipped, "")
    assert len(shipped.picture.alt) > 40


@pytest.mark.parametrize("name", SCENES)
def test_all_boxes_lie_on_the_picture_and_are_named(name, scenes):
    sample = scenes[name]
    width, height = sample.picture.size
    for box in (*sample.truth.boxes, *sample.truth.objects):
        assert 0 <= box.x1 < box.x2 <= width, box
        assert 0 <= box.y1 < box.y2 <= height, box
    assert all(box.text for box in sample.truth.boxes)
    assert all(box.label for box in sample.truth.objects)


@pytest.mark.parametrize("name", PRINTED)
def test_each_text_box_is_tight_around_its_ink(name, scenes):
    """Every edge of the box has contrast, so the box is tight on all four sides."""
    sample = scenes[name]
    grey = np.asarray(sample.picture.image.convert("L"), int)
    for box in sample.truth.boxes:
        left, top, right, bottom = int(box.x1), int(box.y1), int(box.x2) + 1, int(box.y2) + 1
        inside = grey[top:bottom, left:right]
        assert inside.max() - inside.min() > 60, box.text
        for edge in (inside[:3], inside[-3:], inside[:, :3], inside[:, -3:]):
            assert edge.max() - edge.min() > 25, box.text


@pytest.mark.parametrize(("name", "minimum"), [("street", 0.8), ("lot", 0.8), ("shelf", 0.9), ("chart", 0.85)])
def test_ocr_finds_most_texts_where_the_truth_says(name, minimum, scenes):
    """The OCR library does not know the truth, yet reads most texts exactly and in the recorded place."""
    sample = scenes[name]
    segments = Reader().read(sample.picture.image).segments

    def is_read(truth):
        (x1, y1, x2, y2), words = truth.corners, truth.text.replace(" ", "")
        middle = ((x1 + x2) / 2, (y1 + y2) / 2)
        return any(
            segment.box[0] < middle[0] < segment.box[2]
            and segment.box[1] < middle[1] < segment.box[3]
            and words in segment.text.replace(" ", "")
            for segment in segments
        )

    assert sum(map(is_read, sample.truth.boxes)) / len(sample.truth.boxes) >= minimum


@pytest.mark.parametrize(
    ("name", "label", "count"),
    [("street", "taxi", 3), ("lot", "taxi", 21), ("lot", "covered car", 1), ("shelf", "jar", 7), ("shelf", "bottle", 5),
     ("shelf", "box", 5), ("chart", "bar", 5)],
)  # fmt: skip
def test_objects_can_be_counted_by_label(name, label, count, scenes):
    assert scenes[name].truth.count(label) == count


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: samples.invoice(9), "no layout 9: choose 0 to 3"),
        (lambda: samples.clip(fps=29.97), "a whole number"),
        (lambda: samples.clip(0.04), "two frames for each word"),
        (lambda: samples.clip(0.5, fps=10, words=3), "two frames for each word"),
        (lambda: samples.clip(float("nan")), "up to 3600 s"),
    ],
)
def test_a_sample_that_cannot_be_made_is_refused(wrong, words):
    with pytest.raises(BadInput, match=words):
        wrong()


@pytest.mark.parametrize("seed", range(5))
def test_the_words_of_the_shortest_clip_end_after_they_start(seed):
    clip = samples.clip(2.4, fps=10.0, words=12, seed=seed)
    assert clip.duration_s == 2.4
    assert all(start <= end <= clip.duration_s for start, end, _ in clip.events)


def test_a_chart_without_bars_is_drawn():
    assert samples.bars([], []).size == (896, 560)


def test_ocr_reads_the_taxis_plate_inside_its_box(scenes):
    plate = scenes["street"].truth.fields["plate"]
    assert plate.text == "KX 4821"
    (left, top, right, bottom) = (round(side) for side in plate.corners)
    (segment,) = (
        Reader().read(scenes["street"].picture.image.crop((left - 20, top - 10, right + 20, bottom + 10))).segments
    )
    assert segment.text.replace(" ", "") == "KX4821"


def test_ocr_reads_the_creased_receipt_only_in_part(scenes):
    """OCR misreads some lines of this sample, so that a table of misses has rows to show."""
    sample = scenes["till"]
    text = "\n".join(segment.text for segment in Reader().read(sample.picture.image).segments)
    right = sum(line.similarity == 1.0 for line in reading.lines(text, sample.truth.lines))
    assert 0.5 < right / len(sample.truth.lines) < 0.97
