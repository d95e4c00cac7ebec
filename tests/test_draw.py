"""Regions drawn on pictures and in the HTML of a notebook, and the token grid."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageColor

from vlnb import BadInput, draw, images
from vlnb.regions import Box, Point, Polygon, parse


def grey(size=(500, 400)):
    return images.load(Image.new("RGB", size, (128, 128, 128)))


def contains_colour(picture, colour):
    return (np.asarray(picture.image) == ImageColor.getrgb(colour)).all(axis=2).any()


def colours_in(picture):
    return {colour for colour in draw.COLOURS if contains_colour(picture, colour)}


def test_drawing_leaves_the_original_picture_unchanged():
    picture = grey()
    drawn = draw.overlay(picture, [Box(20, 40, 90, 80, label="a")])
    assert not colours_in(picture)
    assert len(colours_in(drawn)) == 1
    assert drawn.image.size == picture.size


def test_a_box_is_drawn_around_its_region_not_over_it():
    drawn = np.asarray(draw.overlay(grey(), [Box(50, 60, 120, 100)]).image)
    assert (drawn[62:98, 52:118] == 128).all(), "the marked region stays visible"
    assert tuple(drawn[80, 49]) in {ImageColor.getrgb(colour) for colour in draw.COLOURS}


@pytest.mark.parametrize(
    ("shape", "at"),
    [
        (Point(200, 200, "p"), (192, 200)),
        (Polygon(((100, 100), (300, 100), (300, 300), (100, 300)), "q"), (100, 200)),
        (Box(100, 100, 300, 300, "b"), (99, 200)),
    ],
)
def test_points_polygons_and_boxes_are_drawn_in_place(shape, at):
    drawn = np.asarray(draw.overlay(grey(), [shape]).image)
    assert tuple(drawn[at[1], at[0]]) == ImageColor.getrgb(draw.colours([shape.label])[shape.label])


@pytest.mark.parametrize("corner", [(0, 0), (500, 0), (0, 400), (500, 400)])
@pytest.mark.parametrize("kind", [Box, Point, Polygon])
def test_regions_outside_the_picture_are_drawn_at_the_nearest_edge(kind, corner):
    """A region must not vanish because the model is wrong by a few pixels, or by many."""
    x, y = (-90 if at == 0 else at + 90 for at in corner)
    shape = {
        Box: Box(x - 20, y - 20, x + 20, y + 20),
        Point: Point(x, y),
        Polygon: Polygon(((250, 200), (250, y), (x, y), (x, 200))),
    }[kind]
    drawn = np.asarray(draw.overlay(grey(), [shape]).image)
    right, bottom = (at > 0 for at in corner)
    corner_pixels = drawn[slice(-12, None) if bottom else slice(12), slice(-12, None) if right else slice(12)]
    assert (corner_pixels != 128).any()


def test_regions_are_in_pixels_of_the_original_picture():
    """A resized picture still takes boxes in pixels of the original."""
    picture = images.load(Image.new("RGB", (1120, 1120), (128, 128, 128))).seen(max_pixels=560 * 560)
    drawn = np.asarray(draw.overlay(picture, [Box(200, 200, 400, 400)]).image)
    assert drawn.shape[:2] == (560, 560)
    assert (drawn[103:197, 103:197] == 128).all()
    assert tuple(drawn[150, 99]) != (128, 128, 128)


def test_a_parsed_answer_can_be_drawn_directly():
    answer = parse('[{"bbox_2d": [10, 40, 60, 80], "label": "a"}]', seen=(500, 400), original=(500, 400))
    assert "1 box on it: a" in draw.overlay(grey(), answer).alt


def test_colours_distinguish_repeated_labels_or_are_all_the_same():
    names = ["taxi", "person", "sign", "tree", "dog", "cup"]
    colours = draw.colours(names * 2)
    assert len(set(colours.values())) == 6
    assert draw.colours(reversed(names * 2)) == colours, "a label keeps its colour from picture to picture"
    assert len(set(draw.colours(names).values())) == 1, "each label once: the labels alone distinguish them"
    assert len(set(draw.colours([*map(str, range(40))] * 2).values())) == 1, "too many labels to distinguish by colour"
    assert len(set(draw.colours(["cut \ud83d", "dog"] * 2).values())) == 2, "half of a character, from a broken answer"


def test_the_alt_text_lists_boxes_and_points():
    drawn = draw.overlay(grey(), [Box(10, 40, 60, 80, "dog"), Box(90, 40, 120, 80, text="17,000"), Point(5, 5, "nose")])
    assert "2 boxes and 1 point on it: dog, 17,000, nose" in drawn.alt
    assert drawn.alt in drawn._repr_html_()


HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(2)"><a href="javascript:alert(3)">x</a>'


def test_markup_in_a_models_answer_is_escaped():
    shown = draw.overlay(grey(), [Box(1, 1, 90, 90, HOSTILE, HOSTILE, {HOSTILE: HOSTILE})])._repr_html_()
    for tag in ("<script", "<a ", "<img src=x"):
        assert tag not in shown
    assert shown.count("<img") == 1


def test_a_regions_tooltip_lists_its_text_attributes_and_coordinates():
    box = Box(100, 50, 300, 200, "taxi", "AB 123", {"colour": "red"})
    shown = draw.overlay(grey((1000, 800)), [box, Point(10, 20, "nose")], seen=(500, 400))._repr_html_()
    facts = "taxi\ntext: AB 123\ncolour: red\noriginal pixels: 100, 50, 300, 200\nas seen (500 × 400): 50, 25, 150, 100"
    assert f'title="{facts}"' in shown
    assert "left:10.00%;top:6.25%;width:20.00%;height:18.75%" in shown
    assert 'tabindex="0"' in shown
    assert "border-radius:50%" in shown, "a point is a ring, so that the object in it stays visible"


def test_a_polygon_keeps_its_corners():
    shape = Polygon(((50, 50), (150, 50), (100, 90)), "sail")
    shown = draw.overlay(grey(), [shape])._repr_html_()
    assert 'points="0,0 100,0 50,40"' in shown
    assert 'viewBox="0 0 100 40"' in shown


def test_labels_are_legible_and_placed_beside_their_regions():
    shown = draw.overlay(
        grey((2000, 1500)), [Box(100, 800, 300, 900, "low"), Box(1500, 10, 1700, 90, "high")]
    )._repr_html_()
    assert shown.count("font:11px") == 2, "eleven pixels on the screen, however large the picture"
    assert "left:-2px;bottom:calc(100% + 2px)" in shown
    assert "right:-2px;top:calc(100% + 2px)" in shown


def test_colours_get_a_legend_and_crowded_regions_get_no_labels():
    taxis = [Box(10 * i, 10, 10 * i + 9, 20, "taxi") for i in range(3)]
    assert "taxi (3)" in draw.overlay(grey(), [*taxis, Box(1, 50, 9, 60, "bus")])._repr_html_()
    assert "taxi (3)" not in draw.overlay(grey(), taxis)._repr_html_()
    crowd = [Box(4 * i, 10, 4 * i + 3, 20, f"n{i}") for i in range(60)]
    assert "font:11px" not in draw.overlay(grey(), crowd)._repr_html_()


@pytest.mark.parametrize(("size", "width"), [((1, 1), 360), ((300, 200), 360), ((640, 820), 640), ((4000, 3000), 720)])
def test_pictures_are_shown_at_a_width_that_leaves_room_for_labels(size, width):
    drawn = draw.overlay(grey(size), [Box(0, 0, size[0], size[1], "icon")])
    assert f"width:{width}px;max-width:100%" in drawn._repr_html_()
    assert drawn.image.size == size


def test_400_boxes_on_50_megapixels_give_a_short_alt_text_and_small_html():
    boxes = [
        Box(400 * (i % 20), 300 * (i // 20), 400 * (i % 20) + 90, 300 * (i // 20) + 80, f"n{i}") for i in range(400)
    ]
    drawn = draw.overlay(grey((8000, 6250)), boxes)
    assert "400 boxes" in drawn.alt
    assert "and 380 more" in drawn.alt
    assert len(drawn._repr_html_()) < 2_000_000


HUGE = "A" * 40_000
LONG = {
    "label": {"label": HUGE},
    "text": {"label": "a", "text_content": HUGE},
    "attribute": {"label": "a", "colour": HUGE},
    "many attributes": {"label": "a", **{f"key {number}": "A" * 400 for number in range(100)}},
}


@pytest.mark.parametrize("kind", LONG)
def test_a_long_text_shared_by_2000_boxes_gives_bounded_html(kind):
    boxes = [[i % 400, i // 400, i % 400 + 5, i // 400 + 5] for i in range(2000)]
    regions = parse(json.dumps({**LONG[kind], "bbox_2d": boxes}), seen=(500, 400), original=(500, 400))
    assert len(regions.boxes) == 2000
    shown = draw.overlay(grey(), [*regions.boxes, Point(1, 1, "other")])._repr_html_()
    assert len(shown) < 16_000_000
    assert ("and 90 more attributes" in shown) == (kind == "many attributes")
    assert ("A" * 39 + "… (2000)" in shown) == (kind == "label")


def test_a_polygon_without_corners_is_refused():
    with pytest.raises(BadInput, match="without corners"):
        draw.overlay(grey(), [Polygon(())])


COORDINATE = st.floats(-500, 700, allow_nan=False)


@settings(max_examples=50)
@given(st.lists(st.tuples(COORDINATE, COORDINATE, COORDINATE, COORDINATE, st.text(max_size=60)), max_size=5))
def test_any_boxes_can_be_drawn(corners):
    drawn = draw.overlay(grey(), [Box(*box[:4], label=box[4]) for box in corners])
    assert drawn._repr_html_().count("tabindex") == len(corners)


# -- the token grid -----------------------------------------------------------------------------------------------


def test_the_token_grid_reports_the_cost_of_a_picture():
    shown = draw.grid(grey((1280, 720)))
    assert shown.size == (1288, 728)
    assert shown.notes[-1] == "1280 × 720, seen as 1288 × 728 → 46 × 26 = 1196 tokens"
    assert shown.notes[-1] in shown._repr_html_()
    pixels = np.asarray(shown.image)
    assert not (pixels[10, 28] == 128).all(), "a line every 28 pixels"
    assert (pixels[10, 10] == 128).all()


def test_the_cost_of_a_picture_is_reported_with_and_without_resizing():
    assert draw.cost(grey((1288, 728))) == "1288 × 728 → 46 × 26 = 1196 tokens"
    assert draw.cost(grey((1288, 728)), max_pixels=400 * 784).endswith("→ 26 × 15 = 390 tokens")
