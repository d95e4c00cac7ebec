"""Lowers a schema to the part of JSON Schema that servers enforce.

Servers enforce different parts: what one refuses, another ignores. So a schema is lowered to what SGLang, vLLM,
llama.cpp and Ollama all enforce, and the client checks the answer by the full schema (`answer`). In the lowered schema
every field is required and every value may be null: a model that must fill a field invents a value, and one that may
omit it forgets it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, get_origin

from pydantic import PydanticUserError, TypeAdapter, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema

from vlnb import tables
from vlnb.errors import BadInput

_WORDS = tables.read("typed/form.toml")
UNREADABLE: str = _WORDS["unreadable"]
"""What the model writes for a value that is on the picture but cannot be read."""

NUMBER: str = _WORDS["number"]
DAY: str = _WORDS["day"]
_KEYWORDS = {name: frozenset(words.split()) for name, words in _WORDS["keywords"].items()}
_MOST_PARTS = 5_000
_UNKNOWN = "is not a keyword of JSON Schema, so nothing checks it"
_HERE = "is checked here, not by the server"
_ALTERNATIVES = f"which of its alternatives applies {_HERE}"
_TEXT: dict[str, Any] = {"type": ["string", "null"]}


@dataclass(frozen=True)
class Form:
    """A schema as sent to the server (`wire`); `loosened` lists, by path, what only the client checks.

    `needed` are the paths (`items[].price`) that the full schema requires. `check` returns the typed data, and the
    violations of the full schema as (path, message). With `exact` (any schema but JSON), amounts are `Decimal`.
    """

    wire: Mapping[str, Any]
    loosened: tuple[str, ...]
    needed: frozenset[str]
    check: Callable[[Any], tuple[Any, list[tuple[str, str]]]] = field(repr=False)
    exact: bool

    @classmethod
    def of(cls, schema: Any) -> Form:  # noqa: ANN401 - a JSON schema, or a type that pydantic knows
        """Return the form of a JSON schema (a dictionary), a Pydantic model, or another type such as `list[Model]`.

        A `Form` is returned as it is.

        >>> form = Form.of({"type": "object", "properties": {"total": {"type": "number", "multipleOf": 0.01}}})
        >>> form.wire["properties"]["total"]["type"], form.loosened
        (['string', 'null'], ('total: multipleOf is checked here, not by the server',))

        Raises:
            BadInput: `schema` is none of these, or not a valid schema.
        """
        if isinstance(schema, Form):
            return schema
        plain = isinstance(schema, Mapping)
        try:
            full, check = _json_schema(schema) if plain else _pydantic(schema)
            lowering = _Lowering(full)
            wire = dict(lowering.lower(full, ""))
        except RecursionError as error:
            raise BadInput("The schema nests deeper than any document. Make it flatter.") from error
        if not any(full.get(name) for name in _KEYWORDS["asking"]):
            hint = "".join(f" ({note})" for note in lowering.loosened if _UNKNOWN in note)
            raise BadInput(f"The schema asks for nothing: give it `properties` (or `items`), each with a `type`.{hint}")
        root = {"title": full.get("title"), "$defs": lowering.definitions}
        wire |= {name: part for name, part in root.items() if part}
        return cls(wire, tuple(lowering.loosened), frozenset(lowering.needed), check, exact=not plain)

    @property
    def response_format(self) -> dict[str, Any]:
        """The field of the request that asks a server to enforce the form."""
        return {"type": "json_schema", "json_schema": {"name": "answer", "schema": self.wire, "strict": True}}

    @property
    def prompt(self) -> str:
        """The instructions for the model. They contain the schema, because servers do not show it to the model."""
        schema, prompt = json.dumps(self.wire, ensure_ascii=False), str(_WORDS["prompt"])
        return prompt.format(schema=schema, unreadable=UNREADABLE)


def joined(parts: Any) -> str:  # noqa: ANN401 - keys and indices
    """Return the path of a value, such as `items[3].price`.

    >>> joined(["items", 3, "price"])
    'items[3].price'
    """
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")


def kind(node: Mapping[str, Any]) -> str:
    """Return how a value of the lowered schema is parsed: `NUMBER`, `DAY`, or "" for text."""
    last = str(node.get("description", "")).rpartition("; ")[2]  # the schema's own description stands before it
    return last if last in (NUMBER, DAY) else ""


def _pydantic(schema: Any) -> tuple[dict[str, Any], Any]:  # noqa: ANN401
    sentence = f"schema={schema!r:.80} has no JSON schema: pass a dictionary, as json.load reads it, or a model."
    if not (isinstance(schema, type) or get_origin(schema)):
        raise BadInput(sentence)  # TypeAdapter would run a text, perhaps from a stranger's file, as Python
    try:
        adapter = TypeAdapter(schema)
        full = adapter.json_schema()
    except (PydanticUserError, PydanticInvalidForJsonSchema, NameError) as error:
        raise BadInput(sentence) from error

    def check(data: Any) -> tuple[Any, list[tuple[str, str]]]:  # noqa: ANN401
        try:
            return adapter.validate_python(data), []
        except ValidationError as error:
            return data, [(joined(item["loc"]), item["msg"]) for item in error.errors(include_url=False)]

    return full, check


def _json_schema(schema: Mapping[str, Any]) -> tuple[Mapping[str, Any], Any]:
    from jsonschema import Draft202012Validator, SchemaError  # a second to import
    from jsonschema import ValidationError as Flaw
    from jsonschema.validators import extend
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]
    from referencing.exceptions import Unresolvable

    def multiple_of(validator: Any, step: float, value: Any, _: object) -> Iterator[Flaw]:  # noqa: ANN401
        # Exact: for jsonschema, which divides floats, 19.99 is no multiple of 0.01.
        finite = validator.is_type(value, "number") and (isinstance(value, int) or math.isfinite(value))
        if finite and Fraction(str(value)) % Fraction(str(step)):
            yield Flaw(f"{value} is not a multiple of {step}")

    Validator: Any = extend(Draft202012Validator, {"multipleOf": multiple_of})  # type: ignore[no-untyped-call]  # noqa: N806
    try:
        Validator.check_schema(schema)
    except SchemaError as error:
        why = next(iter(error.context), error).message  # of several alternatives, the first is the most common
        raise BadInput(f"This is not a valid JSON schema, at {joined(error.path) or 'its root'}: {why:.200}") from error
    # The default registry fetches whatever address a schema names; this one fetches nothing.
    validator = Validator(schema, registry=REGISTRY, format_checker=Validator.FORMAT_CHECKER)

    def check(data: Any) -> tuple[Any, list[tuple[str, str]]]:  # noqa: ANN401
        try:
            return data, [(joined(flaw.absolute_path), f"{flaw.message:.200}") for flaw in validator.iter_errors(data)]
        except (RecursionError, Unresolvable) as error:
            return data, [("", f"the schema cannot be checked: {type(error).__name__} {error!s:.100}")]

    return schema, check


class _Lowering:
    """Rewrites one schema with the keywords that every server enforces."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root, self._parts = root, 0
        self._open: dict[str, str] = {}  # references being lowered, and their names on the wire once they recur
        self.loosened: list[str] = []
        self.needed: set[str] = set()
        self.definitions: dict[str, Any] = {}

    def lower(self, node: Any, path: str) -> dict[str, Any]:  # noqa: ANN401 - a schema: an object, true or false
        """Return a part of the schema, lowered. Raises `BadInput` for a dangling reference, or too many parts."""
        if isinstance(node, Mapping) and "$ref" in node:
            return self._reference(node, path)
        node = self._merged(node)
        for name in sorted(node.keys() - _KEYWORDS["lowered"] - _KEYWORDS["silent"]):
            self._loosen(path, f"{name} {_HERE if name in _KEYWORDS['checked'] else _UNKNOWN}")
        wire = self._bare(node, path)
        descriptions = (str(node.get("description", "")), wire.get("description", ""))
        return {**wire, "description": "; ".join(filter(None, descriptions))} if any(descriptions) else wire

    def _merged(self, node: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return a schema with the parts of its `allOf`, and of theirs, merged into it."""
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise BadInput(f"The schema has more than {_MOST_PARTS:,} parts with its references in place: too many.")
        merged = dict(self._target(node))
        for part in merged.pop("allOf", ()):
            more = self._merged(part)
            required = [*merged.get("required", ()), *more.get("required", ())]
            ours, theirs = merged.get("properties", {}), more.get("properties", {})
            both = {key: {"allOf": [ours[key], theirs[key]]} for key in ours.keys() & theirs.keys()}
            properties = ours | theirs | both
            merged = {**more, **merged, "properties": properties, "required": required}
        return merged

    def _loosen(self, path: str, what: str) -> None:
        self.loosened.append(f"{path or 'the whole schema'}: {what}")

    def _target(self, node: Any) -> Mapping[str, Any]:  # noqa: ANN401
        target: Any = self._root
        if not isinstance(node, Mapping) or "$ref" not in node:
            return node if isinstance(node, Mapping) else {}
        if not re.match(r"#(/|$)", str(node["$ref"])):
            raise BadInput(
                f"The schema refers to {node['$ref']!r}: only references within it can be used, by their path."
            )
        for step in str(node["$ref"]).split("/")[1:]:
            target = target.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(target, Mapping) else None
        if not isinstance(target, Mapping):
            raise BadInput(f"The schema refers to {node['$ref']!r}, which it does not define.")
        return {**target, **{key: value for key, value in node.items() if key != "$ref"}}

    def _reference(self, node: Mapping[str, Any], path: str) -> dict[str, Any]:
        """Inline a reference, because llama.cpp mishandles nested ones. Only recursive references remain."""
        name = str(node["$ref"])
        short = name.rpartition("/")[2].removeprefix("#") or "root"
        if name in self._open:
            self._open[name] = short
            link = {"$ref": f"#/$defs/{short}"}
            return link if path.endswith("[]") else {"anyOf": [link, {"type": "null"}]}  # a list may end empty
        self._open[name] = ""
        wire = self.lower(self._target(node), path)
        if {"$ref": f"#/$defs/{short}"} in wire.get("anyOf", ()):
            raise BadInput(f"The schema's reference {name!r} leads back to itself, and describes nothing.")
        if self._open.pop(name):
            self.definitions[short] = wire
        return wire

    def _bare(self, node: dict[str, Any], path: str) -> dict[str, Any]:
        kind, branches = node.get("type"), node.get("anyOf") or node.get("oneOf")
        if isinstance(kind, list):
            return self._alternatives([self._bare({**node, "type": k}, path) for k in kind if k != "null"], path)
        is_open = kind is None and (node.get("properties") or isinstance(node.get("additionalProperties"), Mapping))
        if kind == "object" or is_open:
            container = self._object(node, path)
        elif kind == "array" or (kind is None and {"items", "prefixItems"} & node.keys()):
            container = self._array(node, path)
        elif branches:
            lowered = [self.lower(branch, path) for branch in branches if self._target(branch).get("type") != "null"]
            return self._alternatives(lowered, path)
        else:
            return self._leaf(node, path)
        if branches:
            self._loosen(path, _ALTERNATIVES)
        return container

    def _leaf(self, node: dict[str, Any], path: str) -> dict[str, Any]:
        kind, options = node.get("type"), [item for item in node.get("enum", [node.get("const")]) if item is not None]
        if options and all(isinstance(item, str) for item in options):
            return {"enum": [*options, UNREADABLE, None]}
        if kind == "boolean" or (options and all(isinstance(item, bool) for item in options)):
            return {"type": ["boolean", "null"]}
        if kind in {"number", "integer"} or (options and all(isinstance(item, int | float) for item in options)):
            return {**_TEXT, "description": NUMBER}
        if node.get("format") == "date":
            return {**_TEXT, "description": DAY}
        if options or kind != "string" or "format" in node:
            self._loosen(path, "asked for as text, and checked here")
        return _TEXT

    def _object(self, node: dict[str, Any], path: str) -> dict[str, Any]:
        paths = {key: f"{path}.{key}".removeprefix(".") for key in node.get("properties", {})}
        self.needed |= {paths[key] for key in node.get("required", ()) if key in paths}
        parts = {key: self.lower(node["properties"][key], at) for key, at in paths.items()}
        if parts and node.get("additionalProperties"):
            self._loosen(path, "only the properties that it names are asked for")
        more = False if parts else self.lower(node.get("additionalProperties", {}), f"{path}.*")
        return {"type": "object", "properties": parts, "required": [*parts], "additionalProperties": more}

    def _array(self, node: dict[str, Any], path: str) -> dict[str, Any]:
        if fixed := node.get("prefixItems"):
            self._loosen(path, f"the order of its items {_HERE}")
            items = fixed[0] if all(item == fixed[0] for item in fixed) else {"type": "string"}
            node = {"items": items, "minItems": len(fixed), "maxItems": len(fixed)}
        limits: dict[str, Any] = {name: node[name] for name in ("minItems", "maxItems") if name in node}
        return {"type": "array", "items": self.lower(node.get("items", {}), f"{path}[]"), **limits}

    def _alternatives(self, lowered: list[dict[str, Any]], path: str) -> dict[str, Any]:
        """Return several leaves as printed text, which fits all of them, and other alternatives unchanged."""
        if len(lowered) > 1:
            self._loosen(path, _ALTERNATIVES)
        if not all("enum" in wire or isinstance(wire.get("type"), list) for wire in lowered):
            return {"anyOf": [*lowered, {"type": "null"}]}
        numbers = (wire for wire in lowered if kind(wire) == NUMBER)
        return lowered[0] if len(lowered) == 1 else next(numbers, _TEXT)
