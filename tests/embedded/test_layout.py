"""The order in which boxes are read."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlnb.embedded.page import Line, Page, Segment, Word, reading_order, skew


def quad(x, y, width, height=20, angle=0.0):
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    cos, sin = math.cos(angle), math.sin(angle)
    return [(px * cos - py * sin, px * sin + py * cos) for px, py in corners]


LABELS = [(20, 200, 12), (20, 240, 60), (20, 280, 140), (20, 320, 90), (20, 360, 170)]


@pytest.mark.parametrize("angle", [0.0, 0.03, -0.03])
def test_labels_and_values_stay_on_one_row_even_on_a_tilted_page(angle):
    quads = [quad(*label, angle=angle) for label in LABELS] + [quad(500, y, 80, angle=angle) for _, y, _ in LABELS]
    assert reading_order(quads) == [[i, i + 5] for i in range(5)]


def test_columns_of_prose_are_read_one_after_the_other():
    left = [quad(20, 100 + 30 * i, 380 + 9 * (i % 3)) for i in range(6)]
    right = [quad(460, 112 + 30 * i, 390 - 9 * (i % 3)) for i in range(6)]
    title, footer = quad(200, 20, 500, 40), quad(300, 400, 300)
    order = reading_order([title, *left, *right, footer])
    assert order == [[0], *[[i] for i in range(1, 13)], [13]]


def test_three_columns_with_wide_gutters_are_read_one_by_one():
    columns = [[quad(x, 40 * i, 480 + 5 * (i % 2)) for i in range(8)] for x in (0, 1100, 2200)]
    assert reading_order([q for column in columns for q in column]) == [[i] for i in range(24)]


def test_a_table_is_read_row_by_row():
    table = [quad(x, 40 * i, width) for i in range(5) for x, width in ((0, 90 + 20 * i), (300, 20), (400, 70))]
    assert reading_order(table) == [[3 * i, 3 * i + 1, 3 * i + 2] for i in range(5)]


def test_long_labels_of_any_width_are_no_prose():
    labels = [quad(20, 40 * i, width) for i, width in enumerate((140, 500, 150, 160, 480))]
    values = [quad(600, 40 * i, 200) for i in range(5)]
    assert reading_order([*labels, *values]) == [[i, i + 5] for i in range(5)]


@pytest.mark.parametrize(
    ("quads", "order"),
    [
        ([quad(0, 0, 100), quad(300, 0, 100), quad(0, 9, 100)], [[0, 1], [2]]),  # under one of them, however close
        ([quad(150, 0, 40), quad(0, 9, 200)], [[0], [1]]),
        ([quad(0, 0, 100), quad(300, 9, 100)], [[0, 1]]),
        ([quad(0, 0, 100), quad(300, 12, 100)], [[0], [1]]),
        ([quad(0, 0, 100), quad(300, 40, 100)], [[0], [1]]),
        # the centres of boxes of different heights
        ([quad(0, 0, 60, 40), quad(300, 10, 60)], [[0, 1]]),
        ([quad(0, 0, 60, 40), quad(300, 25, 60)], [[0], [1]]),
        ([quad(0, 0, 60, 60), quad(300, 10, 60)], [[1], [0]]),
        ([quad(0, 0, 60, 60), quad(300, 30, 60)], [[0], [1]]),
        ([quad(0, 100, 60), quad(300, 95, 60, 60)], [[0], [1]]),
    ],
)
def test_a_row_holds_what_is_side_by_side(quads, order):
    assert reading_order(quads) == order


def test_a_text_without_a_wide_gap_stays_as_it_was_read():
    words = (Word("Rye", (2, 2, 30, 18)), Word("bread", (40, 2, 90, 18)))
    page = Page((200, 100), (Line((Segment("Rye bread", (0, 0, 92, 20), words),)),))
    assert page.apart() == page


def test_the_skew_is_measured_on_the_wide_boxes():
    quads = [quad(0, 40 * i, 300, angle=0.02) for i in range(5)] + [quad(0, 400, 15, angle=0.5)]
    assert skew(quads) == pytest.approx(0.02, abs=1e-3)
    narrow = [quad(0, 400 + 40 * i, 15, angle=0.5) for i in range(7)]
    assert skew([*quads, *narrow]) == pytest.approx(0.02, abs=1e-3)
    assert skew([]) == skew([quad(0, 0, 300, angle=1.2)]) == 0


BOXES = st.tuples(st.integers(0, 2000), st.integers(0, 2000), st.integers(1, 800), st.integers(5, 60))


@given(st.lists(BOXES, max_size=25))
def test_every_box_is_read_once(boxes):
    order = reading_order([quad(*box) for box in boxes])
    assert sorted(i for row in order for i in row) == list(range(len(boxes)))


def test_a_page_without_boxes_has_no_reading_order():
    assert reading_order([]) == []


def test_ragged_columns_are_split_after_their_longest_line():
    left = [quad(20, 40 * i, width) for i, width in enumerate((300, 290, 310, 295, 380, 390, 385, 370))]
    right = [quad(460, 40 * i, 390) for i in range(8)]
    assert reading_order([*left, *right]) == [[i] for i in range(16)]
