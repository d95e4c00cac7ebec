"""Asking about one row after another, from several servers: who is asked next, who rests, and when to give up.

A server that is gone or full (429) rests for as long as it asks, or ever longer; its rows go to the others, and one
that was full gets fewer at once. A row that fails while others are answered is tried three times. If no server answers
for `patience_s`, the rows that remain become errors.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlnb import images, typed
from vlnb.batch.asked import Job, Row, body
from vlnb.batch.shards import COLUMNS
from vlnb.endpoint.typed import TypedReply
from vlnb.errors import BadAnswer, NoServer, ServerRefused, VlnbError
from vlnb.fetch import background
from vlnb.prompts import Prompt

if TYPE_CHECKING:
    import daft

    from vlnb.endpoint import Endpoint, Reply, Stream

_TRIES = 3
_FIRST_REST_S, _LONGEST_REST_S, _LOOK_S = 0.5, 30.0, 0.05
_FULL = 429
_GONE = frozenset((_FULL, 502, 503, 504))
_NOT_KEPT = ("tools", "functions", "logprobs", "audio", "modalities")  # of a body: the answer would lose what it asks


@dataclass
class Server:
    """A server: how many rows it answers at the moment, how many it may, and until when it rests (monotonic s)."""

    endpoint: Endpoint
    limit: float
    busy: int = 0
    rests_until: float = 0.0
    rest_s: float = 0.0

    def rest(self, asked_s: float | None, *, full: bool) -> None:
        """Leave it alone for a while, longer each time, and then ask it less at once if it was full."""
        now = time.monotonic()
        if self.rests_until <= now:  # else it is told once for all rows that were on their way
            self.rest_s = min(_LONGEST_REST_S, 2 * self.rest_s or _FIRST_REST_S)
            self.rests_until = now + min(asked_s or self.rest_s, _LONGEST_REST_S)
            self.limit = max(1.0, self.limit / 2) if full else self.limit


class Asker:
    """Asks about rows, at most `concurrency` at a time. Lives where the work is done: a thread, or a node of Ray."""

    def __init__(self, job: Job, endpoints: Sequence[Endpoint], concurrency: int, patience_s: float) -> None:
        self._job, self._patience_s = job, patience_s
        self._form = typed.Form.of(job.schema) if job.schema else None
        self._servers = [Server(one, concurrency) for one in endpoints]
        self._turns = asyncio.Semaphore(concurrency)
        self._heard = time.monotonic()
        self._over = ""

    async def rows(self, keys: daft.Series, paths: daft.Series, contents: daft.Series) -> list[dict[str, object]]:
        """Return the columns of the answers about some rows."""
        told = zip(keys.to_pylist(), paths.to_pylist(), contents.to_pylist(), strict=True)
        asked = [self.row(key, Row(*row)) for key, *row in told]

        # On the loop that talks to the servers: each change of threads costs time.
        async def every() -> list[dict[str, object]]:
            return await asyncio.gather(*asked)

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(every(), background()))

    async def row(self, key: str, row: Row) -> dict[str, object]:
        """Return the columns of the answer about a row; whatever goes wrong is its `error`. Never raises."""
        columns: dict[str, object] = dict.fromkeys(COLUMNS) | {"key": key, "path": row.path}
        try:
            async with self._turns:
                reply = await self._reply(row)
            columns |= {name: getattr(reply, name) for name in ("text", "finish_reason", "model", "server", "note")}
            columns |= {name: getattr(reply.usage, name, None) for name in ("prompt_tokens", "completion_tokens")}
            columns["seconds"] = round(reply.latency_s, 4)
            if isinstance(reply, TypedReply):
                told = "; ".join(filter(None, [reply.note, *map(str, reply.issues)]))
                columns |= {"data": json.dumps(reply.plain("json"), ensure_ascii=False), "note": told}
                columns["error"] = None if reply.valid else told
        except Exception as error:  # noqa: BLE001 - one bad row is one row, whatever is wrong with it
            columns["error"] = str(error) if isinstance(error, VlnbError) else f"{type(error).__name__}: {error}"
        return columns

    async def _reply(self, row: Row) -> Reply:
        tried = 0
        while True:
            server, begun = await self._free(), time.monotonic()
            server.busy += 1
            try:
                reply = await (await asyncio.to_thread(self._begin, server.endpoint, row))
            except (NoServer, BadAnswer, ServerRefused) as error:
                status = error.status if isinstance(error, ServerRefused) else 0
                if isinstance(error, NoServer) or status in _GONE:
                    server.rest(getattr(error, "retry_after_s", None), full=status == _FULL)
                elif status and status < 500:
                    raise
                # Where nobody is answered, the server is at fault, not the row; and who is full has done no work.
                tried += self._heard > begun and status != _FULL
                if tried >= _TRIES:
                    raise
                if time.monotonic() - self._heard > self._patience_s:
                    self._over = f"No server has answered for {self._patience_s:g} s, so this row was given up: {error}"
                await asyncio.sleep(_FIRST_REST_S * bool(status not in _GONE))
            else:
                self._heard = time.monotonic()
                server.rest_s, server.limit = 0.0, server.limit + 1 / server.limit  # a little more with each answer
                return reply
            finally:
                server.busy -= 1

    async def _free(self) -> Server:
        """Wait for the server that has the most room. Raises `NoServer` once none has answered for too long."""
        while not self._over:
            now = time.monotonic()
            if ready := [one for one in self._servers if one.busy < one.limit and one.rests_until <= now]:
                return min(ready, key=lambda one: one.busy / one.limit)
            await asyncio.sleep(_LOOK_S)
        raise NoServer(self._over)

    def _begin(self, endpoint: Endpoint, row: Row) -> Stream:
        """Prepare the pictures of a row and send it."""
        job = self._job
        if job.requests:
            asked = body(row.content)
            if lost := [name for name in _NOT_KEPT if asked.get(name)] or ["n"] * (asked.get("n") not in {None, 1}):
                raise ValueError(f"{', '.join(lost)}: a batch here returns one answer of text, so this cannot be asked")
            return endpoint.send(asked | {"stream": True})
        pictures = images.pages(row.path) if row.path.lower().endswith(".pdf") else [row.path]
        return endpoint.stream(Prompt(job.prompt, job.system), *pictures, schema=self._form, **job.options)
