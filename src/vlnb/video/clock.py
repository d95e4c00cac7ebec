"""Measures whether a server gives frames the right times, with a clip that shows a clock and words at known moments.

For each word, the model answers when it appears and what the clock shows then. The clock shows which frame the model
saw; the answered time says where in the video the model places this frame. A line fitted through the pairs tells a
wrong frame rate from a drift, and scatter around it means that the frames do not have the times that the server gives
them.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from vlnb import tables
from vlnb.errors import BadInput, ServerRefused
from vlnb.markup import Html, element, joined, table
from vlnb.regions import lenient, thoughts
from vlnb.samples import SampleClip, clip
from vlnb.terminal import printable
from vlnb.video.clip import frames, header
from vlnb.video.events import first_seconds

if TYPE_CHECKING:
    from vlnb.video.cost import Way

_WORDS = tables.read("video/clock.toml")
_MAX_TOKENS = 60
_STEP_S = 1.0  # tolerance: servers take frames half a second apart, and models round
_DRIFT, _SCALE = 0.03, 0.25  # relative error of the times
_NO_VIDEO = (400, 415, 422)  # HTTP status for a part of a request that the server does not know
_LEAST = 3  # fewest different readings of the clock for a fit


class CanAsk(Protocol):
    """The part of a `vlnb.Endpoint` that the check uses."""

    @property
    def is_embedded(self) -> bool:
        """Whether this is the embedded engine, which takes frames only."""

    def ask(self, prompt: str, *pictures: Any, **options: Any) -> Any:  # noqa: ANN401 - a `vlnb.Reply`
        """Return the answer to a question about a clip."""


@dataclass(frozen=True)
class Answered:
    """The answer about one `word`. Times are in seconds, or None if the answer has no readable time.

    `shown` is the true (start, end) of the word, `time_s` the time at which it appears according to the model, and
    `clock_s` what the model reads on the clock.
    """

    word: str
    shown: tuple[float, float]
    time_s: float | None
    clock_s: float | None
    text: str


@dataclass(frozen=True)
class Clock:
    """How a server times frames: `time = scale * clock + offset_s`, with a scatter of at most `scatter_s` seconds.

    `verdict` is "sound", "wrong scale", "drift", "offset", "wrong frames", "blind" or "no video".
    """

    verdict: str
    way: Way
    answered: tuple[Answered, ...]
    scale: float = 1.0
    offset_s: float = 0.0
    scatter_s: float = 0.0

    def __str__(self) -> str:
        fit = f" time = {self.scale:.3f} x clock {self.offset_s:+z.2f} s, scatter {self.scatter_s:.2f} s."
        fitted = self.verdict not in {"blind", "no video"}
        means = _WORDS["means"][self.verdict]
        name = "" if self.verdict == "sound" else f"{self.verdict}. "
        return printable(f"Video by {self.way}: {name}{means}{fit if fitted else ''}")

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:  # noqa: ARG002
        rows = (
            (answer.word, "{:.1f}–{:.1f}".format(*answer.shown), _number(answer.clock_s), _number(answer.time_s))
            for answer in self.answered
        )
        head = ("word", "shown (s)", "clock that the model reads (s)", "time that it answers (s)")
        body: Html = joined([element("p", str(self)), table(head, rows)])
        return {"text/plain": str(self), "text/html": body}


def check(endpoint: CanAsk, *, way: Way | None = None, seconds: float = 30.0, seed: int | None = None) -> Clock:
    """Ask when six words appear in a clip of `seconds` seconds, and return a verdict on the server's times.

    The clip goes as `video_url`, but to the embedded engine as frames. `seed` chooses the words and their times.

    Raises:
        NoServer, ServerRefused, BadAnswer: As in `Endpoint.ask`; a server that refuses video in general is no error.
        BadInput: The clip would be too short.
    """
    if not seconds >= 3:
        raise BadInput("A clip must last at least 3 seconds to be checked.")
    way = way or ("frames" if endpoint.is_embedded else "video_url")
    sample = clip(seconds, fps=8, words=6, seed=int.from_bytes(os.urandom(3), "big") if seed is None else seed)
    source = header(sample.data) if way == "video_url" else frames(sample.data, fps=1.0)
    answered: list[Answered] = []
    for start, end, word in sample.events:
        try:
            text = endpoint.ask(_WORDS["question"].format(word=word), source, way=way, max_tokens=_MAX_TOKENS).text
        except ServerRefused as error:
            if answered or way == "frames" or error.status not in _NO_VIDEO:
                raise
            return Clock("no video", way, ())
        answered.append(Answered(word, (start, end), *_read(text), text))
    return judge(answered, way, sample)


def judge(answered: Sequence[Answered], way: Way, sample: SampleClip) -> Clock:
    """Return the verdict on the answers about the clip `sample`."""
    pairs = [(item.clock_s, item.time_s) for item in answered if item.clock_s is not None and item.time_s is not None]
    seen = [item for item in answered if item.clock_s is not None and _near(item.clock_s, item.shown)]
    if len({clock for clock, _ in pairs}) < _LEAST or 2 * len(seen) < len(answered):
        return Clock("blind", way, tuple(answered))
    clocks, times = zip(*pairs, strict=True)
    scale, offset = statistics.linear_regression(clocks, times)
    scatter = max(abs(time - scale * clock - offset) for clock, time in pairs)
    if scatter > _STEP_S * max(scale, 0.5):
        verdict = "wrong frames"
    elif abs(scale - 1) > _SCALE:
        verdict = "wrong scale"
    elif abs(scale - 1) * sample.duration_s > _STEP_S / 2 and abs(scale - 1) > _DRIFT:
        verdict = "drift"
    else:
        verdict = "offset" if abs(offset) > _STEP_S else "sound"
    return Clock(verdict, way, tuple(answered), scale, offset, scatter)


def _near(clock_s: float, shown: tuple[float, float]) -> bool:
    return shown[0] - _STEP_S / 2 <= clock_s <= shown[1] + _STEP_S / 2


def _read(text: str) -> tuple[float | None, float | None]:
    """Return (time, clock) of an answer, in seconds."""
    text = thoughts.without(text)
    try:
        fields = lenient.Reader(text + "\n").read(text.index("{"), len(text), lambda *_: None).plain()
    except (ValueError, lenient.Unreadable):
        return None, None
    values = {key.lower(): value for key, value in fields.items()}
    return first_seconds(values.get("time")), first_seconds(values.get("clock"))


def _number(value: float | None) -> str:
    return "not said" if value is None else f"{value:.2f}"
