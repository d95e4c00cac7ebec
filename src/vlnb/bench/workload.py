"""What a benchmark sends: how many requests, how large, and when each is due."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Literal

from vlnb import images
from vlnb.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

RESOLUTIONS = {"360p": (640, 360), "720p": (1280, 720), "1080p": (1920, 1080), "4k": (3840, 2160)}
_MOST = 1_000_000
_LAST_SEED = 2**32 - 1  # of numpy's global generator
_MOST_PX = 65_500  # on a side: JPEG allows few more
# With a space before it, each word is one token of Qwen's vocabulary.
_WORDS = resources.files("vlnb.bench").joinpath("words.txt").read_text("utf-8").split()
USERS = (1, 2, 4, 8, 16, 32, 64, 128)  # loads of a sweep


@dataclass(frozen=True)
class Workload:
    """The requests of one run. The defaults are the published latency run.

    Lengths are in tokens, uniform between `range_ratio` times the length and the length itself, as
    `sglang.bench_serving` draws them (`random_range_ratio`; 1.0 fixes them). With a `rate` (requests per second),
    requests arrive at random, independent moments (a Poisson process), at most `concurrency` at once. Without it, each
    of `concurrency` users sends the next request when the last one has ended; the users start evenly within `ramp_s`
    seconds. `picture` is "noise" (a new picture each time), "blank", the path of a picture, or a folder whose pictures
    are used in turn. Raises `BadInput` for a value out of its range.

    >>> workload = Workload(prompts=4, images=1, resolution="640x480")
    >>> workload.size, workload.vision_tokens
    ((640, 480), 1572)

    Parameters
    ----------
    prompts
        Requests of the run.
    concurrency
        Most requests in flight at once: the number of users, unless there is a rate.
    rate
        Mean requests per second, at random moments (default: each user sends the next when the last has ended).
    ramp_s
        Seconds over which the users start.
    images
        Pictures in each request.
    resolution
        Size of each drawn picture: 360p, 720p, 1080p, 4k or 800x600.
    picture
        noise, blank, or the path of a picture or a folder.
    input_len
        Longest text, in tokens.
    output_len
        Longest answer, in tokens.
    range_ratio
        Shortest length as a share of the longest, 0 to 1.
    seed
        Seed of lengths and pictures.
    """

    prompts: int = 10
    concurrency: int = 1
    rate: float | None = None
    ramp_s: float = 0.0
    images: int = 2
    resolution: str = "720p"
    picture: Literal["noise", "blank"] | str = "noise"  # noqa: PYI051 - the two that are not paths
    input_len: int = 128
    output_len: int = 1024
    range_ratio: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        for name, least in (("prompts", 1), ("concurrency", 1), ("images", 0), ("input_len", 1), ("output_len", 1)):
            if not least <= getattr(self, name) <= _MOST:
                raise BadInput(f"{name}={getattr(self, name)} must be between {least} and {_MOST:,}.")
        if not 0 <= self.seed <= _LAST_SEED:
            raise BadInput(f"seed={self.seed} must be between 0 and {_LAST_SEED:,}.")
        if self.rate is not None and not (self.rate > 0 and math.isfinite(self.rate)):
            raise BadInput(f"rate={self.rate} must be greater than 0 (requests per second), or left out.")
        if not 0 <= self.range_ratio <= 1:
            raise BadInput(f"range_ratio={self.range_ratio} must be between 0 (any length) and 1 (one length).")
        if not 0 <= self.ramp_s <= _MOST:
            raise BadInput(f"ramp_s={self.ramp_s} must be between 0 and {_MOST:,} seconds.")
        width, height = self.size
        images.smart_resize(width, height)
        if max(width, height) > _MOST_PX or width * height > images.MAX_FILE_PIXELS:
            limits = f"{_MOST_PX:,} pixels on a side, and {images.MAX_FILE_PIXELS:,} in all"
            raise BadInput(f"resolution={self.resolution} must have at most {limits}.")

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of each picture in pixels. Raises `BadInput` unless it is a known name or like "800x600"."""
        if self.resolution in RESOLUTIONS:
            return RESOLUTIONS[self.resolution]
        width, _, height = self.resolution.lower().partition("x")
        if not (width.isdecimal() and height.isdecimal()):
            raise BadInput(
                f"Unknown resolution {self.resolution!r}. Choose {', '.join(RESOLUTIONS)}, or a size such as 800x600."
            )
        return int(width), int(height)

    @property
    def drawn(self) -> bool:
        """Whether the pictures are drawn, in the size `resolution`; your own keep theirs."""
        return self.picture in ("noise", "blank")

    @property
    def vision_tokens(self) -> int | None:
        """Picture tokens of the whole run, including two delimiters per picture, as `sglang.bench_serving` counts.

        None for pictures of your own, whose sizes only the run finds out.
        """
        each = images.tokens(*self.size) + images.DELIMITER_TOKENS
        return self.prompts * self.images * each if self.drawn else None


@dataclass(frozen=True)
class Limits:
    """When to give up a request: after `silent_s` seconds without data, after `total_s`, or beyond `answer_bytes`."""

    silent_s: float = 600.0
    total_s: float = 7200.0
    answer_bytes: int = 64_000_000


def limits(workload: Workload) -> Limits:
    """Return the limits for a workload: 4,096 bytes per token, which is plenty, as a streamed one has about 300."""
    return Limits(answer_bytes=min(Limits.answer_bytes, 1_000_000 + 4_096 * workload.output_len))


PUBLISHED = {"latency": Workload(), "throughput": Workload(prompts=1000, concurrency=100)}
"""The two runs of the SGLang cookbook's Qwen2.5-VL page, section 5.1."""


def lengths(workload: Workload) -> tuple[list[int], list[int]]:
    """Return the text and the output tokens of each request, drawn as SGLang 0.5.6 draws them.

    Source: `sglang/bench_serving.py`, `sample_image_requests`: numpy's global generator, inputs before outputs.

    >>> lengths(Workload(prompts=3, input_len=100, output_len=10))
    ([38, 13, 73], [10, 6, 1])
    """
    import numpy as np

    rng = np.random.RandomState(workload.seed)

    def draw(longest: int) -> list[int]:
        shortest = max(int(longest * workload.range_ratio), 1)
        return [int(n) for n in rng.randint(shortest, longest + 1, size=workload.prompts)]

    inputs = draw(workload.input_len)
    return inputs, draw(workload.output_len)


def arrivals(workload: Workload) -> list[float] | None:
    """Return when each request is due, in seconds from the start; None for a closed loop (a workload without `rate`).

    All times are drawn in advance, so that delays do not add up.

    >>> arrivals(Workload(prompts=3)) is None
    True
    """
    if workload.rate is None:
        return None
    import numpy as np

    gaps = np.random.default_rng(workload.seed).exponential(1 / workload.rate, workload.prompts)
    return [float(due) for due in np.cumsum(gaps) - gaps[0]]


def texts(workload: Workload, lengths_: Sequence[int]) -> list[str]:
    """Return a text of about `lengths_[i]` tokens for each request `i`; long texts all differ."""
    import random

    rng = random.Random(workload.seed)  # noqa: S311 - the same texts each time
    return [" ".join(rng.choices(_WORDS, k=length)) for length in lengths_]
