"""What the model sees of a picture does not depend on how the picture was given."""

import io
import pathlib

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from vlnb import BadInput, images


def jpeg(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90, **options)
    return buffer.getvalue()


def scene(width, height):
    """A soft picture with an edge: resampling shows in it, and noise does not hide it."""
    across = np.linspace(0, 200, width, dtype=np.uint8)[None, :].repeat(height, 0)
    pixels = np.stack([across, across.max() - across, np.full_like(across, 90)], axis=2)
    pixels[height // 3 : height // 2, width // 4 : width // 2] = 250
    return Image.fromarray(pixels)


@settings(max_examples=40)
@given(st.integers(20, 1500), st.integers(20, 1500), st.sampled_from([20_000, 200_000, images.MAX_PIXELS]))
def test_a_reduced_picture_keeps_the_sizes_of_the_whole_file(width, height, limit):
    seen = images.smart_resize(width, height, max_pixels=limit)
    assume(
        seen[0] * seen[1] <= limit
    )  # the server's rule leaves a thin strip larger than the limit, so the law excludes it
    picture = images.load(jpeg(Image.new("RGB", (width, height))), seen_pixels=limit)
    assert picture.original_size == (width, height)
    assert picture.seen(max_pixels=limit).size == picture.seen_size(max_pixels=limit) == seen


PHONE = pathlib.Path(__file__).parent.parent / "data" / "phone.heic"


@pytest.mark.parametrize("limit", [100_000, 1_003_520, images.MAX_PIXELS])
@pytest.mark.parametrize("form", ["PNG", "JPEG", "AVIF", "HEIC", "an image"])
def test_a_file_and_a_loaded_picture_send_the_same_bytes(form, limit):
    """`ask(question, "photo.jpg")` and `ask(question, images.load("photo.jpg"))` are the same question."""
    if form == "an image":
        source = scene(3000, 2000)
    elif form == "HEIC":
        source = PHONE.read_bytes()
    else:
        buffer = io.BytesIO()
        scene(4000, 3000).save(buffer, form, **({"speed": 10} if form == "AVIF" else {}))
        source = buffer.getvalue()
    direct = images.load(source, seen_pixels=limit).seen(max_pixels=limit)
    loaded = images.load(source).seen(max_pixels=limit)
    assert direct.encoded == loaded.encoded
    assert direct.original_size == loaded.original_size


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_turned_photo_is_upright_and_measured_upright(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = images.load(jpeg(scene(1600, 800), exif=exif), seen_pixels=200_000)
    upright = (800, 1600) if orientation in (6, 8) else (1600, 800)
    assert picture.original_size == upright
    assert picture.size == images.smart_resize(*upright, max_pixels=200_000)


@pytest.mark.parametrize("size", [(4000, 19), (19, 4000)])
def test_a_thin_strip_raises_bad_input(size):
    with pytest.raises(BadInput, match="200"):
        images.load(jpeg(Image.new("RGB", size)), seen_pixels=200_000).seen(max_pixels=200_000)
