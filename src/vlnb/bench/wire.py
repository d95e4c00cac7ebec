"""One request on the wire, with a timestamp at each step. The answer is parsed only after its end (`stream`).

The times are accurate because the body is ready as bytes; because the kernel buffers only little unsent data
(`TCP_NOTSENT_LOWAT`), so that "sent" means sent; and because between any two slices that are sent, the event loop reads
what has arrived, and only stores it with its time.
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

from vlnb._version import __version__
from vlnb.bench.store import NO_CONNECTION
from vlnb.endpoint.failures import refused_field

if TYPE_CHECKING:
    from vlnb.bench.workload import Limits

_WAIT_BYTES = 64 * 1024  # of a body: the slice that the transport buffers while the kernel takes no more
_NOT_SENT_BYTES = 64 * 1024
_MESSAGE_CHARS = 200
_CONNECT_S = 30.0
_KEPT_S = 60.0  # after this, a proxy or firewall may have dropped the idle connection silently
_END_S = 0.2  # between [DONE] and the end of the answer, for which some servers let the client wait forever
_PIECE_BYTES = 128  # memory overhead of a piece, besides its data


@dataclass
class Trace:
    """The timestamps of one request, in seconds of `time.perf_counter`, and the pieces of its answer."""

    started: float = 0.0
    connecting: float | None = None
    connected: float | None = None
    first_byte_sent: float | None = None
    sent: float | None = None
    last_sent: float = 0.0  # when a slice of the body was last sent
    ended: float = 0.0
    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    error: str | None = None
    refused: str | None = None  # the optional field that the server does not accept
    stale: bool = False  # the server had closed the kept connection before any answer


class Server:
    """The server that receives the load, and the open connections to it that wait for the next request.

    Uses no proxy and follows no redirect: no other server gets the key or the pictures.
    """

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._url = httpx2.URL(url)
        base = {"Host": self._url.netloc.decode(), "Accept": "*/*", "User-Agent": f"vlnb/{__version__}"}
        # A kilobyte that unpacks to a gigabyte would evade every limit.
        lines = [f"{name}: {value}\r\n" for name, value in {**base, "Accept-Encoding": "identity", **headers}.items()]
        self._head = b"POST %s HTTP/1.1\r\n%sContent-Length: " % (self._url.raw_path, "".join(lines).encode())
        self._tls = ssl.create_default_context() if self._url.scheme == "https" else None
        self._kept: list[_Connection] = []
        self._looked_up: asyncio.Future[list[Any]] | None = None
        self._opened = 0

    def head(self, size: int) -> bytes:
        """Return the head of a request with a body of `size` bytes."""
        return b"%s%d\r\n\r\n" % (self._head, size)

    def kept(self) -> _Connection | None:
        """Return a kept connection that is still open, or None."""
        while self._kept:
            connection = self._kept.pop()
            if connection.usable and time.perf_counter() - connection.idle_since < _KEPT_S:
                return connection
            connection.abort()
        return None

    async def connect(self) -> _Connection:
        """Return a new connection. The addresses of the host take turns, so that replicas share the load.

        Raises `OSError`.
        """
        loop, name = asyncio.get_running_loop(), self._url.raw_host.decode()
        if not self._looked_up or (self._looked_up.done() and self._looked_up.exception()):
            port = self._url.port or (443 if self._tls else 80)
            # One look-up for all connections: a hundred would wait for each other.
            self._looked_up = loop.create_task(loop.getaddrinfo(name, port, type=socket.SOCK_STREAM))
        rows = await asyncio.shield(self._looked_up)
        self._opened += 1
        failed: OSError | None = None
        for number in range(len(rows)):
            host, port = rows[(self._opened + number) % len(rows)][4][:2]
            expected = name.rstrip(".") if self._tls else None
            try:
                async with asyncio.timeout(_CONNECT_S / len(rows)):
                    pending = loop.create_connection(_Connection, host, port, ssl=self._tls, server_hostname=expected)
                    return (await pending)[1]
            except OSError as error:
                failed = error
        raise failed or OSError("the name has no address")

    def keep(self, connection: _Connection) -> None:
        """Keep a connection for the next request, or close it if it cannot serve one."""
        if connection.usable:
            connection.idle_since = time.perf_counter()
            self._kept.append(connection)
        else:
            connection.abort()

    def close(self) -> None:
        """Close the connections that were kept."""
        for connection in self._kept:
            connection.abort()


class _Connection(asyncio.Protocol):
    """One connection: it stores what arrives with its time, and finds the end of the answer."""

    transport: Any  # asyncio's: plain or TLS

    def __init__(self) -> None:
        self.usable = False  # for a further request
        self.idle_since = 0.0
        self.lost = False
        self.alive = True  # the server promises to keep it open
        self.status = 0
        self.reason = b""
        self._sized = False  # the head says where the body ends
        self.over = True  # no request is in progress, or its answer has ended
        self._error: Exception | None = None
        self._awake = asyncio.Event()  # set when more of the body can be written, or the answer is over

    def begin(self, trace: Trace, limits: Limits) -> None:
        """Expect the answer to the request of `trace`."""
        self._trace, self._limits, self._left = trace, limits, limits.answer_bytes
        self._parser = httptools.HttpResponseParser(self)
        # As browsers do: some servers end a line without CR, or put spaces after a chunk size.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self.status, self.over, self.usable = 0, False, False
        self._awake.set()
        if self.lost:
            self._end(ConnectionError("the server closed it before the request"))

    async def room(self) -> None:
        """Wait until the kernel takes more of the body, or the answer is over."""
        await self._awake.wait()

    async def answer(self) -> None:
        """Wait for the end of the answer. Raises the error that broke it off."""
        while not self.over:
            self._awake.clear()
            await self._awake.wait()
        if self._error:
            raise self._error

    def abort(self) -> None:
        """Close the connection at once: an orderly end would wait for a server that does not read."""
        if not self.lost:  # asyncio fails to abort a transport that it has closed itself
            self.transport.abort()

    def _end(self, error: Exception | None = None, *, alive: bool = False) -> None:
        if not self.over:
            self._error = error
        self.over, self.alive = True, alive
        self._awake.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.transport.set_write_buffer_limits(high=1)  # with 0, a TLS transport would wait forever
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        low_water = getattr(socket, "TCP_NOTSENT_LOWAT", 25 if hasattr(socket, "SO_PEERCRED") else None)
        if low_water is not None:
            sock.setsockopt(socket.IPPROTO_TCP, low_water, _NOT_SENT_BYTES)

    def pause_writing(self) -> None:
        self._awake.clear()

    def resume_writing(self) -> None:
        self._awake.set()

    def data_received(self, data: bytes) -> None:
        self._now = time.perf_counter()
        if self.over:  # data that no request asked for
            self.abort()
            return
        self._left -= len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # `send` reports its status
            self._end()
        except httptools.HttpParserError as error:
            self._end(ConnectionError(f"the answer is not HTTP: {error}"))
        if self._left < 0 and not self.over:
            self._trace.error = f"the answer exceeded {self._limits.answer_bytes / 1e6:g} MB and was cut off"
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost, self.usable = True, False
        complete = self.status >= 200 and not self._sized  # such an answer ends with its connection
        reason = _reason(exc) if exc else "the server closed it before the answer was complete"
        self._end(None if complete else ConnectionError(reason))

    def on_message_begin(self) -> None:
        if self.over:
            raise ConnectionError("the server sent an answer without a request")
        self.reason, self._sized = b"", False

    def on_status(self, status: bytes) -> None:
        self.reason += status

    def on_header(self, name: bytes, value: bytes) -> None:
        self._sized |= name.lower() == b"content-length"
        self._sized |= name.lower() == b"transfer-encoding" and b"chunked" in value.lower()

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self._trace.pieces.append((self._now, body))
        self._left -= _PIECE_BYTES
        if b"[DONE]" in body[-10:]:
            asyncio.get_running_loop().call_later(_END_S, self._end_at_done, self._trace)

    def _end_at_done(self, trace: Trace) -> None:
        tail = b"".join(piece for _, piece in trace.pieces[-2:])
        if trace is self._trace and not self.over and tail.rstrip().endswith(b"[DONE]"):
            trace.ended = trace.pieces[-1][0]
            self._end()

    def on_message_complete(self) -> None:
        if not 100 <= self.status < 200:  # interim answers, such as 103, may come first
            self._end(alive=self._parser.should_keep_alive())


class Turns:
    """Decides which request sends its next slice: of those whose connection is ready, the one that started first.

    A hundred uploads at once would keep the event loop from reading answers for tens of milliseconds. Untimed work
    takes turns too, with its start at infinity.
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
                if not turn.cancelled():  # it got its turn at the same moment
                    self.give()
                raise
        self._taken = True

    def give(self) -> None:
        """Pass the turn on, after the event loop has read what has arrived."""
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
    """Send head, body and ending in slices; record when the first slice started and when the last one was sent.

    Stops when the server answers early or closes the connection.
    """
    head, rest, ending = parts
    transport = connection.transport
    trace.first_byte_sent = time.perf_counter()
    transport.write(head)
    await connection.room()
    while rest and not connection.over:
        await turns.take(trace.started)
        try:
            if not connection.over:  # checked again: its file descriptor may belong to another file by now
                rest = rest[_hand_over(transport, rest[:-_WAIT_BYTES]) :]
                piece, rest = rest[:_WAIT_BYTES], rest[_WAIT_BYTES:]
                transport.write(piece if rest else b"".join((piece, ending)))
        finally:
            turns.give()
        await connection.room()
        trace.last_sent = time.perf_counter()
    if not (rest or connection.lost or transport.is_closing() or transport.get_write_buffer_size()):
        trace.sent = trace.last_sent


