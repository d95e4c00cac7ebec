"""Where the rows come from: a folder, a glob, a Parquet file, a list of paths or addresses, a file of requests."""

from __future__ import annotations

import glob
import json
from collections.abc import Iterable, Iterator, Sequence
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
    """One row: the path or address of a picture, or the `custom_id` of a request.

    `content` is what else makes it that row: the size of a file in bytes, or the line of a request.
    """

    path: str
    content: str = ""


def is_requests(source: Source) -> bool:
    """Return whether the source is a file of requests in OpenAI's form (`.jsonl`)."""
    return isinstance(source, str | Path) and str(source).lower().endswith(".jsonl")


def rows(source: Source, column: str = "path") -> list[Row]:
    """Return the rows of a source. `column` names the paths or addresses in a Parquet file.

    Raises `BadInput` if it cannot be read or has none.
    """
    import pyarrow as pa

    try:
        found = list(_listed(source, column) if isinstance(source, str | Path) else map(Row, map(str, source)))
    except (OSError, pa.ArrowException) as error:
        raise BadInput(f"{source} cannot be read: {error!s:.300}") from error
    if not found:
        raise BadInput(f"{source!s:.200} holds no picture. Pass a folder, a glob such as 'scans/*.png', or a list.")
    return found


def _listed(source: str | Path, column: str) -> Iterable[Row]:
    path = Path(source).expanduser().absolute()
    if is_requests(path):
        return _requests(path)
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return (Row(str(one)) for one in pq.ParquetFile(path).read([column])[column].to_pylist() if one is not None)
    inside = path.rglob("*") if path.is_dir() else map(Path, glob.iglob(str(path), recursive=True))  # noqa: PTH207 - a whole path
    pictures = (one for one in sorted(inside) if one.suffix.lower() in PICTURES)
    return (Row(str(one), str(one.exists() and one.stat().st_size)) for one in pictures)


def _requests(path: Path) -> Iterator[Row]:
    """Yield the requests of a file. Raises `BadInput` for a line that is none, or that repeats a `custom_id`."""
    known: dict[str, int] = {}
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(_LINE_BYTES), b""), 1):
            if not line.strip():
                continue
            try:
                name, text = str(json.loads(line)["custom_id"]), line.decode().strip()
                body(text)
            except (ValueError, LookupError, TypeError, RecursionError) as error:
                raise BadInput(
                    f"Line {number} of {path} is no request of a batch ({error!s:.100}). Each line is"
                    f' {{"custom_id": …, "method": "POST", "url": "{_URL}", "body": {{…}}}}.'
                ) from error
            if name in known:
                raise BadInput(f"Line {number} of {path} repeats the custom_id {name!r:.80} of line {known[name]}.")
            known[name] = number
            yield Row(name, text)


def body(line: str) -> dict[str, Any]:
    """Return the body of a request. Raises `ValueError`, `LookupError` or `TypeError` for a line that is none."""
    found = json.loads(line)
    if (found["method"], found["url"]) != ("POST", _URL) or not isinstance(found["body"]["messages"], list):
        raise ValueError(f"method and url are not POST {_URL}")
    return dict(found["body"])
