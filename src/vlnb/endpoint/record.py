"""The records of launched servers: one file each, so that every notebook and shell of this user finds them.

A record is valid only while a process of its server is alive. `processes` defines which those are: processes with the
server's mark in their environment, those of its session, and their children. Another program that gets a process id or
the port after the server has died is not one of them.
"""

from __future__ import annotations

import contextlib
import os
import platform
import secrets
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field

from vlnb import records
from vlnb.errors import LaunchFailed
from vlnb.local import cache

if TYPE_CHECKING:
    import psutil

_CONTAINERS = frozenset(("docker", "podman", "nerdctl"))
MARK = "VLNB_SERVER"  # this variable in a process's environment says which server it belongs to
_RECORD_BYTES = 65_536
_LOCK_S = 10.0
# A process that is just starting another program, or whose parent has just ended, can be missing from one listing, but
# not from two.
_LOOK_AGAIN_S = 0.05


@dataclass(frozen=True)
class Record:
    """A launched server: its address, its first process and its log. Never its key. Create one with `of`.

    `pid` is the first process, and the id of its session. `created` is its start time: on Linux in clock ticks since
    the boot that `boot` identifies, elsewhere in seconds since 1970. `mark` is the value of the variable MARK.
    """

    __pydantic_config__ = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    base_url: Annotated[str, Field(pattern=r"^http://(\[[0-9A-Fa-f:.]+(%\w+)?\]|[\w.-]+):\d{1,5}/v1$")]
    pid: Annotated[int, Field(gt=0, lt=2**31)]
    created: Annotated[int | float, Field(ge=0, lt=2**63)]
    boot: str
    log: str
    mark: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        return urlsplit(self.base_url).port or 0


def of(base_url: str, pid: int, *, log: str = "", mark: str = "") -> Record:
    """Return the record of a server whose first process is `pid`."""
    created, boot = _birth(pid) or (0, "")
    return Record(base_url, pid, created, boot, log, mark or secrets.token_hex(16))


def folder() -> Path:
    """Return the folder with this machine's records: several machines may share a home directory."""
    return cache() / "servers" / platform.node()


def write(record: Record) -> None:
    """Store the record for others to find. Raises `OSError`."""
    folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    records.replace(folder() / f"{record.mark}.json", records.line(asdict(record)))


def remove(record: Record) -> None:
    """Forget a launched server."""
    with contextlib.suppress(OSError):
        (folder() / f"{record.mark}.json").unlink()


def live() -> list[Record]:
    """Return the servers that requests may go to, the newest first.

    This excludes a server that is alive, but whose port another program has taken.
    """
    return [record for record in launched() if not is_usurped(record)]


def launched() -> list[Record]:
    """Return the launched servers that still have a living process, the newest first; forget the others."""
    alive = []
    for path in folder().glob("*.json"):
        record = _read(path)
        if record is None:
            continue
        if is_alive(record):
            alive.append(record)
        elif not _is_elsewhere(record):
            remove(record)
    return sorted(alive, key=lambda record: (record.created, record.pid), reverse=True)


def is_alive(record: Record) -> bool:
    """Return whether any process of the server is alive."""
    import psutil

    with contextlib.suppress(psutil.Error):  # a look at the first process is cheaper than listing all
        if _is_first(record) and psutil.Process(record.pid).status() != psutil.STATUS_ZOMBIE:
            return True
    if processes(record):
        return True
    time.sleep(_LOOK_AGAIN_S)
    return bool(processes(record))


def processes(record: Record) -> list[psutil.Process]:
    """Return the living processes of a server: those with its mark, those of its session, and their children.

    The system does not reuse the id of a session while one of its processes is alive. So the session is the server's as
    long as its first process exists, even as a zombie, or a process with the mark is in it.
    """
    import psutil

    by_pid = {process.pid: process for process in psutil.process_iter(["ppid", "status", "environ", "name"])}
    pids = {pid for pid, process in by_pid.items() if (process.info["environ"] or {}).get(MARK) == record.mark}
    if _is_first(record):
        pids.add(record.pid)
    if any(_session(pid) == record.pid for pid in pids):
        pids |= {pid for pid in by_pid if _session(pid) == record.pid}
    while children := {pid for pid, process in by_pid.items() if process.info["ppid"] in pids} - pids:
        pids |= children
    return [by_pid[pid] for pid in pids & by_pid.keys() if by_pid[pid].info["status"] != psutil.STATUS_ZOMBIE]


def is_usurped(record: Record) -> bool:
    """Return whether a process that does not belong to the server listens on its port.

    The system hides which process owns another user's socket. If the server runs in a container, such a socket belongs
    to the container's proxy; otherwise to another program.
    """
    import psutil

    try:
        sockets = psutil.net_connections("tcp")
    except (psutil.Error, OSError, RuntimeError):  # macOS shows them only to root
        return False
    listening = [socket for socket in sockets if socket.status == psutil.CONN_LISTEN]
    owners = {socket.pid for socket in listening if getattr(socket.laddr, "port", None) == record.port}
    own = {process.pid: process for process in processes(record)}
    if not owners or owners & own.keys():
        return False
    return owners != {None} or _CONTAINERS.isdisjoint(process.info["name"] for process in own.values())


@contextlib.contextmanager
def lock() -> Iterator[None]:
    """Let only one launch at a time choose its port and write its record.

    Raises:
        LaunchFailed: Another launch holds the lock for 10 s, or the folder is not writable.
    """
    from filelock import FileLock, Timeout

    try:
        folder().mkdir(parents=True, exist_ok=True, mode=0o700)
        held = FileLock(folder() / "lock").acquire(timeout=_LOCK_S)
    except Timeout as error:
        raise LaunchFailed(
            f"Another start has held {folder() / 'lock'} for {_LOCK_S:g} s: end it, and try again."
        ) from error
    except OSError as error:
        raise LaunchFailed(
            f"Servers are recorded in {folder()}, which is not writable ({error.strerror or error})."
            " Set VLNB_CACHE to a folder that is."
        ) from error
    with held:
        yield


def _read(path: Path) -> Record | None:
    """Return the record in a file, None if it holds anything that `write` could not have written."""
    try:
        with path.open("rb") as file:
            record = records.parsed(Record, file.read(_RECORD_BYTES))
        is_record = record.port > 0 and record.mark == path.stem
    except (OSError, ValueError):
        return None
    return record if is_record else None


def _is_first(record: Record) -> bool:
    return _birth(record.pid) == (record.created, record.boot)


def _system() -> str:
    """Return the ids of this boot and of this PID namespace (a container has its own); "" except on Linux."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _is_elsewhere(record: Record) -> bool:
    """Return whether the record comes from another PID namespace of this boot, whose processes are invisible here."""
    system = _system()
    return record.boot != system and record.boot.partition(" ")[0] == system.partition(" ")[0] != ""


def _birth(pid: int) -> tuple[float, str] | None:
    """Return the start time of a process and the id of the boot, or None if there is no such process.

    On Linux the time is in clock ticks since boot, so that setting the clock does not change it.
    """
    if sys.platform != "linux":
        import psutil

        try:
            return psutil.Process(pid).create_time(), ""
        except psutil.Error:
            return None
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
        return int(stat.rpartition(")")[2].split()[19]), _system()  # the name before it can contain anything
    except (OSError, ValueError, IndexError):
        return None


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None
