"""Runs on disk: a folder with a manifest, and one line of JSON for each request or question that has ended.

Only one process at a time writes to a folder: it holds the folder's lock, which the system frees when the process ends.
A line goes to the operating system when its request ends, so that it survives a signal or a crash. It is on the disk
within a second, so a power cut loses at most the lines of the last second and leaves one torn line. Lost lines count as
missing when the run is read, and `resume` asks for them again. The manifest is written atomically.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import mmap
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import IO, Annotated, Any, Self, TypeVar

from pydantic import Field

from vlnb._version import __version__
from vlnb.errors import BadInput, VlnbError
from vlnb.local import runs

MANIFEST = "manifest.json"
_MANIFEST_BYTES, _LINE_BYTES, _FILE_BYTES = 1_000_000, 64_000_000, 4_000_000_000
_LOCK = "lock"
_SYNC_S = 1.0
_UNABLE = (errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL)  # a file system that cannot lock or sync
_SHOWN = 5  # line numbers or ids in a note
_MOST = 10**9  # seconds or tokens: a larger number is damage
Number = Annotated[float, Field(ge=0, le=_MOST)]
Count = Annotated[int, Field(ge=0, le=_MOST)]
Signed = Annotated[float, Field(ge=-_MOST, le=_MOST)]
Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Server:
    """The server of a run, as stored in its manifest."""

    base_url: str
    model: str
    reported: dict[str, Any] = field(default_factory=dict, repr=False)  # the settings that the server reports
    gpus: str = field(default="", repr=False)  # only if the server runs on this machine

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_url", self.base_url.partition("?")[0])  # a query may hold a secret


def line(data: Mapping[str, Any]) -> bytes:
    """Return a line of JSON. An unpaired surrogate, which a broken server may send, becomes a question mark.

    >>> line({"id": 1, "text": "café"}).decode().strip()
    '{"id":1,"text":"café"}'
    """
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the lock of a run's folder. Raises `BadInput` if another process holds it or it cannot be written."""
    from filelock import FileLock, Timeout

    lock: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
    try:
        lock = FileLock(folder / _LOCK).acquire(timeout=0)
    except Timeout as error:
        raise BadInput(
            f"Another process is writing to the run in {folder}. Wait until it ends, or stop it; then resume."
        ) from error
    except OSError as error:
        if error.errno not in _UNABLE:
            raise BadInput(f"{folder} cannot be written: {error.strerror or error}.") from error
    with lock:
        yield


def create(folder: Path, manifest: Mapping[str, Any], files: Mapping[str, bytes] | None = None) -> None:
    """Create the folder of a new run with its manifest and other files.

    Raises `BadInput` if the folder already contains a run or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with held(folder):
            if any(folder.glob("*.json*")):
                raise BadInput(f"{folder} already holds a run. Resume it, or choose another folder.")
            for name, data in (files or {}).items():
                replace(folder / name, data)
            stamp = {"format": 1, "created": datetime.now(UTC).isoformat(timespec="seconds")}
            content = {**stamp, "client": {"vlnb": __version__}, **manifest}
            data = json.dumps(content, ensure_ascii=False, indent=1).encode("utf-8", "replace")
            replace(folder / MANIFEST, data)  # last: only with it is the folder a run
    except OSError as error:
        raise BadInput(f"A run cannot be stored in {folder}: {error.strerror}. Choose another folder.") from error


def folder_for(kind: str, out: str | Path | None) -> Path:
    """Return `out`, or else the path of a new folder in `local.runs()` for this kind of run."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    return Path(out) if out else runs() / kind / f"{stamp}-{os.urandom(2).hex()}"


def replace(path: Path, data: bytes) -> None:
    """Replace a file atomically: it always has either its old content or the new one. Raises `OSError`."""
    new = path.parent / f".{path.name}.new"
    try:
        new.unlink(missing_ok=True)  # left by a crash, or a planted link
        with _own(new) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    _sync_names(path.parent)


def _sync_names(folder: Path) -> None:
    """Sync the folder itself, if the system can, so that the names of its files are on disk too."""
    with contextlib.suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


class Journal:
    """A file to append lines to. Opening it cuts off a torn last line.

    A thread syncs the file once a second and checks that it is still at its path, because lines written after the
    folder was deleted would be lost. Opening, writing and leaving the context raise `BadInput` if the file cannot be
    written.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._problem, self._unsynced = path, "", False
        try:
            _cut_torn(path)
            self._file = _own(path)
        except OSError as error:
            raise BadInput(f"{path} cannot be written: {error.strerror}.") from error
        _sync_names(path.parent)
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="vlnb-journal", daemon=True)
        self._keeper.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._closing.set()
        self._keeper.join()
        self._file.close()
        if self._problem and kind is None:
            raise BadInput(self._problem)

    def write(self, data: bytes) -> None:
        """Write a line. After a failure, the journal accepts no further line. Raises `BadInput`."""
        try:
            while data and not self._problem:
                data = data[self._file.write(data) :]
                self._unsynced = True
        except OSError as error:
            self._fail(error)
        if self._problem:
            raise BadInput(self._problem)

    def _fail(self, error: OSError) -> None:
        self._problem = (
            f"Writing to {self._path} failed: {error.strerror}. Everything written so far is kept."
            " Free some disk space, then resume."
        )

    def _keep(self) -> None:
        last = False
        while not last:
            last = self._closing.wait(_SYNC_S)
            try:
                if self._unsynced:
                    self._unsynced = False
                    os.fsync(self._file.fileno())
                if not os.path.samestat(os.fstat(self._file.fileno()), self._path.stat()):
                    raise FileNotFoundError  # noqa: TRY301 - another file has taken its path
            except (FileNotFoundError, NotADirectoryError):
                self._problem = (
                    f"{self._path.parent} was deleted, moved or replaced while the run wrote to it, so the run has"
                    " stopped. If you moved it, resume it there; otherwise start a new run."
                )
            except OSError as error:
                if error.errno not in _UNABLE:
                    self._fail(error)


def _own(path: Path) -> io.FileIO:
    """Open a file to append to, or create it. Raises `OSError` for a link, and never blocks on a pipe."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    return io.FileIO(os.open(path, flags, 0o644), "ab")


