"""The history: SQLite stores every run with its question and answer; each picture is stored once, named by its SHA-256.

Each change is one transaction, so neither a kill nor another kernel that writes at the same time loses a run. A run is
stored before its request is sent, in the state "begun". API keys are not stored.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import sqlite3
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from filelock import FileLock
from pydantic import Field, TypeAdapter

from vlnb import images, records
from vlnb.endpoint import Endpoint, Reply, Usage
from vlnb.endpoint.keys import redacted
from vlnb.endpoint.typed import typed_reply
from vlnb.errors import BadInput
from vlnb.local import runs
from vlnb.playground.question import Attachment, Question, cropped

State = Literal["draft", "begun", "done", "stopped", "failed"]

MAX_BYTES = 2_000_000_000  # of pictures; the least recently used are deleted first
_MAX_RUNS = 100_000
_MAX_EXPORT = 100_000_000
# The newest runs that match; without words, the newest runs.
_NEWEST = "SELECT id, run FROM runs WHERE ?1 = '' OR id IN (SELECT rowid FROM words(?1)) ORDER BY id DESC LIMIT ?2"
_WAIT_S = 20.0  # for another kernel that is writing
_REPLY = ("text", "model", "server", "finish_reason", "ttft_s", "latency_s", "note")
_USAGE = ("prompt_tokens", "completion_tokens", "image_tokens")


@dataclass(frozen=True)
class Run:
    """One question with its answer; `parent_id` is the run it was derived from.

    `facts` are those of `Reply.as_dict`; `error` says what failed. `reply` is set only for runs of this kernel.
    """

    question: Question
    server: str
    model: str
    state: State
    started: str
    id: int = 0
    parent_id: int | None = None
    answer: str = ""
    facts: dict[str, Any] = field(default_factory=dict, repr=False)
    error: str = ""
    reply: Annotated[Any, Field(exclude=True)] = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        state = "" if self.state == "done" else f" ({self.state})"
        started = datetime.fromisoformat(self.started).astimezone()  # in the time zone of the reader
        prompt = " ".join(self.question.filled.split())
        return f"{self.id} · {started:%Y-%m-%d %H:%M}{state} · {prompt[:60]}"


_RUN = TypeAdapter(Run)


class History:
    """The runs in a folder (default: `history` in the folder for runs)."""

    def __init__(self, folder: Path | str | None = None, *, max_bytes: int = MAX_BYTES) -> None:
        self.folder, self._max_bytes = Path(folder or runs() / "history").absolute(), max_bytes

    def add(self, question: Question, endpoint: Endpoint, parent_id: int | None = None, state: State = "begun") -> Run:
        """Store a question, whose pictures are stored already, and return its run. Raises `BadInput` as `keep` does."""
        started = f"{datetime.now(UTC):%FT%TZ}"
        run = Run(question, endpoint.base_url, endpoint.model, state, started, parent_id=parent_id)
        with self._open(write=True) as db:
            cursor = db.execute("INSERT INTO runs (run) VALUES (?)", (_json(run, endpoint),))
            db.execute("DELETE FROM runs WHERE id <= last_insert_rowid() - ?", (_MAX_RUNS,))
            # Within the transaction, so that no other kernel removes files meanwhile.
            self._evict({self.path(item) for item in question.attachments})
        return replace(run, id=cursor.lastrowid or 0)

    def save(self, run: Run, endpoint: Endpoint) -> None:
        """Store the present state of a run. Raises `BadInput` if the folder cannot be used."""
        with self._open(write=True) as db:
            db.execute("UPDATE runs SET run = ? WHERE id = ?", (_json(run, endpoint), run.id))

    def search(self, text: str = "", *, limit: int = 200) -> list[Run]:
        """Return the newest runs that contain, for each word of `text`, a word that begins with it."""
        forms = (unicodedata.normalize(form, text[:200]) for form in ("NFC", "NFD"))  # names of files may have either
        phrases = (" ".join(f'"{word}"*' for word in re.findall(r"\w[\w\u0300-\u036f]*", form)) for form in forms)
        words = " OR ".join(filter(None, phrases))
        if text.strip() and not words:
            return []
        with self._open() as db:
            return list(_readable(db.execute(_NEWEST, (words, limit))))

    def get(self, *numbers: int) -> list[Run]:
        """Return runs by their numbers. Raises `BadInput` if one is missing or damaged."""
        with self._open() as db:
            rows = [db.execute("SELECT id, run FROM runs WHERE id = ?", (number,)).fetchone() for number in numbers]
        chosen = list(_readable(filter(None, rows)))
        if lost := set(numbers).difference(run.id for run in chosen):
            raise BadInput(f"The history has no run {min(lost)} that can be read.")
        return chosen

    def delete(self, *numbers: int, needed: Iterable[Attachment] = ()) -> None:
        """Delete runs, and pictures that neither another run uses nor `needed` names."""
        kept = {item.sha256 for item in needed}
        with self._open(write=True) as db:
            for number in numbers:
                hashes = db.execute("SELECT sha256 FROM shown WHERE run_id = ?", (number,)).fetchall()
                db.execute("DELETE FROM runs WHERE id = ?", (number,))
                for (sha256,) in hashes:
                    used = db.execute("SELECT 1 FROM shown WHERE sha256 = ?", (sha256,)).fetchone()
                    if not used and sha256 not in kept:
                        for path in self._pictures.glob(f"{sha256}*"):
                            path.unlink(missing_ok=True)

    def export(self, *numbers: int) -> bytes:
        """Return runs with their pictures as a ZIP file: `runs.jsonl` and `pictures/`.

        Raises:
            BadInput: A run is missing or damaged, or the pictures are larger than 100 MB.
        """
        chosen, buffer = self.get(*numbers), io.BytesIO()
        paths = {path for run in chosen for item in run.question.attachments if (path := self.path(item)).exists()}
        if sum(path.stat().st_size for path in paths) > _MAX_EXPORT:
            raise BadInput(f"The pictures of these runs are larger than {_MAX_EXPORT:,} bytes. Choose fewer runs.")
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("runs.jsonl", "".join(f"{_RUN.dump_json(run).decode()}\n" for run in chosen))
            for path in paths:
                archive.write(path, f"pictures/{path.name}")
        return buffer.getvalue()

    def path(self, item: Attachment) -> Path:
        """Return the path of a stored picture; a video keeps the suffix of its name."""
        return self._pictures / (item.sha256 + (Path(item.name).suffix.lower() if item.is_video else ""))

    def keep(self, data: bytes, suffix: str = "") -> Path:
        """Store a file once, named by its SHA-256, and return its path. Raises `BadInput` if that fails."""
        path = self._pictures / f"{hashlib.sha256(data).hexdigest()}{suffix}"
        with self._open(write=True):
            if path.exists():
                os.utime(path)  # now the most recently used
            else:
                records.replace(path, data)
        return path

    def load(self, item: Attachment) -> images.Source:
        """Return a stored picture, or the path of a video. Raises `BadInput` if the file is missing or was changed."""
        path = self.path(item)
        if not path.exists() or (not item.is_video and hashlib.sha256(path.read_bytes()).hexdigest() != item.sha256):
            raise BadInput(f"{item.name} is no longer in the history, or was changed there. Choose the picture again.")
        return path if item.is_video else replace(images.load(path, page=item.page), source=item.name, alt=item.alt)

    def reply(self, run: Run) -> Reply:
        """Return the reply of a run. Raises `BadInput` if a picture is missing, or the answer is incomplete."""
        if not run.facts:
            raise BadInput(f"Run {run.id} has no whole answer. {run.error}")
        sources = cropped(run.question.attachments, self.load)
        pictures = tuple(source for source in sources if isinstance(source, images.Picture))
        sizes = tuple(picture.seen_size(max_pixels=run.question.max_pixels) for picture in pictures)
        fields = {name: run.facts[name] for name in _REPLY}
        usage = run.facts["usage"] and Usage(*(run.facts["usage"][name] for name in _USAGE))
        reply = Reply(**fields, usage=usage, pictures=pictures, seen_sizes=sizes)
        return typed_reply(form, reply) if (form := run.question.form) else reply

    @property
    def summary(self) -> str:
        """The number of runs, and their size on disk."""
        with self._open() as db:
            count = db.execute("SELECT count(*) FROM runs").fetchone()[0]
        used = sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
        limit = f"pictures: at most {self._max_bytes / 1e6:,.0f} MB"
        return f"{count:,} run{'s' * (count != 1)}, {used / 1e6:,.1f} MB ({limit}), in {self.folder}"

    @property
    def _pictures(self) -> Path:
        return self.folder / "pictures"

    @contextlib.contextmanager
    def _open(self, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        try:
            for folder in (self.folder, self._pictures):  # only the owner reads them
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with contextlib.closing(sqlite3.connect(self.folder / "history.db", _WAIT_S, isolation_level=None)) as db:
                with FileLock(self.folder / "lock", timeout=_WAIT_S):
                    if db.execute("PRAGMA user_version").fetchone() == (0,):
                        db.executescript(resources.files("vlnb.playground").joinpath("history.sql").read_text("utf-8"))
                db.execute("PRAGMA secure_delete = ON")
                db.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                yield db
                db.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            raise BadInput(
                f"The history in {self.folder} cannot be used ({error}). Set VLNB_RUNS elsewhere."
            ) from error

    def _evict(self, needed: set[Path]) -> None:
        """Remove the least recently used pictures until the rest is within the limit."""
        files = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in self._pictures.iterdir())
        over = sum(size for _, size, _ in files) - self._max_bytes
        for _, size, path in files:
            if over > 0 and path not in needed:
                path.unlink(missing_ok=True)
                over -= size


def _readable(rows: Iterable[tuple[int, str]]) -> Iterator[Run]:
    """Yield the runs of rows of the database, without damaged ones."""
    for number, text in rows:
        with contextlib.suppress(ValueError):
            yield replace(_RUN.validate_json(text), id=number)


def _json(run: Run, endpoint: Endpoint) -> str:
    """Return a run as JSON, without API keys that were typed into a prompt or repeated by a server."""

    def safe(value: Any) -> Any:  # noqa: ANN401 - any JSON value
        if isinstance(value, dict):
            return {name: safe(item) for name, item in value.items()}
        if isinstance(value, list):
            return [safe(item) for item in value]
        return redacted(value, endpoint.api_key) if isinstance(value, str) else value

    return records.line(safe(_RUN.dump_python(run, mode="json"))).decode()
