"""A lenient JSON parser for the output of models: truncated, single-quoted, without commas, with quotes inside quotes.

A strict parser returns nothing if one comma is wrong. This one returns every value that it can recover, with its place
in the text, and reports each repair. Valid JSON is read strictly, because leniency guesses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from vlnb.terminal import joined

Repair = Callable[[str, int], None]
"""A callback for repairs: called with the kind of repair and its offset in the text."""

NUMBER = re.compile(r"-?(?:\d{1,30}\.?\d{0,30}|\.\d{1,30})(?:[eE][-+]?\d{1,2})?")
_UNIT = re.compile(r"\s?(?:px\b|%)")
_SPACE = re.compile(r"(?:\s|\\[nrt](?![a-z])|//[^\n]{0,400}|/\*.{0,400}?\*/|#[^\n]{0,400}){1,2000}", re.DOTALL)
_WORD = re.compile(r"(null|None|true|True|false|False|nan|NaN|undefined)\b")
_WORDS = {"true": True, "True": True, "false": False, "False": False}
_BARE = re.compile(r"[^\W\d][\w .'/-]{0,200}?(?=\s{0,24}[,\]])")
_KEY = re.compile(  # between double quotes, a name may contain anything else
    r"""\\?(["'“”‘’]?)\s{0,24}((?<=")[^"\\\n]{0,200}(?=\\?"\s{0,24}[:=：])|[^\W\d][\w .\-/]{0,60}?"""
    r"""|(?<=["'“‘])[^"'“”‘’\n]{1,200}|(?<!["'“”‘’])\d{1,9})\s{0,24}\\?(["'“”‘’]?)\s{0,24}([:=：])"""
)
_VALUE_END = re.compile(r"[,}\]\n]|$")
_NEXT_NUMBER = re.compile(r"\s{0,24}[,\s]\s{0,24}(?=[-+.\d])")
_NEXT_LIST = re.compile(r"\s{0,24},\s{0,24}(?=[\[(]\s{0,9}[-+.\d])")
_NUMBERED = re.compile(r"^(object|item|element) \d{1,3}$", re.IGNORECASE)
_SIDE = re.compile(r"\s{0,24}(?:x_?(?:1|min)|left)\s{0,9}[:=]", re.IGNORECASE)
_COMMENT = re.compile(r"(?://|#)[^\n]{0,200}\n\s{0,200}(?:[,}\]\"'“]|$)")
_OPENERS, _COMMAS = "[(［（{", ",;，、"
_CLOSERS = {"list": "])］）", "object": "}"}
_QUOTES = {'"': '"', "'": "'", "“": '”"“', "”": '”"', "‘": "’'", "’": "’'"}  # each opening mark and its closing ones
_MAX_TEXT = 8000  # characters kept of a text whose quote never closes
_AHEAD = 200  # characters after a quote that tell whether it ends a text
_STRING_MARK = re.compile(r"\\?[\"'“”‘’]|\\.", re.DOTALL)  # a quote, escaped or not, or another escape
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "", "f": ""}
_UNCLOSED_END = re.compile(r"[}\]\n]|,\s{0,24}[\"'{]")
_CLOSED = re.compile(r"[}\]][\s}\])`,;.]{0,200}$")  # the end of an answer that was not truncated within a text
_MAX_DEPTH = 60
_DECODER = json.JSONDecoder(strict=False)
_SCALAR = re.compile(r"[\w.+-]{1,5000}")
_PATIENCE, _LEAST = 5, 1000  # each character of an answer (plus _LEAST) is read at most _PATIENCE times


@dataclass(frozen=True)
class Node:
    """One value and its place: `kind` is "number", "text", "word" (null, true, …), "list" or "object".

    An object's value is a list of (key, node), so that a repeated key is kept; values without a key have the key "".
    `whole` is False if the text ended before the value did.
    """

    kind: str
    value: Any
    start: int
    end: int
    whole: bool = True

    def plain(self) -> Any:  # noqa: ANN401 - any JSON value
        """Return the value as a Python object: dict, list, str, float, int, bool or None."""
        if self.kind == "list":
            return [item.plain() for item in self.value]
        if self.kind == "object":
            return {key: item.plain() for key, item in self.value}
        if self.kind == "number" and isinstance(self.value, float) and self.value.is_integer():
            return int(self.value)
        return self.value


