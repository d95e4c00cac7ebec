"""Start, follow, stop and resume a run. The load comes from a separate process (`vlnb.bench.load`)."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from vlnb import records
from vlnb._version import __version__
from vlnb.bench import store
from vlnb.bench.gauges import Watch
from vlnb.bench.sglang import server_info
from vlnb.bench.workload import limits
from vlnb.endpoint.keys import NO_KEY, key_for, same_server
from vlnb.endpoint.resolve import moved
from vlnb.errors import BadInput
from vlnb.launch.gpus import gpus
from vlnb.local import is_loopback

if TYPE_CHECKING:
    from vlnb.bench.workload import Workload
    from vlnb.endpoint import Endpoint

LoadProgress = dict[str, Any]
"""A report of the client: `preparing` and `of`; or `done`, `of`, `running`, `failed`, `elapsed_s`, `ttft_p50_s` …"""


def left_s(report: LoadProgress) -> float:
    """Return the seconds that a run will still take at the rate so far; 0 if that is unknown."""
    done = report["done"]
    return float(report["elapsed_s"] / done * (report["of"] - done)) if done else 0.0


def told(report: LoadProgress) -> str:
    """Return a report of the client in words.

    >>> told({"done": 2, "of": 8, "running": 1, "failed": 0, "elapsed_s": 3.0, "ttft_p50_s": 0.25, "stopped": ""})
    '2 of 8 done, 1 in flight, 0 failed, 3 s, about 9 s left, TTFT P50 250 ms'
    """
    if "preparing" in report:
        ready = report["preparing"] == report["of"]
        return (
            "warming up, with a request that does not count"
            if ready
            else "preparing request {preparing} of {of}".format(**report)
        )
    done, of, elapsed_s = report["done"], report["of"], report["elapsed_s"]
    left = f", about {left_s(report):.0f} s left" if done else ""
    first = f", TTFT P50 {1000 * report['ttft_p50_s']:.0f} ms" if report["ttft_p50_s"] is not None else ""
    words = f"{done} of {of} done, {report['running']} in flight, {report['failed']} failed, {elapsed_s:.0f} s"
    return f"{words}{left}{first} {report['stopped']}".rstrip()


class Running:
    """A run in progress: `follow()` waits for its end, and `stop()` ends it."""

    def __init__(self, folder: Path, server: str, api_key: str) -> None:
        self.folder, self.server = folder, server
        self._gauges = Watch(folder, server, api_key)
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        for name in (store.KEY_VARIABLE, "VLNB_API_KEY"):  # the client gets the key of its server, and no other
            environment.pop(name, None)
        if api_key != NO_KEY:
            environment[store.KEY_VARIABLE] = api_key
        self._process = subprocess.Popen(  # noqa: S603 - this Python, and a module of ours
            [sys.executable, "-m", "vlnb.bench.load", str(folder), server],
            stdin=subprocess.PIPE,  # stays empty: when it closes, the client knows that this process has gone
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            text=True,
            start_new_session=True,  # Ctrl-C is for the notebook, which then stops the client
        )

    def follow(self, watch: Callable[[LoadProgress], None] = lambda _: None) -> store.Stored:
        """Wait for the run to end and return it as it is on disk; `watch` gets about four reports per second.

        Raises `BadInput` if the load generator fails.
        """
        failed = last_words = ""
        try:
            for line in self._lines():
                try:
                    report = json.loads(line)
                except ValueError:  # a traceback of a client that crashed
                    last_words = line.strip(" |+-\n") or last_words  # a group of errors comes in a frame
                    continue
                if "error" in report:
                    failed = str(report["error"])
                else:
                    watch(report)
        except BaseException:  # Ctrl-C, or an error of `watch`: the load must not go on unseen
            self.stop()
            raise
        code = self._process.wait()
        self._close()
        self._gauges.stop()
        if failed:
            raise BadInput(failed)
        if code > 0:
            raise BadInput(
                f"The load generator crashed (exit code {code}): {last_words[-300:] or 'without a message'}."
                f" What was measured is in {self.folder}; resume the run."
            )
        return store.read(self.folder)

    def stop(self) -> None:
        """End the client. Requests in flight are lost; everything that has ended is on disk."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close()
        self._gauges.stop()

    def _lines(self) -> Iterator[str]:
        """Yield what the client prints, until it ends or `stop` in another thread closes the pipe."""
        try:
            yield from self._process.stdout or ()
        except ValueError:
            return

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()


def start(workload: Workload, endpoint: Endpoint, out: str | Path | None = None) -> Running:
    """Start a run in the folder `out` (default: a new one in `runs/bench/`) and return at once.

    Raises:
        BadInput: the folder already holds a run or cannot be written.
    """
    folder = records.folder_for("bench", out)
    records.create(folder, manifest(workload, endpoint))
    return Running(folder, endpoint.base_url.split("?")[0], endpoint.api_key)


def resume(folder: str | Path, endpoint: Endpoint | None = None) -> Running:
    """Complete a run: send the requests that are not on disk, and those that did not reach the server.

    They go to the server that the manifest names; an embedded engine that has ended is started again.

    That address comes from a file, so it gets a key only if the key is known to belong there: the key of `endpoint` if
    that is the same server, or the key in the environment if `VLNB_BASE_URL` names this server.

    Raises:
        BadInput: the folder holds no run, or a complete one.
    """
    stored = store.read(folder)
    if not stored.todo:
        raise BadInput(f"{folder} is complete: all {len(stored.records)} requests are on disk.")
    server = moved(stored.manifest.server.base_url, stored.manifest.server.model)
    known = endpoint is not None and same_server(endpoint.base_url, server)
    return Running(stored.folder, server, endpoint.api_key if endpoint and known else key_for(server))


def run(
    workload: Workload,
    endpoint: Endpoint,
    out: str | Path | None = None,
    *,
    watch: Callable[[LoadProgress], None] = lambda _: None,
) -> store.Stored:
    """Run a workload to its end and return the stored run. Ctrl-C stops it and keeps what is done.

    `watch` is called with every report of the load generator, about four times a second.

    Raises:
        BadInput: the folder already holds a run or cannot be written, or the load generator failed.
    """
    return start(workload, endpoint, out).follow(watch)


def manifest(workload: Workload, endpoint: Endpoint) -> dict[str, Any]:
    """Return what describes a run, apart from its records. It holds no key."""
    import httptools

    here = is_loopback(urlsplit(endpoint.base_url).hostname or "") and gpus()
    server = records.Server(
        endpoint.base_url.split("?")[0],
        endpoint.model,
        server_info(endpoint.base_url),
        str(here) if here and here.gpus else "",
    )
    return {
        "server": asdict(server),
        "workload": asdict(workload),
        "limits": asdict(limits(workload)),
        "client": {
            "vlnb": __version__,
            "python": platform.python_version(),
            "httptools": httptools.__version__,
            "machine": platform.machine(),
            "cores": os.cpu_count(),
        },
    }
