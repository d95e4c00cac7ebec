"""Ask several servers about rows: choose the next server, pause servers that fail, retry rows, and give up.

A server that is unreachable or full (429) is paused for as long as it asks, or exponentially longer; its rows go to the
others, and a full server gets fewer at once. A row that fails while others are answered is tried three times. If no
server answers for `patience_s`, the remaining rows become errors.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlnb import images, typed
from vlnb.batch.shards import COLUMNS
from vlnb.batch.source import Job, Row, body
from vlnb.endpoint.typed import TypedReply
from vlnb.errors import BadAnswer, BadInput, NoServer, ServerRefused, VlnbError
from vlnb.fetch import background
from vlnb.prompts import Prompt

if TYPE_CHECKING:
    import daft

    from vlnb.endpoint import Endpoint, Reply, Stream

_TRIES = 3
_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _POLL_S = 0.5, 30.0, 0.05
_DOCUMENT = re.compile(r"\.(pdf|tiff?)($|\?)", re.IGNORECASE)  # all its pages are sent
_FULL = 429
_GONE = frozenset((_FULL, 502, 503, 504))
# Fields of a request body whose results would be lost: the table keeps only text.
_REFUSED = ("tools", "functions", "logprobs", "audio", "modalities")


@dataclass
class Server:
    """A server: the number of rows in flight, their limit, and the end of its pause (monotonic seconds)."""

    endpoint: Endpoint
    limit: float
    in_flight: int = 0
    paused_until: float = 0.0
    pause_s: float = 0.0

    def pause(self, retry_after_s: float | None, *, full: bool) -> None:
        """Pause the server, longer each time, and halve its limit if it was full."""
        now = time.monotonic()
        if self.paused_until <= now:  # only once for all rows that were in flight
            self.pause_s = min(_LONGEST_PAUSE_S, 2 * self.pause_s or _FIRST_PAUSE_S)
            self.paused_until = now + min(retry_after_s or self.pause_s, _LONGEST_PAUSE_S)
            self.limit = max(1.0, self.limit / 2) if full else self.limit


class Asker:
    """Asks about rows, at most `concurrency` at a time. Lives in a thread, or on a Ray node."""

    def __init__(self, job: Job, endpoints: Sequence[Endpoint], concurrency: int, patience_s: float) -> None:
        self._job, self._patience_s = job, patience_s
        self._form = typed.Form.of(job.schema) if job.schema else None
        self._servers = [Server(endpoint, concurrency) for endpoint in endpoints]
        self._slots = asyncio.Semaphore(concurrency)
        self._last_answer = time.monotonic()
        self._gave_up = ""

    async def rows(self, keys: daft.Series, paths: daft.Series, contents: daft.Series) -> list[dict[str, object]]:
        """Return the columns of the answers about a batch of rows."""
        batch = zip(keys.to_pylist(), paths.to_pylist(), contents.to_pylist(), strict=True)
        answers = [self.row(key, Row(os.fsdecode(path), content)) for key, path, content in batch]

        # On the event loop that talks to the servers: each switch between threads costs time.
        async def gather() -> list[dict[str, object]]:
            return await asyncio.gather(*answers)

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(gather(), background()))

    async def row(self, key: str, row: Row) -> dict[str, object]:
        """Return the columns of the answer about a row; a failure becomes its `error`. Never raises."""
        columns: dict[str, object] = dict.fromkeys(COLUMNS) | {"key": key, "path": row.path}
        try:
            async with self._slots:
                reply = await self._reply(row)
            columns |= {name: getattr(reply, name) for name in ("text", "finish_reason", "model", "server", "note")}
            columns |= {name: getattr(reply.usage, name, None) for name in ("prompt_tokens", "completion_tokens")}
            columns["seconds"] = round(reply.latency_s, 4)
            if isinstance(reply, TypedReply):
                notes = "; ".join(filter(None, [reply.note, *map(str, reply.issues)]))
                columns |= {"data": json.dumps(reply.plain("json"), ensure_ascii=False), "note": notes}
                columns["error"] = None if reply.whole else notes  # a new answer would violate the schema, too
        except Exception as error:  # noqa: BLE001 - a bad row must not end the batch
            columns["error"] = str(error) if isinstance(error, VlnbError) else f"{type(error).__name__}: {error}"
        # The name of a file may not be valid Unicode, which a table cannot hold.
        return {
            name: value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
            for name, value in columns.items()
        }

    async def _reply(self, row: Row) -> Reply:
        tries = 0
        while True:
            server, begun = await self._free(), time.monotonic()
            server.in_flight += 1
            try:
                reply = await (await asyncio.to_thread(self._begin, server.endpoint, row))
            except (NoServer, BadAnswer, ServerRefused) as error:
                status = error.status if isinstance(error, ServerRefused) else 0
                if isinstance(error, NoServer) or status in _GONE:
                    server.pause(getattr(error, "retry_after_s", None), full=status == _FULL)
                elif status and status < 500:
                    raise
                # Without answers to other rows, the server is at fault, not the row; a full server has not tried it.
                tries += self._last_answer > begun and status != _FULL
                if tries >= _TRIES:
                    raise
                if time.monotonic() - self._last_answer > self._patience_s:
                    self._gave_up = f"No server has answered for {self._patience_s:g} s; gave up on this row: {error}"
                await asyncio.sleep(_FIRST_PAUSE_S * (status not in _GONE))
            else:
                self._last_answer = time.monotonic()
                server.pause_s, server.limit = 0.0, server.limit + 1 / server.limit  # more with each answer
                return reply
            finally:
                server.in_flight -= 1

    async def _free(self) -> Server:
        """Wait for the least loaded server. Raises `NoServer` once none has answered for too long."""
        while not self._gave_up:
            now = time.monotonic()
            if ready := [s for s in self._servers if s.in_flight < s.limit and s.paused_until <= now]:
                return min(ready, key=lambda server: server.in_flight / server.limit)
            await asyncio.sleep(_POLL_S)
        raise NoServer(self._gave_up)

    def _begin(self, endpoint: Endpoint, row: Row) -> Stream:
        """Load the pictures of a row and send its request."""
        job = self._job
        if job.requests:
            fields = body(row.content)
            if lost := [name for name in _REFUSED if fields.get(name)] or ["n"] * (fields.get("n") not in (None, 1)):
                raise BadInput(f"{', '.join(lost)}: a batch returns one text answer a request. Remove this field.")
            return endpoint.send(fields | {"stream": True})
        pictures = images.pages(row.path) if _DOCUMENT.search(row.path) else [row.path]
        return endpoint.stream(Prompt(job.prompt, job.system), *pictures, schema=self._form, **job.options)
