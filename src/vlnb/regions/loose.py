"""JSON as models write it: cut off, single-quoted, with commas too many or too few, with quotes inside quotes.

A strict reader gives nothing where one comma is wrong. This one gives every value it can make out and its place in the
text, and tells what it had to repair on the way.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vlnb.regions import quotes

Repair = Callable[[str, int], None]
"""Called with what was repaired, and where in the text."""

NUMBER = re.compile(r"[-+]?(?:\d{1,30}\.?\d{0,30}|\.\d{1,30})(?:[eE][-+]?\d{1,2})?")
_UNIT = re.compile(r"\s?px\b|\s?%")
_SPACE = re.compile(r"(?:\s|\\[nrt](?![a-z])|//[^\n]{0,400}|/\*.{0,400}?\*/|#[^\n]{0,400}){1,2000}", re.DOTALL)
_WORDS = {"true": True, "True": True, "false": False, "False": False}
_BARE = re.compile(r"[^\W\d][\w .'/-]{0,200}?(?=\s{0,24}[,\]])")
_DOTS = re.compile(r"\.{2,400}|…")
_STOP = re.compile(r"[,}\]\n]|$")
_NEXT_NUMBER = re.compile(r"\s{0,24}[,\s]\s{0,24}(?=[-+.\d])")
_COMMAS = ",;，、"
_DEEPEST = 60
_PATIENCE, _LEAST = 12, 1000  # each character of an answer (and of a short one more) is read so many times, at most


@dataclass(frozen=True)
class Node:
    """One value and where it stands: `kind` is "number", "text", "word" (null, true, …), "list" or "object".

    The value of an object is a list of (key, node), so that a key that comes twice is kept twice; nameless values have
    the key "". `whole` is False where the text ended before the value did.
    """

    kind: str
    value: Any
    start: int
    end: int
    whole: bool = True

    def plain(self) -> Any:  # noqa: ANN401 - any JSON value
        """Return the value as Python has it: dict, list, str, float, int, bool or None."""
        if self.kind == "list":
            return [item.plain() for item in self.value]
        if self.kind == "object":
            return {key: item.plain() for key, item in self.value}
        if self.kind == "number" and float(self.value).is_integer():
            return int(self.value)
        return self.value


class Unreadable(Exception):  # noqa: N818 - a signal between reader and caller
    """What begins here is not JSON, not even loosely."""


class Tangled(Exception):  # noqa: N818 - a signal between reader and caller
    """So many brackets begin values that end nowhere that reading them all would take hours."""


class TooDeep(Exception):  # noqa: N818 - a signal between reader and caller
    """More brackets are nested than any answer needs."""


def reader(text: str) -> Callable[[int, int, Repair], Node]:
    """Return the reader of one text: `read(start, end, repair)` gives the value that begins at `start`."""
    return _Reader(text).read


class _Reader:
    """Reads the values of one text, one after the other, each in a time that grows with its length alone."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.spent = 0  # characters read so far, those read again too
        self.open_quotes: set[tuple[str, bool, int]] = set()

    def read(self, start: int, end: int, repair: Repair) -> Node:
        """Return the value that begins at `start` with a bracket; nothing from `end` on is looked at.

        Raises `Unreadable` where a bracket begins something else, `TooDeep` where brackets do not end, `Tangled` where
        too much was read in vain before.
        """
        if self.spent > _PATIENCE * (len(self.text) + _LEAST):
            raise Tangled
        self.at, self.end, self.repair = start, end, repair
        self.objects = self.depth = 0
        self.parted = True  # whether a comma stood before the next value
        try:
            return self.value()
        finally:
            self.spent += self.at - start

    def peek(self) -> str:
        return self.text[self.at] if self.at < self.end else ""

    def skip(self) -> str:
        """Pass white space and comments; return the next character, or "" at the end."""
        if hit := _SPACE.match(self.text, self.at, self.end):
            if "/" in hit[0] or "#" in hit[0]:
                self.repair("comment", hit.start())
            self.at = hit.end()
        return self.peek()

    def value(self) -> Node:
        char, start = self.skip(), self.at
        if char == "{":
            return self.nested(self.object)
        if char and char in "[(［（":
            return self.nested(self.list)
        if char in quotes.MARKS or self.text.startswith(('\\"', "\\'"), start):
            return self.string()
        if hit := NUMBER.match(self.text, start, self.end):
            self.at = hit.end()
            if unit := _UNIT.match(self.text, self.at, self.end):
                self.repair("unit behind a number", self.at)
                self.at = unit.end()
            number = float(hit[0]) / (100 if unit and "%" in unit[0] else 1)
            return Node("number", number, start, self.at, whole=self.at < self.end)
        if hit := quotes.WORD.match(self.text, start, self.end):
            self.at = hit.end()
            return Node("word", _WORDS.get(hit[0]), start, self.at)
        raise Unreadable

    def nested(self, read: Callable[[], Node]) -> Node:
        if self.depth > _DEEPEST:
            raise TooDeep
        self.depth += 1
        node = read()
        self.depth -= 1
        return node

    def list(self) -> Node:  # noqa: C901 - a grammar: a case a branch
        start = self.at
        self.at += 1
        items: list[Node] = []
        gap, count = -1, 0
        while char := self.skip():
            gap, count = self.gap(gap, count, len(items))
            if char in "])］）":
                self.at += 1
                return Node("list", items, start, self.at)
            if char in _COMMAS:
                self.comma("]")
            elif char == "}":
                if self.objects:
                    return self.unclosed("]", "list", items, start)
                self.repair("stray }", self.at)
                self.at += 1
            elif self.objects and items and (hit := quotes.KEY.match(self.text, self.at, self.end)) and hit[1]:
                return self.unclosed("]", "list", items, start)  # [1, 2, 3, 4, "label": …
            elif dots := _DOTS.match(self.text, self.at, self.end):
                self.repair(f"“{dots[0]}” left out", self.at)
                self.at = dots.end()
            elif hit := (
                None if quotes.WORD.match(self.text, self.at, self.end) else _BARE.match(self.text, self.at, self.end)
            ):
                items.append(Node("text", hit[0].strip(), self.at, hit.end()))
                self.at = hit.end()
            else:
                before = self.at
                try:
                    items.append(self.value())
                except Unreadable:
                    if not items:
                        raise
                    self.at = before
                    return self.unclosed("]", "list", items, start)
        return Node("list", items, start, self.at, whole=False)

    def object(self) -> Node:
        start = self.at
        self.at += 1
        self.objects += 1
        try:
            return self.members(start)
        finally:
            self.objects -= 1

    def members(self, start: int) -> Node:  # noqa: C901, PLR0912 - a grammar: a case a branch
        pairs: list[tuple[str, Node]] = []
        gap, count = -1, 0
        while char := self.skip():
            gap, count = self.gap(gap, count, len(pairs))
            if char == "}":
                self.at += 1
                return Node("object", pairs, start, self.at)
            if char in _COMMAS:
                self.comma("}")
            elif char in "])":
                if not self.stray_bracket():
                    return self.unclosed("}", "object", pairs, start)
            elif char == "{" and pairs and pairs[-1][0]:
                return self.unclosed("}", "object", pairs, start)
            elif char in "{[(":
                pairs.append(("", self.value()))
            elif key := quotes.KEY.match(self.text, self.at, self.end):
                if key[1] != key[3] and not {key[1], key[3]} <= set("“”‘’\"'"):
                    self.repair("key with one quote" if key[1] or key[3] else "key without quotes", self.at)
                elif key[1] != '"':
                    self.repair("key without quotes" if not key[1] else "other quotes than JSON's", self.at)
                self.at = key.end()
                if (node := self.member(key[2])) is not None:
                    pairs.append((key[2], node))
            elif char in quotes.MARKS:
                name = self.string()
                if self.skip() in ":：" and self.peek():
                    self.at += 1
                    if (node := self.member(name.value)) is not None:
                        pairs.append((name.value, node))
                else:
                    pairs.append(("", name))
            elif (hit := NUMBER.match(self.text, self.at, self.end)) and self.text[hit.end() : hit.end() + 1] == ":":
                self.at = hit.end() + 1
                if (node := self.member(hit[0])) is not None:
                    pairs.append((hit[0], node))
            elif dots := _DOTS.match(self.text, self.at, self.end):
                self.repair(f"“{dots[0]}” left out", self.at)
                self.at = dots.end()
            elif not pairs:
                raise Unreadable
            else:
                return self.unclosed("}", "object", pairs, start)
        return Node("object", pairs, start, self.at, whole=False)

    def member(self, key: str) -> Node | None:
        """Return the value of `key`, or None at the end of the text."""
        char, start = self.skip(), self.at
        if not char:
            return None
        if char in ",}":
            self.repair(f"no value for {key!r}", start)
            return Node("word", None, start, start)
        try:
            node = self.value()
        except Unreadable:
            stop = _STOP.search(self.text, start, self.end)
            self.at = stop.start() if stop else self.end
            self.repair("value without quotes", start)
            return Node("text", self.text[start : self.at].strip(), start, self.at, whole=self.at < self.end)
        return self.run_of_numbers(node) if node.kind == "number" else node

    def run_of_numbers(self, first: Node) -> Node:
        """Return the list that `"bbox": 1, 2, 3, 4` means, or the number itself."""
        items = [first]
        while hit := _NEXT_NUMBER.match(self.text, self.at, self.end):
            number = NUMBER.match(self.text, hit.end(), self.end)
            if number is None or self.text[number.end() : number.end() + 1] == ":":
                break
            self.at = number.end()
            items.append(Node("number", float(number[0]), hit.end(), self.at, whole=self.at < self.end))
        if len(items) == 1:
            return first
        self.repair("missing brackets", first.start)
        return Node("list", items, first.start, self.at, whole=items[-1].whole)

    def gap(self, gap: int, before: int, count: int) -> tuple[int, int]:
        """Tell of a missing comma once a further value was read where none stood; return the next place to watch."""
        if gap >= 0 and count > before:
            self.repair("missing comma", gap)
        parted, self.parted = self.parted, False
        return (self.at if count and not parted else -1), count

    def comma(self, closer: str) -> None:
        at = self.at
        self.at += 1
        self.parted = True
        if self.skip() == closer:
            self.repair("trailing comma", at)

    def stray_bracket(self) -> bool:
        """Pass a bracket that closes nothing: one with a further key, or the object's own end, behind it."""
        at = self.at
        self.at += 1
        char = self.skip()
        if char == "}" or (char in _COMMAS and char and self.key_follows()):
            self.repair(f"stray {self.text[at]}", at)
            return True
        self.at = at
        return False

    def key_follows(self) -> bool:
        at = self.at + 1
        if hit := _SPACE.match(self.text, at, self.end):
            at = hit.end()
        return quotes.KEY.match(self.text, at, self.end) is not None

    def unclosed(self, closer: str, kind: str, value: Any, start: int) -> Node:  # noqa: ANN401
        self.repair(f"missing {closer}", self.at)
        return Node(kind, value, start, self.at)

    def string(self) -> Node:
        start, escaped = self.at, self.peek() == "\\"
        quote = self.text[start + escaped : start + escaped + 1]
        if escaped or quote != '"':
            self.repair("escaped quotes" if escaped else "other quotes than JSON's", start)
        begin = start + escaped + 1
        quoted = quotes.read(self.text, begin, self.end, quote, escaped=escaped, unclosed=self.open_quotes)
        if quoted.repair:
            self.repair(quoted.repair, quoted.end if quoted.repair == quotes.LOST else begin)
        self.at = quoted.end
        return Node("text", quoted.value, start, quoted.end, quoted.whole)
