"""A clip, sent as frames with their times: when a text is shown, and what can be read at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from vlnb.embedded import locate
from vlnb.embedded.locate import WHO
from vlnb.embedded.lookup import WORDS

if TYPE_CHECKING:
    from vlnb.embedded.page import Page

TIME = re.compile(r"\s{0,9}t = (\d{1,6}(?:\.\d{1,6})?) s:?\s{0,9}")  # the label before a frame
_AT = re.compile(
    r"\b(?:at|around|near) (?:second |t ?= ?)?(?:(?:\d{1,2}:)?(\d{1,4}) ?(?::|m|min|minutes?) ?)?"
    r"(\d{1,6}(?:\.\d{1,6})?)(?=[ ?.,s]|$)",
    re.IGNORECASE,
)
_WHEN, _ABOUT = (re.compile(WORDS["clip"][name], re.IGNORECASE) for name in ("when", "about"))


def answer(
    question: str,
    times: Sequence[float],
    pages: Sequence[Page],
    fields: Sequence[str],
    filled: Callable[[Page], dict[str, str]],
) -> str:
    """Answer a question about a clip. `fields` are those of a form to fill in, and `filled` does so from one page."""
    if _WHEN.search(question):
        first = re.split(r"(?<=[.?!])\s", question.strip(), maxsplit=1)[0]
        sought = first if re.search(r"[\"“'‘]", first) else _ABOUT.sub(" ", first)
        found = [locate.sought(page, sought) for page in pages]
        spans = [[at for at, _ in run] for shown, run in groupby(enumerate(found), lambda pair: bool(pair[1])) if shown]
        if fields and spans:
            start = spans[0][0]
            form = filled(pages[start]) | {name: f"{times[start]:.2f}" for name in fields if "time" in name.lower()}
            return json.dumps(form, ensure_ascii=False)
        if spans:
            return "\n".join(
                f"{found[run[0]][0].text}: from {times[run[0]]:.2f} s to {times[run[-1]]:.2f} s." for run in spans
            )
        none = f"No words of the question stand on the {len(pages)} frames. {WHO}, and I cannot see what moves."
        return f"{none} I read these texts:\n{_read(times, pages)}"
    if hit := _AT.search(question):
        wanted = 60 * int(hit[1] or 0) + float(hit[2])
        at = min(range(len(times)), key=lambda i: abs(times[i] - wanted))
        beyond = " (the last one)" if wanted > times[-1] + 1 else ""
        return f"On the frame at {times[at]:.2f} s{beyond} I read: {pages[at].text or 'nothing'}"
    return f"{WHO}. I read these texts, and cannot see what happens beside them.\n{_read(times, pages)}"


def _read(times: Sequence[float], pages: Sequence[Page]) -> str:
    """Return the texts in the order in which they come, each with its times."""
    shown: dict[str, list[int]] = {}
    for at, page in enumerate(pages):
        for segment in page.segments:
            shown.setdefault(segment.text, []).append(at)
    lasting = {text: run for text, run in shown.items() if len(run) > 1} or shown  # a running clock says little
    return "\n".join(f"{times[run[0]]:.2f} - {times[run[-1]]:.2f} seconds: {text}" for text, run in lasting.items())
