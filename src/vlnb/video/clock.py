"""Measuring a server's sense of time: a clip with a clock in its pixels, and words that appear at known moments.

For each word the model says when it appears and what the clock then shows. The clock is what was on the frame; the time
is where the model believes the frame to be. A line through the two tells a wrong rate from a drift, and scatter around
it tells that the server shows other frames than it dates.
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
from vlnb.regions import lenient
from vlnb.samples import SampleClip, clip
from vlnb.terminal import printable
from vlnb.video.clip import frames, header
from vlnb.video.events import first_seconds

if TYPE_CHECKING:
    from vlnb.video.cost import Way

_WORDS = tables.read("video/clock.toml")
_MAX_TOKENS = 60
_STEP_S = 1.0  # the frames that servers take are half a second apart, and models round
_DRIFT, _SCALE = 0.03, 0.25  # share by which times are too long or too short
_NO_VIDEO = (400, 415, 422)  # what a server answers to a part of a request that it does not know
_LEAST = 3  # different readings of the clock that a line needs


class Asks(Protocol):
    """What can be asked: a `vlnb.Endpoint`."""

    @property
    def is_embedded(self) -> bool:
        """Whether it is the embedded engine, which takes frames only."""

    def ask(self, prompt: str, *pictures: Any, **options: Any) -> Any:  # noqa: ANN401 - a `vlnb.Reply`
        """Return the answer to a question about a clip."""


@dataclass(frozen=True)
class Answered:
    """The answer about one `word`: the times are in seconds, None where the answer has none that can be read.

    `shown` is when the word is really shown, from and to; `time_s` is when the model says it appears, and `clock_s`
    what it reads on the clock.
    """

    word: str
    shown: tuple[float, float]
    time_s: float | None
    clock_s: float | None
    text: str


@dataclass(frozen=True)
class Clock:
    """What a server makes of time: `time = scale * clock + offset_s`, with a scatter of at most `scatter_s` seconds.

    `verdict` is "sound", "wrong scale", "drift", "offset", "wrong frames", "blind" or "no video".
    """

    verdict: str
    way: Way
    answered: tuple[Answered, ...]
    scale: float = 1.0
    offset_s: float = 0.0
    scatter_s: float = 0.0

    def __str__(self) -> str:
        fit = f" time = {self.scale:.3f} x clock {self.offset_s:+.2f} s, scatter {self.scatter_s:.2f} s."
        fitted = self.verdict not in {"blind", "no video"}
        means = _WORDS["means"][self.verdict]
        named = "" if self.verdict == "sound" else f"{self.verdict}. "
        return printable(f"Video by {self.way}: {named}{means}{fit if fitted else ''}")

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:  # noqa: ARG002
        rows = (
            (one.word, "{:.1f}–{:.1f}".format(*one.shown), _number(one.clock_s), _number(one.time_s))
            for one in self.answered
        )
        head = ("word", "shown (s)", "clock that the model reads (s)", "time that it answers (s)")
        shown: Html = joined([element("p", str(self)), table(head, rows)])
        return {"text/plain": str(self), "text/html": shown}


def check(endpoint: Asks, *, way: Way | None = None, seconds: float = 30.0, seed: int | None = None) -> Clock:
    """Ask when six words appear in a clip of `seconds` seconds, and return what that says about the server's times.

    By `video_url` unless the embedded engine is asked, which takes frames. `seed` chooses the words and their times.

    Raises:
        NoServer, ServerRefused, BadAnswer: As `Endpoint.ask` does; a server that refuses video as such is no error.
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
    """Return the verdict on the answers about a clip."""
    pairs = [(one.clock_s, one.time_s) for one in answered if one.clock_s is not None and one.time_s is not None]
    seen = [one for one in answered if one.clock_s is not None and _near(one.clock_s, one.shown)]
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
    try:
        said = lenient.Reader(text + "\n").read(text.index("{"), len(text), lambda *_: None).plain()
    except (ValueError, lenient.Unreadable):
        return None, None
    values = {key.lower(): value for key, value in said.items()} if isinstance(said, dict) else {}
    return first_seconds(values.get("time")), first_seconds(values.get("clock"))


def _number(value: float | None) -> str:
    return "not said" if value is None else f"{value:.2f}"
