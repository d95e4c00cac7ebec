"""Fills in a form (a JSON schema) from the text of pages: labels with their values, and rows of tables.

A value needs a label that matches the name of the field, or a column under such a heading. A field without either is
null: nothing is invented. A label belongs to one field only, the one that it matches best.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise, product, takewhile
from statistics import median
from typing import Any, TypeVar

from vlnb.embedded import lookup
from vlnb.embedded.lookup import FORMS, NEUTRAL, STOP, VAGUE, WORDS, by_label, match, opposed, words
from vlnb.embedded.page import Line, Page, Rect, Segment, shared_width
from vlnb.embedded.request import Refused
from vlnb.typed import form, values
from vlnb.typed.form import DAY

Node = Mapping[str, Any]
Names = tuple[tuple[str, ...], ...]
"""The wordings of a field: its key, with those of the objects around it, and its description."""
Place = tuple[int, Rect, str]
"""The page, the box and the text of a value."""
Field = TypeVar("Field", bound=Hashable)
Where = TypeVar("Where", bound=Hashable)

_MOST_PARTS = 20_000  # of a schema with its references in place
_TOTALS, _SUMS = frozenset(WORDS["totals"].split()), frozenset(WORDS["sums"].split())
_BOOLEANS = {word: value for value, words in ((True, WORDS["yes"]), (False, WORDS["no"])) for word in words.split()}
_NAMED, _ALONE = 0.85, 0.75  # lowest recall of a field's words by its label, and lowest precision of the label
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[_.-]")
_LARGE = 1.4  # times the usual height: the name of a shop is larger
_TOP = 0.2  # of the height of the page: the name of a shop stands above
_TABLE_ENDS = 1.5  # times the usual distance of its rows: a larger gap is the end of a table
_LONGEST = 6  # most words of a description that may be a label


def fill(schema: Node, pages: Sequence[Page]) -> Any:  # noqa: ANN401 - any JSON value
    """Return a value that follows `schema`, with null for whatever the pages do not contain."""
    try:
        schema = _expanded(schema, schema, iter(range(_MOST_PARTS)))
        return _Filling(schema, [page.apart() for page in pages]).value(schema, ())
    except (AttributeError, TypeError, RecursionError) as error:
        raise Refused(f"The schema cannot be used: {error}.", param="response_format") from error


def fill_form(fields: Sequence[str], pages: Sequence[Page]) -> dict[str, str]:
    """Fill in an empty form by the rules for a schema, with "" for whatever the pages do not contain."""
    filled = fill({"properties": {field: {"type": "string"} for field in fields}}, pages)
    return {field: value or "" for field, value in filled.items()}


def _expanded(node: Any, root: Node, budget: Iterator[int], inside: tuple[str, ...] = ()) -> Any:  # noqa: ANN401
    """Return a schema with its references inlined, recursive ones as null. `budget` limits the number of its parts."""
    if next(budget, None) is None:
        raise Refused(f"The schema has more than {_MOST_PARTS:,} parts: too many.", param="response_format")
    if isinstance(node, list):
        return [_expanded(item, root, budget, inside) for item in node]
    if not isinstance(node, Mapping):
        return node
    name = node.get("$ref")
    if not isinstance(name, str):
        parts = {key: item for key, item in node.items() if node is not root or key not in ("$defs", "definitions")}
        return {key: _expanded(item, root, budget, inside) for key, item in parts.items()}
    target = root
    for step in name.split("/")[1:]:
        target = target.get(step.replace("~1", "/").replace("~0", "~"), {})
    return {"enum": [None]} if name in inside else _expanded(target, root, budget, (*inside, name))


class _Filling:
    def __init__(self, schema: Node, pages: Sequence[Page]) -> None:
        self._pages = pages
        self._title = tuple(words(str(schema.get("title", ""))))  # the number in an invoice is the "invoice number"
        fields = list(self._fields(schema, ()))
        self._labels = [name for names, _ in fields for name in names]
        candidates = [candidate for names, node in fields for candidate in self._candidates(names, node)]
        self._values: dict[Names, str | None] = {}
        for names, (likeness, place) in _assign(candidates).items():
            rivals = {candidate[2] for alike, other, candidate in candidates if (alike, other) == (likeness, names)}
            self._values[names] = place[2] if len(rivals) == 1 else None  # two equal labels: neither is certain

    def value(self, node: Node, names: Names) -> Any:  # noqa: ANN401
        """Return the value of a part of the schema."""
        node = self._plain(node)
        if "properties" in node:
            return {key: self.value(part, self._names(names, key, part)) for key, part in node["properties"].items()}
        if "array" in _types(node):
            return list(self._rows(self._plain(node.get("items", {}))))[: node.get("maxItems")]
        options = node.get("enum") or ([node["const"]] if "const" in node else [])
        text = self._values.get(names)
        if options:
            alike = [option for option in options if text and str(option).casefold() == text.casefold()]
            return (alike or options * (len(options) == 1) or [None])[0]  # a constant says nothing about the page
        return {} if "object" in _types(node) else _typed(node, text)

    def _plain(self, node: Node) -> Node:
        """Return the first alternative that is not null, and merge parts that must all hold."""
        parts = [part for part in node.get("anyOf", node.get("oneOf", ())) if part.get("type") != "null"]
        if parts and "properties" not in node:
            return self._plain(parts[0])
        for part in map(self._plain, node.get("allOf", ())):
            properties = {**part.get("properties", {}), **node.get("properties", {})}
            node = {**part, **node, **({"properties": properties} if properties else {})}
        return node

    def _fields(self, node: Node, names: Names) -> Iterator[tuple[Names, Node]]:
        node = self._plain(node)
        if "properties" in node:
            for key, part in node["properties"].items():
                yield from self._fields(part, self._names(names, key, part))
        elif "array" not in _types(node):
            yield names, node

    def _names(self, around: Names, key: str, node: Node) -> Names:
        """Return the wordings of a field: its key, alone and with the names around it, and its description."""
        own = tuple(words(_CAMEL.sub(" ", key))) or (key,)
        inside = tuple((*name, *own) for name in around or ((self._title,) if self._title else ()))
        alone = not around or not set(own) <= VAGUE | NEUTRAL  # "name" alone may be the buyer's or the seller's
        return (*inside, *([own] if alone else []), *_wording(node))

    def _candidates(self, names: Names, node: Node) -> Iterator[tuple[float, Names, Place]]:
        """Yield (likeness, names, place) for every value whose label matches the names of the field."""
        kind = lookup.AMOUNT if _kind(node) else None
        for number, page in enumerate(self._pages):
            usual = median([segment.box[3] - segment.box[1] for segment in page.segments] or [0])
            for name in names:
                weights, question = dict.fromkeys(name, 1.0), " ".join(name)
                own = kind or (lookup.NUMBER if lookup.NUMBER.asks.search(question) else None)
                for hit in by_label(page, weights, kind, question, all_sides=True):
                    likeness = score(name, hit.label)
                    less = 0.1 * hit.rank + 0.05 * (hit.where == "below")  # a value below may be the cell of a table
                    less += 0.3 * (name not in (_wording(node) or names))  # the description knows the label best
                    fits = _fits(node, hit.value) and (own is None or own.fits(hit.value))
                    if likeness and fits and not self._is_label(hit.value):
                        yield likeness - less, names, (number, hit.box, hit.value)
                top = None if own else lookup.heading(page, weights)
                if top and top.box[3] - top.box[1] > _LARGE * usual and top.box[1] < _TOP * page.size[1]:
                    yield 0.5, names, (number, top.box, top.value)

    def _is_label(self, text: str) -> bool:
        return not re.search(r"\d", text) and any(score(name, text) for name in self._labels)

    def _rows(self, node: Node) -> Iterator[dict[str, Any]]:
        """Yield the rows of the tables whose headings name the properties of a record."""
        columns = {key: self._names((), key, part) for key, part in node.get("properties", {}).items()}
        columns |= {"amount": (*columns["amount"], ("total",))} if "amount" in columns else {}
        for page in self._pages:
            heads = [(_headings(line, columns), number) for number, line in enumerate(page.lines)]
            head, start = max(heads, key=lambda item: len(item[0]), default=({}, 0))
            if len(head) < min(2, len(columns)) or not head:
                continue
            rows: list[dict[str, Any]] = []
            table = [(_summed(line), _cells(line, head)) for line in _near(page.lines[start:])]
            table = list(takewhile(lambda row: row[0] not in _TOTALS, table))
            full = [not summed and len(cells) > len(head) / 2 for summed, cells in table]
            for i, (summed, cells) in enumerate(table):
                if not any(full[i:]) and (summed or len(cells) > 1):
                    break  # a sum; but a card before another item is a "Discount card"
                if full[i] or (len(cells) > 1 and (rows or summed)):
                    parts = {key: (node["properties"][key], text) for key, text in cells.items()}
                    fitting = {key: _typed(*part) for key, part in parts.items() if _fits(*part)}
                    rows.append(dict.fromkeys(columns) | fitting)
                elif rows and len(cells) == 1 and _is_text(node["properties"][next(iter(cells))]):  # a second line
                    rows[-1] |= {key: f"{rows[-1][key] or ''} {text}".strip() for key, text in cells.items()}
                elif rows:
                    break
            yield from rows


def _wording(node: Node) -> Names:
    """Return the words of a field's description, if it may be a printed label."""
    description = tuple(words(str(node.get("description", "")).removesuffix(_kind(node))))
    return (description,) if 0 < len(description) <= _LONGEST else ()


