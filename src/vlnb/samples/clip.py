"""A generated sample video: a clock in its pixels, words at known times, and one change of scene."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vlnb import extras
from vlnb.errors import BadInput
from vlnb.images.picture import to_uri
from vlnb.markup import Html, element

if TYPE_CHECKING:
    from PIL import Image

_WORDS = "HARBOUR MEADOW LANTERN COPPER VIOLIN GARDEN WINTER SADDLE ORCHARD TUNNEL BASKET MARBLE".split()
_SIZE = (640, 360)
_COLOURS = ("#f4efe2", "#d3e6f5")
_LONGEST_S = 3600
_BLANK = 0.4  # share of the time without a word


@dataclass(frozen=True)
class SampleClip:
    """An MP4 file in `data`. `events` are its words, each with (first second, last second, word).

    The picture's background changes at `scene_s`; the clock in every frame shows its time as minutes:seconds.tenths.
    """

    data: bytes = field(repr=False)
    duration_s: float
    events: tuple[tuple[float, float, str], ...]
    scene_s: float

    @property
    def alt(self) -> str:
        """The text alternative."""
        return f"A clock that runs for {self.duration_s:g} seconds, and {len(self.events)} words that come and go"

    def _repr_html_(self) -> Html:
        return element("video", src=to_uri("video/mp4", self.data), controls="", width=_SIZE[0], aria_label=self.alt)


def clip(seconds: float = 20.0, *, fps: int = 10, words: int = 5, seed: int = 0) -> SampleClip:
    """Return a clip of 640 x 360 pixels with `words` words, one after the other; `seed` chooses them.

    >>> clip(4, words=1).events[0][2] in _WORDS
    True

    Raises:
        BadInput: The video library is not installed, or an argument is out of range.
    """
    if not (words in range(1, len(_WORDS) + 1) and fps in range(1, 121) and 2 * words / fps <= seconds <= _LONGEST_S):
        raise BadInput(
            f"A clip lasts up to {_LONGEST_S} s, has 1 to 120 frames a second (a whole number) and 1 to {len(_WORDS)}"
            " words, with at least two frames for each word."
        )
    extras.require("video", "Making a video")
    import av

    chance, count = random.Random(seed), round(seconds * fps)  # noqa: S311 - a picture, not a secret
    slot, events = seconds / words, list[tuple[float, float, str]]()
    for number, word in enumerate(chance.sample(_WORDS, words)):
        start = number * slot + chance.uniform(0.1, _BLANK) * slot
        events.append((round(start * fps) / fps, round((start + (1 - _BLANK) * slot) * fps - 1) / fps, word))
    scene_s, buffer = round(seconds * chance.uniform(0.4, 0.6) * fps) / fps, io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=int(fps), options={"preset": "veryfast", "g": "250"})
        stream.width, stream.height, stream.pix_fmt = *_SIZE, "yuv420p"
        for number in range(count):
            container.mux(stream.encode(av.VideoFrame.from_image(_drawn(number / fps, events, scene_s))))
        container.mux(stream.encode())
    return SampleClip(buffer.getvalue(), count / fps, tuple(events), scene_s)


def _drawn(time_s: float, events: list[tuple[float, float, str]], scene_s: float) -> Image.Image:
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", _SIZE, _COLOURS[time_s >= scene_s])
    pen = ImageDraw.Draw(image)
    pen.text((40, 40), f"Clock {int(time_s // 60):02}:{time_s % 60:04.1f}", "#222222", ImageFont.load_default(36))
    for start, end, word in events:
        if start <= time_s <= end:
            pen.text((320, 220), word, "#222222", ImageFont.load_default(60), "ms")
    return image
