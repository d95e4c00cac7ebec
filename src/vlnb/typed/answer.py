"""From the text of an answer to checked data, and a list of its problems by path."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vlnb.regions import lenient, thoughts
from vlnb.typed import values
from vlnb.typed.form import DAY, NUMBER, UNREADABLE, Form, joined, kind

_RUNAWAY = (
    "The model wrote white space without end, so the request was stopped. Start SGLang with"
    " --constrained-json-disable-any-whitespace."
)
_MISSING = "the schema requires it, but the model says that it is not on the picture"
_MOST_LEVELS = 60
_OPENS = r"[\[{]"
_FENCE = rf"```(?:json)?\s{{0,9}}{_OPENS}"
_MOST_ISSUES = 50


@dataclass(frozen=True)
class Issue:
    """A problem with an answer at `path` ("" for the whole answer).

    `kind` is "cut", "white space", "not JSON", "repaired", "unreadable", "ambiguous", or "violation" of the schema.
    """

    path: str
    kind: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def read(form: Form, text: str, finish_reason: str = "stop") -> tuple[Any, Any, tuple[Issue, ...]]:
    """Return (data, printed, issues) of an answer; a truncated answer keeps its complete rows.

    `data` is checked by the schema, or plain data if it violates the schema; `printed` is the JSON as answered.

    >>> form = Form.of({"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]})
    >>> read(form, '{"total": "1.234 EUR"}')
    ({'total': 1234}, {'total': '1.234 EUR'}, ())
    """
    issues: list[Issue] = []
    printed = _json(text, finish_reason, issues, is_object="properties" in form.wire)
    data = _Typing(form, issues).typed(form.wire, printed, "")
    if not any(issue.kind == "not JSON" for issue in issues):
        checked, violations = form.check(_drop_nulls(data, form.needed))
        if violations:  # in a recursive or alternative part of the schema, `needed` cannot say which nulls it requires
            others = (form.check(other) for other in (data, _drop_nulls(data, ())))
            checked, violations = min([(checked, violations), *others], key=lambda attempt: len(attempt[1]))
        data = checked if form.exact else data
        nulls = {path for path, value in leaves(printed, nulls=True) if value is None}
        unique = dict.fromkeys((path, _MISSING if path in nulls else message) for path, message in violations)
        issues += (Issue(path, "violation", message) for path, message in [*unique][:_MOST_ISSUES])
    return data, printed, tuple(issues)


def leaves(value: Any, *path: str | int, nulls: bool = False) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """Yield (path, value) of every value that is neither an object nor a list; null only with `nulls`.

    >>> list(leaves({"items": [{"price": "2,50", "tax": None}]}))
    [('items[0].price', '2,50')]
    """
    inner: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from leaves(item, *path, key, nulls=nulls)
    if (nulls or value is not None) and not isinstance(value, dict | list):
        yield joined(path), value


def records(data: Any, path: str = "") -> Iterator[tuple[str, list[Any]]]:  # noqa: ANN401
    """Yield (path, records) of every list of records in plain data.

    >>> list(records({"items": [{"price": 2}], "tags": ["a"]}))
    [('items', [{'price': 2}])]
    """
    if isinstance(data, list) and data and all(isinstance(item, dict) for item in data):
        yield path, data
    for key, item in data.items() if isinstance(data, dict) else ():
        yield from records(item, f"{path}.{key}".removeprefix("."))


class _Typing:
    """Turns printed amounts and dates into values, by the lowered schema."""

    def __init__(self, form: Form, issues: list[Issue]) -> None:
        self._form, self._issues = form, issues

    def typed(self, node: Mapping[str, Any], value: Any, path: str) -> Any:  # noqa: ANN401
        """Return part of an answer, its amounts and dates turned into values."""
        if isinstance(value, list):
            inner = next(self._branches(node, "array"), {}).get("items", {})
            return [self.typed(inner, item, f"{path}[{i}]") for i, item in enumerate(value)]
        if not isinstance(value, dict):
            return self._leaf(node, value, path)
        node = max(self._branches(node, "object"), key=lambda branch: _likeness(branch, value), default={})
        properties, additional = node.get("properties", {}), node.get("additionalProperties") or {}
        paths = {key: f"{path}.{key}".removeprefix(".") for key in value}
        return {key: self.typed(properties.get(key, additional), member, paths[key]) for key, member in value.items()}

    def _branches(self, node: Mapping[str, Any], kind: str) -> Iterator[Mapping[str, Any]]:
        """Yield the alternatives of a node that have this type."""
        if "$ref" in node:
            node = self._form.wire["$defs"][node["$ref"].rpartition("/")[2]]
        if node.get("type") == kind:
            yield node
        for part in node.get("anyOf", ()):
            yield from self._branches(part, kind)

    def _leaf(self, node: Mapping[str, Any], value: Any, path: str) -> Any:  # noqa: ANN401
        if value == UNREADABLE:
            self._issues.append(Issue(path, "unreadable", "is on the picture, but the model could not read it"))
            return None
        if not isinstance(value, str):
            return value
        kinds = {kind(branch) for branch in (node, *node.get("anyOf", ()))}
        if NUMBER in kinds and (amount := values.number(value)) is not None:
            if self._form.exact and amount.as_tuple().exponent:  # 30.00 keeps its cents
                return amount
            return int(amount) if amount == amount.to_integral_value() else float(amount)
        if DAY in kinds and (day := values.day(value)) is not None:
            if values.is_ambiguous(value):
                message = f"{value} may have the month first; it is read as {day:%d %B %Y}"
                self._issues.append(Issue(path, "ambiguous", message))
            return day.isoformat()
        return value


def _likeness(node: Mapping[str, Any], value: Mapping[str, Any]) -> tuple[int, int]:
    """Return how well an object fits one of several alternatives: by the values of its choices, then by its keys."""
    fields = node.get("properties", {})
    given = {key: item for key, item in value.items() if item is not None}
    chosen = sum(given[key] in fields[key].get("enum", ()) for key in fields.keys() & given.keys())
    return chosen, len(fields.keys() & value.keys()) - len(fields.keys() ^ value.keys())


def _drop_nulls(data: Any, needed: Container[str], path: str = "") -> Any:  # noqa: ANN401
    """Return data without optional fields that hold only nulls: in the full schema, these fields are absent instead."""
    if isinstance(data, list):
        return [_drop_nulls(item, needed, f"{path}[]") for item in data]
    if not isinstance(data, dict):
        return data
    members = [(key, f"{path}.{key}".removeprefix("."), item) for key, item in data.items()]
    return {key: _drop_nulls(item, needed, at) for key, at, item in members if at in needed or not _is_blank(item)}


def _is_blank(item: Any) -> bool:  # noqa: ANN401
    return item not in ([], {}) and next(leaves(item), None) is None


def _json(text: str, finish_reason: str, issues: list[Issue], *, is_object: bool) -> Any:  # noqa: ANN401
    """Return the JSON value in an answer; add an issue if the answer is not plain, complete JSON."""
    with contextlib.suppress(ValueError, RecursionError):
        value = json.loads(text)
        if _levels(value) <= _MOST_LEVELS:
            return _encodable(value)
    text = thoughts.without(text)
    starts = (re.search(pattern, text) for pattern in (_FENCE, r"\{" if is_object else _OPENS, _OPENS))
    start = next((hit.end() - 1 for hit in starts if hit), len(text))
    try:
        node = lenient.Reader(text).read(start, len(text), lambda *_: None)
    except (IndexError, lenient.Unreadable):
        issues.append(Issue("", "not JSON", f"The answer is not JSON: {text.strip()[:80]!r}."))
        return None
    kept: list[str] = []
    value = _complete(node, (), kept)
    if node.whole:
        issues.append(Issue("", "repaired", "The answer is not plain JSON, so the server does not enforce the schema."))
    elif finish_reason == "white space":
        issues.append(Issue("", "white space", _RUNAWAY))
    else:
        reason = "The answer was cut at max_tokens" if finish_reason == "length" else "The answer ends in the middle"
        issues.append(
            Issue("", "cut", f"{reason}; {' and '.join(kept) or 'no rows'} kept. Raise max_tokens for the rest.")
        )
    return _encodable(value)


def _encodable(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a value without halves of surrogate pairs, which no file and no table can store."""
    text = json.dumps(value, ensure_ascii=False)
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _levels(value: Any) -> int:  # noqa: ANN401
    """Return the nesting depth of a value. A very deep one overflows the stack of any recursive function, also here."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_levels, inside), default=0)


def _complete(node: lenient.Node, path: tuple[str | int, ...], kept: list[str]) -> Any:  # noqa: ANN401
    """Return the complete part of a truncated value; add to `kept` how many rows of the truncated list remain."""
    if node.whole:
        return node.plain()
    if node.kind == "list":
        rows = [item.plain() for item in node.value if item.whole]
        kept.append(f"{len(rows)} whole row{'s' * (len(rows) != 1)} of {joined(path) or 'the list'}")
        return rows
    members = ((key, item) for key, item in node.value if item.whole or item.kind in ("object", "list"))
    return {key: _complete(item, (*path, key), kept) for key, item in members}
