"""A Picture as a model and a person see it."""

import base64
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vlnb import BadInput, images


def decode_sent(picture):
    return Image.open(io.BytesIO(base64.b64decode(images.data_uri(picture).partition(",")[2])))


@settings(max_examples=40)
@given(st.integers(1, 300), st.integers(1, 300))
def test_the_sent_picture_is_what_the_model_sees(width, height):
    if max(width, height) > 200 * min(width, height):
        return
    seen = images.load(Image.new("RGB", (width, height))).seen()
    assert decode_sent(seen).size == seen.size == images.smart_resize(width, height)
    assert seen.original_size == (width, height)
    assert seen.seen() is seen


def test_drawings_are_sent_as_png_and_photographs_as_jpeg():
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    assert images.data_uri(images.load(Image.new("RGB", (200, 200), "red"))).startswith("data:image/png;")
    assert images.data_uri(images.load(Image.new("RGB", (1, 1)))).startswith("data:image/png;")
    assert images.data_uri(images.load(noise)).startswith("data:image/jpeg;")
    assert images.data_uri(images.load(noise.reshape(1, 40_000, 3).repeat(2, 0))).startswith("data:image/jpeg;")
    assert images.data_uri(images.load(noise.reshape(1, 40_000, 3)[:, list(range(40_000)) * 2])).startswith(
        "data:image/png;"
    ), "a JPEG has at most 65,500 pixels a side"


@pytest.mark.parametrize(("flat", "kind"), [(0.4, "jpeg"), (0.6, "png")])
def test_a_picture_counts_as_a_drawing_if_most_of_it_is_flat(flat, kind):
    pixels = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    pixels[: round(200 * flat)] = 255
    assert images.load(pixels).encoded[0] == f"image/{kind}"


def test_a_photograph_is_sent_with_sharp_text_and_colours():
    blocks = np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8).repeat(2, 0)
    sent = np.asarray(decode_sent(images.load(blocks)), float)
    assert np.abs(sent - blocks).mean() < 6


@pytest.mark.parametrize(
    ("region", "size"),
    [
        ((20, 10, 60, 30), (20, 10)),
        ((-9, 10, 20, 30), (10, 10)),
        ((20, -9, 60, 10), (20, 5)),
        ((70, 10, 99, 30), (5, 10)),
        ((20, 30, 60, 99), (20, 5)),
        ((20, 10, 20, 30), None),
        ((20, 10, 60, 10), None),
        ((80, 0, 99, 40), None),
        ((0, 40, 80, 99), None),
    ],
)
def test_a_region_is_cut_out_as_far_as_it_lies_in_the_picture(region, size):
    """The picture is half as large as its original, and nowhere black."""
    picture = images.Picture(Image.new("RGB", (40, 20), "white"), "a.png", (80, 40), alt="a page")
    if size is None:
        with pytest.raises(BadInput, match=r"is empty: a\.png has 40 x 20 pixels"):
            picture.crop(region)
        return
    part = picture.crop(region)
    assert part.size == part.original_size == size
    assert part.image.getextrema() == ((255, 255),) * 3
    assert (part.source, part.alt) == (f"a.png, region {list(region)}", "A part of: a page")


def test_the_display_has_alternative_text():
    picture = images.load(Image.new("RGB", (30, 20)))
    assert 'alt="Picture the RGB image, 30 by 20 pixels"' in picture._repr_html_()
    assert 'alt="a page"' in images.Picture(picture.image, "a.png", (30, 20), alt="a page")._repr_html_()


def test_names_and_notes_are_escaped():
    picture = images.Picture(Image.new("RGB", (9, 9)), '"><script>alert(1)</script>', (9, 9), notes=("<b>",))
    assert "<script" not in picture._repr_html_()
    assert "<b>" not in picture._repr_html_()


def test_large_pictures_are_displayed_small():
    html = images.load(Image.effect_noise((3000, 2000), 80))._repr_html_()
    assert len(html) < 3_000_000
    assert 'width="720"' in html
    assert 'width="480"' in images.load(Image.new("L", (2000, 3000)))._repr_html_()
    assert 'width="30"' in images.load(Image.new("L", (30, 20)))._repr_html_()


def test_repr_says_how_the_picture_was_changed():
    picture = images.load(Image.new("RGBA", (3, 2)))
    assert repr(picture) == "<Picture the RGBA image: 3 x 2 px; transparency laid on white>"
