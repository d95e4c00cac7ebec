"""Boxes drawn on pictures."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageColor

from vlnb import draw, images
from vlnb.regions import Box


def grey(size=(200, 150)):
    return images.load(Image.new("RGB", size, (128, 128, 128)))


def has(picture, colour):
    return (np.asarray(picture.image) == ImageColor.getrgb(colour)).all(axis=2).any()


def test_the_picture_itself_is_not_touched():
    picture = grey()
    drawn = draw.overlay(picture, [Box(20, 40, 90, 80, label="a")])
    assert not has(picture, draw.COLOURS[0])
    assert has(drawn, draw.COLOURS[0])
    assert drawn.size == picture.size


def test_the_box_lies_around_what_it_marks():
    drawn = np.asarray(draw.overlay(grey(), [Box(50, 60, 120, 100)]).image)
    assert (drawn[62:98, 52:118] == 128).all(), "what is marked stays visible"
    assert tuple(drawn[80, 49]) == ImageColor.getrgb(draw.COLOURS[0])


def test_a_label_has_one_colour():
    drawn = draw.overlay(
        grey((400, 300)), [Box(10, 40, 60, 80, "a"), Box(100, 40, 160, 80, "b"), Box(200, 40, 260, 80, "a")]
    )
    assert has(drawn, draw.COLOURS[0])
    assert has(drawn, draw.COLOURS[1])
    assert not has(drawn, draw.COLOURS[2])


def test_a_screen_reader_hears_the_boxes():
    drawn = draw.overlay(grey(), [Box(10, 40, 60, 80, "dog"), Box(90, 40, 120, 80, text="17,000")])
    assert "2 box(es) drawn on it: dog, 17,000" in drawn.alt
    assert "<script" not in draw.overlay(grey(), [Box(1, 1, 5, 5, "<script>")])._repr_html_()


@pytest.mark.parametrize("size", [(1, 1), (8, 3000), (5000, 30)])
def test_any_size(size):
    assert draw.overlay(grey(size), [Box(0, 0, *size, label="a very long label " * 10)]).size == size


COORDINATE = st.floats(-500, 700, allow_nan=False)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(COORDINATE, COORDINATE, COORDINATE, COORDINATE, st.text(max_size=60)), max_size=5))
def test_any_boxes(corners):
    draw.overlay(grey(), [Box(*box[:4], label=box[4]) for box in corners])
