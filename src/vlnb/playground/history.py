"""The history: every run with its question and answer in SQLite, and each picture once, as a file named by its sha256.

Each change is one transaction, so that neither a kill nor another kernel that writes at the same time costs a run. A
run is there before its question is sent, in the state "begun". No key is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import sqlite3
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
from vlnb.playground.question import Question, Shown, sent

State = Literal["draft", "begun", "done", "stopped", "failed"]

MOST_BYTES = 2_000_000_000  # of pictures; those that were not used for longest go first
_MOST_RUNS = 100_000
_MOST_EXPORTED = 100_000_000
_WAIT_S = 20.0  # for another kernel that is writing
_REPLY = ("text", "model", "server", "finish_reason", "ttft_s", "latency_s", "note")
_USAGE = ("prompt_tokens", "completion_tokens", "image_tokens")


@dataclass(frozen=True)
class Run:
    """One question with its answer; `parent_id` is the run that it was made from.

    `facts` are those of `Reply.as_dict`; `error` says what failed. `reply` is there for a run of this kernel.
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
        prompt = " ".join(self.question.filled.split())
        return f"{self.id} · {self.started[:16].replace('T', ' ')}{state} · {prompt[:60]}"


_RUN = TypeAdapter(Run)


class History:
    """The runs in a folder; by default `history` in the folder for runs."""

    def __init__(self, folder: Path | str | None = None, *, most_bytes: int = MOST_BYTES) -> None:
        self.folder, self._most_bytes = Path(folder or runs() / "history").absolute(), most_bytes

    def add(self, question: Question, endpoint: Endpoint, parent_id: int | None = None, state: State = "begun") -> Run:
        """Keep a question, whose pictures are kept already, and return its run. Raises `BadInput` as `keep` does."""
        started = f"{datetime.now(UTC):%FT%TZ}"
        run = Run(question, endpoint.base_url, endpoint.model, state, started, parent_id=parent_id)
        with self._open(write=True) as db:
            made = db.execute("INSERT INTO runs (run) VALUES (?)", (_json(run, endpoint),))
            db.execute("DELETE FROM runs WHERE id <= last_insert_rowid() - ?", (_MOST_RUNS,))
            self._bound({self.path(one) for one in question.shown})  # here: no other kernel removes files meanwhile
        return replace(run, id=made.lastrowid or 0)

    def save(self, run: Run, endpoint: Endpoint) -> None:
        """Keep what has come of a run. Raises `BadInput` if the folder cannot be used."""
        with self._open(write=True) as db:
            db.execute("UPDATE runs SET run = ? WHERE id = ?", (_json(run, endpoint), run.id))

    def search(self, text: str = "", *, most: int = 200) -> list[Run]:
        """Return the newest runs in whose prompt, answer, model or names words begin as those of `text` do."""
        words = " ".join(f'"{word}"*' for word in re.findall(r"\w+", text[:200]))
        found = "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT ?"
        with self._open() as db:
            newest = db.execute(
                found if words else "SELECT id FROM runs WHERE ? = '' ORDER BY id DESC LIMIT ?", (words, most)
            )
            return list(self._runs(db, [row[0] for row in newest]))

    def get(self, *numbers: int) -> list[Run]:
        """Return runs by their numbers. Raises `BadInput` if one is gone or damaged."""
        with self._open() as db:
            found = list(self._runs(db, numbers))
        if lost := set(numbers).difference(run.id for run in found):
            raise BadInput(f"The history has no run {min(lost)} that can be read.")
        return found

    def delete(self, *numbers: int) -> None:
        """Delete runs, and pictures that no other run uses."""
        with self._open(write=True) as db:
            for number in numbers:
                used = db.execute("SELECT sha256 FROM shown WHERE run_id = ?", (number,)).fetchall()
                db.execute("DELETE FROM runs WHERE id = ?", (number,))
                for sha256 in used:
                    if not db.execute("SELECT 1 FROM shown WHERE sha256 = ?", sha256).fetchone():
                        for path in self._pictures.glob(f"{sha256[0]}*"):
                            path.unlink(missing_ok=True)

    def export(self, *numbers: int) -> bytes:
        """Return runs with their pictures as a ZIP file: `runs.jsonl` and `pictures/`.

        Raises:
            BadInput: A run is gone or damaged, or the pictures are larger than 100 MB.
        """
        chosen, packed = self.get(*numbers), io.BytesIO()
        paths = {path for run in chosen for one in run.question.shown if (path := self.path(one)).exists()}
        if sum(path.stat().st_size for path in paths) > _MOST_EXPORTED:
            raise BadInput(f"The pictures of these runs are larger than {_MOST_EXPORTED:,} bytes. Choose fewer runs.")
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
            made.writestr("runs.jsonl", "".join(f"{_RUN.dump_json(run).decode()}\n" for run in chosen))
            for path in paths:
                made.write(path, f"pictures/{path.name}")
        return packed.getvalue()

    def path(self, shown: Shown) -> Path:
        """Return where a picture is kept; a video keeps the ending of its name."""
        return self._pictures / (shown.sha256 + (Path(shown.name).suffix.lower() if shown.is_video else ""))

    def keep(self, data: bytes, ending: str = "") -> Path:
        """Keep a file once, named by its sha256, and return its path. Raises `BadInput`."""
        path = self._pictures / f"{hashlib.sha256(data).hexdigest()}{ending}"
        with self._open(write=True):
            if path.exists():
                os.utime(path)  # it is used again: others go first
            else:
                records.replace(path, data)
        return path

    def load(self, shown: Shown) -> images.Source:
        """Return a picture that was kept, or the path of a video. Raises `BadInput` if it is gone or was changed."""
        path = self.path(shown)
        if not path.exists() or (not shown.is_video and hashlib.sha256(path.read_bytes()).hexdigest() != shown.sha256):
            raise BadInput(f"{shown.name} is no longer in the history, or was changed there. Choose the picture again.")
        return path if shown.is_video else replace(images.load(path, page=shown.page), source=shown.name, alt=shown.alt)

    def reply(self, run: Run) -> Reply:
        """Return the reply of a run. Raises `BadInput` if a picture is gone, or there is no whole answer."""
        if not run.facts:
            raise BadInput(f"Run {run.id} has no whole answer. {run.error}")
        said = sent(run.question.shown, self.load)
        pictures = tuple(one for one in said if isinstance(one, images.Picture))
        sizes = tuple(one.seen_size(max_pixels=run.question.max_pixels) for one in pictures)
        told = {name: run.facts[name] for name in _REPLY}
        used = run.facts["usage"] and Usage(*(run.facts["usage"][name] for name in _USAGE))
        reply = Reply(**told, usage=used, pictures=pictures, seen_sizes=sizes)
        return typed_reply(form, reply) if (form := run.question.form) else reply

    @property
    def said(self) -> str:
        """How many runs there are, and their size."""
        with self._open() as db:
            count = db.execute("SELECT count(*) FROM runs").fetchone()[0]
        used = sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
        limit = f"pictures: at most {self._most_bytes / 1e6:,.0f} MB"
        return f"{count:,} run{'s' * (count != 1)}, {used / 1e6:,.1f} MB ({limit}), in {self.folder}"

    @property
    def _pictures(self) -> Path:
        return self.folder / "pictures"

    @contextlib.contextmanager
    def _open(self, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        try:
            self._pictures.mkdir(parents=True, exist_ok=True, mode=0o700)
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

    def _runs(self, db: sqlite3.Connection, numbers: Iterable[int]) -> Iterator[Run]:
        """Yield the runs that can be read; a damaged one is left out."""
        for number in numbers:
            row = db.execute("SELECT run FROM runs WHERE id = ?", (number,)).fetchone()
            with contextlib.suppress(ValueError):
                yield replace(_RUN.validate_json(row[0] if row else ""), id=number)

    def _bound(self, needed: set[Path]) -> None:
        """Remove the pictures that were not used for longest, until the rest keeps to the limit."""
        kept = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in self._pictures.iterdir())
        over = sum(size for _, size, _ in kept) - self._most_bytes
        for _, size, path in kept:
            if over > 0 and path not in needed:
                path.unlink(missing_ok=True)
                over -= size


def _json(run: Run, endpoint: Endpoint) -> str:
    """Return a run as JSON. A key that was typed into a prompt, or that a server repeats, is left out."""
    return redacted(_RUN.dump_json(run).decode(), endpoint.api_key)
