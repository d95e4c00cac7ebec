"""One request on the wire, with a stamp at each of its turns; what was read is understood only after its end.

How it comes near the truth: the body is bytes beforehand; the system is handed as much of it as it takes, which is what
has left and little more (`TCP_NOTSENT_LOWAT`), so that "sent" means sent; between two such slices, of whichever
requests, the loop reads what has arrived, which is stamped and put aside.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
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

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter

    from vlnb.bench.workload import Limits

_WAIT_BYTES = 64 * 1024  # given to the transport where the system takes nothing: it waits until that has left
_NOT_SENT_BYTES = 64 * 1024
_TEXT = re.compile(rb'"(?:reasoning_)?content":\s*"(?!")')
_MORE = re.compile(rb'"(?:usage":\s*\{|finish_reason":\s*"|error")')  # what a chunk says beside its text
_MESSAGE_CHARS = 200
_MOST_TOKENS = 10**9
_CONNECT_S = 30.0
_PIECE_BYTES = 128  # of memory that a piece takes beside its own bytes


@dataclass
class Trace:
    """The stamps of one request, in seconds of `time.perf_counter`, and what came back."""

    started: float = 0.0
    connecting: float | None = None
    connected: float | None = None
    first_byte_sent: float | None = None
    sent: float | None = None
    moved: float = 0.0  # when some of the body last left
    ended: float = 0.0
    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    error: str | None = None


@dataclass(frozen=True)
class Answer:
    """What a stream of server-sent events said: when each text came, and how it ended."""

    text_at: tuple[float, ...]
    output_tokens: int | None
    input_tokens: int | None
    finish_reason: str | None
    error: str | None


def session(concurrency: int) -> aiohttp.ClientSession:
    """Return a session that keeps connections, stamps their making, and has room for all users at once."""
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
        # A kilobyte that unpacks to a gigabyte would pass every limit.
        headers={"Accept-Encoding": "identity"},
        auto_decompress=False,
    )


def _socket(address: Any) -> socket.socket:  # noqa: ANN401 - what getaddrinfo gives
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    low_water = getattr(socket, "TCP_NOTSENT_LOWAT", 25 if hasattr(socket, "SO_PEERCRED") else None)
    if low_water is not None:
        made.setsockopt(socket.IPPROTO_TCP, low_water, _NOT_SENT_BYTES)
    return made


class Turns:
    """Whose slice is next: the request that began first, of those whose connection takes more.

    A hundred uploads at once would keep the loop for tens of milliseconds from reading what arrives meanwhile.
    Work that is not timed takes a turn as well: it `began` at infinity.
    """

    def __init__(self) -> None:
        self._taken = False
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    async def take(self, began: float) -> None:
        """Wait for the turn of a request that began then."""
        if self._taken:
            self._count += 1
            turn = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (began, self._count, turn))
            try:
                await turn
            except asyncio.CancelledError:
                if not turn.cancelled():  # it was given in the same moment
                    self.give()
                raise
        self._taken = True

    def give(self) -> None:
        """Let the next one write, once what has arrived was read."""
        asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        self._taken = False
        while self._waiting:
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():  # not cancelled meanwhile
                self._taken = True
                turn.set_result(None)
                return


class _Stamped(Payload):
    """A body that leaves in slices and knows when the first began and the last was gone."""

    def __init__(self, body: memoryview, trace: Trace, turns: Turns) -> None:
        super().__init__(body, content_type="application/json")
        self._size = len(body)
        self._body, self._trace, self._turns = body, trace, turns

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return bytes(self._body).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:  # noqa: ARG002
        self._trace.first_byte_sent = time.perf_counter()
        writer.send_headers()  # raises where the connection is gone
        transport: Any = writer.transport
        transport.set_write_buffer_limits(high=1)  # at 0 an encrypting one would wait for ever
        await writer.drain()
        try:
            await self._upload(writer, transport)
        except asyncio.CancelledError:
            transport.abort()  # closing would wait until the server has read what it does not read
            raise
        self._trace.sent = self._trace.moved

    async def _upload(self, writer: AbstractStreamWriter, transport: Any) -> None:  # noqa: ANN401 - asyncio's
        bare = os.name == "posix" and transport.get_extra_info("sslcontext") is None
        connection = transport.get_extra_info("socket").fileno()
        rest = self._body
        while rest:
            await self._turns.take(self._trace.started)
            try:
                if transport.is_closing():  # its number may be another connection's by now
                    raise aiohttp.ClientConnectionResetError("the server closed it while the request was sent")
                taken = _hand_over(connection, rest) if bare else 0
                if not taken:
                    taken = _WAIT_BYTES
                    await writer.write(rest[:taken], drain=False)  # type: ignore[call-arg] # aiohttp's own has it
                rest = rest[taken:]
            finally:
                self._turns.give()
            await writer.drain()
            self._trace.moved = time.perf_counter()


def _hand_over(connection: int, rest: memoryview) -> int:
    """Return how many bytes the system takes at once. The transport, which would copy the others, has none waiting."""
    try:
        return os.write(connection, rest)
    except BlockingIOError:
        return 0


@contextlib.asynccontextmanager
async def _patience(trace: Trace, limits: Limits) -> AsyncIterator[None]:
    """Raise `TimeoutError` when nothing has left or come for too long, or the whole takes too long.

    It is looked at when the time may be up: a timer that is put off at each piece costs as much as reading the piece.
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
    http: aiohttp.ClientSession, url: str, body: memoryview, headers: dict[str, str], turns: Turns, limits: Limits
) -> Trace:
    """Send one request and collect all that comes, within `limits`. What goes wrong is the trace's error."""
    now = time.perf_counter()
    trace = Trace(started=now, moved=now)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S)
    request = http.post(
        url, data=_Stamped(body, trace, turns), headers=headers, timeout=timeout, trace_request_ctx=trace,
        allow_redirects=False,  # neither key nor pictures go to another server
    )  # fmt: skip
    try:
        async with _patience(trace, limits), request as response:
            left = limits.answer_bytes
            async for piece in response.content.iter_any():
                trace.pieces.append((time.perf_counter(), piece))
                left -= len(piece) + _PIECE_BYTES
                if left < 0:
                    trace.error = f"the answer passed {limits.answer_bytes / 1e6:g} MB and was cut off"
                    response.close()
                    break
            if trace.error is None and response.status != 200:
                said = " ".join(b"".join(piece for _, piece in trace.pieces).decode(errors="replace").split())
                trace.error = f"HTTP {response.status}: {said[:_MESSAGE_CHARS] or response.reason}"
    except TimeoutError:
        if trace.connecting and not trace.connected:
            trace.error = f"no connection: no answer for {min(_CONNECT_S, limits.silent_s):g} s"
        elif time.perf_counter() - trace.started >= limits.total_s:
            trace.error = f"the answer was not whole after {limits.total_s:g} s and was given up"
        else:
            trace.error = f"nothing came for {limits.silent_s:g} s: the server stalls"
    except aiohttp.ClientConnectorCertificateError as error:
        why = getattr(error.certificate_error, "verify_message", "") or error
        trace.error = f"no connection: the certificate is not trusted ({why}); SSL_CERT_FILE can name who signed it"
    except aiohttp.ClientConnectorError as error:
        trace.error = f"no connection: {_why(error.os_error) or error}"
    except Exception as error:  # noqa: BLE001 - whatever a server makes of HTTP: the others go on
        trace.error = f"the connection broke: {error or type(error).__name__}"
    trace.ended = time.perf_counter()
    return trace


