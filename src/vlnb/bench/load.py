"""The load generator: a separate process (`python -m vlnb.bench.load FOLDER URL`), so that no other work delays it.

It completes the run in FOLDER: it sends the requests that are not on disk, writes each record as its request ends, and
reports progress as lines of JSON on standard output. The server's key comes as VLNB_API_KEY and is never written.
Standard input is a pipe whose other end the parent holds. When it closes, or on a signal, the load stops at once, after
writing the requests that have ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import math
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from vlnb import records
from vlnb.bench import bodies, store, stream, wire
from vlnb.bench.workload import arrivals
from vlnb.endpoint.keys import NO_KEY, bearer, redacted
from vlnb.errors import BadInput, VlnbError

_REPORT_S = 0.25  # between two progress reports
_LAG_S = 0.1  # between two measurements of the event loop's lateness
_NEXT_S = 0.005  # long enough for a user to send the next request, with two 720p pictures
_OTHER_FILES = 32  # that the load generator opens beside its connections, with room to spare
_REFUSED = 20  # refused connections in a row after which the run stops


class Run:
    """One segment of a run while it is in progress."""

    def __init__(self, folder: Path, base_url: str) -> None:
        stored = store.read(folder)
        self.folder, self.manifest = folder, stored.manifest
        self.workload = self.manifest.workload
        self.key = os.environ.get("VLNB_API_KEY", NO_KEY)
        headers = {"Content-Type": "application/json", **bearer(self.key)}
        self.server = wire.Server(base_url.rstrip("/") + "/chat/completions", headers)
        self.todo = stored.todo
        _allow_connections(min(self.workload.concurrency, len(self.todo)))
        begun = [record.segment for record in stored.records] + [part.segment for part in stored.segments]
        self.segment = max(begun, default=-1) + 1  # a killed segment has records, but no figures
        self.limits = self.manifest.limits
        self.running = self.done = self.failed = self.refused = self.resent = 0
        self.dropped: set[str] = set()
        self.sent_bytes = 0
        self.ttft_s: list[float] = []
        self.lags: list[float] = []
        self.stopped = ""
        self.turns = wire.Turns()
        self.reported = 0.0
        self.zero = 0.0
        self.journal: records.Journal
        self.tasks: asyncio.TaskGroup

    async def run(self) -> None:
        """Warm up, send everything, and write the figures of the segment.

        Raises `BadInput` if a record cannot be written; then no further request is sent.
        """
        self._preparing(0)  # the sign to read the server's gauges while it is idle
        warm_up = self.workload.prompts + self.segment  # an extra body, so that it caches no prefix of the run
        views = bodies.make(self.workload, self.manifest.server.model, [*self.todo, warm_up], progress=self._preparing)
        with records.Journal(self.folder / store.RECORDS) as self.journal, contextlib.closing(self.server):
            async with asyncio.TaskGroup() as self.tasks:
                self._end_with_others(self.tasks.create_task(self._load(views, warm_up)))
        self._report()

    def _end_with_others(self, load: asyncio.Task[None]) -> None:
        """Stop the load when the parent process has ended, or on a signal."""
        loop = asyncio.get_running_loop()

        def stop(reason: str) -> None:
            loop.remove_reader(sys.stdin)
            self.stopped = self.stopped or f"The load stopped early: {reason}."
            load.cancel()

        loop.add_reader(sys.stdin, stop, "the command that started it has ended")
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, stop, f"the load generator received {number.name}")

    async def _send(self, body: memoryview) -> wire.Trace:
        """Send a request; again without a field that the server refuses, or if a kept connection was closed."""
        without = frozenset(self.dropped)
        send = partial(wire.send, self.server, body, self.turns, self.limits, ending=bodies.ending(without))
        trace = await send()
        if trace.refused and trace.refused not in without:
            self.dropped.add(trace.refused)
            return await self._send(body)
        if trace.stale:
            self.resent += 1
            return await send(fresh=True)
        return trace

    async def _load(self, views: dict[int, memoryview], warm_up: int) -> None:
        _emit({"preparing": len(views), "of": len(views)})
        await self._send(views[warm_up])
        schedule = arrivals(self.workload)
        gc.collect()
        gc.freeze()
        self.zero, cpu, started_at = time.perf_counter(), time.process_time(), time.time()
        lag = asyncio.create_task(self._measure_lag())

        async def ask(request: int, due: float) -> None:
            self.running += 1
            trace = await self._send(views[request])
            self.sent_bytes += len(views[request])
            self.running -= 1
            self.refused = self.refused + 1 if (trace.error or "").startswith(store.NO_CONNECTION) else 0
            if self.refused >= _REFUSED and not self.stopped:
                self.stopped = f"{_REFUSED} requests in a row failed: {trace.error}. Check the server, and resume."
            self.tasks.create_task(self._write(request, due, trace))

        try:
            await (self._closed_loop(ask) if schedule is None else self._open_loop(ask, schedule))
        finally:
            wall, cpu = time.perf_counter() - self.zero, time.process_time() - cpu
            lag.cancel()
            lags = sorted(self.lags) or [0.0]
            figures = store.Segment(
                segment=self.segment,
                started_at=started_at,
                duration_s=round(wall, 6),
                cpu_share=round(cpu / wall, 4),
                lag_mean_s=round(sum(lags) / len(lags), 6),
                lag_p99_s=round(lags[int(0.99 * (len(lags) - 1))], 6),
                stopped=self.stopped,
                dropped=tuple(sorted(self.dropped)),
                resent=self.resent,
                sent_bytes=self.sent_bytes,
            )
            with records.Journal(self.folder / store.SEGMENTS) as journal:
                journal.write(records.line(asdict(figures)))

    async def _write(self, request: int, due: float, trace: wire.Trace) -> None:
        """Parse an answer and write its record, while no request is being sent. A journal error ends the load."""
        await asyncio.sleep(_NEXT_S)  # first its user sends the next request
        await self.turns.take(math.inf)
        try:
            record = self._record(request, due, trace)
            self.journal.write(record.line())
            self.done += 1
            self.failed += record.error is not None
            if record.ttft_s is not None and record.error is None:
                self.ttft_s.append(record.ttft_s)
            if time.perf_counter() - self.reported > _REPORT_S:
                self._report()
        finally:
            self.turns.give()

    async def _closed_loop(self, ask: Any) -> None:  # noqa: ANN401 - the coroutine function in `_load`
        """Run a closed loop: each user sends the next request when the last one has ended."""
        left: Iterator[int] = iter(self.todo)
        users = min(self.workload.concurrency, len(self.todo))

        async def user(number: int) -> None:
            await asyncio.sleep(self.workload.ramp_s * number / users)
            for request in left:
                await ask(request, time.perf_counter() - self.zero)
                if self.stopped:
                    return

        await asyncio.gather(*(user(number) for number in range(users)))

    async def _open_loop(self, ask: Any, due: list[float]) -> None:  # noqa: ANN401
        """Run an open loop: each request starts when it is due, or as soon afterwards as `concurrency` allows."""
        first = due[self.todo[0]]  # a resumed run continues where the schedule was cut
        free = asyncio.Semaphore(self.workload.concurrency)

        async def send_at(request: int, due_s: float) -> None:
            async with free:
                if not self.stopped:
                    await ask(request, due_s)

        async with asyncio.TaskGroup() as tasks:
            for request in self.todo:
                due_s = due[request] - first
                await asyncio.sleep(max(0.0, self.zero + due_s - time.perf_counter()))
                if self.stopped:
                    break
                tasks.create_task(send_at(request, due_s))

    def _record(self, request: int, due: float, trace: wire.Trace) -> store.Record:
        answer = stream.parse(trace)
        first_text = answer.text_at[0] if answer.text_at else None
        error = answer.error or (None if answer.text_at else "the answer has no text")
        started = trace.started - self.zero
        return store.Record(
            id=request,
            scheduled_s=due,
            started_s=started,
            queue_s=max(0.0, started - due),
            connect_s=(trace.connected - trace.connecting) if trace.connected and trace.connecting else 0.0,
            upload_s=(trace.sent - trace.first_byte_sent) if trace.sent and trace.first_byte_sent else None,
            server_s=(first_text - trace.sent) if first_text and trace.sent else None,
            ttft_s=(first_text - trace.started) if first_text else None,
            e2e_s=trace.ended - trace.started,
            itl_s=tuple(b - a for a, b in zip(answer.text_at, answer.text_at[1:], strict=False)),
            output_tokens=answer.output_tokens if answer.output_tokens is not None else len(answer.text_at),
            finish_reason=redacted(answer.finish_reason, self.key) if answer.finish_reason else None,
            error=redacted(error, self.key) if error else None,
            input_tokens=answer.input_tokens,
            segment=self.segment,
        )

    async def _measure_lag(self) -> None:
        """Measure how late the event loop is, until cancelled."""
        while True:
            before = time.perf_counter()
            await asyncio.sleep(_LAG_S)
            self.lags.append(time.perf_counter() - before - _LAG_S)

    def _preparing(self, count: int) -> None:
        if time.perf_counter() - self.reported > _REPORT_S:
            self.reported = time.perf_counter()
            _emit({"preparing": count, "of": len(self.todo) + 1})
            if select.select([sys.stdin], [], [], 0)[0]:  # closed: the parent process has ended
                sys.exit(1)

    def _report(self) -> None:
        self.reported = time.perf_counter()
        recent = sorted(self.ttft_s)
        p50, p99 = (recent[int(share * (len(recent) - 1))] if recent else None for share in (0.5, 0.99))
        _emit(
            {
                "done": self.done, "of": len(self.todo), "running": self.running, "failed": self.failed,
                "elapsed_s": round(time.perf_counter() - self.zero, 3), "ttft_p50_s": p50, "ttft_p99_s": p99,
                "stopped": self.stopped,
            }
        )  # fmt: skip


def _allow_connections(count: int) -> None:
    """Raise this process's limit of open files as far as the system allows; `BadInput` if that is not enough."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS has no hard limit, and refuses to set none
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    if soft != resource.RLIM_INFINITY and count + _OTHER_FILES > soft:
        raise BadInput(
            f"{count} connections at once need more open files than the {soft} that this system allows a process. Use"
            " fewer users, or raise the limit (ulimit -n)."
        )


def main() -> int:
    """Run the segment. Report an error as one line of JSON."""
    os.set_blocking(sys.stdout.fileno(), False)  # a slow reader must not hold up the load
    folder, failed = Path(sys.argv[1]), False
    try:
        with records.held(folder):
            run = Run(folder, sys.argv[2])
            if run.todo:  # unless another resume has just completed it
                asyncio.run(run.run())
    except* VlnbError as errors:
        _emit({"error": str(errors.exceptions[0])})
        failed = True
    return int(failed)


def _emit(data: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # the run is valid without a reader
        os.write(sys.stdout.fileno(), json.dumps(data).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
