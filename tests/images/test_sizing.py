"""Size and cost of a picture for the model: the server's own rule."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from vlnb import BadInput, draw, images
from vlnb.images import MAX_PIXELS, MIN_PIXELS, UNIT_PX, smart_resize, tokens

SIDES = st.integers(1, 20_000)

# width, height, seen size, tokens: measured on a real SGLang server, or taken from the reference processor.
KNOWN = [
    (1280, 720, (1288, 728), 1196),
    (640, 480, (644, 476), 391),
    (1920, 1080, (1932, 1092), 2691),
    (4000, 3000, (4004, 2996), 15301),
    (8000, 6000, (4116, 3080), 16170),
    (20, 20, (56, 56), 4),
    (200, 1, (812, 28), 29),
    (200, 10, None, 9),
    (13, 200, None, 8),
    (1000, 30, None, 36),
    (333, 777, None, 336),
    (97, 2011, None, 216),
]


@pytest.mark.parametrize(("width", "height", "seen", "cost"), KNOWN)
def test_known_pictures_have_their_size_and_tokens(width, height, seen, cost):
    assert tokens(width, height) == cost
    if seen:
        assert smart_resize(width, height) == seen


@pytest.mark.parametrize(
    ("width", "height", "seen", "cost"),
    [(1920, 1080, (1316, 728), 1222), (4000, 3000, (1148, 840), 1230), (8000, 6000, (1148, 840), 1230)],
)
def test_a_lower_pixel_limit_shrinks_the_picture(width, height, seen, cost):
    assert smart_resize(width, height, max_pixels=1_003_520) == seen
    assert tokens(width, height, max_pixels=1_003_520) == cost


def test_a_thin_strip_keeps_a_row_of_tokens_below_a_low_limit():
    assert smart_resize(5000, 30, max_pixels=10_000) == (1288, 28)
    assert smart_resize(30, 5000, max_pixels=10_000) == (28, 1288)


@given(SIDES, SIDES)
def test_every_size_follows_the_rules_of_the_server(width, height):
    assume(max(width, height) <= 200 * min(width, height))
    seen = smart_resize(width, height)
    assert all(side % UNIT_PX == 0 and side >= UNIT_PX for side in seen)
    assert MIN_PIXELS <= seen[0] * seen[1] <= MAX_PIXELS
    assert tokens(width, height) * UNIT_PX**2 == seen[0] * seen[1]
    assert (seen[1], seen[0]) == smart_resize(height, width)
    if max(seen) <= 200 * min(seen):
        assert smart_resize(*seen) == seen, "a resized picture is not resized again"


@pytest.mark.parametrize("limit", [0, -1, float("nan")])
@pytest.mark.parametrize(
    "resize",
    [
        lambda limit: smart_resize(100, 100, max_pixels=limit),
        lambda limit: images.load(Image.new("RGB", (9, 9)), seen_pixels=limit),
        lambda limit: draw.grid(images.load(Image.new("RGB", (9, 9))), max_pixels=limit),
    ],
    ids=["size", "picture", "grid"],
)
def test_a_pixel_limit_must_be_positive(resize, limit):
    with pytest.raises(BadInput, match=f"max_pixels={limit} leaves nothing"):
        resize(limit)


@pytest.mark.parametrize(
    ("width", "height", "words"),
    [(300, 1, "too long"), (1, 201, "too long"), (20_000, 99, "too long"), (0, 10, "no area"), (10, 0, "no area")],
)
def test_sizes_that_the_server_refuses_are_refused(width, height, words):
    with pytest.raises(BadInput, match=words):
        smart_resize(width, height)
