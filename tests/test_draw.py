"""Regions drawn on pictures, as a figure, and the grid of tokens."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageColor

from vlnb import draw, images
from vlnb.draw.overlay import places
from vlnb.regions import Box, Point, Polygon, parse


def grey(size=(500, 400)):
    return images.load(Image.new("RGB", size, (128, 128, 128)))


def has(picture, colour):
    return (np.asarray(picture.image) == ImageColor.getrgb(colour)).all(axis=2).any()


def colours_in(picture):
    return {colour for colour in draw.COLOURS if has(picture, colour)}


def test_the_picture_itself_is_not_touched():
    picture = grey()
    drawn = draw.overlay(picture, [Box(20, 40, 90, 80, label="a")])
    assert not colours_in(picture)
    assert len(colours_in(drawn)) == 1
    assert drawn.size == picture.size


def test_the_box_lies_around_what_it_marks():
    drawn = np.asarray(draw.overlay(grey(), [Box(50, 60, 120, 100)]).image)
    assert (drawn[62:98, 52:118] == 128).all(), "what is marked stays visible"
    assert tuple(drawn[80, 49]) in {ImageColor.getrgb(colour) for colour in draw.COLOURS}


@pytest.mark.parametrize(
    ("shape", "at"),
    [
        (Point(200, 200, "p"), (200, 200)),
        (Polygon(((100, 100), (300, 100), (300, 300), (100, 300)), "q"), (100, 200)),
        (Box(100, 100, 300, 300, "b"), (99, 200)),
    ],
)
def test_each_kind_is_drawn_where_it_is(shape, at):
    drawn = np.asarray(draw.overlay(grey(), [shape]).image)
    assert tuple(drawn[at[1], at[0]]) == ImageColor.getrgb(draw.colours([shape.label])[shape.label])


@pytest.mark.parametrize("corner", [(0, 0), (500, 0), (0, 400), (500, 400)])
@pytest.mark.parametrize("kind", [Box, Point, Polygon])
def test_what_lies_outside_is_drawn_at_the_nearest_edge(kind, corner):
    """A model that is wrong by a few pixels, or by many, must not have its region vanish."""
    x, y = (-90 if at == 0 else at + 90 for at in corner)
    shape = {
        Box: Box(x - 20, y - 20, x + 20, y + 20),
        Point: Point(x, y),
        Polygon: Polygon(((250, 200), (250, y), (x, y), (x, 200))),
    }[kind]
    drawn = np.asarray(draw.overlay(grey(), [shape]).image)
    right, bottom = (at > 0 for at in corner)
    there = drawn[slice(-4, None) if bottom else slice(4), slice(-4, None) if right else slice(4)]
    assert (there != 128).any()


def test_regions_are_in_pixels_of_the_original():
    """A picture that was made smaller still takes boxes of the original."""
    picture = images.load(Image.new("RGB", (1120, 1120), (128, 128, 128))).seen(max_pixels=560 * 560)
    drawn = np.asarray(draw.overlay(picture, [Box(200, 200, 400, 400)]).image)
    assert drawn.shape[:2] == (560, 560)
    assert (drawn[103:197, 103:197] == 128).all()
    assert tuple(drawn[150, 99]) != (128, 128, 128)


def test_an_answer_can_be_drawn_as_it_was_parsed():
    found = parse('[{"bbox_2d": [10, 40, 60, 80], "label": "a"}]', seen=(500, 400), original=(500, 400))
    assert "1 box(es) drawn on it: a" in draw.overlay(grey(), found).alt


def test_a_label_has_one_colour_in_every_picture():
    names = ["taxi", "person", "sign", "tree", "dog", "cup"]
    colours = draw.colours(names)
    assert len(set(colours.values())) == 6
    assert draw.colours(reversed(names)) == colours
    assert all(draw.colours([name])[name] in draw.COLOURS for name in names)
    assert len(draw.colours(map(str, range(40)))) == 40


def test_a_screen_reader_hears_the_boxes():
    drawn = draw.overlay(grey(), [Box(10, 40, 60, 80, "dog"), Box(90, 40, 120, 80, text="17,000"), Point(5, 5, "nose")])
    assert "2 box(es) and 1 point(s) drawn on it: dog, 17,000, nose" in drawn.alt
    assert "<script" not in draw.overlay(grey(), [Box(1, 1, 5, 5, "<script>")])._repr_html_()


@pytest.mark.parametrize("size", [(8, 3000), (5000, 30), (500, 400)])
def test_any_size_is_kept(size):
    assert draw.overlay(grey(size), [Box(0, 0, *size, label="a very long label " * 10)]).size == size


@pytest.mark.parametrize(("size", "shown"), [((1, 1), (360, 360)), ((28, 56), (196, 392)), ((300, 200), (600, 400))])
def test_a_tiny_picture_is_enlarged_so_that_its_labels_are_legible(size, shown):
    drawn = draw.overlay(grey(size), [Box(0, 0, size[0] / 2, size[1] / 2, "icon")])
    assert drawn.size == shown
    assert drawn.original_size == size
    assert colours_in(drawn)


def test_fifty_megapixels_and_four_hundred_boxes():
    boxes = [
        Box(400 * (i % 20), 300 * (i // 20), 400 * (i % 20) + 90, 300 * (i // 20) + 80, f"n{i}") for i in range(400)
    ]
    start = time.perf_counter()
    drawn = draw.overlay(grey((8000, 6250)), boxes)
    assert time.perf_counter() - start < 20, "seconds, not minutes: a bound against quadratic work"
    assert "400 box(es)" in drawn.alt
    assert "and 380 more" in drawn.alt


COORDINATE = st.floats(-500, 700, allow_nan=False)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(COORDINATE, COORDINATE, COORDINATE, COORDINATE, st.text(max_size=60)), max_size=5))
def test_any_boxes(corners):
    draw.overlay(grey(), [Box(*box[:4], label=box[4]) for box in corners])


ANCHOR = st.tuples(st.floats(0, 400), st.floats(0, 300), st.floats(1, 90), st.floats(1, 90))


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(ANCHOR, st.floats(5, 120), st.floats(5, 30)), max_size=30))
def test_labels_stay_inside_and_apart(wanted):
    """The law of places: none leaves the picture, no two share a pixel; what has no room is named, not squeezed in."""
    anchors = [(x, y, x + w, y + h) for (x, y, w, h), _, _ in wanted]
    spots = places(anchors, [(width, height) for _, width, height in wanted], (500, 400))
    assert len(spots) == len(wanted)
    kept = [spot for spot in spots if spot is not None]
    assert all(0 <= x1 < x2 <= 500 + 1e-6 and 0 <= y1 < y2 <= 400 + 1e-6 for x1, y1, x2, y2 in kept)
    for i, a in enumerate(kept):
        for b in kept[:i]:
            assert a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3]
    assert not wanted or kept


def test_labels_without_room_are_told():
    crowd = [Box(200 + i, 200, 210 + i, 210, f"label number {i}") for i in range(40)]
    drawn = draw.overlay(grey(), crowd)
    assert "label(s) left out: no room" in drawn.notes[-1]


# -- the figure ----------------------------------------------------------------------------------------------------


HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(2)"><a href="javascript:alert(3)">x</a>'


def test_the_figure_says_what_is_known_of_a_region():
    box = Box(100, 50, 300, 200, "taxi", "AB 123", {"colour": "red"})
    figure = draw.interactive(grey((1000, 800)), [box, Point(10, 20, "nose")], seen=(500, 400))
    hover = figure.data[0].text
    for part in (
        "taxi",
        "AB 123",
        "colour: red",
        "original pixels: 100, 50, 300, 200",
        "(500 × 400): 50, 25, 150, 100",
    ):
        assert part in hover
    assert figure.data[1].mode == "markers"
    assert "pixels" in figure.layout.xaxis.title.text
    assert list(figure.layout.yaxis.range) == [800, 0]
    assert "2" not in figure.layout.title.text.split("box")[0]


def test_a_label_is_in_the_legend_once():
    figure = draw.interactive(grey(), [Box(1, 1, 9, 9, "a"), Box(20, 20, 40, 40, "a"), Box(50, 50, 60, 60, "b")])
    assert [trace.name for trace in figure.data if trace.showlegend] == ["a", "b"]
    assert [trace.legendgroup for trace in figure.data] == ["a", "a", "b"]


def test_no_markup_of_the_models_reaches_the_figure():
    figure = draw.interactive(grey(), [Box(1, 1, 90, 90, HOSTILE, HOSTILE, {HOSTILE: HOSTILE})])
    for said in (figure.data[0].text, figure.data[0].name):
        assert "<script" not in said
        assert "<img" not in said
        assert "<a " not in said
    assert "<script>alert" not in figure.to_html(include_plotlyjs=False)


# -- tokens --------------------------------------------------------------------------------------------------------


def test_the_grid_says_what_a_picture_costs():
    shown = draw.grid(grey((1280, 720)))
    assert shown.size == (1288, 728)
    assert shown.notes[-1] == "1280 × 720, seen as 1288 × 728 → 46 × 26 = 1196 tokens"
    assert shown.notes[-1] in shown._repr_html_()
    pixels = np.asarray(shown.image)
    assert not (pixels[10, 28] == 128).all(), "a line every 28 pixels"
    assert (pixels[10, 10] == 128).all()


def test_the_cost_of_a_picture_that_needs_no_resize():
    assert draw.cost(grey((1288, 728))) == "1288 × 728 → 46 × 26 = 1196 tokens"
    assert draw.cost(grey((1288, 728)), max_pixels=400 * 784).endswith("→ 26 × 15 = 390 tokens")
