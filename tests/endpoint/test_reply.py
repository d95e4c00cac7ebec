"""The places in a reply, in the coordinate space that the model's name implies."""

import pytest

import vlnb


@pytest.mark.parametrize(
    ("model", "corners"),
    [
        ("Qwen/Qwen2.5-VL-7B-Instruct", (100, 200, 300, 400)),
        ("qwen2_5_vl_32b", (100, 200, 300, 400)),
        ("qwen25vl", (100, 200, 300, 400)),
        ("vlnb-embedded-ocr", (100, 200, 300, 400)),
        ("llava-1.6", (100, 200, 300, 400)),
        ("Qwen/Qwen2-VL-7B-Instruct", (200, 100, 600, 200)),
        ("Qwen/Qwen3-VL-8B-Instruct", (200, 100, 600, 200)),
        ("qwen3_vl_moe", (200, 100, 600, 200)),
        ("Qwen/Qwen3.5-9B", (200, 100, 600, 200)),
    ],
)
def test_the_models_name_determines_its_coordinate_space(model, corners):
    """On a picture of 2000 x 500: Qwen2.5-VL means pixels, other generations of Qwen-VL mean thousandths."""
    from PIL import Image

    picture = vlnb.images.load(Image.new("RGB", (2000, 500)))
    reply = vlnb.Reply(
        '[{"bbox_2d": [100, 200, 300, 400]}]', model, "s", "stop", 0, 0, None, (picture,), ((2000, 500),)
    )
    assert reply.boxes[0].corners == corners
