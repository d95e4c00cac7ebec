"""Start, follow, stop and resume a run. Its load generator (`vlnb.bench.load`) is a separate process."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
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
from vlnb.endpoint.keys import key_for, same_server
from vlnb.endpoint.resolve import current_address
from vlnb.errors import BadInput
from vlnb.launch.gpus import gpus
from vlnb.local import is_loopback

if TYPE_CHECKING:
    from vlnb.bench.workload import Workload
    from vlnb.endpoint import Endpoint

LoadProgress = dict[str, Any]
"""A progress report: `preparing` and `of`; or `done`, `of`, `running`, `failed`, `elapsed_s`, `ttft_p50_s` …"""


def left_s(report: LoadProgress) -> float:
    """Estimate the seconds left from the rate so far; 0 before the first request is done."""
    done = report["done"]
    return float(report["elapsed_s"] / done * (report["of"] - done)) if done else 0.0


def format_progress(report: LoadProgress) -> str:
    """Format a progress report as one line of text.

    >>> report = {"done": 2, "of": 8, "running": 1, "failed": 0, "elapsed_s": 3.0, "ttft_p50_s": 0.25, "stopped": ""}
    >>> format_progress(report)
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
    ttft = f", TTFT P50 {1000 * report['ttft_p50_s']:.0f} ms" if report["ttft_p50_s"] is not None else ""
    words = f"{done} of {of} done, {report['running']} in flight, {report['failed']} failed, {elapsed_s:.0f} s"
    return f"{words}{left}{ttft} {report['stopped']}".rstrip()


class Running:
    """A run in progress: `follow()` waits for its end, and `stop()` ends it."""

    def __init__(self, folder: Path, server: str, api_key: str) -> None:
        self.folder, self.server = folder, server
        self._key = api_key
        self._process = subprocess.Popen(  # noqa: S603 - this Python, and our own module
            [sys.executable, "-m", "vlnb.bench.load", str(folder), server],
            stdin=subprocess.PIPE,  # stays empty: when it closes, the load generator knows that this process has gone
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "VLNB_API_KEY": api_key},  # only the key of its server
            text=True,
            start_new_session=True,  # Ctrl-C reaches only the notebook, which then stops the load generator
        )

    def follow(self, watch: Callable[[LoadProgress], None] = lambda _: None) -> store.Stored:
        """Wait for the run to end and return the stored run; `watch` gets about four reports per second.

        Raises `BadInput` if the load generator fails.
        """
        failure = last_line = ""
        gauges: Watch | None = None
        with self._process as process:
            try:
                for line in process.stdout or ():
                    try:
                        report = json.loads(line)
                    except ValueError:  # the traceback of a crash
                        last_line = line.strip(" |+-\n") or last_line  # an exception group is printed in a frame
                        continue
                    if "error" in report:
                        failure = str(report["error"])
                    else:
                        gauges = gauges or Watch(self.folder, self.server, self._key)  # now the lock is held
                        watch(report)
            except BaseException:  # Ctrl-C, or an error of `watch`: the load must not go on unseen
                self.stop()
                raise
            finally:
                if gauges:
                    gauges.stop()
        code = process.wait()
        if failure:
            raise BadInput(failure)
        if code > 0:
            raise BadInput(
                f"The load generator crashed (exit code {code}): {last_line[-300:] or 'without a message'}."
                f" What was measured is in {self.folder}; resume the run."
            )
        return store.read(self.folder)

    def stop(self) -> None:
        """Stop the load generator. Requests in flight are lost; those that have ended are on disk."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


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

    They go to the server that the manifest names; an embedded engine that has ended starts again.

    That address comes from a file, so it gets a key only if the key belongs there: the key of `endpoint` if that is the
    same server, or the key in the environment if `VLNB_BASE_URL` names this server.

    Raises:
        BadInput: the folder holds no run, or a complete one.
    """
    stored = store.read(folder)
    if not stored.todo:
        raise BadInput(f"{folder} is complete: all {len(stored.records)} requests are on disk.")
    server = current_address(stored.manifest.server.base_url, stored.manifest.server.model)
    is_same = endpoint is not None and same_server(endpoint.base_url, server)
    return Running(stored.folder, server, endpoint.api_key if endpoint and is_same else key_for(server))


def run(
    workload: Workload,
    endpoint: Endpoint,
    out: str | Path | None = None,
    *,
    watch: Callable[[LoadProgress], None] = lambda _: None,
) -> store.Stored:
    """Run a workload to its end and return the stored run. Ctrl-C stops it and keeps the finished requests.

    `watch` is called with every report of the load generator, about four times a second.

    Raises:
        BadInput: the folder already holds a run or cannot be written, or the load generator failed.
    """
    return start(workload, endpoint, out).follow(watch)


def manifest(workload: Workload, endpoint: Endpoint) -> dict[str, Any]:
    """Return the manifest of a run: server, workload, limits and client. It contains no key."""
    import httptools

    node = is_loopback(urlsplit(endpoint.base_url).hostname or "") and gpus()
    server = records.Server(
        endpoint.base_url,
        endpoint.model,
        server_info(endpoint.base_url),
        str(node) if node and node.gpus else "",
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
