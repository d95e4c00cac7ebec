"""A model's thoughts in its answer, which are no part of what it answers."""

from __future__ import annotations

import re

_THOUGHT = re.compile(r"(?:<(think\w{0,40}|thought|reasoning)>|◁think▷).{0,1000000}?(?:</\1>|◁/think▷|\Z)", re.DOTALL)
_END = re.compile(r"</(?:think\w{0,40}|thought|reasoning)>|◁/think▷")


def spans(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of each thought. The first may lack its opening tag, which some chat templates write."""
    found = [hit.span() for hit in _THOUGHT.finditer(text)]
    end = _END.search(text)
    return [(0, end.end()), *found] if end and (not found or end.start() < found[0][0]) else found


def without(text: str) -> str:
    """Return the answer without its thoughts.

    >>> without("It is a cat.</think>A cat.")
    'A cat.'
    """
    for start, end in reversed(spans(text)):
        text = text[:start] + text[end:]
    return text
