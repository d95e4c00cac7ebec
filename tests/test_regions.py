"""Boxes in an answer, and in pixels of the original."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlnb.regions import Box, boxes_in, to_original

SIZES = st.tuples(st.integers(28, 4000), st.integers(28, 4000))


@pytest.mark.parametrize(
    ("text", "corners"),
    [
        ('17,000\n(found right of "TOTAL", at [10, 20, 30, 40])', [(10, 20, 30, 40)]),
        ("[1,2,3,4] and [5.5, 6, 7, 8]", [(1, 2, 3, 4), (5.5, 6, 7, 8)]),
        ("[1, 2, 3] [4]", []),
        ("[30, 20, 10, 40]", []),
        ("[10, 20, 3000, 40]", []),
        ("", []),
    ],
)
def test_boxes_in_an_answer(text, corners):
    boxes = boxes_in(text, seen=(100, 100), original=(100, 100))
    assert [(box.x1, box.y1, box.x2, box.y2) for box in boxes] == corners


def test_boxes_are_mapped_to_the_original():
    (box,) = boxes_in("[28, 28, 56, 84]", seen=(280, 280), original=(1000, 500))
    assert (box.x1, box.y1, box.x2, box.y2) == (100, 50, 200, 150)


@given(SIZES, SIZES)
def test_there_and_back(seen, original):
    box = Box(1, 2, 20, 25, label="a")
    back = to_original(to_original(box, seen=seen, original=original), seen=original, original=seen)
    assert (back.x1, back.y1, back.x2, back.y2) == pytest.approx((1, 2, 20, 25))
    assert back.label == "a"
