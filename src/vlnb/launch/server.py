"""Start, watch and stop a server process; other notebooks find it again."""

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
from vlnb.catalog import SIBLINGS
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
_STOP_POLL_S = 0.05
# SGLang's processes rename themselves with a library that overwrites the environment, which holds our mark. This
# variable restricts the library to the command line.
_KEEP_MARK = {"SPT_NOENV": "1"}
_SPARE_BYTES = 5 * 2**30


@dataclass(frozen=True)
class Status:
    """The state of a server: "starting", "ready", "stopped" or "failed", with the causes of a failure in order."""

    state: str
    progress: Progress
    diagnoses: tuple[Diagnosis, ...] = ()

    def __str__(self) -> str:
        cause = f": {self.diagnoses[0]}" if self.diagnoses else ""
        return f"{self.state} ({self.progress}){cause}"


@dataclass(frozen=True)
class Server:
    """A server process. Get one from `start`, `find` or `servers`; its record identifies its processes reliably."""

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
        """Return the status, judging by the processes, the log, and the server's own /health."""
        progress = self._follower.update()
        code = None if self._process is None else self._process.poll()  # `poll` also reaps it, which leaves no zombie
        if record.is_alive(self.record):
            if self._is_healthy():
                return Status("ready", progress)
            if not code:
                return Status("starting", progress)  # also if the first process exited with 0 and left others to serve
        if self._process is not None and code is None:
            # A killed process with many threads stays a zombie for a moment before it has an exit status.
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._process.wait(_EXIT_S)
        ending = f"\nprocess exited with code {code}" if code in {-9, 137} else ""  # a kill leaves no line in the log
        causes = [c for c in diagnose(self.read_log() + ending) if not (progress.share == 1 and c.cause == "unknown")]
        return Status("failed" if causes else "stopped", progress, tuple(causes))

    def wait(self, timeout_s: float = 3600.0, *, watch: Callable[[Status, float], object] = lambda *_: None) -> Status:
        """Wait until the server is ready, and call `watch(status, elapsed_s)` at every check.

        Raises `LaunchFailed` with the first cause if the start fails, or if it takes too long (the server then keeps
        starting).
        """
        begun = time.monotonic()
        while True:
            status, elapsed = self.status(), time.monotonic() - begun
            watch(status, elapsed)
            if status.state == "ready":
                return status
            if status.state != "starting":
                cause = status.diagnoses[0] if status.diagnoses else "it ended without a message"
                raise LaunchFailed(f"The server did not come up: {cause}\n  the whole log: {self.log}")
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

        The first process gets `timeout_s` seconds to end the others itself. Stopping a server that has already ended is
        no error. Raises `LaunchFailed` if a process cannot be ended; the server then stays recorded.
        """
        family: set[psutil.Process] = set()  # all that were ever seen, even after their parent has exited
        for sign, wait_s in ((signal.SIGINT, timeout_s), (signal.SIGTERM, _EXIT_S), (signal.SIGKILL, _EXIT_S)):
            family.update(record.processes(self.record))
            targets = [one for one in family if _runs(one) and (sign != signal.SIGINT or one.pid == self.record.pid)]
            for process in targets:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(sign)
            deadline = time.monotonic() + wait_s
            while any(map(_runs, targets)) and time.monotonic() < deadline:
                time.sleep(_STOP_POLL_S)
        if self._process is not None:
            # A process with many threads stays a zombie for a moment before it has an exit status.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_EXIT_S)
        if left := [process for process in family.union(record.processes(self.record)) if _runs(process)]:
            numbers = ", ".join(str(process.pid) for process in left)
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
    """Start a server by its command (`Plan.argv`, or `sh -c` with a rendered container) and return immediately.

    The process gets its own session, so that it outlives the notebook, and a record, so that `find` finds it. Raises
    `LaunchFailed` if the port is in use (also by a server that is still starting), if the command does not exist, or if
    the disk is full.
    """
    mark = secrets.token_hex(16)
    begun = dt.datetime.now().astimezone()
    log = ((runs or local.runs()) / f"server-{begun:%Y%m%d-%H%M%S}-{port}.log").absolute()
    with record.lock():
        for other in record.launched():
            if other.port == port:
                raise LaunchFailed(
                    f"Port {port} belongs to a server that was launched from here and is running or starting (its log:"
                    f" {other.log}). Stop it with `vlnb stop --port {port}`, or choose another port."
                )
        listen(HOST, port).close()
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("wb") as out:
                process = subprocess.Popen(  # noqa: S603 - the command comes from the user
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
    """Return the servers started from here that still have a living process, newest first."""
    return [Server(entry) for entry in record.launched()]


def find() -> Server | None:
    """Return the newest server that was started from here and is still alive, or None."""
    return next(iter(servers()), None)


def preflight(plan: Plan, model_path: str | None = None) -> list[str]:
    """Return, as sentences, what would prevent this plan on this machine. Downloads nothing.

    With `model_path`, a local folder with the model, no disk is needed.
    """
    from vlnb.launch.gpus import gpus
    from vlnb.launch.memory import GIB, memory

    problems = []
    found = gpus()
    if found.problem:
        problems.append(found.problem)
    if 0 < len(found.gpus) < plan.gpus:
        problems.append(f"The plan uses {plan.gpus} GPUs, but this machine has {len(found.gpus)}.")
    if found.gpus and all(SIBLINGS.get(gpu.name, gpu.name) != plan.gpu.name for gpu in found.gpus):
        problems.append(f"The plan is for {plan.gpu.name}, but this machine has {found.gpus[0].name}.")
    if not memory(plan).fits:
        problems.append(memory(plan).sentence)
    folder, free = local.models()
    cached = folder / "hub" / f"models--{plan.model.repo.replace('/', '--')}"
    if not (model_path or os.path.exists(cached)) and free < plan.model.weight_bytes + _SPARE_BYTES:  # noqa: PTH110
        problems.append(
            f"{plan.model.size} needs {plan.model.weight_bytes / GIB:.0f} GiB of disk, but {folder} has"
            f" {free / GIB:.0f} GiB free: free some, or set HF_HOME to a larger disk."
        )
    return problems