class Unreadable(Exception):  # noqa: N818 - a signal between reader and caller
    """No JSON begins here, not even loosely; `skip` is the number of characters to pass over."""

    def __init__(self, skip: int = 1) -> None:
        super().__init__()
        self.skip = skip


class Reader:
    """Reads the values of one text, one after the other, in a time that grows linearly with its length."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._left = _PATIENCE * (len(text) + _LEAST)  # characters that may still be read

    def read(self, start: int, end: int, repair: Repair) -> Node:
        """Return the value that begins with the bracket at `start`; it ends before `end`.

        If there is no bracket at `start`, the value is an object without brackets, such as the arguments of a call;
        positional arguments have the key "".

        Raises:
            Unreadable: The bracket begins something else, brackets nest too deeply, or so many of them never close that
                reading all of them would take hours.
        """
        if self._left < 0:
            raise Unreadable(len(self._text))
        self._at, self._end, self._repair = start, end, repair
        self._call = self._text[start] not in "[{"
        self._lines = self._text[start] not in "[{("  # members on lines of their own, without a bracket around them
        self._objects = self._depth = 0
        self._names = set[str]()
        try:
            if self._is_valid():
                return self._strict()
            return self._container("object") if self._call else self._value()
        finally:
            self._left -= self._at - start

    def _is_valid(self) -> bool:
        """Whether valid JSON begins here."""
        if self._call:
            return False
        try:
            stop = _DECODER.raw_decode(self._text, self._at)[1]
        except json.JSONDecodeError as error:
            self._left -= error.pos - self._at
            return False
        except (RecursionError, ValueError):  # a number of more than 4,300 digits
            return False
        return stop <= self._end

    def _strict(self, depth: int = 0) -> Node:
        """Read a value of valid JSON."""
        if depth > _MAX_DEPTH:
            raise Unreadable(_MAX_DEPTH)
        start, char, pairs = self._at, self._text[self._at], list[tuple[str, Node]]()
        if char == '"':
            value, self._at = scanstring(self._text, start + 1, False)
            return Node("text", joined(value), start, self._at)
        if hit := _SCALAR.match(self._text, start):
            self._at, is_number = hit.end(), hit[0][-1].isdigit()
            value = json.loads(hit[0]) if is_number else _WORDS.get(hit[0])  # whole numbers stay exact
            return Node("number" if is_number else "word", value, start, self._at)
        self._at += 1
        while self._between() not in "]}":
            key = ""
            if char == "{":
                key, self._at = scanstring(self._text, self._at + 1, False)
                self._between()
            pairs.append((key, self._strict(depth + 1)))
        self._at += 1
        return _container("object" if char == "{" else "list", pairs, start, self._at)

    def _between(self) -> str:
        """Skip white space, commas and colons of valid JSON; return the next character."""
        while self._text[self._at] in " \t\n\r,:":
            self._at += 1
        return self._text[self._at]

    def _match(self, pattern: re.Pattern[str], at: int | None = None) -> re.Match[str] | None:
        return pattern.match(self._text, self._at if at is None else at, self._end)

    def _skip(self) -> str:
        """Skip white space and comments; return the next character, or "" at the end of the text."""
        if hit := self._match(_SPACE):
            if "/" in hit[0] or "#" in hit[0]:
                self._repair("comment", hit.start())
            self._at = hit.end()
        return self._text[self._at] if self._at < self._end else ""

    def _value(self) -> Node:
        char, start = self._skip(), self._at
        if char and char in _OPENERS:
            return self._container("object" if char == "{" else "list")
        if char in _QUOTES or self._text.startswith(('\\"', "\\'"), start):
            return self._string()
        if hit := self._match(NUMBER):
            unit = self._match(_UNIT, hit.end())
            self._at = (unit or hit).end()
            value = float(hit[0]) / (100 if unit and "%" in unit[0] else 1)
            return Node("number", value, start, self._at, whole=self._at < self._end)
        if hit := self._match(_WORD):
            self._at = hit.end()
            return Node("word", _WORDS.get(hit[0]), start, self._at)
        raise Unreadable

    def _container(self, kind: str) -> Node:
        """Read a list or an object: both hold items separated by commas; those of an object have keys."""
        if self._depth > _MAX_DEPTH:
            raise Unreadable(_MAX_DEPTH)
        start = self._at
        pairs: list[tuple[str, Node]] = []
        self._at += self._depth > 0 or not self._call or self._text[start] == "("
        self._depth += 1
        self._objects += kind == "object"
        try:
            closed = self._items(kind, pairs)
        finally:
            self._depth -= 1
            self._objects -= kind == "object"
        return _container(kind, pairs, start, self._at, whole=closed)

    def _items(self, kind: str, pairs: list[tuple[str, Node]]) -> bool:
        """Read items into `pairs` up to the end of their container; return False if the text ends before it."""
        comma = True
        closers = ")）" if self._call and self._depth == 1 else _CLOSERS[kind]
        while char := self._skip():
            at, count = self._at, len(pairs)
            if char in closers:
                self._at += 1
                return True
            if char in _COMMAS:
                self._at += 1
                if self._skip() == _CLOSERS[kind][0]:
                    self._repair("trailing comma", at)
            elif not (self._stray_bracket(kind) if char in "]})" else self._item(kind, char, pairs)):
                self._at = at
                self._repair(f"missing {_CLOSERS[kind][0]}", at)
                return True
            if len(pairs) > count > 0 and not comma:
                self._repair("missing comma", at)
            comma = char in _COMMAS
        return False

    def _item(self, kind: str, char: str, pairs: list[tuple[str, Node]]) -> bool:  # noqa: C901, PLR0911 - a grammar
        """Read one item into `pairs`; return False if the next item does not belong to this container."""
        key, at = self._match(_KEY), self._at
        if kind == "object" and key:
            if self._lines and self._depth == 1:
                name = _NUMBERED.sub(r"\1", key[2])
                if name in self._names or self._match(_SIDE, key.end()):
                    return False  # name: cup, box: […], and on the next lines the same for another one, or mug: x1=…
                self._names.add(name)
            if (key[1] != '"' or key[3] != '"') and not key[2].isdigit() and not self._call:
                self._repair("other quotes than JSON's" if key[1] else "key without quotes", at)
            self._at = key.end()
            if self._skip():
                pairs.append((key[2], self._member(key[2])))
            return True
        if kind == "object" and not self._call and self._match(NUMBER):  # {1, 2, 3, 4} is no box
            if not pairs:
                raise Unreadable
            return False
        if char == "{" and kind == "object" and pairs and pairs[-1][0]:
            return False  # the next object begins: this one was not closed
        if kind == "list" and self._objects and pairs and key and key[1] and key[3]:
            return False  # [1, 2, 3, 4, "label": …
        if kind == "list" and not self._match(_WORD) and (bare := self._match(_BARE)):
            self._at = bare.end()
            pairs.append(("", Node("text", bare[0].strip(), at, self._at)))
            return True
        try:
            pairs.append(("", self._value()))
        except Unreadable:
            if not pairs:
                raise
            return False
        return True

    def _member(self, key: str) -> Node:
        """Return the value of `key`; numbers or lists in a row, `"bbox": 1, 2, 3, 4`, are one list."""
        start = self._at
        if self._text[start] in ",})":
            self._repair(f"no value for {key!r}", start)
            return Node("word", None, start, start)
        try:
            items = [self._value()]
        except Unreadable:
            stop = _VALUE_END.search(self._text, start, self._end)
            self._at = stop.start() if stop else self._end
            self._repair("value without quotes", start)
            bare = self._text[start : self._at].strip(" \t\r\"'").removesuffix("**")
            return Node("text", bare, start, self._at, whole=self._at < self._end)
        separator = {"number": _NEXT_NUMBER, "list": _NEXT_LIST}.get(items[0].kind)
        while separator and (hit := self._match(separator)) and not self._match(_KEY, hit.end()):
            self._at = hit.end()
            items.append(self._value())
        if len(items) == 1:
            return items[0]
        self._repair("missing brackets", start)
        return Node("list", items, start, self._at, whole=items[-1].whole)

    def _stray_bracket(self, kind: str) -> bool:
        """Skip a bracket that closes no container; return False if it closes one around this container."""
        at = self._at
        self._at += 1
        char = self._skip()
        if kind == "list":
            stray = not self._objects
        else:
            space = self._match(_SPACE, self._at + 1)
            key = self._match(_KEY, space.end() if space else self._at + 1)
            stray = char == "}" or (char != "" and char in _COMMAS and key is not None)
        if stray:
            self._repair(f"stray {self._text[at]}", at)
        return stray

    def _string(self) -> Node:
        start = self._at
        escaped = self._text[start] == "\\"
        begin = start + escaped + 1
        quote = self._text[begin - 1]
        if escaped or quote != '"':
            self._repair("escaped quotes" if escaped else "other quotes than JSON's", start)
        inner, whole, at = False, False, self._end
        for mark in _STRING_MARK.finditer(self._text, begin, self._end) if self._left > 0 else ():
            if mark[0][-1] in _QUOTES[quote] and (len(mark[0]) > 1) == escaped:
                if whole := self._ends_text(mark.end() - 1, quote):
                    at = mark.end()
                    break
                inner = True
        if whole and self._text[at : at + _AHEAD].lstrip()[:1] not in (":", "："):
            if inner:
                self._repair("quotes inside a text", begin)
            self._at = at
            return Node("text", _unescaped(self._text[begin : at - 1 - escaped]), start, at)
        self._left -= at - begin
        if not whole and not _CLOSED.search(self._text, max(begin, self._end - _AHEAD), self._end):
            self._at = self._end
            kept = self._text[begin : min(self._end, begin + _MAX_TEXT)]
            return Node("text", _unescaped(kept), start, self._end, whole=False)
        # The quote found begins the next key: the closing one is missing. The text ends with its object, list or line.
        stop = _UNCLOSED_END.search(self._text, begin, self._end)
        self._at = stop.start() if stop else self._end
        self._repair("missing quote at the end of a text", self._at)
        return Node("text", _unescaped(self._text[begin : self._at]).strip(), start, self._at)

    def _ends_text(self, at: int, quote: str) -> bool:
        """Whether the quote at `at` ends a text: the next characters must be able to follow a value."""
        after = self._text[at + 1 : min(self._end, at + _AHEAD)].lstrip(" \t\r\n")
        if after.startswith("\\n"):
            after = after[2:].lstrip(" \t\r\n")
        if not after or after.startswith("```"):
            return True
        if after[0] in ",，":
            rest = after[1:].lstrip()
            return not rest or rest[0] in "{[(]}\"'“‘\\-+.…0123456789/#" or bool(_KEY.match(rest) or _WORD.match(rest))
        # After a quote, the same quote follows only if it begins the next key and the comma is missing.
        return (
            after[0] in "]}:，：；;)"
            or after.startswith(("/>", ">"))
            or _COMMENT.match(after) is not None
            or (after[0] == quote and _KEY.match(after) is not None)
        )


def _container(kind: str, pairs: list[tuple[str, Node]], start: int, end: int, *, whole: bool = True) -> Node:
    return Node(kind, pairs if kind == "object" else [node for _, node in pairs], start, end, whole)


def _unescaped(text: str) -> str:
    """Return `text` with JSON's escapes resolved."""

    def resolve(hit: re.Match[str]) -> str:
        code = hit[1]
        return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPED.get(code, code)

    return joined(_ESCAPE.sub(resolve, text)) if "\\" in text else text
