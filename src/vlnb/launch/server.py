"""A server process started from here: its status, its log and its end; another notebook finds it again."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import psutil

from vlnb import fetch, local
from vlnb.endpoint import record
from vlnb.errors import LaunchFailed
from vlnb.launch import logs
from vlnb.launch.diagnose import Diagnosis, diagnose
from vlnb.launch.planning import HOST
from vlnb.launch.progress import Follower, Progress
from vlnb.local import listen

if TYPE_CHECKING:
    from vlnb.endpoint.record import Record
    from vlnb.launch.planning import Plan

_HEALTH_S = 2.0
_STOP_S = 20.0
_POLL_S = 0.5
_EXIT_S = 5.0
_LOOK_S = 0.05
# SGLang's processes rename themselves with a library that overwrites the environment, which holds the mark. This
# variable limits it to the command line.
_KEEP_MARK = {"SPT_NOENV": "1"}
_SPARE_BYTES = 5 * 2**30


@dataclass(frozen=True)
class Status:
    """The state of a server, "starting", "ready", "stopped" or "failed", with the causes, the first one first."""

    state: str
    progress: Progress
    diagnoses: tuple[Diagnosis, ...] = ()

    def __str__(self) -> str:
        why = f": {self.diagnoses[0]}" if self.diagnoses else ""
        return f"{self.state} ({self.progress}){why}"


@dataclass(frozen=True)
class Server:
    """A server process. Get one from `start`, `find` or `servers`; its record identifies its processes for certain."""

    health: ClassVar[str] = "/health"

    record: Record
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False, compare=False)

    @property
    def base_url(self) -> str:
        """The address for clients, ending in /v1."""
        return self.record.base_url

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self.record.port

    @property
    def log(self) -> Path:
        """The file it writes to."""
        return Path(self.record.log)

    @cached_property
    def _follower(self) -> Follower:
        return Follower(self.log)

    def status(self) -> Status:
        """Return the status, from the processes, the log, and the server's own /health."""
        progress = self._follower.look()
        code = (
            self._process.poll() if self._process is not None else None
        )  # this also reaps it, so that no zombie is left
        if record.is_alive(self.record):
            if self._is_healthy():
                return Status("ready", progress)
            if not code:
                return Status("starting", progress)  # also if the first process ended well and left others to serve
        if self._process is not None and code is None:
            # A killed process with many threads is a zombie for a moment before it has an exit status.
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._process.wait(_EXIT_S)
        ending = f"\nprocess exited with code {code}" if code in {-9, 137} else ""  # a kill leaves no line in the log
        found = [
            one for one in diagnose(self.read_log() + ending) if not (progress.share == 1 and one.cause == "unknown")
        ]
        return Status("failed" if found else "stopped", progress, tuple(found))

    def wait(self, timeout_s: float = 3600.0, *, watch: Callable[[Status, float], object] = lambda *_: None) -> Status:
        """Wait until the server is ready, and call `watch(status, elapsed_s)` at every check.

        Raises `LaunchFailed` with the first cause if it fails, or if it takes too long (it then keeps starting).
        """
        begun = time.monotonic()
        while True:
            status, elapsed = self.status(), time.monotonic() - begun
            watch(status, elapsed)
            if status.state == "ready":
                return status
            if status.state != "starting":
                why = status.diagnoses[0] if status.diagnoses else "it ended without a message"
                raise LaunchFailed(f"The server did not come up: {why}\n  the whole log: {self.log}")
            if elapsed > timeout_s:
                raise LaunchFailed(
                    f"The server was not ready after {timeout_s:g} s ({status.progress}). It is still starting:"
                    f" wait again, or stop it. Its log: {self.log}"
                )
            time.sleep(_POLL_S)

    def read_log(self) -> str:
        """Return the log (the first and the last 2 MiB of a long one), or "" if it cannot be read."""
        try:
            return logs.read(self.log)[0]
        except OSError:
            return ""

    def stop(self, timeout_s: float = _STOP_S) -> None:
        """Stop the server and every process it started: first by SIGINT, finally by SIGKILL.

        The first process gets `timeout_s` seconds to end the others itself. A server that has ended already is no
        error. Raises `LaunchFailed` if a process cannot be ended; the server then stays recorded.
        """
        family: set[psutil.Process] = set()  # all that were ever seen, even after their parent has gone
        for sign, wait_s in ((signal.SIGINT, timeout_s), (signal.SIGTERM, _EXIT_S), (signal.SIGKILL, _EXIT_S)):
            family.update(record.processes(self.record))
            told = [one for one in family if _runs(one) and (sign != signal.SIGINT or one.pid == self.record.pid)]
            for process in told:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(sign)
            deadline = time.monotonic() + wait_s
            while any(map(_runs, told)) and time.monotonic() < deadline:
                time.sleep(_LOOK_S)
        if self._process is not None:
            # A process of many threads is a zombie for a moment before its exit status can be had.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_EXIT_S)
        if left := [one for one in family.union(record.processes(self.record)) if _runs(one)]:
            numbers = ", ".join(str(one.pid) for one in left)
            raise LaunchFailed(
                f"{self.base_url} was told to stop, but these of its processes are still running: {numbers}."
                f" End them with `kill -9 {numbers.replace(',', '')}`, as root if they are not yours."
            )
        record.remove(self.record)

    def _is_healthy(self) -> bool:
        import httpx2

        with contextlib.suppress(httpx2.HTTPError, TimeoutError, fetch.TooLarge):
            answer = fetch.get(self.base_url.removesuffix("/v1") + self.health, total_s=_HEALTH_S)
            return answer.status == httpx2.codes.OK and not record.is_usurped(self.record)
        return False


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def start(
    command: Sequence[str],
    *,
    port: int,
    environment: Mapping[str, str] | None = None,
    runs: Path | None = None,
) -> Server:
    """Start a server by its command (`Plan.argv`, or `sh -c` with a rendered container) and return at once.

    The process gets its own session, so that it outlives the notebook, and a record, so that `find` finds it. Raises
    `LaunchFailed` if the port is in use (also by a server that is still starting), if the command does not exist, or if
    the disk is full.
    """
    mark = secrets.token_hex(16)
    begun = dt.datetime.now().astimezone()
    log = ((runs or local.runs()) / f"server-{begun:%Y%m%d-%H%M%S}-{port}.log").absolute()
    with record.lock():
        for known in record.launched():
            if known.port == port:
                raise LaunchFailed(
                    f"Port {port} belongs to a server that was launched from here and is running or starting (its log:"
                    f" {known.log}). Stop it with `vlnb stop --port {port}`, or choose another port."
                )
        listen(HOST, port).close()
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("wb") as out:
                process = subprocess.Popen(  # noqa: S603 - the command is the person's own
                    [*command],
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                    env={**os.environ, **(environment or {}), **_KEEP_MARK, record.MARK: mark},
                )
        except (OSError, ValueError) as error:
            raise LaunchFailed(
                f"{command[0]} cannot be started ({getattr(error, 'strerror', None) or error}): is it installed,"
                f" and may {log.parent} be written?"
            ) from error
        server = Server(record.of(f"http://{HOST}:{port}/v1", process.pid, log=str(log), mark=mark), process)
        try:
            record.write(server.record)
        except OSError as error:
            server.stop(0)
            raise LaunchFailed(
                f"The server was started and stopped again because its record cannot be written to {record.folder()}"
                f" ({error.strerror or error}). Make room there, or set VLNB_CACHE to another folder."
            ) from error
    return server