def _why(failed: OSError) -> str | None:
    """Return the system's words for its own errors: asyncio's name the address, and not the reason."""
    if isinstance(failed, ConnectionError) and failed.errno:
        return os.strerror(failed.errno)
    return failed.strerror


def understand(trace: Trace) -> Answer:
    """Return what the pieces of a trace say. Whatever they are, it is an answer: its `error` says what was odd."""
    try:
        return _understood(trace)
    except Exception as error:  # noqa: BLE001 - JSON of any shape and depth
        why = f"an event is no chunk of a chat ({type(error).__name__}: {str(error)[:_MESSAGE_CHARS]})"
        return Answer((), None, None, None, trace.error or why)


def _understood(trace: Trace) -> Answer:
    text_at: list[float] = []
    output = inputs = None
    reason = error = None
    done = False
    for at, line in _events(trace.pieces):
        if line == b"[DONE]":
            done = True
            continue
        if _TEXT.search(line):
            text_at.append(at)
        if _MORE.search(line) or not line.endswith(b"}"):
            try:
                said = json.loads(line)
            except ValueError:
                error = error or f"half a chunk: {line[:60].decode(errors='replace')!r}"
                continue
            usage = said.get("usage") or {}
            output, inputs = _tokens(usage, "completion_tokens", output), _tokens(usage, "prompt_tokens", inputs)
            ends = (c["finish_reason"] for c in said.get("choices") or [] if c.get("finish_reason"))
            reason = next(map(str, ends), reason)
            if said.get("error"):
                error = f"the server broke off: {str(said['error'])[:_MESSAGE_CHARS]}"
    if trace.error is None and error is None and not done and reason is None:
        error = "the stream was closed before its end" if trace.pieces else "an empty answer"
    return Answer(tuple(text_at), output, inputs, reason, trace.error or error)


def _tokens(usage: Any, name: str, before: int | None) -> int | None:  # noqa: ANN401 - as the server says it
    found = usage.get(name, before)
    if found is not None and (type(found) is not int or not 0 <= found <= _MOST_TOKENS):
        raise ValueError(f"{name} is {str(found)[:20]}")
    return found


def _events(pieces: list[tuple[float, bytes]]) -> Iterator[tuple[float, bytes]]:
    """Yield each event's data, with the stamp of the piece in which it became whole; at the end what is left over."""
    begun: list[bytes] = []  # pieces of a line that has no end yet
    at = 0.0
    for at, piece in pieces:
        if b"\n" not in piece:
            begun.append(piece)
            continue
        *lines, rest = b"".join((*begun, piece)).split(b"\n")
        begun = [rest]
        for line in lines:
            if line.startswith(b"data:"):
                yield at, line[5:].strip()
    rest = b"".join(begun)
    if rest.startswith(b"data:"):
        yield at, rest[5:].strip()
