"""The resolution dial: what a picture costs at each size a model may see it, and what it loses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlnb import images, prompts
from vlnb.accuracy import reading
from vlnb.errors import BadInput

if TYPE_CHECKING:
    from vlnb.endpoint import Endpoint
    from vlnb.images import Picture
    from vlnb.samples import Sample

BUDGETS = (9, 16, 30, 60, 120, 250, 500, 1280)
"""Picture tokens that one may allow, from far too few to what the Qwen cookbooks allow."""


@dataclass(frozen=True)
class Step:
    """A picture seen at most `max_pixels` large: its `size` (width, height) then, its picture tokens, its bytes."""

    max_pixels: int
    size: tuple[int, int]
    tokens: int
    data_bytes: int

    def __str__(self) -> str:
        return f"{self.size[0]} × {self.size[1]} px, {self.tokens:,} tokens, {self.data_bytes / 1000:,.0f} kB"


@dataclass(frozen=True)
class Measured:
    """What a server made of a step: `seconds` for the whole answer, and the share of the text that it read, 0 to 1."""

    step: Step
    seconds: float
    accuracy: float


def steps(picture: Picture, budgets: Sequence[int] = BUDGETS) -> tuple[Step, ...]:
    """Return what `picture` costs if it may have at most so many tokens of 28 x 28 pixels, for each budget.

    Budgets that give the same size again are left out. Raises `BadInput` for one that is smaller than the smallest
    picture (4 tokens).

    >>> from vlnb import images
    >>> from PIL import Image
    >>> picture = images.load(Image.new("RGB", (1280, 720)))
    >>> [(one.size, one.tokens) for one in steps(picture, (120, 121))]
    [((392, 224), 112)]
    """
    found: dict[tuple[int, int], Step] = {}
    for budget in budgets:
        max_pixels = budget * images.UNIT_PX**2
        if max_pixels < images.MIN_PIXELS:
            raise BadInput(f"budget={budget} tokens is less than any picture has: give 4 or more.")
        seen = picture.seen(max_pixels=max_pixels)
        step = Step(max_pixels, seen.size, images.tokens(*seen.size), len(seen.encoded[1]))
        found.setdefault(seen.size, step)
    return tuple(found.values())


def measure(endpoint: Endpoint, sample: Sample, budgets: Sequence[int] = BUDGETS) -> Iterator[Measured]:
    """Have all text of `sample` read at each budget and yield, one by one, time and the share that was right.

    The first question is asked twice, and only the second time counted: a server's first one may load or compile.
    The share is the mean over the true lines of their similarity to what was read (`reading.lines`).
    """
    found = steps(sample.picture, budgets)
    for one in found[:1]:
        endpoint.ask(prompts.read(), sample.picture, max_pixels=one.max_pixels)
    for one in found:
        reply = endpoint.ask(prompts.read(), sample.picture, max_pixels=one.max_pixels)
        scores = reading.lines(reply.text, sample.truth.lines)
        yield Measured(one, reply.latency_s, sum(line.similarity for line in scores) / len(scores))