def servers() -> list[Server]:
    """Return the servers started from here that still have a living process, the newest first."""
    return [Server(known) for known in record.launched()]


def find() -> Server | None:
    """Return the newest server that was started from here and is still alive, or None."""
    return next(iter(servers()), None)


def preflight(plan: Plan) -> list[str]:
    """Return what would prevent this plan on this machine, as sentences, before anything is downloaded."""
    from vlnb.launch.gpus import gpus
    from vlnb.launch.memory import GIB, memory

    problems = []
    found = gpus()
    if found.problem:
        problems.append(found.problem)
    if 0 < len(found.gpus) < plan.gpus:
        problems.append(f"The plan uses {plan.gpus} GPUs, but this machine has {len(found.gpus)}.")
    if found.gpus and all(gpu.name != plan.gpu.name for gpu in found.gpus):
        problems.append(f"The plan is for {plan.gpu.name}, but this machine has {found.gpus[0].name}.")
    if not memory(plan).fits:
        problems.append(memory(plan).sentence)
    folder, free = local.models()
    there = folder / "hub" / f"models--{plan.model.repo.replace('/', '--')}"
    if not there.exists() and free < plan.model.weight_bytes + _SPARE_BYTES:
        problems.append(
            f"{plan.model.size} needs {plan.model.weight_bytes / GIB:.0f} GiB of disk, but {folder} has"
            f" {free / GIB:.0f} GiB free: free some, or set HF_HOME to a larger disk."
        )
    return problems
