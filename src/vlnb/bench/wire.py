"""One request on the wire, with a timestamp at each step. The answer is parsed only after its end (`stream`).

What makes the times accurate: the body is ready as bytes; the system takes only as much of it as has left, and little
more (`TCP_NOTSENT_LOWAT`), so that "sent" means sent; and between two slices, of whichever requests, the event loop
reads what has arrived, stamps it, and puts it aside.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import os
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httptools
import httpx2

from vlnb.bench.store import NO_CONNECTION
from vlnb.endpoint.failures import refused_field

if TYPE_CHECKING:
    from vlnb.bench.workload import Limits

_WAIT_BYTES = 64 * 1024  # of a body: what the transport waits with when the system takes no more
_NOT_SENT_BYTES = 64 * 1024
_MESSAGE_CHARS = 200
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


class Server:
    """The server that receives the load, and the connections that it keeps open for the next request.

    It connects directly, through no proxy, and follows no redirect: no other server gets the key or the pictures.
    """

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._url = httpx2.URL(url)
        # A kilobyte that unpacks to a gigabyte would evade every limit.
        lines = {"Host": self._url.netloc.decode(), "Accept": "*/*", "Accept-Encoding": "identity", **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._head = b"POST %s HTTP/1.1\r\n%sContent-Length: " % (self._url.raw_path, head.encode())
        self._tls = ssl.create_default_context() if self._url.scheme == "https" else None
        self._kept: list[_Connection] = []

    def head(self, size: int) -> bytes:
        """Return the head of a request with a body of `size` bytes."""
        return b"%s%d\r\n\r\n" % (self._head, size)

    def kept(self) -> _Connection | None:
        """Return a connection that is still open, if there is one."""
        while self._kept:
            if (kept := self._kept.pop()).usable:
                return kept
        return None

    async def connect(self) -> _Connection:
        """Return a new connection. Raises `OSError`."""
        host, port = self._url.raw_host.decode(), self._url.port or (443 if self._tls else 80)
        wanted = asyncio.get_running_loop().create_connection(
            _Connection, host, port, ssl=self._tls, happy_eyeballs_delay=0.25
        )
        async with asyncio.timeout(_CONNECT_S):
            return (await wanted)[1]

    def keep(self, connection: _Connection) -> None:
        """Keep a connection for the next request, or close it if it cannot serve one."""
        if connection.usable:
            self._kept.append(connection)
        else:
            connection.transport.abort()  # closing would wait for a server that does not read

    def close(self) -> None:
        """Close the connections that were kept."""
        for connection in self._kept:
            connection.transport.abort()


class _Connection(asyncio.Protocol):
    """One connection. It stamps what arrives, puts it aside, and finds where the answer ends."""

    transport: Any  # asyncio's: plain or TLS

    def __init__(self) -> None:
        self.usable = True  # for a further request
        self.status = 0
        self.reason = b""
        self._sized = False  # the head tells where the body ends
        self.over = True  # no answer is awaited, or no more of it will come
        self._error: Exception | None = None
        self._awake = asyncio.Event()  # there is room for more of the body, or the answer is over

    def begin(self, trace: Trace, limits: Limits) -> None:
        """Expect the answer to the request of `trace`."""
        self._trace, self._limits, self._left = trace, limits, limits.answer_bytes
        self._parser = httptools.HttpResponseParser(self)
        # As aiohttp and browsers do: some servers end a line without CR, or leave spaces after a size.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self.status, self.over, self.usable = 0, False, False
        self._awake.set()

    async def room(self) -> None:
        """Wait until the system takes more of the body, or the answer is over."""
        await self._awake.wait()

    async def answer(self) -> None:
        """Wait for the end of the answer. Raises what broke it."""
        while not self.over:
            self._awake.clear()
            await self._awake.wait()
        if self._error:
            raise self._error

    def _end(self, error: Exception | None = None, *, usable: bool = False) -> None:
        if not self.over:
            self._error = error
        self.over, self.usable = True, usable
        self._awake.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.transport.set_write_buffer_limits(high=1)  # with 0, a TLS transport would wait forever
        end = transport.get_extra_info("socket")
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        low_water = getattr(socket, "TCP_NOTSENT_LOWAT", 25 if hasattr(socket, "SO_PEERCRED") else None)
        if low_water is not None:
            end.setsockopt(socket.IPPROTO_TCP, low_water, _NOT_SENT_BYTES)

    def pause_writing(self) -> None:
        self._awake.clear()

    def resume_writing(self) -> None:
        self._awake.set()

    def data_received(self, data: bytes) -> None:
        self._now = time.perf_counter()
        if self.over:  # nobody asked for it
            self.transport.abort()
            return
        self._left -= len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # its status says so
            self._end()
        except httptools.HttpParserError as error:
            self._end(ConnectionError(f"the answer is not HTTP: {error}"))
        if self._left < 0 and not self.over:
            self._trace.error = f"the answer exceeded {self._limits.answer_bytes / 1e6:g} MB and was cut off"
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        whole = self.status and not self._sized  # such an answer ends with its connection
        self._end(None if whole else exc or ConnectionError("the server closed it before the answer was complete"))

    def on_message_begin(self) -> None:
        if self.over:
            raise ConnectionError("the server sent an answer that nobody asked for")
        self.reason, self._sized = b"", False

    def on_status(self, status: bytes) -> None:
        self.reason += status

    def on_header(self, name: bytes, value: bytes) -> None:  # noqa: ARG002 - the parser's
        self._sized |= name.lower() in {b"content-length", b"transfer-encoding"}

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self._trace.pieces.append((self._now, body))
        self._left -= _PIECE_BYTES

    def on_message_complete(self) -> None:
        if self.status >= 200:  # before it there may be others, such as 103
            self._end(usable=self._parser.should_keep_alive())


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


async def _upload(connection: _Connection, parts: tuple[bytes, memoryview, bytes], trace: Trace, turns: Turns) -> None:
    """Send head, body and ending in slices; record when the first one started and the last one had left.

    A server that has answered before it read everything, or has gone, gets no more.
    """
    head, rest, ending = parts
    transport = connection.transport
    trace.first_byte_sent = time.perf_counter()
    transport.write(head)
    await connection.room()
    while rest and not connection.over:
        await turns.take(trace.started)
        try:
            if not connection.over:  # while it waited; its number may belong to another file by now
                rest = rest[_hand_over(transport, rest[:-_WAIT_BYTES]) :]
                piece, rest = rest[:_WAIT_BYTES], rest[_WAIT_BYTES:]
                transport.write(piece if rest else b"".join((piece, ending)))
        finally:
            turns.give()
        await connection.room()
        trace.moved = time.perf_counter()
    if rest or transport.get_write_buffer_size():
        connection.usable = False
    else:
        trace.sent = trace.moved


def _hand_over(transport: Any, rest: memoryview) -> int:  # noqa: ANN401 - asyncio's
    """Write to the socket itself; return how many bytes the system took. The transport would copy all the others."""
    if transport.get_extra_info("sslcontext") or transport.get_write_buffer_size():
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
    server: Server, body: memoryview, turns: Turns, limits: Limits, *, ending: bytes = b"", fresh: bool = False
) -> Trace:
    """Send one request and collect the answer, within `limits`. A failure becomes the error of the trace.

    `fresh` asks for a connection of its own: the server had closed one that it promised to keep.
    """
    now = time.perf_counter()
    trace = Trace(started=now, moved=now)
    connection = None if fresh else server.kept()
    try:
        async with _patience(trace, limits):
            if not connection:
                trace.connecting = time.perf_counter()
                connection = await server.connect()
                trace.connected = time.perf_counter()
            connection.begin(trace, limits)
            parts = (server.head(len(body) + len(ending)), body, ending)
            await _upload(connection, parts, trace, turns)
            await connection.answer()
        if trace.error is None and connection.status != 200:
            said = " ".join(b"".join(piece for _, piece in trace.pieces).decode(errors="replace").split())
            reason = connection.reason.decode(errors="replace")
            trace.error = f"HTTP {connection.status}: {said[:_MESSAGE_CHARS] or reason}"
            trace.refused = refused_field(said) if 400 <= connection.status < 500 else None
    except TimeoutError:
        if trace.connecting and not trace.connected:
            trace.error = f"{NO_CONNECTION} within {min(_CONNECT_S, limits.silent_s):g} s"
        elif time.perf_counter() - trace.started >= limits.total_s:
            trace.error = f"the answer was not complete after {limits.total_s:g} s"
        else:
            trace.error = f"the server stalled: no data for {limits.silent_s:g} s"
    except Exception as error:  # noqa: BLE001 - whatever a server does: the other requests go on
        if trace.connecting and not trace.connected:
            trace.error = f"{NO_CONNECTION}: {_why(error)}"
        else:
            trace.error = f"the connection broke: {_why(error)}"
            trace.stale = trace.connecting is None and not (connection and connection.status)
    finally:
        if connection:
            server.keep(connection)
    trace.ended = time.perf_counter()
    return trace


def _why(failed: Exception) -> str:
    """Return the reason in the system's words: asyncio's own name each address, and not the reason."""
    if isinstance(failed, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted ({failed.verify_message}); SSL_CERT_FILE can name the CA"
    if number := re.search(r"\[Errno (\d+)\]", str(failed)):
        return os.strerror(int(number[1]))
    return getattr(failed, "strerror", None) or str(failed) or type(failed).__name__
