"""Where the rows come from: a folder, a glob, a Parquet file, a list of paths or addresses, a file of requests.

A request of a file is a row without its body: only its place in the file is kept, so that memory stays flat.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlnb.errors import BadInput

PICTURES = frozenset(
    f".{name}" for name in "avif bmp gif heic heif jp2 jpeg jpg pdf png ppm tif tiff webp".split()
)  # in a folder: everything else there is no picture
_LINE_BYTES = 64_000_000
_URL = "/v1/chat/completions"

Source = str | Path | Sequence[str | Path]


@dataclass(frozen=True)
class Row:
    """One row: the path or address of a picture, or the `custom_id` of a request, which is at byte `at` of its file.

    `content` changes with what the row holds: the size of a file in bytes, or a hash of a request.
    """

    path: str
    content: str = ""
    at: int = 0


def is_requests(source: Source) -> bool:
    """Return whether the source is a file of requests in OpenAI's form (`.jsonl`)."""
    return isinstance(source, str | Path) and str(source).lower().endswith(".jsonl")


def rows(source: Source, column: str = "path") -> Iterator[Row]:
    """Yield the rows of a source, each path once. `column` names the paths or addresses in a Parquet file.

    Raises `BadInput` if it cannot be read or has none.
    """
    if isinstance(source, str | Path) and not is_requests(source):
        found = _listed(str(source), column)
    elif isinstance(source, str | Path):
        found = _requests(Path(source).expanduser())
    else:
        found = (Row(str(one)) for one in source)
    seen = set[str]()
    try:
        for row in found:
            if row.path not in seen:
                seen.add(row.path)
                yield row
    except OSError as error:
        raise BadInput(f"{source} cannot be read: {error.strerror or error}.") from error
    if not seen:
        raise BadInput(f"{source!s:.200} holds no picture. Pass a folder, a glob such as 'scans/*.png', or a list.")


def _listed(source: str, column: str) -> Iterator[Row]:
    path = Path(source).expanduser().absolute()
    if path.is_dir():
        for folder, folders, names in os.walk(path):
            folders.sort()
            yield from (_file(f"{folder}/{name}") for name in sorted(names) if Path(name).suffix.lower() in PICTURES)
    elif path.suffix == ".parquet":
        yield from map(Row, _column(path, column))
    elif path.is_file() or "://" in source:
        raise BadInput(
            f"{source:.200} is one file: for one picture, use ask. A batch takes a folder, a glob or a list."
        )
    else:
        yield from map(_file, sorted(glob.iglob(str(path), recursive=True)))  # noqa: PTH207 - it is a whole path


def _file(path: str) -> Row:
    return Row(path, str(os.stat(path).st_size) if os.path.exists(path) else "")  # noqa: PTH110, PTH116 - a million times


def _column(path: Path, column: str) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        found = pq.read_table(path, columns=[column])
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path} cannot be read as Parquet: {error!s:.200}") from error
    if column not in found.column_names:
        raise BadInput(f"{path} has no column {column!r}: name the one with the paths or addresses.")
    return [str(value) for value in found.column(column).to_pylist() if value is not None]


def _requests(path: Path) -> Iterator[Row]:
    """Yield the requests of a file. Raises `BadInput` for a line that is none, or that repeats a `custom_id`."""
    known: dict[str, int] = {}
    with path.open("rb") as file:
        at = 0
        for number, line in enumerate(iter(lambda: file.readline(_LINE_BYTES), b""), 1):
            if line.strip():
                try:
                    name = str(_request(line)["custom_id"])
                except (ValueError, KeyError, TypeError, RecursionError) as error:
                    raise BadInput(
                        f"Line {number} of {path} is no request of a batch ({error!s:.100}). Each line is"
                        f' {{"custom_id": …, "method": "POST", "url": "{_URL}", "body": {{…}}}}.'
                    ) from error
                if name in known:
                    raise BadInput(f"Line {number} of {path} repeats the custom_id {name!r:.80} of line {known[name]}.")
                known[name] = number
                yield Row(name, hashlib.sha256(line.strip()).hexdigest(), at)
            at += len(line)


def body(path: str, at: int) -> dict[str, Any]:
    """Return the body of the request at byte `at` of a file. Raises `OSError` or `ValueError`."""
    with Path(path).open("rb") as file:
        file.seek(at)
        found: dict[str, Any] = _request(file.readline(_LINE_BYTES))["body"]
        return found


def _request(line: bytes) -> dict[str, Any]:
    found = json.loads(line)
    if (found["method"], found["url"]) != ("POST", _URL) or not isinstance(found["body"]["messages"], list):
        raise ValueError(f"method and url are not POST {_URL}")
    return dict(found)
