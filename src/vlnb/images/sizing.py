"""The size in pixels at which Qwen2.5-VL sees a picture, and its cost in tokens.

Source of the rule: `smart_resize` of the Qwen2-VL image processor in Hugging Face transformers, which SGLang runs.
"""

from __future__ import annotations

import math

from vlnb.errors import BadInput

UNIT_PX = 28  # one token covers 2 x 2 patches of 14 pixels
MIN_PIXELS = 3_136  # limits in the checkpoints' preprocessor_config.json: 4 tokens …
MAX_PIXELS = 12_845_056  # … and 16,384
MAX_ASPECT = 200
DELIMITER_TOKENS = 2  # <|vision_start|> and <|vision_end|> around each picture


def smart_resize(
    width: int, height: int, *, max_pixels: float = MAX_PIXELS, min_pixels: int = MIN_PIXELS
) -> tuple[int, int]:
    """Return the (width, height) in pixels at which the model sees a picture of `width` x `height` pixels.

    Both sides become multiples of 28, the aspect ratio stays nearly the same, and the area ends up between `min_pixels`
    and `max_pixels`. Raises `BadInput` if a side is 0, or more than 200 times the other, which a server would refuse;
    or if `max_pixels` is not positive.

    >>> smart_resize(640, 820)
    (644, 812)
    >>> smart_resize(4000, 3000, max_pixels=1_003_520)
    (1148, 840)
    """
    if width < 1 or height < 1:
        raise BadInput(f"A picture of {width} x {height} pixels has no area; both sides must be at least 1.")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise BadInput(
            f"A picture of {width} x {height} pixels is too long: one side is more than {MAX_ASPECT} times the other,"
            " the most that Qwen2.5-VL takes. Cut it into pieces or pad the short side."
        )
    if not max_pixels > 0:  # NaN, too
        raise BadInput(f"max_pixels={max_pixels} leaves nothing of a picture: pass a positive number of pixels.")
    seen_w = round(width / UNIT_PX) * UNIT_PX
    seen_h = round(height / UNIT_PX) * UNIT_PX
    if seen_w * seen_h > max_pixels:
        shrink = math.sqrt(width * height / max_pixels)
        seen_w = max(UNIT_PX, math.floor(width / shrink / UNIT_PX) * UNIT_PX)
        seen_h = max(UNIT_PX, math.floor(height / shrink / UNIT_PX) * UNIT_PX)
    elif seen_w * seen_h < min_pixels:
        grow = math.sqrt(min_pixels / (width * height))
        seen_w = math.ceil(width * grow / UNIT_PX) * UNIT_PX
        seen_h = math.ceil(height * grow / UNIT_PX) * UNIT_PX
    return seen_w, seen_h


def tokens(width: int, height: int, *, max_pixels: int = MAX_PIXELS) -> int:
    """Return how many image tokens a picture of `width` x `height` pixels costs, without its two delimiters.

    Raises `BadInput` as `smart_resize` does.

    >>> tokens(640, 820)
    667
    """
    seen_w, seen_h = smart_resize(width, height, max_pixels=max_pixels)
    return (seen_w // UNIT_PX) * (seen_h // UNIT_PX)


def check_pixels(name: str, width: int, height: int, limit: int, *, cure: str) -> None:
    """Raise `BadInput` if the picture `name` has more than `limit` pixels."""
    if width * height > limit:
        raise BadInput(
            f"{name} has {width} x {height} pixels ({width * height / 1e6:.0f} megapixels);"
            f" the limit is {limit / 1e6:.0f}. {cure}"
        )
