"""Samples are what they say they are."""

import numpy as np
import pytest

from vlnb import catalog, samples, score


def test_the_same_seed_gives_the_same_pixels():
    a, b, other = samples.receipt(3), samples.receipt(3), samples.receipt(4)
    assert (np.asarray(a.picture.image) == np.asarray(b.picture.image)).all()
    assert a.truth == b.truth
    assert (np.asarray(a.picture.image) != np.asarray(other.picture.image)).any()


def test_the_receipt_says_what_the_cookbooks_says(receipt):
    published = score.lines(catalog.OCR_EXAMPLE.text, receipt.truth.lines)
    assert [line.similarity for line in published] == [1.0] * len(receipt.truth.lines)
    assert receipt.truth.fields["grand_total"].text == "17,000"


@pytest.mark.parametrize("seed", range(3))
def test_each_box_holds_its_ink_and_nothing_beside_it(seed):
    sample = samples.receipt(seed)
    grey = np.asarray(sample.picture.image.convert("L"), int)
    for box in sample.truth.boxes:
        left, top, right, bottom = (round(side) for side in (box.x1, box.y1, box.x2, box.y2))
        assert (grey[top:bottom, left:right] < 110).any(), box.text
        for strip in (grey[top - 5 : top - 2, left:right], grey[bottom + 2 : bottom + 5, left:right]):
            assert (strip > 150).all(), box.text


def test_a_picture_of_it_can_be_heard(receipt):
    assert "grand total 17,000" in receipt._repr_html_()
