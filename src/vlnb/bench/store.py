"""A run on disk: a folder with a manifest, and one line of JSON a request, written when it ends."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, Any

from vlnb.errors import BadInput

KEY_VARIABLE = "VLNB_BENCH_KEY"  # in which the client gets the key, which is stored nowhere
MANIFEST, RECORDS, SEGMENTS = "manifest.json", "requests.jsonl", "segments.jsonl"


@dataclass(frozen=True)
class Record:
    """One request; times in seconds, `scheduled_s` and `started_s` since the start of its segment.

    A request passes through `queue_s` (due, and waiting in this client), `connect_s`, `upload_s` (first byte sent to
    last), `server_s` (last byte sent to first token), and the stream. `ttft_s` and `e2e_s` count from its start, so
    they hold everything but the queue. `itl_s` are the gaps between chunks with text. `error` is a sentence, or None.
    `segment` counts the times a run was begun or resumed, from 0.
    """

    id: int
    scheduled_s: float
    started_s: float
    queue_s: float
    connect_s: float | None
    upload_s: float | None
    server_s: float | None
    ttft_s: float | None
    e2e_s: float
    itl_s: tuple[float, ...]
    output_tokens: int
    finish_reason: str | None
    error: str | None
    input_tokens: int | None = None
    segment: int = 0

    def line(self) -> str:
        """Return it as a line of JSON, times to the microsecond."""
        data = {key: round(value, 6) if isinstance(value, float) else value for key, value in asdict(self).items()}
        data["itl_s"] = [round(gap, 6) for gap in self.itl_s]
        return json.dumps(data, separators=(",", ":")) + "\n"


@dataclass(frozen=True)
class Stored:
    """A run as it lies on disk. `notes` say in sentences what was odd about the files."""

    folder: Path
    manifest: dict[str, Any]
    records: tuple[Record, ...]
    segments: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]

    @property
    def missing(self) -> list[int]:
        """The ids of requests that are not on disk."""
        done = {record.id for record in self.records}
        return [i for i in range(self.manifest["workload"]["prompts"]) if i not in done]


def create(folder: Path, told: dict[str, Any]) -> None:
    """Make the folder of a new run. Raises `BadInput` where one is there already or none can be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / MANIFEST).open("x", encoding="utf-8") as file:
            json.dump(told, file, indent=1)
    except FileExistsError as error:
        raise BadInput(f"{folder} holds a run already: resume it, or name another folder.") from error
    except OSError as error:
        raise BadInput(f"A run cannot be stored in {folder}: {error.strerror}. Name another folder.") from error


def manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a run. Raises `BadInput` where the folder is none of a run."""
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(f"{folder} holds no run: it has no {MANIFEST}.") from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{folder / MANIFEST} cannot be read ({error}).") from error
    return dict(found)


def read(folder: str | Path) -> Stored:
    """Read a run. A torn last line, left by a kill, is passed over and noted.

    Raises `BadInput` where the folder is none of a run, or a line inside the file is damaged.
    """
    folder = Path(folder)
    told = manifest(folder)
    notes: list[str] = []
    known: dict[int, Record] = {}
    for data in lines(folder / RECORDS, notes):
        record = _record(data, folder / RECORDS)
        if record.id in known:
            notes.append(f"Request {record.id} stands in {RECORDS} twice; the first is kept.")
        known.setdefault(record.id, record)
    segments = tuple(lines(folder / SEGMENTS, notes))
    return Stored(folder, told, tuple(known[i] for i in sorted(known)), segments, tuple(notes))


def append(path: Path) -> IO[str]:
    """Open a file of lines to add to, cutting off a torn last line first."""
    try:
        if path.exists() and path.stat().st_size:
            whole = path.read_bytes().rfind(b"\n") + 1
            os.truncate(path, whole)
        return path.open("a", encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}.") from error


def _record(data: dict[str, Any], path: Path) -> Record:
    known = {field.name for field in fields(Record)}
    try:
        values: dict[str, Any] = {key: tuple(v) if key == "itl_s" else v for key, v in data.items() if key in known}
        return Record(**values)
    except TypeError as error:
        raise BadInput(f"{path} holds a line that is no request ({error}).") from error


def lines(path: Path, notes: list[str]) -> Iterator[dict[str, Any]]:
    """Yield what the lines of a file hold; a torn last one is passed over, with a note. Raises `BadInput`."""
    if not path.exists():
        return
    *whole, last = path.read_text(encoding="utf-8").split("\n")
    if last:
        notes.append(f"The last line of {path.name} is torn (the client was killed while writing); it is passed over.")
    for number, line in enumerate(whole, 1):
        try:
            yield json.loads(line)
        except ValueError as error:
            raise BadInput(f"Line {number} of {path} is damaged ({error}). Take it out, and resume the run.") from error
