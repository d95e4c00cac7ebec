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
    from vlnb.batch.source import Row

# The columns of the table in Parquet; all but `NUMBERS` are text. `data` is the answer by a schema, as JSON.
NUMBERS = {"prompt_tokens": "int64", "completion_tokens": "int64", "seconds": "float64"}
COLUMNS = ("key", "path", "text", "data", "finish", *NUMBERS, "model", "server", "note", "error")


@dataclass(frozen=True)
class Job:
    """A question for every picture, or (with `requests`) requests that are sent as they are.

    `schema` is plain JSON. `max_pixels` limits a picture as the model sees it, `max_tokens` an answer.
    """

    prompt: str
    system: str | None
    schema: Mapping[str, Any] | None
    model: str
    max_pixels: int
    max_tokens: int
    requests: bool

    @classmethod
    def of(cls, prompt: str | Prompt, schema: object, **settings: Any) -> Job:  # noqa: ANN401 - as fields
        """Return the job. A Pydantic model, or a type, counts by its JSON schema. Raises `BadInput`."""
        from vlnb.typed import Form

        text, system = (prompt.text, prompt.system) if isinstance(prompt, Prompt) else (prompt, None)
        if not text.strip() and not settings["requests"]:
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
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]

    def key(self, row: Row) -> str:
        """Return what an answer is found again by: the job, and the row with its size or content."""
        return hashlib.sha256(f"{self.id}\0{row.path}\0{row.content}".encode()).hexdigest()[:32]
