"""Records on disk: a folder with a manifest, and one line of JSON for each thing that ended.

One process at a time writes to a folder: it holds the folder's lock, which the system frees when that process ends.
A line goes to the system when its request ends, so no signal and no crash of ours takes it back. It goes to the disk
within a second, so a power cut costs at most the lines of the last second, and perhaps half of one line. All of them
count as missing when the run is read again, and `resume` asks for them. The manifest appears whole or not at all.
"""

from __future__ import annotations

import contextlib
import errno
import json
import mmap
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeVar

from vlnb.errors import BadInput, VlnbError

try:
    import fcntl
except ImportError:  # no POSIX system: two resumes of one folder are not kept apart there
    fcntl = None  # type: ignore[assignment]

MANIFEST = "manifest.json"
_MANIFEST_BYTES, _LINE_BYTES, _FILE_BYTES = 1_000_000, 64_000_000, 4_000_000_000
_LOCK = "lock"
_SYNC_S = 1.0
_MOST = 1e9  # seconds or tokens: more is damage
_SHOWN = 5  # line numbers in a note
Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Server:
    """A server as a manifest names it."""

    base_url: str
    model: str


def plausible(*numbers: float | None) -> None:
    """Raise `ValueError` where a count or a time is negative, infinite, no number, or impossibly large."""
    for number in numbers:
        if number is not None and not 0 <= number <= _MOST:
            raise ValueError(f"{number} is no time and no count")


def line(data: Mapping[str, Any]) -> bytes:
    """Return a line of JSON. Half a character, as a broken server may send it, becomes a question mark."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the lock of a run's folder. Raises `BadInput` where another process holds it, or it cannot be written."""
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context((folder / _LOCK).open("ab"))
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadInput(
                f"Another process is running the run in {folder} now. Wait until it has ended, or stop it; then resume."
            ) from error
        except OSError as error:
            if error.errno not in _UNABLE:
                raise BadInput(f"{folder} cannot be written: {error.strerror}.") from error
        yield


_UNABLE = (errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL)  # a file system that cannot lock or sync


def create(folder: Path, told: Mapping[str, Any], files: Mapping[str, bytes] | None = None) -> None:
    """Make the folder of a new run with its manifest, and with other files beside it.

    Raises `BadInput` where a run is there already or none can be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with held(folder):
            if any(folder.glob("*.json*")):
                raise BadInput(f"{folder} holds a run already: resume it, or name another folder.")
            for name, data in (files or {}).items():
                replace(folder / name, data)
            replace(folder / MANIFEST, json.dumps(told, indent=1).encode())  # last: with it, the run is there
    except OSError as error:
        raise BadInput(f"A run cannot be stored in {folder}: {error.strerror}. Name another folder.") from error


def replace(path: Path, data: bytes) -> None:
    """Write a whole file: it has its old content or the new one, whatever happens meanwhile. Raises `OSError`."""
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    _sync_names(path.parent)


def _sync_names(folder: Path) -> None:
    """Have the names of the files in a folder on disk too, where the system can."""
    with contextlib.suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


class Journal:
    """A file of lines to add to. A torn last line is cut off first.

    A thread puts what was written on the disk once a second, and looks whether the file is still at its path: a folder
    that was deleted would take everything with it. Raises `BadInput`, as `write` and `close` do, for a file that cannot
    be written.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._problem, self._unsynced = path, "", False
        try:
            _cut_torn(path)
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise BadInput(f"{path} cannot be written: {error.strerror}.") from error
        _sync_names(path.parent)
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="vlnb-journal", daemon=True)
        self._keeper.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self._closing.set()
        self._keeper.join()
        self._file.close()
        if self._problem and kind is None:
            raise BadInput(self._problem)

    def write(self, data: bytes) -> None:
        """Hand a line to the system. After the first that failed, none is taken any more."""
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
            f"Writing to {self._path} failed: {error.strerror}. What was written before is kept: make room, and resume."
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
                    raise FileNotFoundError  # noqa: TRY301 - another file stands there
            except (FileNotFoundError, NotADirectoryError):
                self._problem = (
                    f"{self._path.parent} was deleted, moved or replaced while the run wrote to it, so the run was"
                    " stopped. If you moved it, resume it there; else begin a new run."
                )
            except OSError as error:
                if error.errno not in _UNABLE:
                    self._fail(error)


