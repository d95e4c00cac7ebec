"""Untrusted text on its way to a terminal: what a terminal would obey is taken out.

A terminal obeys control characters: an escape sequence sets the clipboard (OSC 52), renames the window or clears the
screen, and a carriage return or a bidirectional mark makes a line read as another one.
"""

from __future__ import annotations

import re

_OBEYED = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    """Return `text` without control characters (tab and newline stay), bidirectional marks and lone surrogates."""
    return _OBEYED.sub("", text)