def score(name: Sequence[str], label: str) -> float:
    """Return how well a label names a field, or 0. Words such as "grand" and numbers do not count."""
    label_words = words(label)
    ignored = NEUTRAL | FORMS if set(name) <= VAGUE else NEUTRAL  # a number may be the invoice number
    printed = [word for word in label_words if word in name or not (word in ignored or word.isdigit())] or label_words
    if "".join(name) == "".join(printed):  # e-mail and email
        return 1.0
    counted = [word for word in name if word not in NEUTRAL or word in printed] or list(name)
    telling = [word for word in counted if word not in VAGUE | NEUTRAL]
    others = [word for word in printed if word not in VAGUE | STOP] if telling else printed
    if opposed(name, label_words):
        return 0.0
    recall, _ = match(dict.fromkeys(telling or counted, 1.0), " ".join(printed))
    _, precision = match(dict.fromkeys(counted, 1.0), " ".join(others)) if others else (1.0, 1.0)
    return (recall + precision) / 2 if recall >= _NAMED and precision >= _ALONE else 0.0


def _kind(node: Node) -> str:
    """Return the kind of a field, `form.NUMBER` or `DAY`, or "" for text."""
    if {"number", "integer"} & {*_types(node)} and "string" not in _types(node):
        return form.NUMBER
    return form.kind(node)