def _cut_torn(path: Path) -> None:
    if path.exists() and path.stat().st_size:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            whole = data.rfind(b"\n") + 1
        os.truncate(path, whole)


def manifest(folder: Path, kind: type) -> dict[str, Any]:
    """Return the manifest of a run, which holds what `kind` says. Raises `BadInput` where the folder is none of a run.

    Raises `BadInput` too where the manifest is damaged, or of another kind of run.
    """
    import pydantic_core

    path = folder / MANIFEST
    try:
        with _opened(path) as file:
            data = file.read(_MANIFEST_BYTES)
        parsed(kind, data)
        return dict(pydantic_core.from_json(data))
    except FileNotFoundError as error:
        raise BadInput(f"{folder} holds no run: it has no {MANIFEST}.") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, VlnbError) as error:
        raise BadInput(
            f"{path} is damaged, or of another kind of run ({error}). Restore it from a copy; without it the run's"
            " records cannot be counted."
        ) from error


def keyed(found: Iterator[Any], asked: Any, name: str, notes: list[str]) -> dict[Any, Any]:  # noqa: ANN401 - a container of ids
    """Return records by their id: the first of each, and none of what the run did not ask for; notes say so."""
    known: dict[Any, Any] = {}
    twice, strange = [], []
    for one in found:
        if one.id not in asked:
            strange.append(one.id)
        elif one.id in known:
            twice.append(one.id)
        else:
            known[one.id] = one
    if twice:
        notes.append(f"{_some(twice)} stand in {name} twice; the first of each is kept.")
    if strange:
        notes.append(f"{_some(strange)} stand in {name}, and the run did not ask for them; they are left out.")
    return known


def lines(kind: type[Kind], path: Path, notes: list[str]) -> Iterator[Kind]:
    """Yield what the lines of a file hold. What is damaged is left out, and a note says which lines that were.

    A torn last line, as a kill leaves it, is left out too. Raises `BadInput` where the file cannot be read.
    """
    damaged, why = [], ""
    try:
        with _opened(path) as file:
            for number, data in enumerate(iter(lambda: file.readline(_LINE_BYTES), b""), 1):
                if not data.endswith(b"\n") and len(data) < _LINE_BYTES:
                    notes.append(f"The last line of {path} is torn (it was cut while it was written); it is left out.")
                    continue
                try:
                    yield parsed(kind, data)
                except ValueError as error:
                    damaged.append(number)
                    why = why or str(error)
    except FileNotFoundError:
        return
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    if damaged:
        notes.append(f"{path}: line {_some(damaged)} is damaged ({why}) and counts as missing.")


def parsed(kind: type[Kind], data: bytes) -> Kind:
    """Return a `kind` (a dataclass) that JSON holds. Raises `ValueError` with a short reason."""
    from pydantic import ValidationError

    try:
        found: Kind = _reader(kind).validate_json(data, strict=True)  # type: ignore[arg-type] # a class is hashable
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{place}: {first['msg']}" if place else first["msg"]) from error
    return found


@cache
def _reader(kind: Any) -> Any:  # noqa: ANN401 - pydantic's TypeAdapter of a class; making one takes milliseconds
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _opened(path: Path) -> IO[bytes]:
    """Open a file to read. Raises `OSError`, and `BadInput` for what is no file (a pipe would be waited for)."""
    found = path.stat()
    if not path.is_file() or found.st_size > _FILE_BYTES:
        raise BadInput(f"{path} is no file of at most {_FILE_BYTES // 10**9} GB, so it is none of a run.")
    return path.open("rb")


def _some(found: list[Any]) -> str:
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(map(str, found[:_SHOWN])) + more