def _hand_over(transport: Any, rest: memoryview) -> int:  # noqa: ANN401 - asyncio's
    """Write to the socket itself; return how many bytes the kernel took. The transport would copy all the others."""
    if transport.get_extra_info("sslcontext") or transport.get_write_buffer_size():
        return 0
    try:
        return os.write(transport.get_extra_info("socket").fileno(), rest)  # -1 once it is closed
    except OSError:  # the kernel takes nothing now, or never again: the transport will notice
        return 0


@contextlib.asynccontextmanager
async def _deadlines(trace: Trace, limits: Limits) -> AsyncIterator[None]:
    """Raise `TimeoutError` if no data moves for too long, or the whole request takes too long.

    The timer fires only when a limit may be reached: restarting it for each piece would cost as much as reading one.
    """
    loop = asyncio.get_running_loop()
    limit = asyncio.timeout(None)
    timer: asyncio.TimerHandle

    def check() -> None:
        nonlocal timer
        last = trace.pieces[-1][0] if trace.pieces else trace.last_sent
        left = min(last + limits.silent_s, trace.started + limits.total_s) - time.perf_counter()
        if left > 0:
            timer = loop.call_later(left, check)
        else:
            limit.reschedule(loop.time())

    timer = loop.call_later(min(limits.silent_s, limits.total_s), check)
    try:
        async with limit:
            yield
    finally:
        timer.cancel()


