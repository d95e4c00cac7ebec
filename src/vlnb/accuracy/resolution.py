"""The resolution dial: the cost of a picture at each size at which a model may see it, and the loss in accuracy."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vlnb import images, prompts
from vlnb.accuracy import reading
from vlnb.errors import BadInput

if TYPE_CHECKING:
    from vlnb.endpoint import Endpoint
    from vlnb.images import Picture
    from vlnb.samples import Sample

BUDGETS = (9, 16, 30, 60, 120, 250, 500, 1280)
"""Limits on the picture tokens, from far too low to that of the Qwen cookbooks."""


@dataclass(frozen=True)
class Step:
    """A picture limited to `max_pixels`: its resulting `size` (width, height), its picture tokens, its bytes."""

    max_pixels: int
    size: tuple[int, int]
    tokens: int
    data_bytes: int

    def __str__(self) -> str:
        return f"{self.size[0]} × {self.size[1]} px, {self.tokens:,} tokens, {self.data_bytes / 1000:,.0f} kB"


@dataclass(frozen=True)
class Measured:
    """A server's result at a step: `seconds` for the whole answer, and the share of the text that it read, 0 to 1."""

    step: Step
    seconds: float
    accuracy: float


def steps(picture: Picture, budgets: Sequence[int] = BUDGETS) -> tuple[Step, ...]:
    """Return the size and cost of `picture` for each budget, a limit in tokens of 28 x 28 pixels.

    Skips budgets that lead to the same size. Raises `BadInput` for one below that of the smallest picture (4 tokens).

    >>> from vlnb import images
    >>> from PIL import Image
    >>> picture = images.load(Image.new("RGB", (1280, 720)))
    >>> [(one.size, one.tokens) for one in steps(picture, (120, 121))]
    [((392, 224), 112)]
    """
    by_size: dict[tuple[int, int], Step] = {}
    for budget in budgets:
        max_pixels = budget * images.UNIT_PX**2
        if max_pixels < images.MIN_PIXELS:
            raise BadInput(f"budget={budget} tokens is less than any picture has: give 4 or more.")
        resized = picture.seen(max_pixels=max_pixels)
        step = Step(max_pixels, resized.size, images.tokens(*resized.size), len(resized.encoded[1]))
        by_size.setdefault(resized.size, step)
    return tuple(by_size.values())


def measure(endpoint: Endpoint, sample: Sample, budgets: Sequence[int] = BUDGETS) -> Iterator[Measured]:
    """Ask the server to read all text of `sample` at each budget; yield the time and the accuracy one by one.

    A first question is a warm-up: the server may still load or compile. The accuracy is the
    mean similarity of the true lines to the text that the server read (`reading.lines`).
    """
    steps_ = steps(sample.picture, budgets)
    endpoint.ask(prompts.read(), _unseen(sample.picture), max_pixels=steps_[0].max_pixels)
    for step in steps_:
        reply = endpoint.ask(prompts.read(), _unseen(sample.picture), max_pixels=step.max_pixels)
        scores = reading.lines(reply.text, sample.truth.lines)
        yield Measured(step, reply.latency_s, sum(line.similarity for line in scores) / len(scores))


def _unseen(picture: Picture) -> Picture:
    """Return a copy with another pixel in its corner: servers remember pictures, and would answer faster."""
    image = picture.image.copy()
    image.putpixel((0, 0), tuple(secrets.token_bytes(3)))
    return replace(picture, image=image)
