"""What a benchmark asks for: how many requests, how large, and when each is due."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vlnb import images
from vlnb.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

RESOLUTIONS = {"360p": (640, 360), "720p": (1280, 720), "1080p": (1920, 1080), "4k": (3840, 2160)}
_MOST = 1_000_000
_WORDS = (
    "time year people way day man thing woman life child world school state family student group country problem hand"
    " part place case week company system program question work government number night point home water room mother"
    " area money story fact month lot right study book eye job word business issue side kind head house service friend"
    " father power hour game line end member law car city community name president team minute idea body information"
).split()  # each is one token of Qwen's vocabulary when a space stands before it


@dataclass(frozen=True)
class Workload:
    """The requests of one run. The defaults are the published latency run.

    Lengths are in tokens, uniform between `range_ratio` times the length and the length itself, as
    `sglang.bench_serving` draws them (`random_range_ratio`; 1.0 fixes them). With `rate` (requests a second) they
    arrive at random, independent moments, at most `concurrency` at once; without it each of `concurrency` users sends
    the next when the last has ended, the users starting evenly within `ramp_s` seconds. `picture` is "noise", a new one
    each time, "blank", or the path of one's own, or of a folder of them, taken in turn by name.
    """

    prompts: int = 10
    concurrency: int = 1
    rate: float | None = None
    ramp_s: float = 0.0
    images: int = 2
    resolution: str = "720p"
    picture: Literal["noise", "blank"] | str = "noise"  # noqa: PYI051 - the two that are no path
    input_len: int = 128
    output_len: int = 1024
    range_ratio: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        for name, least in (("prompts", 1), ("concurrency", 1), ("images", 0), ("input_len", 1), ("output_len", 1)):
            if not least <= getattr(self, name) <= _MOST:
                raise BadInput(f"{name}={getattr(self, name)} must lie from {least} to {_MOST:,}.")
        if self.rate is not None and not (self.rate > 0 and math.isfinite(self.rate)):
            raise BadInput(f"rate={self.rate} must be over 0 requests a second; leave it out for users that wait.")
        if not 0 <= self.range_ratio <= 1:
            raise BadInput(f"range_ratio={self.range_ratio} must lie from 0 (any length) to 1 (all of one length).")
        if not 0 <= self.ramp_s <= _MOST:
            raise BadInput(f"ramp_s={self.ramp_s} must lie from 0 to {_MOST:,} seconds.")
        images.smart_resize(*self.size)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of each picture in pixels. Raises `BadInput` for what is neither a name nor "800x600"."""
        if self.resolution in RESOLUTIONS:
            return RESOLUTIONS[self.resolution]
        width, _, height = self.resolution.lower().partition("x")
        if not (width.isdigit() and height.isdigit()):
            raise BadInput(f"resolution={self.resolution!r} is none: choose {', '.join(RESOLUTIONS)}, or say 800x600.")
        return int(width), int(height)

    @property
    def vision_tokens(self) -> int:
        """Picture tokens of the whole run with their two markers, as `sglang.bench_serving` counts them."""
        return self.prompts * self.images * (images.tokens(*self.size) + images.DELIMITER_TOKENS)


@dataclass(frozen=True)
class Limits:
    """When one request is given up.

    Nothing came for `silent_s` seconds, it took `total_s` seconds, or its answer passed `answer_bytes`.
    """

    silent_s: float = 600.0
    total_s: float = 7200.0
    answer_bytes: int = 64_000_000


def limits(workload: Workload) -> Limits:
    """Return the limits of a workload's requests: a token takes some 300 bytes on its way, so 4,096 is room enough."""
    return Limits(answer_bytes=min(Limits.answer_bytes, 1_000_000 + 4_096 * workload.output_len))


PUBLISHED = {"latency": Workload(), "throughput": Workload(prompts=1000, concurrency=100)}
"""The two runs of the SGLang cookbook's Qwen2.5-VL page, section 5.1."""


def lengths(workload: Workload) -> tuple[list[int], list[int]]:
    """Return the text tokens and the output tokens of each request, drawn as SGLang 0.5.6 draws them.

    Source: `sglang/bench_serving.py`, `sample_image_requests`: numpy's global generator, inputs before outputs.
    """
    import numpy as np

    chance = np.random.RandomState(workload.seed)

    def draw(longest: int) -> list[int]:
        shortest = max(int(longest * workload.range_ratio), 1)
        return [int(n) for n in chance.randint(shortest, longest + 1, size=workload.prompts)]

    inputs = draw(workload.input_len)
    return inputs, draw(workload.output_len)


def arrivals(workload: Workload) -> list[float] | None:
    """Return when each request is due, in seconds from the start; None where users wait for their last answer.

    Drawn as a whole beforehand, so that lateness never adds up.
    """
    if workload.rate is None:
        return None
    import numpy as np

    gaps = np.random.default_rng(workload.seed).exponential(1 / workload.rate, workload.prompts)
    return [float(due) for due in np.cumsum(gaps) - gaps[0]]


def texts(workload: Workload, lengths_: Sequence[int]) -> list[str]:
    """Return a text of about so many tokens for each request, no two alike where they are long enough."""
    import random

    chance = random.Random(workload.seed)  # noqa: S311 - the same texts each time
    return [" ".join(chance.choices(_WORDS, k=length)) for length in lengths_]
