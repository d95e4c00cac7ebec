"""Questions about a clip, sent as frames with their times: when a text is shown, and which text is shown at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from vlnb.embedded import locate
from vlnb.embedded.fill import fill_form
from vlnb.embedded.locate import WHO
from vlnb.embedded.lookup import WORDS

if TYPE_CHECKING:
    from vlnb.embedded.page import Page

_AT = re.compile(
    r"\b(?:at|around|near) (?:second |t ?= ?)?(?=\d)(?:(?:\d{1,2}:)?(\d{1,4}) ?(?::|m(?:in(?:ute)?s?)?(?![a-z])) ?)?"
    r"(?:and )?(\d{1,6}(?:\.\d{1,6})?)?(?=[ ?.,s]|$)",
    re.IGNORECASE,
)
_WHEN, _ABOUT = (re.compile(WORDS["clip"][name], re.IGNORECASE) for name in ("when", "about"))


def answer(question: str, times: Sequence[float], pages: Sequence[Page], fields: Sequence[str]) -> str:
    """Answer a question about a clip. `fields` are those of a form to fill in from one page."""
    if _WHEN.search(question):
        first = re.split(r"(?<=[.?!])\s", question, maxsplit=1)[0]
        phrase = first if re.search(r"[\"“'‘]", first) else _ABOUT.sub(" ", first)
        spots = [locate.search(page, phrase) for page in pages]
        spans = _runs([frame for frame, spot in enumerate(spots) if spot])
        if fields and spans:
            start = spans[0][0]
            seconds = {name: f"{times[start]:.2f}" for name in fields if "time" in name.lower()}
            return json.dumps(fill_form(fields, [pages[start]]) | seconds, ensure_ascii=False)
        if spans:
            return "\n".join(
                f"{spots[run[0]][0].text}: from {times[run[0]]:.2f} s to {times[run[-1]]:.2f} s." for run in spans
            )
        apology = f"No words of the question stand on the {len(pages)} frames. {WHO}, and I cannot see what moves."
        return f"{apology} I read these texts:\n{_timed_texts(times, pages)}"
    if hit := _AT.search(question):
        time_s = 60 * int(hit[1] or 0) + float(hit[2] or 0)
        at = min(range(len(times)), key=lambda i: abs(times[i] - time_s))
        beyond = " (the last one)" if time_s > times[-1] + 1 else ""
        return f"On the frame at {times[at]:.2f} s{beyond} I read: {pages[at].text or 'nothing'}"
    return f"{WHO}. I read these texts, and cannot see what happens beside them.\n{_timed_texts(times, pages)}"


def _timed_texts(times: Sequence[float], pages: Sequence[Page]) -> str:
    """Return the texts in order of appearance, each with the intervals in which every frame shows it."""
    frames_of: dict[str, list[int]] = {}
    for frame, page in enumerate(pages):
        for segment in page.segments:
            frames_of.setdefault(segment.text, []).append(frame)
    lasting = {text: run for text, run in frames_of.items() if len(run) > 1} or frames_of  # ignores a running clock
    spans = [(run, text) for text, frames in lasting.items() for run in _runs(frames)]
    spans.sort(key=lambda pair: pair[0][0])
    return "\n".join(f"{times[run[0]]:.2f} - {times[run[-1]]:.2f} seconds: {text}" for run, text in spans)


def _runs(frames: Sequence[int]) -> list[list[int]]:
    """Return ascending numbers of frames as runs without a gap."""
    by_run = groupby(enumerate(frames), lambda pair: pair[1] - pair[0])
    return [[frame for _, frame in pairs] for _, pairs in by_run]
