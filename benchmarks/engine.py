"""The embedded engine against the OCR library alone: time per request, memory, and a long till roll.

    make bench

Library and engine answer in turn, in one process and on the same pictures, so that both run under the same load.
"""

from __future__ import annotations

import random
import resource
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import vlnb
from vlnb import embedded, images, samples
from vlnb.embedded.reader import Reader

ROUNDS = 7


def roll(lines: int = 100) -> tuple[Image.Image, list[str]]:
    """Return a till roll of 420 x 8400 pixels and its lines."""
    rng = random.Random(11)
    stock = "Apples Bread Carrots Dates Eggs Flour Garlic Honey Jam Kale Lemons Milk Nuts Oats Pears Rice".split()
    image = Image.new("RGB", (420, 84 * lines), "white")
    pen, font, truth = ImageDraw.Draw(image), ImageFont.load_default(22), []
    for i in range(lines):
        name = f"{rng.choice(stock)} {rng.choice(stock)}"
        price = f"{rng.randint(1, 99)}.{rng.randint(10, 99)}"
        pen.text((20, 20 + 84 * i), name, font=font, fill="black")
        pen.text((320, 20 + 84 * i), price, font=font, fill="black")
        truth.append(f"{name}    {price}")
    return image, truth


def page(width: int = 3000, height: int = 4000) -> Image.Image:
    """Return a photographed page of 12 megapixels with twenty lines."""
    image = Image.effect_noise((width, height), 12).point(lambda grey: 245 - abs(128 - grey)).convert("RGB")
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(64)
    for i in range(20):
        pen.text((240, 240 + 160 * i), f"Line {i} of a large page, {i}7,000 in all", font=font, fill=(40, 40, 40))
    return image


def timed(call: Callable[[], object]) -> float:
    """Return the milliseconds that `call` takes."""
    start = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - start)


def peak_mb() -> float:
    """Return the largest memory of this process so far, in MB."""
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6


def main() -> None:
    """Print the tables."""
    endpoint = vlnb.connect(embedded.start().base_url, announce=None)
    reader = Reader()
    receipts = [samples.receipt().picture] * 10
    large = page()
    for receipt in receipts:
        endpoint.ask("Read all the text in the image.", receipt)
    endpoint.ask("Read all the text in the image.", large)
    print(f"peak memory after ten receipts and a page of 12 megapixels, client and engine together: {peak_mb():.0f} MB")

    image, truth = roll()
    start = time.perf_counter()
    lines = endpoint.ask("Read all the text in the image.", image).text.splitlines()
    seconds = time.perf_counter() - start
    print(
        f"till roll 420 x 8400: {len(set(lines) & set(truth))} of {len(truth)} lines letter by letter, {seconds:.1f} s"
    )

    from rapidocr import RapidOCR

    library = RapidOCR(params={"Global.log_level": "error"})
    print("\nmilliseconds, median of", ROUNDS, "in turn      library   our reader   engine   engine - library")
    shapes = {"receipt 640 x 820": receipts[0].image, "720p": receipts[1].image.resize((1280, 720)), "12 MP": large}
    for name, shape in shapes.items():
        seen = images.load(shape).seen().image
        bgr = np.asarray(seen)[:, :, ::-1].copy()
        rounds = [
            (
                timed(lambda: library(bgr)),  # noqa: B023 - called at once
                timed(lambda: reader.read(seen)),  # noqa: B023
                timed(lambda: endpoint.ask("Read all the text in the image.", shape)),  # noqa: B023
            )
            for _ in range(ROUNDS if name != "12 MP" else 3)
        ]
        alone, ours, whole = (statistics.median(column) for column in zip(*rounds, strict=True))
        print(f"{name:38} {alone:10.0f} {ours:12.0f} {whole:8.0f} {whole - alone:+12.0f} ({whole / alone - 1:+.0%})")


if __name__ == "__main__":
    main()