def _is_text(node: Node) -> bool:
    return "string" in _types(node) and not _kind(node)


def _types(node: Node) -> Sequence[str]:
    types = node.get("type", "string")
    return [types] if isinstance(types, str) else types


def _fits(node: Node, text: str) -> bool:
    kind = _kind(node)
    if (kind == form.NUMBER and values.number(text) is None) or (kind == DAY and values.day(text) is None):
        return False
    return _typed(node, text) is not None


def _typed(node: Node, text: str | None) -> str | bool | float | None:
    """Return a text in the type that the schema asks for, or None if it has no such meaning."""
    kinds = _types(node)
    if text is None or "string" in kinds:
        return text
    if "boolean" in kinds:
        return _BOOLEANS.get(text.lower().rstrip("."))
    number = values.number(text)
    if number is None or ("integer" in kinds and number % 1):
        return None
    return float(number) if number % 1 else int(number)


def _assign(candidates: Iterable[tuple[float, Field, Where]]) -> dict[Field, tuple[float, Where]]:
    """Return (likeness, place) of the likeliest place for each field; a place belongs to one field only."""
    chosen: dict[Field, tuple[float, Where]] = {}
    taken: set[Where] = set()
    for likeness, field, place in sorted(candidates, key=lambda candidate: -candidate[0]):
        if field not in chosen and place not in taken:
            chosen[field] = likeness, place
            taken.add(place)
    return chosen


def _headings(line: Line, columns: Mapping[str, Names]) -> dict[str, Segment]:
    """Return the segments of a line that name a column."""
    pairs = product(columns.items(), line.segments)
    scored = [(max(score(name, segment.text) for name in names), key, segment) for (key, names), segment in pairs]
    return {key: segment for key, (_, segment) in _assign(pair for pair in scored if pair[0]).items()}


def _near(lines: Sequence[Line]) -> Iterator[Line]:
    """Yield the lines under the head of a table, up to a gap."""
    steps: list[int] = []  # from the head to the first row, and then from row to row
    for above, line in pairwise(lines):
        steps.append(line.segments[0].box[1] - above.segments[0].box[1])
        if steps[-1] > _TABLE_ENDS * max(steps[1:-1] or steps[:1]):
            break
        yield line


def _summed(line: Line) -> str:
    """Return the first word of a line that counts, such as "total" in "Grand total", if it names a sum, else ""."""
    counted = (word for word in words(line.segments[0].text) if word not in NEUTRAL and not word.isdigit())
    return first if (first := next(counted, "")) in _TOTALS | _SUMS else ""


def _cells(line: Line, head: Mapping[str, Segment]) -> dict[str, str]:
    """Return the text of each cell, by the column under whose heading it stands."""
    cells: dict[str, str] = {}
    for segment in line.segments:
        key = max(head, key=lambda key: shared_width(segment.box, head[key].box))
        if shared_width(segment.box, head[key].box) > 0:
            cells[key] = f"{cells.get(key, '')} {segment.text}".strip()
    return cells
