"""Make untrusted text safe to print on a terminal, by removing the characters that a terminal obeys.

An escape sequence can set the clipboard (OSC 52), rename the window or clear the screen; a carriage return or a
bidirectional mark can make one line look like another.
"""

from __future__ import annotations

import re

_UNSAFE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    """Return `text` without control characters (tab and newline stay), bidirectional marks and lone surrogates."""
    return _UNSAFE.sub("", text)


def joined(text: str) -> str:
    """Return `text` with both halves of an emoji as one character; a half alone, which cannot be printed, as “�”."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