def _cut_torn(path: Path) -> None:
    if path.is_file() and not path.is_symlink() and path.stat().st_size:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            size = data.rfind(b"\n") + 1
        os.truncate(path, size)


def manifest(folder: Path, kind: type[Kind]) -> Kind:
    """Return the manifest of a run as the dataclass `kind`, without fields that `kind` lacks.

    Raises `BadInput` if the folder holds no run, or the manifest is damaged or belongs to another kind of run.
    """
    path = folder / MANIFEST
    try:
        with opened(path) as file:
            return parsed(kind, file.read(_MANIFEST_BYTES))
    except FileNotFoundError as error:
        inner = sorted(folder.glob(f"*/{MANIFEST}"))  # as a sweep stores them
        hint = f" It holds runs in its folders, such as {inner[0].parent}." if inner else ""
        raise BadInput(f"{folder} holds no run: it has no {MANIFEST}.{hint}") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, VlnbError) as error:
        raise BadInput(
            f"{path} is damaged or belongs to another kind of run ({error}). Restore it from a copy; without it the"
            " records of the run cannot be evaluated."
        ) from error


def keyed(
    stored: Iterator[Any],
    ids: Any,  # noqa: ANN401 - a container of ids
    name: str,
    notes: list[str],
    *,
    replaceable: Callable[[Any], bool] = lambda _: False,
) -> dict[Any, Any]:
    """Return records by id: for each id the first record that is not `replaceable`, or else the last one.

    Ignores records whose id is not in `ids`, and further valid records of an id. A note names the ids of both.
    """
    by_id: dict[Any, Any] = {}
    odd = []
    for record in stored:
        if record.id in ids and (record.id not in by_id or replaceable(by_id[record.id])):
            by_id[record.id] = record
        elif record.id not in ids or not replaceable(record):
            odd.append(record.id)
    if odd:
        notes.append(f"{name} has records of {_names(odd)} that repeat others or were not asked for; they are ignored.")
    return by_id


def lines(kind: type[Kind], path: Path, notes: list[str]) -> Iterator[Kind]:
    """Yield each line of a file as an instance of `kind`. Skips damaged lines, and adds a note that names them.

    Also skips a torn last line, which a killed process can leave.

    Raises:
        BadInput: the file cannot be read.
    """
    damaged, reason = [], ""
    try:
        with opened(path) as file:
            for number, data in enumerate(iter(lambda: file.readline(_LINE_BYTES), b""), 1):
                if not data.endswith(b"\n") and len(data) < _LINE_BYTES:
                    notes.append(f"The last line of {path} is torn (writing it was interrupted); it is ignored.")
                    continue
                try:
                    yield parsed(kind, data)
                except ValueError as error:
                    damaged.append(number)
                    reason = reason or str(error)
    except FileNotFoundError:
        return
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    if damaged:
        notes.append(f"{path}: line {_names(damaged)} is damaged ({reason}) and counts as missing.")


def parsed(kind: type[Kind], data: bytes) -> Kind:
    """Parse JSON as an instance of the dataclass `kind`.

    Raises:
        ValueError: the JSON is broken or has another form; the message is a short reason.

    >>> parsed(Server, b'{"base_url": "http://127.0.0.1:30000/v1", "model": "m"}')
    Server(base_url='http://127.0.0.1:30000/v1', model='m')
    >>> parsed(Server, b'{"model": "m"}')
    Traceback (most recent call last):
    ValueError: base_url: Field required
    """
    from pydantic import ValidationError

    try:
        instance: Kind = _reader(kind).validate_json(data, strict=True)  # type: ignore[arg-type] # a class is hashable
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, problem["loc"]))
        raise ValueError(f"{place}: {problem['msg']}" if place else problem["msg"]) from error
    return instance


@cache
def _reader(kind: Any) -> Any:  # noqa: ANN401 - pydantic's TypeAdapter; creating one takes milliseconds
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def opened(path: Path) -> IO[bytes]:
    """Open a file for reading. Raises `OSError`, and `BadInput` unless it is a regular file: a pipe would block."""
    if path.stat().st_size > _FILE_BYTES or not path.is_file():
        raise BadInput(
            f"{path} is not a regular file of at most {_FILE_BYTES // 10**9} GB, so it cannot be part of a run."
        )
    return path.open("rb")


def text(path: str | Path, most_bytes: int) -> str:
    """Return the first `most_bytes` of a file as text. Raises `BadInput` if it cannot be read."""
    try:
        with opened(Path(path)) as file:
            return file.read(most_bytes).decode("utf-8", "replace")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error


def _names(items: list[Any]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(map(str, items[:_SHOWN])) + more
