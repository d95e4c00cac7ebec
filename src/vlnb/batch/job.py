"""What is asked about every row: a job, its id, and the columns of its answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from vlnb.errors import BadInput
from vlnb.prompts import Prompt

if TYPE_CHECKING:
    import pyarrow as pa

    from vlnb.batch.source import Row

_NUMBERS = {"prompt_tokens": "int64", "completion_tokens": "int64", "seconds": "float64"}
_FIRST, _LAST = ("key", "path", "text"), ("finish", *_NUMBERS, "model", "server", "note", "error")
_TYPES = {"string": "string", "integer": "int64", "number": "float64", "boolean": "bool"}


@dataclass(frozen=True)
class Job:
    """A question for every picture, or (with `requests`) a file of requests that are sent as they are.

    `schema` is plain JSON. `max_pixels` limits a picture as the model sees it, `max_tokens` an answer.
    """

    prompt: str
    system: str | None
    schema: Mapping[str, Any] | None
    model: str
    max_pixels: int
    max_tokens: int
    requests: str = ""

    @classmethod
    def of(cls, prompt: str | Prompt, schema: object, **settings: Any) -> Job:  # noqa: ANN401 - the other fields
        """Return the job. A Pydantic model, or a type, counts by its JSON schema. Raises `BadInput`."""
        from vlnb.typed import Form

        text, system = (prompt.text, prompt.system) if isinstance(prompt, Prompt) else (prompt, None)
        if not isinstance(text, str) or not (text.strip() or settings.get("requests")):
            raise BadInput("A batch needs a prompt: the question that is asked about every picture.")
        if schema is not None:
            Form.of(schema)
            if not isinstance(schema, Mapping):
                from pydantic import TypeAdapter

                schema = TypeAdapter(schema).json_schema()  # type: ignore[arg-type] # any type at all
        return cls(text, system, schema, **settings)

    @cached_property
    def id(self) -> str:
        """What a job is known by on disk: another prompt, model, schema or resolution makes another job."""
        told = json.dumps({**asdict(self), "requests": bool(self.requests)}, sort_keys=True, default=str)
        return hashlib.sha256(told.encode()).hexdigest()[:12]

    def key(self, row: Row) -> str:
        """Return what an answer is found again by: the job, and the row with its size or content."""
        return hashlib.sha256(f"{self.id}\0{row.path}\0{row.content}".encode()).hexdigest()[:32]

    @cached_property
    def columns(self) -> dict[str, str]:
        """The typed columns, by name: those of the schema's first level. "json" is a text of JSON."""
        parts = (self.schema or {}).get("properties") or ({"data": {}} if self.schema else {})
        return {name: _kind(part) for name, part in parts.items()}

    @cached_property
    def arrow(self) -> pa.Schema:
        """The columns of the table, as Parquet has them."""
        import pyarrow as pa

        kinds = [(name, _NUMBERS.get(name, "string")) for name in (*_FIRST, *_LAST)]
        typed = [(self.column(name), "string" if kind == "json" else kind) for name, kind in self.columns.items()]
        named = (*kinds[: len(_FIRST)], *typed, *kinds[len(_FIRST) :])
        return pa.schema([(name, pa.type_for_alias(kind)) for name, kind in named])

    def column(self, name: str) -> str:
        """Return the name of a typed column: with `_` where a column of every table has that name."""
        return f"{name}_" if name in (*_FIRST, *_LAST) else name

    def typed(self, data: object) -> dict[str, object]:
        """Return the typed columns of an answer; null for what it lacks, or has in another type."""
        values = data if isinstance(data, dict) and (self.schema or {}).get("properties") else {"data": data}
        return {self.column(name): _cell(values.get(name), kind) for name, kind in self.columns.items()}


def _kind(part: Mapping[str, Any]) -> str:
    """Return the type of a column: that of the schema if it is simple (null aside), else "json"."""
    kinds = {kind for one in part.get("anyOf", [part]) for kind in _listed(one.get("type", "any"))} - {"null"}
    if kinds == {"number", "string"}:  # how Pydantic writes Decimal
        return "float64"
    return _TYPES.get(kinds.pop(), "json") if len(kinds) == 1 else "json"


def _listed(kind: str | list[str]) -> list[str]:
    return kind if isinstance(kind, list) else [kind]


def _cell(value: object, kind: str) -> object:
    if value is None:
        return None
    if kind == "float64":
        try:
            return float(value)  # type: ignore[arg-type] # a number, or a Decimal as text; anything else is null
        except (TypeError, ValueError):
            return None
    if kind in {"int64", "bool"}:
        return value if isinstance(value, int) and isinstance(value, bool) == (kind == "bool") else None
    return value if kind == "string" and isinstance(value, str) else json.dumps(value, ensure_ascii=False)
