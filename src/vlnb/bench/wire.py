"""One request on the wire, with a timestamp at each step. The answer is parsed only after its end.

What makes the times accurate: the body is ready as bytes; the system takes only as much of it as has left, and little
more (`TCP_NOTSENT_LOWAT`), so that "sent" means sent; and between two slices, of whichever requests, the event loop
reads what has arrived, stamps it, and puts it aside.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import heapq
import itertools
import json
import os
import re
import socket
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.payload import Payload

from vlnb.bench.store import NO_CONNECTION
from vlnb.endpoint.failures import refused_field

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter

    from vlnb.bench.workload import Limits

_WAIT_BYTES = 64 * 1024  # of a body: what the transport waits with when the system takes no more
_NOT_SENT_BYTES = 64 * 1024
_TEXT = re.compile(rb'"(?:reasoning|reasoning_content|content|text)":\s*"(?!")')
_MORE = re.compile(rb'"(?:usage":\s*\{|finish_reason":\s*"|error")')  # what a chunk may hold besides text
_NO_REASON = (None, "", "null")
_MESSAGE_CHARS = 200
_MOST_TOKENS = 10**9
_CONNECT_S = 30.0
_PIECE_BYTES = 128  # of memory that a piece takes besides its data


@dataclass
class Trace:
    """The timestamps of one request, in seconds of `time.perf_counter`, and the pieces of its answer."""

    started: float = 0.0
    connecting: float | None = None
    connected: float | None = None
    first_byte_sent: float | None = None
    sent: float | None = None
    moved: float = 0.0  # when some of the body last left
    ended: float = 0.0
    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    error: str | None = None
    refused: str | None = None  # the optional field that the server does not accept
    stale: bool = False  # a kept connection turned out to be closed before any answer


@dataclass(frozen=True)
class Parsed:
    """A parsed stream of server-sent events: when each text arrived, and how the stream ended."""

    text_at: tuple[float, ...]
    output_tokens: int | None
    input_tokens: int | None
    finish_reason: str | None
    error: str | None


def session(concurrency: int) -> aiohttp.ClientSession:
    """Return a session that keeps connections alive, times how they are made, and has no connection limit."""
    stamps = aiohttp.TraceConfig()

    async def begun(_: Any, context: Any, __: Any) -> None:  # noqa: ANN401 - aiohttp's signal
        context.trace_request_ctx.connecting = time.perf_counter()

    async def made(_: Any, context: Any, __: Any) -> None:  # noqa: ANN401
        context.trace_request_ctx.connected = time.perf_counter()

    stamps.on_connection_create_start.append(begun)
    stamps.on_connection_create_end.append(made)
    connector = aiohttp.TCPConnector(limit=0, limit_per_host=0, keepalive_timeout=60, socket_factory=_socket)
    return aiohttp.ClientSession(
        connector=connector,
        trace_configs=[stamps],
        read_bufsize=2**20 // max(1, concurrency),
        # A kilobyte that unpacks to a gigabyte would evade every limit.
        headers={"Accept-Encoding": "identity"},
        auto_decompress=False,
    )


def _socket(address: Any) -> socket.socket:  # noqa: ANN401 - a row of getaddrinfo
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    low_water = getattr(socket, "TCP_NOTSENT_LOWAT", 25 if hasattr(socket, "SO_PEERCRED") else None)
    if low_water is not None:
        made.setsockopt(socket.IPPROTO_TCP, low_water, _NOT_SENT_BYTES)
    return made


class Turns:
    """Decides which request sends its next slice: the one that started first, of those whose connection is ready.

    A hundred uploads at once would keep the event loop from reading what arrives for tens of milliseconds.
    Work that is not timed takes turns too, with a start at infinity.
    """

    def __init__(self) -> None:
        self._taken = False
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    async def take(self, began: float) -> None:
        """Wait for the turn of a request that started at `began`."""
        if self._taken:
            self._count += 1
            turn = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (began, self._count, turn))
            try:
                await turn
            except asyncio.CancelledError:
                if not turn.cancelled():  # the turn was given at the same moment
                    self.give()
                raise
        self._taken = True

    def give(self) -> None:
        """Let the next one write, after the event loop has read what has arrived."""
        asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        self._taken = False
        while self._waiting:
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():  # not cancelled in the meantime
                self._taken = True
                turn.set_result(None)
                return


class _Stamped(Payload):
    """A body that is sent in slices and records when the first one started and the last one had left."""

    def __init__(self, body: memoryview, ending: bytes, trace: Trace, turns: Turns) -> None:
        super().__init__(body, content_type="application/json")
        self._size = len(body) + len(ending)
        self._body, self._ending, self._trace, self._turns = body, ending, trace, turns

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return b"".join((self._body, self._ending)).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:  # noqa: ARG002
        self._trace.first_byte_sent = time.perf_counter()
        writer.send_headers()  # raises if the connection has gone
        transport: Any = writer.transport
        transport.set_write_buffer_limits(high=1)  # with 0, a TLS transport would wait forever
        await writer.drain()
        rest = self._body
        try:
            while rest:
                await self._turns.take(self._trace.started)
                try:
                    rest = rest[_hand_over(transport, rest[:-_WAIT_BYTES]) :]
                    piece: bytes | memoryview = rest[:_WAIT_BYTES]
                    rest = rest[_WAIT_BYTES:]
                    if not rest:
                        piece = b"".join((piece, self._ending))
                    await writer.write(piece, drain=False)  # type: ignore[call-arg] # aiohttp's own has it
                finally:
                    self._turns.give()
                await writer.drain()
                self._trace.moved = time.perf_counter()
        except asyncio.CancelledError:
            transport.abort()  # closing would wait for a server that does not read
            raise
        self._trace.sent = self._trace.moved


def _hand_over(transport: Any, rest: memoryview) -> int:  # noqa: ANN401 - asyncio's
    """Write to the socket itself; return how many bytes the system took. The transport would copy all the others."""
    if transport.get_extra_info("sslcontext"):
        return 0
    try:
        return os.write(transport.get_extra_info("socket").fileno(), rest)  # -1 once it is closed
    except OSError:  # the system takes nothing now, or never again: the transport finds out
        return 0


@contextlib.asynccontextmanager
async def _patience(trace: Trace, limits: Limits) -> AsyncIterator[None]:
    """Raise `TimeoutError` if no data moves for too long, or the whole request takes too long.

    The timer checks only when the time may be up: restarting it for each piece would cost as much as reading the piece.
    """
    loop = asyncio.get_running_loop()
    limit = asyncio.timeout(None)
    timer: asyncio.TimerHandle

    def look() -> None:
        nonlocal timer
        last = trace.pieces[-1][0] if trace.pieces else trace.moved
        left = min(last + limits.silent_s, trace.started + limits.total_s) - time.perf_counter()
        if left > 0:
            timer = loop.call_later(left, look)
        else:
            limit.reschedule(loop.time())

    timer = loop.call_later(min(limits.silent_s, limits.total_s), look)
    try:
        async with limit:
            yield
    finally:
        timer.cancel()


async def send(
    http: aiohttp.ClientSession,
    url: str,
    body: memoryview,
    headers: dict[str, str],
    turns: Turns,
    limits: Limits,
    *,
    ending: bytes = b"",
) -> Trace:
    """Send one request and collect the answer, within `limits`. A failure becomes the error of the trace."""
    now = time.perf_counter()
    trace = Trace(started=now, moved=now)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S)
    request = http.post(
        url, data=_Stamped(body, ending, trace, turns), headers=headers, timeout=timeout, trace_request_ctx=trace,
        allow_redirects=False,  # no other server gets the key or the pictures
    )  # fmt: skip
    answered = False
    try:
        async with _patience(trace, limits), request as response:
            answered = True
            left = limits.answer_bytes
            async for piece in response.content.iter_any():
                trace.pieces.append((time.perf_counter(), piece))
                left -= len(piece) + _PIECE_BYTES
                if left < 0:
                    trace.error = f"the answer exceeded {limits.answer_bytes / 1e6:g} MB and was cut off"
                    response.close()
                    break
            if trace.error is None and response.status != 200:
                said = " ".join(b"".join(piece for _, piece in trace.pieces).decode(errors="replace").split())
                trace.error = f"HTTP {response.status}: {said[:_MESSAGE_CHARS] or response.reason}"
                trace.refused = refused_field(said) if 400 <= response.status < 500 else None
    except TimeoutError:
        if trace.connecting and not trace.connected:
            trace.error = f"{NO_CONNECTION} within {min(_CONNECT_S, limits.silent_s):g} s"
        elif time.perf_counter() - trace.started >= limits.total_s:
            trace.error = f"the answer was not complete after {limits.total_s:g} s"
        else:
            trace.error = f"the server stalled: no data for {limits.silent_s:g} s"
    except aiohttp.ClientConnectorCertificateError as error:
        why = getattr(error.certificate_error, "verify_message", "") or error
        trace.error = f"{NO_CONNECTION}: the certificate is not trusted ({why}); SSL_CERT_FILE can name the CA"
    except aiohttp.ClientConnectorError as error:
        trace.error = f"{NO_CONNECTION}: {_why(error.os_error) or error}"
    except Exception as error:  # noqa: BLE001 - whatever a server does: the other requests go on
        trace.error = f"the connection broke: {error or type(error).__name__}"
        trace.stale = trace.connecting is None and not answered
    trace.ended = time.perf_counter()
    return trace


def _why(failed: OSError) -> str | None:
    """Return the system's message for its own errors: asyncio's names the address but not the reason."""
    if isinstance(failed, ConnectionError) and failed.errno:
        return os.strerror(failed.errno)
    return failed.strerror


def parse(trace: Trace) -> Parsed:
    """Parse the pieces of a trace. Never raises: whatever is wrong with them becomes the `error` of the result."""
    try:
        return _parsed(trace)
    except Exception as error:  # noqa: BLE001 - JSON of any shape and depth
        why = f"an event is not a chat chunk ({type(error).__name__}: {str(error)[:_MESSAGE_CHARS]})"
        return Parsed((), None, None, None, trace.error or why)


def _parsed(trace: Trace) -> Parsed:
    text_at: list[float] = []
    output = inputs = None
    reason = error = None
    done = False
    events = list(_events(trace.pieces))
    for at, line in events:
        if line == b"[DONE]":
            done = True
            continue
        if _TEXT.search(line):
            text_at.append(at)
        if _MORE.search(line) or not line.endswith(b"}"):
            try:
                said = json.loads(line)
            except ValueError:
                error = error or f"an incomplete chunk: {line[:60].decode(errors='replace')!r}"
                continue
            usage = said.get("usage") or {}
            output, inputs = _tokens(usage, "completion_tokens", output), _tokens(usage, "prompt_tokens", inputs)
            ends = (c["finish_reason"] for c in said.get("choices") or [] if c.get("finish_reason") not in _NO_REASON)
            reason = next(map(str, ends), reason)
            if said.get("error"):
                error = f"the server reported: {str(said['error'])[:_MESSAGE_CHARS]}"
    if trace.error is None and error is None and not done and reason is None:
        error = "the stream closed before its end" if trace.pieces else "an empty answer"
        if trace.pieces and not events:
            begin = b"".join(piece for _, piece in trace.pieces)[: 10 * _MESSAGE_CHARS].decode(errors="replace")
            error = f"no stream of events but {' '.join(begin.split())[:_MESSAGE_CHARS]!r}"
    return Parsed(tuple(text_at), output, inputs, reason, trace.error or error)


def _tokens(usage: Any, name: str, before: int | None) -> int | None:  # noqa: ANN401 - whatever the server sent
    """Return a count of a server's usage, or the one before it: some send {}, null or words in their last chunks."""
    found = usage.get(name) if isinstance(usage, dict) else None
    return found if type(found) is int and 0 <= found <= _MOST_TOKENS else before


def _events(pieces: list[tuple[float, bytes]]) -> Iterator[tuple[float, bytes]]:
    """Yield the data of each event with the time of the piece that completed it; at the end, whatever is left."""
    ends = list(itertools.accumulate(len(piece) for _, piece in pieces))
    position = 0
    for line in b"".join(piece for _, piece in pieces).split(b"\n"):
        position += len(line) + 1
        line = line.removeprefix(b"\xef\xbb\xbf")  # noqa: PLW2901 - some servers begin with a byte order mark
        if line.startswith(b"data:"):
            yield pieces[min(bisect.bisect_left(ends, position), len(pieces) - 1)][0], line[5:].strip()
