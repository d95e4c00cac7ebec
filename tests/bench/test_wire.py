"""One request against a bare socket: the body arrives unchanged, whatever the other side does meanwhile."""

import asyncio
import contextlib
import hashlib
import os
import socket
import threading
import time
import zlib
from functools import partial

import numpy as np
import pytest

from vlnb.bench import stream, wire
from vlnb.bench.workload import Limits

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\ndata: [DONE]\n\n"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
BODY = np.random.default_rng(1).bytes(6_000_000)


@contextlib.contextmanager
def listening(serve, connections=1):
    """Run `serve(connection)` in a thread for each connection; yield the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)  # so that a test fails and does not hang
        accepted = [threading.Thread(target=lambda: serve(listener.accept()[0])) for _ in range(connections)]
        for thread in accepted:
            thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        for thread in accepted:
            thread.join()


def send_all(url, bodies, silent_s=5, **limits):
    async def send():
        turns = wire.Turns()
        with contextlib.closing(wire.Server(url, {})) as server:
            requests = [wire.send(server, memoryview(body), turns, Limits(silent_s, **limits)) for body in bodies]
            return await asyncio.gather(*requests)

    return asyncio.run(send())


def read_headers(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(4096)
    head, rest = data.split(b"\r\n\r\n", 1)
    return int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]), rest


def read_request(connection):
    """Read a whole request: closing a socket with unread data resets the connection."""
    length, data = read_headers(connection)
    while len(data) < length and (piece := connection.recv(1 << 16)):
        data += piece


@pytest.mark.parametrize("pause_s", [0, 0.002])
def test_the_body_arrives_unchanged_however_slowly_it_is_read(pause_s):
    arrived = []

    def serve(connection):
        with connection:
            length, data = read_headers(connection)
            while len(data) < length and (piece := connection.recv(1 << 17)):
                data += piece
                time.sleep(pause_s)
            arrived.append(hashlib.sha256(data).hexdigest())
            connection.sendall(OK)

    bodies = [BODY[start:] for start in (0, 1, 2)]
    with listening(serve, connections=3) as url:
        traces = send_all(url, bodies)
    assert [trace.error for trace in traces] == [None] * 3
    assert sorted(arrived) == sorted(hashlib.sha256(body).hexdigest() for body in bodies)


def test_a_body_counts_as_sent_when_it_has_left_not_when_queued():
    received_at = []

    def serve(connection):
        with connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            length, data = read_headers(connection)
            received = len(data)
            while received < length and (piece := connection.recv(1 << 16)):
                received += len(piece)
                time.sleep(0.001)
            received_at.append(time.perf_counter())
            connection.sendall(OK)

    with listening(serve) as url:
        (trace,) = send_all(url, [BODY])
    duration = received_at[0] - trace.started
    assert trace.sent - trace.started > 0.5 * duration  # so slow a server keeps megabytes waiting
    assert trace.sent <= received_at[0] + 0.5 * duration


def test_a_refusal_before_the_body_was_read_is_reported():
    def serve(connection):
        with connection:
            read_headers(connection)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-length: 8\r\nconnection: close\r\n\r\ntoo much")
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 20):  # a lingering close, as servers do, so that the answer is not lost
                pass

    with listening(serve) as url:
        (trace,) = send_all(url, [BODY])
    assert trace.error == "HTTP 413: too much"


@pytest.mark.parametrize("read", [0, 1_000_000])
def test_a_connection_that_breaks_while_sending_is_reported(read):
    def serve(connection):
        with connection:
            read_headers(connection)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
            if read:
                connection.recv(read, socket.MSG_WAITALL)

    with listening(serve) as url:
        (trace,) = send_all(url, [BODY])
    assert trace.error.startswith("the connection broke: ")


@pytest.mark.parametrize("body", [BODY, b"{}"], ids=["in the middle of the body", "after the body"])
def test_a_server_that_stops_reading_or_never_answers_times_out(body):
    def serve(connection):
        with connection:
            read_headers(connection)
            given_up.wait()

    given_up = threading.Event()
    with listening(serve) as url:
        (trace,) = send_all(url, [body], silent_s=1)
        given_up.set()
    assert trace.error == "the server stalled: no data for 1 s"
    assert trace.ended - trace.started < 20


def test_a_slow_server_that_is_never_silent_does_not_time_out():
    def serve(connection):
        with connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            length, data = read_headers(connection)
            while len(data) < length and (piece := connection.recv(1 << 16)):
                data += piece
                time.sleep(0.03)
            connection.sendall(OK[:-14])
            for at in range(14):
                time.sleep(0.2)
                connection.sendall(OK[-14:][at : at + 1])

    with listening(serve) as url:
        (trace,) = send_all(url, [BODY], silent_s=2)
    assert trace.error is None
    assert trace.sent - trace.started > 2, "the body left within the timeout, so only the answer was slow"
    assert trace.ended - trace.sent > 2


def test_a_server_that_accepts_no_connection_times_out():
    with socket.socket() as full, contextlib.ExitStack() as others:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # they fill the backlog: the system queues no more
            waiting = others.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        (trace,) = send_all(f"http://127.0.0.1:{full.getsockname()[1]}/", [b"{}"], silent_s=0.3)
    assert trace.error == "no connection within 0.3 s"


def test_a_turn_given_to_a_cancelled_task_goes_to_the_next():
    async def turns():
        turns = wire.Turns()
        await turns.take(0)
        leaving = asyncio.create_task(turns.take(1))
        await asyncio.sleep(0)
        turns.give()
        asyncio.get_running_loop().call_soon(leaving.cancel)  # after the turn was given, before the task resumes
        await asyncio.wait([leaving])
        assert leaving.cancelled()
        await asyncio.wait_for(turns.take(2), 20)

    asyncio.run(turns())


def test_nothing_is_written_to_an_aborted_connection_or_its_reused_descriptor():
    async def send(url):
        turns, trace, server = wire.Turns(), wire.Trace(), wire.Server(url, {})
        connection = await server.connect()
        assert accepted.wait(20)  # else the server's end could take the descriptor
        descriptor = connection.transport.get_extra_info("socket").fileno()
        connection.begin(trace, Limits())
        await turns.take(0)
        parts = (server.head(300_000), memoryview(BODY[:299_999]), b"}")
        sending = asyncio.create_task(wire._upload(connection, parts, trace, turns))
        await asyncio.sleep(0)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.setblocking(False)  # as the connection's socket, so that a wrong write fails the test at once
            connection.transport.abort()
            await asyncio.sleep(0.01)
            os.dup2(theirs.fileno(), descriptor)
            turns.give()
            await sending
            os.close(descriptor)
            with pytest.raises(BlockingIOError):
                ours.recv(1, socket.MSG_DONTWAIT)
        assert trace.sent is None
        with pytest.raises(ConnectionError):
            await connection.answer()

    accepted = threading.Event()

    def serve(connection):
        accepted.set()
        with connection:
            while connection.recv(4096):
                pass

    with listening(serve) as url:
        asyncio.run(send(url))


def test_a_body_that_a_reset_discarded_does_not_count_as_sent():
    def serve(connection):
        with connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            length, _ = read_headers(connection)
            time.sleep(1)
            reset_at[length] = time.perf_counter()

    reset_at = {}
    bodies = [BODY[:size] for size in range(100_000, 400_000, 10_000)]  # in some, the last slice waits at the reset
    with listening(serve, connections=len(bodies)) as url:
        traces = send_all(url, bodies)
    assert {trace.error for trace in traces} == {"the connection broke: Connection reset by peer"}
    sent = [(trace.sent, reset_at[len(body)]) for trace, body in zip(traces, bodies, strict=True) if trace.sent]
    assert all(sent_at < reset for sent_at, reset in sent)  # these, the system took


def one_after_another(url, bodies, between=lambda _: asyncio.sleep(0), **options):
    """Send a request for each body; await `between(server)` after each."""

    async def send():
        turns, traces = wire.Turns(), []
        with contextlib.closing(wire.Server(url, {})) as server:
            for body in bodies:
                traces.append(await wire.send(server, memoryview(body), turns, Limits(5), **options))
                await between(server)
        return traces

    return asyncio.run(send())


def test_a_connection_serves_one_request_after_another():
    def serve(connection):
        with connection:
            for _ in range(3):
                read_request(connection)
                connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK)

    with listening(serve) as url:
        traces = one_after_another(url, [b"{}", BODY, b"{}"])
    assert [(trace.error, trace.connecting is None) for trace in traces] == [(None, False), (None, True), (None, True)]
    assert [b"".join(piece for _, piece in trace.pieces) for trace in traces] == [OK[-14:]] * 3


@pytest.mark.parametrize(
    "answer",
    [
        OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"),
        OK.replace(b"1.1", b"1.0"),
        b"HTTP/1.1 200 OK\r\n\r\n" + OK[-14:],
        OK + b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nbogus",
    ],
    ids=["close", "HTTP/1.0", "until the connection ends", "an unrequested answer"],
)
def test_a_connection_that_cannot_serve_another_request_is_not_kept(answer):
    def serve(connection):
        with connection:
            read_request(connection)
            connection.sendall(answer)

    with listening(serve, connections=2) as url:
        traces = one_after_another(url, [b"{}", b"{}"])
    assert [(trace.error, trace.connecting is None) for trace in traces] == [(None, False)] * 2
    assert [b"".join(piece for _, piece in trace.pieces) for trace in traces] == [OK[-14:]] * 2


def one_answer(connection, then=lambda connection: connection.recv(1), last=b""):
    """Answer one request, call `then` (by default, wait until the client sends more or closes), send `last`, close."""
    with connection:
        read_request(connection)
        connection.sendall(OK)
        then(connection)
        connection.sendall(last)


def test_the_fresh_option_opens_a_new_connection_although_one_is_kept():
    with listening(one_answer, connections=2) as url:
        traces = one_after_another(url, [b"{}", b"{}"], fresh=True)
    assert [(trace.error, trace.connecting is None) for trace in traces] == [(None, False)] * 2


@pytest.mark.parametrize("last", [b"", b"HTTP/1.1 408 Request Timeout\r\n\r\n"], ids=["closed", "closed with a 408"])
def test_a_kept_connection_that_the_server_closed_gets_no_request(last):
    kept = threading.Event()

    async def lost(server):
        for connection in server._kept:
            connection._awake.clear()
            kept.set()
            await asyncio.wait_for(connection._awake.wait(), 20)

    with listening(partial(one_answer, then=lambda _: kept.wait(20), last=last), connections=2) as url:
        traces = one_after_another(url, [b"{}", b"{}"], lost)
    assert [(trace.error, trace.connecting is None) for trace in traces] == [(None, False)] * 2


@pytest.mark.parametrize("last", [b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"], ids=["nothing", "an early hint"])
def test_a_kept_connection_that_ends_before_the_answer_is_stale(last):
    """Stale means that the load generator sends the request again."""
    with listening(partial(one_answer, then=read_request, last=last)) as url:
        traces = one_after_another(url, [b"{}", b"{}"])
    assert [trace.stale for trace in traces] == [False, True]


def test_a_connection_that_was_idle_too_long_gets_no_request(monkeypatch):
    monkeypatch.setattr(wire, "_KEPT_S", 0.1)
    with listening(one_answer, connections=2) as url:
        traces = one_after_another(url, [b"{}", b"{}"], lambda _: asyncio.sleep(0.2))
    assert [trace.connecting is None for trace in traces] == [False, False]


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.0 413 Too Large\r\n\r\ntoo much"], ids=["nothing", "a refusal"])
def test_a_server_that_closes_its_side_but_reads_on_fails_one_request(answer):
    def serve(connection):
        with connection, contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
            read_headers(connection)
            connection.sendall(answer)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 14):
                time.sleep(0.002)

    with listening(serve) as url:
        (trace,) = send_all(url, [BODY])
    assert trace.error.startswith("HTTP 413: too much" if answer else "the connection broke: the server closed it")
    assert trace.sent is None


def test_a_connection_with_a_partly_sent_request_is_not_kept():
    """The answer came, but the rest of the body waits for its turn: a reused connection would send it as a request."""
    seen = []

    def serve(connection):
        with connection, contextlib.suppress(OSError):
            read_headers(connection)
            connection.sendall(b"HTTP/1.1 400 No\r\ncontent-length: 0\r\n\r\n")
            while piece := connection.recv(1 << 16):
                seen.append(b"POST" in piece)

    async def send(url):
        turns = wire.Turns()
        with contextlib.closing(wire.Server(url, {})) as server:
            await turns.take(0)  # and it is never given back
            trace = await wire.send(server, memoryview(BODY), turns, Limits(1))
            return trace, server.kept()

    with listening(serve) as url:
        trace, kept = asyncio.run(send(url))
    assert (trace.error, kept, trace.sent) == ("the server stalled: no data for 1 s", None, None)
    assert not any(seen)


def test_the_addresses_of_a_host_name_rotate_and_are_looked_up_once(monkeypatch):
    served, looked_up = [], []

    def rows(name, port, *_, **__):
        looked_up.append(name)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{last}", port)) for last in (1, 9, 2)]

    with contextlib.ExitStack() as stack:
        first = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        second = stack.enter_context(socket.create_server(("127.0.0.2", first.getsockname()[1])))  # none listens at .9

        def serve(listener, count):
            for _ in range(count):
                with listener.accept()[0] as connection:
                    read_request(connection)
                    served.append(listener.getsockname()[0])
                    connection.sendall(OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))

        threads = [threading.Thread(target=serve, args=pair) for pair in ((first, 2), (second, 4))]
        for thread in threads:
            thread.start()
        monkeypatch.setattr(socket, "getaddrinfo", rows)
        traces = one_after_another(f"http://replicas.test:{first.getsockname()[1]}/", [b"{}"] * 6)
        for thread in threads:
            thread.join()
    assert [trace.error for trace in traces] == [None] * 6
    assert (sorted(served), looked_up) == (["127.0.0.1"] * 2 + ["127.0.0.2"] * 4, ["replicas.test"])


@pytest.mark.parametrize("pieces", [[b"data: [DONE]\n\n"], [b"data: [DONE]", b"\r\n\r\n"]])
def test_an_answer_ends_at_done_although_the_connection_stays_open(pieces):
    def serve(connection):
        with connection:
            read_request(connection)
            connection.sendall(CHUNKED)
            for piece in pieces:
                connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
                time.sleep(0.01)
            connection.recv(1)  # until the client hangs up

    with listening(serve, connections=2) as url:
        traces = one_after_another(url, [b"{}"] * 2)
    for trace in traces:
        assert (trace.error, trace.connecting is None) == (None, False)
        assert trace.ended == trace.pieces[-1][0]


def test_a_connection_whose_answer_ends_soon_after_done_is_kept(monkeypatch):
    monkeypatch.setattr(wire, "_END_S", 4)

    def serve(connection):
        with connection:
            for _ in range(2):
                read_request(connection)
                connection.sendall(CHUNKED + b"e\r\ndata: [DONE]\n\n\r\n")
                time.sleep(0.5)
                connection.sendall(b"0\r\n\r\n")

    with listening(serve) as url:
        traces = one_after_another(url, [b"{}"] * 2)
    assert [(trace.error, trace.connecting is None) for trace in traces] == [(None, False), (None, True)]
    assert all(trace.ended > trace.pieces[-1][0] for trace in traces)


def test_a_connection_answered_before_the_whole_body_is_not_reused():
    def serve(connection):
        with connection, contextlib.suppress(ConnectionError):
            read_headers(connection)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
            while connection.recv(1 << 20):
                pass

    with listening(serve, connections=2) as url:
        traces = one_after_another(url, [BODY, BODY])
    assert [(trace.error, trace.connecting is None) for trace in traces] == [("HTTP 413: Too Large", False)] * 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (OK[:-1], "the connection broke: the server closed it before the answer was complete"),
        (CHUNKED + b"5\r\ndata:\r\n", "the connection broke: the server"),
        (b"", "the connection broke: the server"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "the connection broke: the answer is not HTTP: "),
        (CHUNKED + b"many\r\n", "the connection broke: the answer is not HTTP: "),
        (b"HTTP/1.1 101 Switching\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n", "HTTP 101: Switching"),
        (b"HTTP/1.1 307 Elsewhere\r\nlocation: /\r\ncontent-length: 0\r\n\r\n", "HTTP 307: Elsewhere"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "HTTP 204: No Content"),
        (b"HTTP/1.1 099 What\r\ncontent-length: 0\r\n\r\n", "HTTP 99: What"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n", "the connection broke: the server closed it"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\ndata: [DONE]\n\n", None),
        (OK.replace(b"\r\n", b"\n"), None),
        (CHUNKED + b"5 \r\ndata:\r\n9;a=b\r\n [DONE]\n\n\r\n0\r\n\r\n", None),
    ],
)  # fmt: skip
def test_unusual_answers_are_read_and_invalid_ones_reported(answer, error):
    def serve(connection):
        with connection, contextlib.suppress(OSError):  # the client may close early
            read_request(connection)
            for at in range(0, len(answer), 7):
                connection.sendall(answer[at : at + 7])
                time.sleep(0.001)

    with listening(serve) as url:
        (trace,) = send_all(url, [b"{}"])
    if error:
        assert trace.error.startswith(error)
    else:
        assert (trace.error, b"".join(piece for _, piece in trace.pieces)) == (None, OK[-14:])


def test_a_failed_tls_handshake_or_name_lookup_is_reported():
    def serve(connection):
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with listening(serve) as url:
        (trace,) = send_all(url.replace("http:", "https:"), [b"{}"])
    assert trace.error.startswith("no connection: [SSL")
    (trace,) = send_all("http://no-such-host.invalid/", [b"{}"])
    assert trace.error.startswith("no connection: ")
    assert "Unknown error" not in trace.error


STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n"


def dripping(piece, pause_s=0.0, head=STREAM):
    """A server that answers with `piece`, again and again, for a minute or 30 MB."""

    def serve(connection):
        with connection, contextlib.suppress(OSError):
            read_headers(connection)
            connection.sendall(head + b"\r\n")
            until = time.monotonic() + 60
            for _ in range(30_000_000 // len(piece)):
                connection.sendall(piece)
                time.sleep(pause_s)
                if time.monotonic() > until:  # endless, as far as the client can know
                    return

    return serve


@pytest.mark.parametrize("piece", [b"data: {}\n\n" * 1000, b"x" * 65_536], ids=["events", "one line"])
def test_an_endless_answer_is_cut_off(piece):
    with listening(dripping(piece)) as url:
        (trace,) = send_all(url, [b"{}"], answer_bytes=3_000_000)
    assert trace.error == "the answer exceeded 3 MB and was cut off"
    assert sum(len(data) for _, data in trace.pieces) < 5_000_000
    assert stream.parse(trace).error == trace.error


def test_a_compressed_answer_is_not_decompressed():
    bomb = zlib.compress(b"data: {}\n\n" * 2_000_000)
    head = STREAM + b"content-encoding: deflate\r\ncontent-length: %d\r\n" % len(bomb)

    def serve(connection):
        with connection:
            read_headers(connection)
            connection.sendall(head + b"\r\n" + bomb)

    with listening(serve) as url:
        (trace,) = send_all(url, [b"{}"])
    assert sum(len(data) for _, data in trace.pieces) == len(bomb)


def test_an_answer_that_never_pauses_and_never_ends_times_out():
    with listening(dripping(b"data: {}\n\n", 0.02)) as url:
        (trace,) = send_all(url, [b"{}"], total_s=1)
    assert trace.error == "the answer was not complete after 1 s"
    assert trace.ended - trace.started < 20
