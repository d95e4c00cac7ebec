"""A Picture as a model and a person see it."""

import base64
import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vlnb import images


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
    assert images.data_uri(images.load(noise)).startswith("data:image/jpeg;")
    assert images.data_uri(images.load(noise.reshape(1, 40_000, 3).repeat(2, 0))).startswith("data:image/jpeg;")
    assert images.data_uri(images.load(noise.reshape(1, 40_000, 3)[:, list(range(40_000)) * 2])).startswith(
        "data:image/png;"
    ), "a JPEG has at most 65,500 pixels a side"


def test_the_display_has_alternative_text():
    picture = images.load(Image.new("RGB", (30, 20)))
    assert 'alt="Picture the RGB image, 30 by 20 pixels"' in picture._repr_html_()


def test_names_and_notes_are_escaped():
    picture = images.Picture(Image.new("RGB", (9, 9)), '"><script>alert(1)</script>', (9, 9), notes=("<b>",))
    assert "<script" not in picture._repr_html_()
    assert "<b>" not in picture._repr_html_()


def test_large_pictures_are_displayed_small():
    assert len(images.load(Image.effect_noise((3000, 2000), 80))._repr_html_()) < 3_000_000


def test_repr_says_how_the_picture_was_changed():
    picture = images.load(Image.new("RGBA", (3, 2)))
    assert repr(picture) == "<Picture the RGBA image: 3 x 2 px; transparency laid on white>"
