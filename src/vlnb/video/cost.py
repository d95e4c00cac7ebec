"""Predicts what a video costs, and how the server scales its times for the model.

Sources: `qwen_vl.py` of SGLang 0.5.6 and 0.5.23 (frames and sizes), the video loader of vLLM 0.33, and for times the
position ids of Qwen2.5-VL (`second_per_grid_ts`) as each server computes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from vlnb import images
from vlnb.errors import BadInput
from vlnb.images.sizing import DELIMITER_TOKENS, UNIT_PX, smart_resize
from vlnb.terminal import printable
from vlnb.video.clip import counted, header, plan

Way = Literal["frames", "video_url"]

_SERVER_FPS, _LEAST_FRAMES, _MOST_FRAMES = 2.0, 4, 768
_LEAST_PX, _MOST_PX, _ALL_PX = 128 * UNIT_PX**2, 768 * UNIT_PX**2, 90_316_800  # of a frame; of all pairs of frames
_RIGHT = 0.02  # relative error of the times above which there is a warning


@dataclass(frozen=True)
class Server:
    """How a server treats `video_url`.

    `assumed_fps` is the sampling rate that it assumes for the frames, None if it uses the real one; `capped` is whether
    it shrinks the frames of a long video.
    """

    title: str
    assumed_fps: float | None
    capped: bool


SERVERS: Mapping[str, Server] = MappingProxyType(
    {
        "sglang": Server("SGLang 0.5.23", 24.0, capped=True),
        "sglang-0.5.6": Server("SGLang 0.5.6", 2.0, capped=True),
        "vllm": Server("vLLM 0.33", None, capped=False),
    }
)


@dataclass(frozen=True)
class Cost:
    """The cost of a video: `frames` of `size` (width, height) in pixels, and their `tokens`, delimiters included.

    `time_scale` is how many seconds of the model a second of the video lasts: 1 is right. `warning` explains any other.
    """

    way: Way
    server: str
    frames: int
    size: tuple[int, int]
    tokens: int
    time_scale: float
    warning: str = ""

    def __str__(self) -> str:
        how = "frames as pictures" if self.way == "frames" else f"video_url to {self.server}"
        text = f"{how}: {counted(self.frames)} of {self.size[0]} x {self.size[1]} px, {self.tokens:,} tokens"
        return printable(f"{text}; {self.warning}" if self.warning else f"{text}; times are right")


def cost(source: images.Source, way: Way = "frames", server: str = "sglang", **options: Any) -> Cost:  # noqa: ANN401
    """Return the cost of a video, without decoding it.

    `way` is "frames" (pictures, each after a text with its time; `options` are those of `plan`) or "video_url" (the
    server extracts the frames); `server` is one of `SERVERS`.

    Raises:
        BadInput: As in `frames`; the way or the server is unknown; or the server would refuse the video.
    """
    if way not in {"frames", "video_url"} or server not in SERVERS:
        raise BadInput(f"Unknown way {way!r} or server {server!r}: frames or video_url, {', '.join(SERVERS)}.")
    video, rule = header(source), SERVERS[server]
    if way == "frames":
        times, size = plan(video, **options)
        tokens = len(times) * (images.tokens(*size) + DELIMITER_TOKENS)
        return Cost(way, "any server", len(times), size, tokens, 1.0)
    count = frame_count(len(video.times), video.fps)
    if count < 2:
        raise BadInput(f"{video.name} has {len(video.times)} frame: {rule.title} needs two. Send it as a picture.")
    size = frame_size(*video.size, count, capped=rule.capped)
    tokens = count // 2 * (size[0] // UNIT_PX) * (size[1] // UNIT_PX) + DELIMITER_TOKENS
    scale = count / rule.assumed_fps / video.duration_s if rule.assumed_fps else 1.0
    warning = ""
    if abs(scale - 1) > _RIGHT:
        factor, error = max(scale, 1 / scale), "short" if scale < 1 else "long"
        shown = f"{factor:,.0f}" if factor >= 100 else f"{factor:.3g}"
        warning = f"{rule.title} assumes {rule.assumed_fps:g} frames a second: times come out {shown} times too {error}"
    return Cost(way, rule.title, count, size, tokens, scale, warning)


def frame_count(total: int, fps: float) -> int:
    """Return how many of `total` frames at `fps` a server samples: two a second, from 4 to 768, an even number.

    >>> frame_count(300, 30), frame_count(54_000, 30)
    (20, 768)
    """
    return int(min(max(total / fps * _SERVER_FPS, _LEAST_FRAMES), _MOST_FRAMES, total) // 2 * 2)


def frame_size(width: int, height: int, count: int, *, capped: bool = True) -> tuple[int, int]:
    """Return the (width, height) in pixels of each of `count` frames; `capped` limits the sum of their pixels.

    >>> frame_size(1280, 720, 120), frame_size(640, 360, 768)
    ((1008, 560), (644, 364))
    """
    if not capped:
        return smart_resize(width, height)
    return smart_resize(width, height, min_pixels=_LEAST_PX, max_pixels=min(_MOST_PX, _ALL_PX / count * 2))
