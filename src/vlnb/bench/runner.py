"""Start, follow, stop and resume a run: the load comes from a process of its own (`vlnb.bench.load`)."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlnb import records
from vlnb._version import __version__
from vlnb.bench import store
from vlnb.bench.reported import server_info
from vlnb.bench.workload import limits
from vlnb.endpoint.keys import NO_KEY, key_for, same_server
from vlnb.errors import BadInput

if TYPE_CHECKING:
    from vlnb.bench.workload import Workload
    from vlnb.endpoint import Endpoint

Progress = dict[str, Any]
"""What the client tells: `preparing`, or `done`, `of`, `running`, `failed`, `elapsed_s`, `ttft_p50_s`, `ttft_p99_s`."""


class Running:
    """A run on its way; `progress()` follows it, `stop()` ends it, and `result()` is what is on disk so far."""

    def __init__(self, folder: Path, server: str, api_key: str) -> None:
        self.folder, self.server = folder, server
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        for name in (store.KEY_VARIABLE, "VLNB_API_KEY"):  # the one key that it may use, or none
            environment.pop(name, None)
        if api_key != NO_KEY:
            environment[store.KEY_VARIABLE] = api_key
        self._process = subprocess.Popen(  # noqa: S603 - this Python, our own module
            [sys.executable, "-m", "vlnb.bench.load", str(folder)],
            stdin=subprocess.PIPE,  # nothing is written to it: its end tells the client that this process is gone
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            text=True,
            start_new_session=True,  # Ctrl-C in a notebook is for the notebook; we stop the client ourselves
        )

    def progress(self) -> Iterator[Progress]:
        """Yield what the client tells, some four times a second, until it ends. Raises `BadInput` where it failed."""
        process, failed, words = self._process, "", ""
        try:
            for line in self._lines():
                try:
                    told = json.loads(line)
                except ValueError:  # not of our making: the last words of a client that broke
                    words = line.strip()
                    continue
                if "error" in told:
                    failed = str(told["error"])
                else:
                    yield told
        except BaseException:  # Ctrl-C, or the loop was left: nothing may go on behind the person's back
            self.stop()
            raise
        code = process.wait()
        self._close()
        if failed:
            raise BadInput(failed)
        if code > 0:
            raise BadInput(
                f"The load generator ended by itself (code {code}): {words[-300:] or 'no words'}."
                f" What was measured is in {self.folder}; resume it."
            )

    def stop(self) -> None:
        """End the client. Requests in flight are lost, what has ended is on disk."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close()

    def _lines(self) -> Iterator[str]:
        """Yield what the client prints; `stop` in another thread closes the pipe, and ends it."""
        try:
            yield from self._process.stdout or ()
        except ValueError:
            return

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    @property
    def alive(self) -> bool:
        """Whether the client still works."""
        return self._process.poll() is None

    def result(self) -> store.Stored:
        """Return what is on disk."""
        return store.read(self.folder)


def start(workload: Workload, endpoint: Endpoint, out: str | Path | None = None) -> Running:
    """Begin a run in the folder `out` (one in `runs/bench/` where None) and return at once."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    folder = Path(out) if out else Path("runs") / "bench" / f"{stamp}-{os.urandom(2).hex()}"
    records.create(folder, manifest(workload, endpoint))
    return Running(folder, endpoint.base_url, endpoint.api_key)


def resume(folder: str | Path, endpoint: Endpoint | None = None) -> Running:
    """Complete a run: exactly the requests that are not on disk are sent, to the server that its manifest names.

    That address was read from a file, so it gets a key only if the key is known to belong there: that of `endpoint`
    when it is the same server, or the key in the environment when `VLNB_BASE_URL` names this server.
    """
    stored = store.read(folder)
    if not stored.missing:
        raise BadInput(f"{folder} is complete: all {len(stored.records)} requests are on disk.")
    server = stored.manifest["server"]["base_url"]
    known = endpoint is not None and same_server(endpoint.base_url, server)
    return Running(stored.folder, server, endpoint.api_key if endpoint and known else key_for(server))


def run(
    workload: Workload,
    endpoint: Endpoint,
    out: str | Path | None = None,
    *,
    watch: Callable[[Progress], None] = lambda _: None,
) -> store.Stored:
    """Run a workload to its end and return it; `watch` is told how far it is. Ctrl-C stops it; what is done is kept."""
    return follow(start(workload, endpoint, out), watch)


def follow(running: Running, watch: Callable[[Progress], None] = lambda _: None) -> store.Stored:
    """Wait for a run to end and return it."""
    for told in running.progress():
        watch(told)
    return running.result()


def manifest(workload: Workload, endpoint: Endpoint) -> dict[str, Any]:
    """Return what is to be known of a run beside its records; nothing secret is in it."""
    import aiohttp

    return {
        "format": 1,
        "created": datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds"),
        "server": {
            "base_url": endpoint.base_url.split("?")[0],
            "model": endpoint.model,
            "reported": server_info(endpoint.base_url),
        },
        "workload": asdict(workload),
        "limits": asdict(limits(workload)),
        "client": {
            "vlnb": __version__,
            "python": platform.python_version(),
            "aiohttp": aiohttp.__version__,
            "machine": platform.machine(),
            "cores": os.cpu_count(),
        },
    }
