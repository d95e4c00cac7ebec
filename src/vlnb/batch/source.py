"""The rows of a source, and the job: what to ask about each row.

A source is a folder, a glob, a Parquet file, a list of paths or addresses, or a file of requests.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from vlnb import images
from vlnb.errors import BadInput
from vlnb.images.sources import missing
from vlnb.local import expanded
from vlnb.prompts import Prompt

_LINE_BYTES = 64_000_000
_URL = "/v1/chat/completions"

Source = str | Path | Sequence[str | Path]


@dataclass(frozen=True)
class Row:
    """One row: the path or address of a picture, or the `custom_id` of a request.

    `content` identifies its version: the size of a file in bytes and its time of change, or the line of a request.
    """

    path: str
    content: str = ""


@dataclass(frozen=True)
class Job:
    """A question about every picture, or (with `requests`) requests that are sent unchanged.

    `schema` is plain JSON; `options` are those of `Endpoint.ask`.
    """

    prompt: str
    system: str | None
    schema: Mapping[str, Any] | None
    model: str
    options: Mapping[str, Any]
    requests: bool

    @classmethod
    def of(cls, prompt: str | Prompt, schema: object, **settings: Any) -> Job:  # noqa: ANN401 - the other fields
        """Return the job; a Pydantic model or a type becomes its JSON schema. Raises `BadInput`."""
        from vlnb.typed import Form

        text, system = (prompt.text, prompt.system) if isinstance(prompt, Prompt) else (prompt, None)
        if settings["requests"] and (text or schema or settings["options"]):
            raise BadInput("Each request of a file has a prompt and options of its own: leave these out.")
        if not text.strip() and not settings["requests"]:
            raise BadInput("A batch needs a prompt: the question about every picture.")
        if schema is not None:
            Form.of(schema)
            if not isinstance(schema, Mapping):
                from pydantic import TypeAdapter

                schema = TypeAdapter(schema).json_schema()  # type: ignore[arg-type] # any type at all
        return cls(text, system, schema, **settings)

    @cached_property
    def id(self) -> str:
        """The name of the job on disk: another prompt, model, schema or resolution makes another job."""
        return hashlib.sha256(self.json(sort_keys=True)).hexdigest()[:12]

    def json(self, **form: Any) -> bytes:  # noqa: ANN401 - of `json.dumps`
        """Return the job as JSON. Raises `BadInput` if the prompt or an option is neither plain data nor a path."""
        try:
            return json.dumps(asdict(self), default=os.fspath, **form).encode()
        except (TypeError, ValueError) as error:
            raise BadInput(
                f"The prompt or an option cannot be stored ({error}). Pass texts, numbers, paths."
            ) from error

    def key(self, row: Row) -> str:
        """Return the key of an answer: a hash of the job, and of the row with its size or content."""
        text = f"{self.id}\0{row.path}\0{row.content}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def is_requests(source: Source) -> bool:
    """Return whether the source is a file of requests in OpenAI's form (`.jsonl`)."""
    return isinstance(source, str | Path) and str(source).lower().endswith(".jsonl")


def check(source: Source) -> None:
    """Raise `BadInput` if the source is a path that does not exist."""
    if isinstance(source, str | Path):
        path = expanded(source)
        if not (os.path.exists(path) or glob.has_magic(str(path))):  # noqa: PTH110
            raise missing(Path(source))


def rows(source: Source) -> list[Row]:
    """Return the rows of a source. Raises `BadInput` if it cannot be read or is empty."""
    check(source)
    try:
        listed = list(_listed(source) if isinstance(source, str | Path) else map(_row, source))
    except (OSError, ValueError, LookupError) as error:
        raise BadInput(f"{source} cannot be read: {error!s:.300}") from error
    if not listed:
        raise BadInput(f"{source!s:.200} holds no picture. Pass a folder of pictures, or a glob such as 'scans/*.png'.")
    return listed


def _listed(source: str | Path) -> Iterable[Row]:
    path = expanded(source).absolute()
    if is_requests(path):
        return _requests(path)
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return (_row(name) for name in pq.ParquetFile(path).read(["path"])["path"].to_pylist() if name is not None)
    # The name of a file may look like a glob.
    named = [path] if path.exists() else map(Path, glob.iglob(str(path), recursive=True))  # noqa: PTH207 - an absolute pattern
    inside = path.rglob("*") if path.is_dir() else named
    pictures = (file for file in sorted(inside) if file.suffix.lower() in images.SUFFIXES)
    return map(_row, pictures)


def _row(path: str | Path) -> Row:
    """Return the row of a picture, with its version if it is a file here."""
    with contextlib.suppress(OSError, ValueError):
        address = urlsplit(str(path))
        stat = expanded(url2pathname(address.path) if address.scheme == "file" else path).stat()
        return Row(str(path), f"{stat.st_size} {stat.st_mtime_ns}")
    return Row(str(path))


def _requests(path: Path) -> Iterator[Row]:
    """Yield the requests of a file. Raises `BadInput` for a line that is no request, or that repeats a `custom_id`."""
    line_of: dict[str, int] = {}
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(_LINE_BYTES), b""), 1):
            if not line.strip():
                continue
            try:
                name, text = str(json.loads(line)["custom_id"]), line.decode("utf-8-sig").strip()
                body(text)
            except (ValueError, LookupError, TypeError, RecursionError) as error:
                reason = f"{error} is missing" if isinstance(error, LookupError) else f"{error!s:.100}"
                raise BadInput(
                    f"Line {number} of {path} is not a batch request ({reason}). Each line is"
                    f' {{"custom_id": …, "method": "POST", "url": "{_URL}", "body": {{…}}}}.'
                ) from error
            if line_of.setdefault(name, number) != number:
                raise BadInput(f"Line {number} of {path} repeats the custom_id {name!r:.80} of line {line_of[name]}.")
            yield Row(name, text)


def body(line: str) -> dict[str, Any]:
    """Return the body of a request. Raises `ValueError`, `LookupError` or `TypeError` if the line is no request."""
    request = json.loads(line)
    if (request["method"], request["url"]) != ("POST", _URL) or not isinstance(request["body"]["messages"], list):
        raise ValueError(f"method and url are not POST {_URL}")
    return dict(request["body"])
