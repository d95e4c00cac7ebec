"""Preparing a photo of 12 megapixels for a request: ours against sending the file as it is, and plain Pillow.

    make bench

All ways are timed in turn, in one process, on the same file: a landscape with a camera's noise and EXIF rotation.
"""

from __future__ import annotations

import base64
import io
import statistics
import time
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from vlnb import images

ROUNDS = 9
WIDTH, HEIGHT = 4000, 3000
DIALS = {"1,280 tokens": 1280 * 28 * 28, "all that it takes (16,384)": images.MAX_PIXELS}


def photo(*, turned: bool) -> bytes:
    """Return a JPEG of 12 megapixels as a camera writes it: soft shapes, fine texture, noise; quality 92."""
    random = np.random.default_rng(5)
    coarse = Image.fromarray(random.integers(0, 255, (60, 80, 3), np.uint8)).resize(
        (WIDTH, HEIGHT), Image.Resampling.BICUBIC
    )
    fine = Image.fromarray(random.integers(90, 165, (HEIGHT // 3, WIDTH // 3, 3), np.uint8)).resize((WIDTH, HEIGHT))
    scene = Image.blend(coarse, fine.filter(ImageFilter.GaussianBlur(1)), 0.3)
    grain = random.normal(0, 4, (HEIGHT, WIDTH, 1))
    scene = Image.fromarray((np.asarray(scene) + grain).clip(0, 255).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6 if turned else 1
    buffer = io.BytesIO()
    scene.save(buffer, "JPEG", quality=92, exif=exif)
    return buffer.getvalue()


def the_file(data: bytes, _: int) -> int:
    """Send the file as it is: base64 of its bytes. The model then sees it on its side."""
    return len(base64.b64encode(data))


def plain_pillow(data: bytes, max_pixels: int) -> int:
    """Open, convert, resize, encode; the EXIF rotation is ignored."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    buffer = io.BytesIO()
    image.resize(images.smart_resize(*image.size, max_pixels=max_pixels)).save(buffer, "JPEG", quality=92)
    return len(base64.b64encode(buffer.getvalue()))


def ours(data: bytes, max_pixels: int) -> int:
    """Load, turn upright, bring to the size the model sees, encode."""
    picture = images.load(data, seen_pixels=max_pixels).seen(max_pixels=max_pixels)
    return len(images.data_uri(picture))


def timed(call: Callable[[bytes, int], int], data: bytes, max_pixels: int) -> tuple[float, int]:
    """Return (milliseconds, bytes sent)."""
    start = time.perf_counter()
    sent = call(data, max_pixels)
    return 1000 * (time.perf_counter() - start), sent


def main() -> None:
    """Print the table."""
    ways = {"the file itself": the_file, "plain Pillow": plain_pillow, "images.load(seen_pixels=…)": ours}
    for turned in (False, True):
        data = photo(turned=turned)
        print(f"JPEG {WIDTH} x {HEIGHT}, {len(data) / 1e6:.1f} MB{', turned by EXIF' if turned else ''}")
        for name, max_pixels in DIALS.items():
            rounds = [{way: timed(call, data, max_pixels) for way, call in ways.items()} for _ in range(ROUNDS)]
            for way in ways:
                times = [timings[way][0] for timings in rounds]
                sent = rounds[0][way][1]
                share = f"{sent / len(data):5.0%} of the file"
                print(f"  to {name:27} {way:28} {statistics.median(times):7.0f} ms  {sent / 1e6:6.2f} MB sent  {share}")
        print()


if __name__ == "__main__":
    main()
