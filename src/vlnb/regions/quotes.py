"""Where a quoted text ends that was written without care: quotes inside quotes, and quotes that never close."""

from __future__ import annotations

import re
from dataclasses import dataclass

LOST = "missing quote at the end of a text"
MARKS = {'"': '"', "'": "'", "“": '”“"', "”": '”"', "‘": "’'", "’": "’'"}
"""Each mark that opens a text, with those that close it."""
KEY = re.compile(r"""\\?(["'“”‘’]?)\s{0,24}([^\W\d][\w .\-/]{0,60}?)\s{0,24}\\?(["'“”‘’]?)\s{0,24}([:=：])""")
WORD = re.compile(r"(null|None|true|True|false|False|nan|NaN|undefined)\b")
_LONGEST = 8000  # characters kept of a text that never closes
_AHEAD = 200  # characters looked at behind a quote, to tell whether it ends a text
_CLOSERS = "]}:，：；;)"
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "", "f": ""}
_LOST_AT = re.compile(r"[}\]\n]|,\s{0,24}[\"'{]")


@dataclass(frozen=True)
class Quoted:
    """A text without its quotes, where it ends, whether its end was there, and what had to be repaired."""

    value: str
    end: int
    whole: bool = True
    repair: str = ""


def read(text: str, begin: int, end: int, quote: str, *, escaped: bool, unclosed: set[tuple[str, bool, int]]) -> Quoted:
    """Return the text that begins at `begin`, behind `quote`; with `escaped`, a backslash stands before its quotes.

    `unclosed` remembers, for all texts of one answer, which quotes never close before which `end`: looking for each
    again would take a time that grows with the square of the answer.
    """
    at, inner = begin, False
    while at < end and (quote, escaped, end) not in unclosed:
        backslash = text[at] == "\\"
        if backslash and not (escaped and text[at + 1 : at + 2] == quote):
            at += 2
            continue
        mark = at + backslash
        if text[mark] in MARKS[quote] and escaped == backslash:
            if _closes(text, mark, end, quote):
                if text[mark + 1 : mark + _AHEAD].lstrip()[:1] in ("：", ":"):
                    return _lost(text, begin, end)  # this is the next key: the quote before it never came
                return Quoted(unescaped(text[begin:at]), mark + 1, repair="quotes inside a text" if inner else "")
            inner = True
        at = mark + 1
    unclosed.add((quote, escaped, end))
    if text.find("}", begin, end) >= 0:
        return _lost(text, begin, end)
    return Quoted(unescaped(text[begin : min(end, begin + _LONGEST)]), end, whole=False)


def _closes(text: str, at: int, end: int, quote: str) -> bool:
    """Whether the quote at `at` ends a text: what follows must be able to follow a value."""
    after = text[at + 1 : min(end, at + _AHEAD)].lstrip(" \t\r\n")
    if after.startswith("\\n"):
        after = after[2:].lstrip(" \t\r\n")
    if not after or after.startswith("```"):
        return True
    if after[0] in ",，":
        then = after[1:].lstrip()
        return not then or then[0] in "{[(]}\"'“‘\\-+.…0123456789/#" or bool(KEY.match(then) or WORD.match(then))
    # Of quotes behind a quote only one that begins a key is none of this text: then a comma is missing.
    return after[0] in _CLOSERS or (after[0] == quote and KEY.match(after) is not None)


def _lost(text: str, begin: int, end: int) -> Quoted:
    """End a text whose closing quote is missing where its object, its list or its line ends."""
    stop = _LOST_AT.search(text, begin, end)
    at = stop.start() if stop else end
    return Quoted(unescaped(text[begin:at]).strip(), at, repair=LOST)


def unescaped(text: str) -> str:
    """Return `text` with JSON's escapes resolved."""

    def one(hit: re.Match[str]) -> str:
        code = hit[1]
        return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPED.get(code, code)

    return _ESCAPE.sub(one, text) if "\\" in text else text