async def send(
    server: Server, body: memoryview, turns: Turns, limits: Limits, *, ending: bytes = b"", fresh: bool = False
) -> Trace:
    """Send one request and collect the answer, within `limits`. A failure becomes the error of the trace.

    `fresh` opens a new connection, after the server has closed one that it had promised to keep.
    """
    now = time.perf_counter()
    trace = Trace(started=now, last_sent=now)
    connection = None if fresh else server.kept()
    try:
        async with _deadlines(trace, limits):
            if not connection:
                trace.connecting = time.perf_counter()
                connection = await server.connect()
                trace.connected = time.perf_counter()
            connection.begin(trace, limits)
            parts = (server.head(len(body) + len(ending)), body, ending)
            await _upload(connection, parts, trace, turns)
            await connection.answer()
        # Only after a complete exchange: otherwise the next request could receive late bytes of this one.
        connection.usable = connection.alive and trace.sent is not None
        if trace.error is None and connection.status != 200:
            message = " ".join(b"".join(piece for _, piece in trace.pieces).decode(errors="replace").split())
            reason = connection.reason.decode(errors="replace")
            trace.error = f"HTTP {connection.status}: {message[:_MESSAGE_CHARS] or reason}"
            trace.refused = refused_field(message) if 400 <= connection.status < 500 else None
    except Exception as error:  # noqa: BLE001 - no error of a server may stop the other requests
        timed_out = isinstance(error, TimeoutError) and not error.errno  # with an errno it is the kernel's own
        if trace.connecting and not trace.connected:
            detail = f" within {min(_CONNECT_S, limits.silent_s):g} s" if timed_out else f": {_reason(error)}"
            trace.error = f"{NO_CONNECTION}{detail}"
        elif not timed_out:
            trace.error = f"the connection broke: {_reason(error)}"
            trace.stale = trace.connecting is None and not (connection and connection.status >= 200)
        elif time.perf_counter() - trace.started >= limits.total_s:
            trace.error = f"the answer was not complete after {limits.total_s:g} s"
        else:
            trace.error = f"the server stalled: no data for {limits.silent_s:g} s"
    finally:
        if connection:
            server.keep(connection)
    trace.ended = trace.ended or time.perf_counter()
    return trace


def _reason(error: Exception) -> str:
    """Return the reason in the operating system's words: asyncio's message lists the addresses instead."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted ({error.verify_message}); SSL_CERT_FILE can name the CA"
    if number := re.search(r"\[Errno (\d+)\]", str(error)):
        return os.strerror(int(number[1]))
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
