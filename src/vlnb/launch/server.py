"""A server that was started from here: its process, its log, its end; found again after the notebook was closed."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from vlnb.embedded.server import listen
from vlnb.endpoint import record
from vlnb.errors import LaunchFailed
from vlnb.launch.diagnose import Diagnosis, diagnose
from vlnb.launch.progress import Progress, progress

if TYPE_CHECKING:
    from vlnb.launch.planning import Plan

RUNS = Path("runs")
_HEALTH_S = 2.0
_STOP_S = 20.0
_POLL_S = 0.5
_EXIT_S = 5.0
_SPARE_BYTES = 5 * 2**30


@dataclass(frozen=True)
class Status:
    """How a server is: "starting", "ready", "stopped" or "failed"; `diagnoses` says why, the first cause first."""

    state: str
    progress: Progress
    diagnoses: tuple[Diagnosis, ...] = ()

    def __str__(self) -> str:
        why = f": {self.diagnoses[0]}" if self.diagnoses else ""
        return f"{self.state} ({self.progress}){why}"


@dataclass(frozen=True)
class Server:
    """A server process. Get one by `start` or `find`.

    `pid` and `created` (seconds since 1970) name the process for certain; `log` is the file it writes to.
    """

    base_url: str
    pid: int
    created: float
    log: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False, compare=False)

    def status(self) -> Status:
        """Ask how the server is: its process, its log, and its own /health."""
        text = self.read_log()
        come = progress(text)
        if self._alive() is None:
            code = None
            if self._process is not None:
                # A killed process of many threads is a zombie a moment before its exit status can be had.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    code = self._process.wait(_EXIT_S)
            ending = f"\nprocess exited with code {code}" if code in {-9, 137} else ""  # a kill leaves no line itself
            failed = diagnose(text + ending)
            return Status("failed" if failed else "stopped", come, tuple(failed))
        return Status("ready" if self._healthy() else "starting", come)

    def wait(self, timeout_s: float = 3600.0, *, watch: Callable[[Status, float], object] = lambda *_: None) -> Status:
        """Wait until the server is ready; `watch(status, elapsed_s)` is told of each look at it.

        Raises `LaunchFailed` with the first cause where it fails, or where it takes too long (it then goes on).
        """
        begun = time.monotonic()
        while True:
            status, elapsed = self.status(), time.monotonic() - begun
            watch(status, elapsed)
            if status.state == "ready":
                return status
            if status.state != "starting":
                why = status.diagnoses[0] if status.diagnoses else "it ended without a word"
                raise LaunchFailed(f"The server did not come up: {why}\n  the whole log: {self.log}")
            if elapsed > timeout_s:
                raise LaunchFailed(
                    f"The server was not ready after {timeout_s:g} s ({status.progress}). It goes on starting:"
                    f" wait again, or stop it. Its log: {self.log}"
                )
            time.sleep(_POLL_S)

    def tail(self, lines: int = 10) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.read_log().splitlines()[-lines:])

    def read_log(self) -> str:
        """Return the whole log, "" where there is none."""
        try:
            return self.log.read_text("utf-8", errors="replace")
        except OSError:
            return ""

    def stop(self, timeout_s: float = _STOP_S) -> None:
        """Stop the server and every process it started: politely, then by force. A server that is gone is no error."""
        leader = self._alive()
        family = list(self._family(leader))
        if leader is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                leader.send_signal(signal.SIGINT)
        _, alive = psutil.wait_procs(family, timeout=timeout_s)
        family = list({*alive, *self._family(self._alive())})
        for send in (psutil.Process.terminate, psutil.Process.kill):
            for process in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    send(process)
            _, family = psutil.wait_procs(family, timeout=5)
        if self._process is not None:
            self._process.poll()
        if (known := record.read()) is not None and known.pid == self.pid:
            record.remove()

    def _alive(self) -> psutil.Process | None:
        if self._process is not None:
            self._process.poll()  # so that a dead child is gone, and not a zombie
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < 1.0
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None

    def _family(self, leader: psutil.Process | None) -> Iterator[psutil.Process]:
        """Yield the server's processes: its children, and whoever is left of its session when it is gone."""
        if leader is not None:
            yield leader
            with contextlib.suppress(psutil.Error):
                yield from leader.children(recursive=True)
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if (
                    process.pid != self.pid
                    and os.getsid(process.pid) == self.pid
                    and process.create_time() >= self.created - 1
                ):
                    yield process

    def _healthy(self) -> bool:
        import httpx2

        try:
            return (
                httpx2.get(self.base_url.removesuffix("/v1") + "/health", timeout=_HEALTH_S).status_code
                == httpx2.codes.OK
            )
        except httpx2.HTTPError:
            return False


def start(
    command: Sequence[str],
    *,
    port: int,
    host: str = "127.0.0.1",
    environment: Mapping[str, str] | None = None,
    runs: Path = RUNS,
) -> Server:
    """Start a server by its command (a plan's, or `sh -c` with a rendered container) and return at once.

    The port is tried first; the process gets a session of its own, so that it outlives the notebook, and is recorded,
    so that `find` finds it. Raises `LaunchFailed` for a port in use, a command that does not exist, or a full disk.
    """
    listen(host, port).close()
    begun = dt.datetime.now().astimezone()
    log = (runs / f"server-{begun:%Y%m%d-%H%M%S}-{port}.log").absolute()
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as out:
            process = subprocess.Popen(  # noqa: S603 - the command is the person's own
                [*command],
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )
    except OSError as error:
        raise LaunchFailed(
            f"{command[0]} cannot be started ({error.strerror or error}): is it installed,"
            f" and may {log.parent} be written?"
        ) from error
    try:
        created = psutil.Process(process.pid).create_time()
    except psutil.Error:
        created = begun.timestamp()
    base_url = f"http://{host}:{port}/v1"
    record.write(record.Record(base_url, process.pid, created, str(log)))
    return Server(base_url, process.pid, created, log, process)


def find() -> Server | None:
    """Return the server that was started from here and still runs, or None. A stale record is removed."""
    known = record.read()
    if known is None:
        return None
    server = Server(known.base_url, known.pid, known.created, Path(known.log))
    if server._alive() is None:  # noqa: SLF001 - a function of the same room
        record.remove()
        return None
    return server


def preflight(plan: Plan, *, cache: Path | None = None) -> list[str]:
    """Return what would stop this plan on this machine, as sentences, before anything is downloaded."""
    from vlnb.launch.gpus import gpus
    from vlnb.launch.memory import GIB, memory

    cache = cache or Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    problems = []
    found = gpus()
    if found.problem:
        problems.append(found.problem)
    if 0 < len(found.gpus) < plan.gpus:
        problems.append(f"The plan uses {plan.gpus} GPUs, and this machine has {len(found.gpus)}.")
    if found.gpus and all(gpu.name != plan.gpu.name for gpu in found.gpus):
        problems.append(f"The plan is for {plan.gpu.name}, and this machine has {found.gpus[0].name}.")
    if not memory(plan).fits:
        problems.append(memory(plan).sentence)
    there = cache / "hub" / f"models--{plan.model.repo.replace('/', '--')}"
    folder = next(path for path in (cache, *cache.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    if not there.exists() and free < plan.model.weight_bytes + _SPARE_BYTES:
        problems.append(
            f"{plan.model.size} needs {plan.model.weight_bytes / GIB:.0f} GiB of disk, and {folder} has"
            f" {free / GIB:.0f} GiB free: free some, or set HF_HOME to a larger disk."
        )
    return problems
