"""One request against a bare socket: what arrives is what was sent, whatever the other side does meanwhile."""

import asyncio
import contextlib
import hashlib
import socket
import threading
import time
import timeit
import zlib

import aiohttp
import numpy as np
import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_writer import StreamWriter
from multidict import CIMultiDict

from vlnb.bench import wire
from vlnb.bench.workload import Limits

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\ndata: [DONE]\n\n"
BODY = np.random.default_rng(1).bytes(6_000_000)


@contextlib.contextmanager
def listening(serve, connections=1):
    """Have `serve(connection)` in a thread for each connection; gives the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepted = [threading.Thread(target=lambda: serve(listener.accept()[0])) for _ in range(connections)]
        for thread in accepted:
            thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        for thread in accepted:
            thread.join()


def sent(url, bodies, silent_s=5, **limits):
    async def send():
        turns = wire.Turns()
        async with wire.session(len(bodies)) as http:
            one = [wire.send(http, url, memoryview(body), {}, turns, Limits(silent_s, **limits)) for body in bodies]
            return await asyncio.gather(*one)

    return asyncio.run(send())


def head_and_rest(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(4096)
    head, rest = data.split(b"\r\n\r\n", 1)
    return int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]), rest


@pytest.mark.parametrize("pause_s", [0, 0.002])
def test_what_arrives_is_what_was_sent_however_slowly_it_is_read(pause_s):
    arrived = []

    def serve(connection):
        with connection:
            length, data = head_and_rest(connection)
            while len(data) < length and (piece := connection.recv(1 << 17)):
                data += piece
                time.sleep(pause_s)
            arrived.append(hashlib.sha256(data).hexdigest())
            connection.sendall(OK)

    bodies = [BODY[start:] for start in (0, 1, 2)]
    with listening(serve, connections=3) as url:
        traces = sent(url, bodies)
    assert [trace.error for trace in traces] == [None] * 3
    assert sorted(arrived) == sorted(hashlib.sha256(body).hexdigest() for body in bodies)


def test_sent_is_said_when_most_has_left_and_not_when_it_was_queued():
    whole = []

    def serve(connection):
        with connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            length, data = head_and_rest(connection)
            got = len(data)
            while got < length and (piece := connection.recv(1 << 16)):
                got += len(piece)
                time.sleep(0.001)
            whole.append(time.perf_counter())
            connection.sendall(OK)

    with listening(serve) as url:
        (trace,) = sent(url, [BODY])
    took = whole[0] - trace.started
    assert trace.sent - trace.started > 0.5 * took  # a server that reads as slowly as this keeps megabytes waiting
    assert trace.sent <= whole[0] + 0.5 * took


def test_a_server_that_refuses_before_it_has_read_is_told_by_its_answer():
    def serve(connection):
        with connection:
            head_and_rest(connection)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-length: 8\r\nconnection: close\r\n\r\ntoo much")
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 20):  # a lingering close, as servers do, so that the answer is not lost
                pass

    with listening(serve) as url:
        (trace,) = sent(url, [BODY])
    assert trace.error == "HTTP 413: too much"


@pytest.mark.parametrize("read", [0, 1_000_000])
def test_a_connection_that_breaks_while_sending_is_a_sentence(read):
    def serve(connection):
        with connection:
            head_and_rest(connection)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
            if read:
                connection.recv(read, socket.MSG_WAITALL)

    with listening(serve) as url:
        (trace,) = sent(url, [BODY])
    assert trace.error.startswith("the connection broke: ")


@pytest.mark.parametrize("body", [BODY, b"{}"], ids=["in the middle of the body", "after it"])
def test_a_server_that_stops_reading_or_never_answers_is_given_up(body):
    def serve(connection):
        with connection:
            head_and_rest(connection)
            given_up.wait()

    given_up = threading.Event()
    with listening(serve) as url:
        (trace,) = sent(url, [body], silent_s=0.3)
        given_up.set()
    assert trace.error == "the server stalled: no data for 0.3 s"
    assert trace.ended - trace.started < 3


def test_a_server_that_is_slow_but_never_silent_is_waited_for():
    def serve(connection):
        with connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            length, data = head_and_rest(connection)
            while len(data) < length and (piece := connection.recv(1 << 16)):
                data += piece
                time.sleep(0.01)
            connection.sendall(OK[:-14])
            for at in range(14):
                time.sleep(0.05)
                connection.sendall(OK[-14:][at : at + 1])

    with listening(serve) as url:
        (trace,) = sent(url, [BODY], silent_s=0.4)
    assert trace.error is None
    assert trace.sent - trace.started > 0.5, "the body left sooner than the patience: only the answer is tested"
    assert trace.ended - trace.sent > 0.6


def test_a_server_that_accepts_no_connection_is_given_up():
    with socket.socket() as full, contextlib.ExitStack() as others:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # who waits to be accepted, until the system lets nobody else wait
            waiting = others.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        (trace,) = sent(f"http://127.0.0.1:{full.getsockname()[1]}/", [b"{}"], silent_s=0.3)
    assert trace.error == "no connection within 0.3 s"


def test_a_turn_that_was_given_to_one_who_left_goes_to_the_next():
    async def turns():
        turns = wire.Turns()
        await turns.take(0)
        leaving = asyncio.create_task(turns.take(1))
        await asyncio.sleep(0)
        turns.give()
        asyncio.get_running_loop().call_soon(leaving.cancel)  # after the turn was given, before it is taken up
        await asyncio.wait([leaving])
        assert leaving.cancelled()
        await asyncio.wait_for(turns.take(2), 1)

    asyncio.run(turns())


def test_a_connection_that_is_gone_gets_nothing_and_neither_does_who_has_its_number_now():
    async def send(url):
        loop, turns, trace = asyncio.get_running_loop(), wire.Turns(), wire.Trace()
        host, port = url.split("/")[2].split(":")
        transport, protocol = await loop.create_connection(lambda: BaseProtocol(loop), host, int(port))
        number = transport.get_extra_info("socket").fileno()
        writer = StreamWriter(protocol, loop)
        await writer.write_headers("POST / HTTP/1.1", CIMultiDict({"Content-Length": "2"}))
        await turns.take(0)
        sending = asyncio.create_task(wire._Stamped(memoryview(b"{"), b"}", trace, turns).write(writer))
        await asyncio.sleep(0)
        transport.abort()
        await asyncio.sleep(0.01)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            assert number in (ours.fileno(), theirs.fileno()), "the number was not given again: nothing is tested"
            turns.give()
            with pytest.raises(aiohttp.ClientConnectionResetError):
                await sending
            for end in (ours, theirs):
                with pytest.raises(BlockingIOError):
                    end.recv(1, socket.MSG_DONTWAIT)

    def serve(connection):
        with connection:
            while connection.recv(4096):
                pass

    with listening(serve) as url:
        asyncio.run(send(url))


def test_what_does_not_encrypt_or_has_no_address_is_told_as_what_it_is():
    def serve(connection):
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with listening(serve) as url:
        (trace,) = sent(url.replace("http:", "https:"), [b"{}"])
    assert trace.error.startswith("no connection: [SSL")
    (trace,) = sent("http://no-such-host.invalid/", [b"{}"])
    assert trace.error.startswith("no connection: ")
    assert "Unknown error" not in trace.error


STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n"


def dripping(piece, pause_s=0.0, head=STREAM):
    """A server that answers with `piece`, again and again, for seconds or 30 MB."""

    def serve(connection):
        with connection, contextlib.suppress(OSError):
            head_and_rest(connection)
            connection.sendall(head + b"\r\n")
            until = time.monotonic() + 5
            for _ in range(30_000_000 // len(piece)):
                connection.sendall(piece)
                time.sleep(pause_s)
                if time.monotonic() > until:  # for ever, as far as the client can know
                    return

    return serve


@pytest.mark.parametrize("piece", [b"data: {}\n\n" * 1000, b"x" * 65_536], ids=["events", "one line"])
def test_an_answer_without_end_is_cut_off(piece):
    with listening(dripping(piece)) as url:
        (trace,) = sent(url, [b"{}"], answer_bytes=3_000_000)
    assert trace.error == "the answer exceeded 3 MB and was cut off"
    assert sum(len(data) for _, data in trace.pieces) < 5_000_000
    assert wire.parse(trace).error == trace.error


def test_what_unpacks_to_much_is_not_unpacked():
    bomb = zlib.compress(b"data: {}\n\n" * 2_000_000)
    head = STREAM + b"content-encoding: deflate\r\ncontent-length: %d\r\n" % len(bomb)

    def serve(connection):
        with connection:
            head_and_rest(connection)
            connection.sendall(head + b"\r\n" + bomb)

    with listening(serve) as url:
        (trace,) = sent(url, [b"{}"])
    assert sum(len(data) for _, data in trace.pieces) == len(bomb)


def test_an_answer_that_never_pauses_and_never_ends_is_given_up():
    with listening(dripping(b"data: {}\n\n", 0.02)) as url:
        (trace,) = sent(url, [b"{}"], total_s=0.5)
    assert trace.error == "the answer was not complete after 0.5 s"
    assert trace.ended - trace.started < 3


def test_one_long_line_is_understood_in_a_time_that_grows_as_its_length():
    def took(pieces):
        trace = wire.Trace(pieces=[(0.0, b"x" * 1000)] * pieces)
        return min(timeit.repeat(lambda: wire.parse(trace), number=1, repeat=3))

    assert took(4_000) < 30 * took(500)  # 8 times the length; 64 times the time, if it grew as its square


GOOD = b'data: {"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]}\n\n'


@pytest.mark.parametrize(
    "event",
    [
        b"null",
        b"[1]",
        b'"text"',
        b'{"choices": [null], "finish_reason": "stop"}',
        b'{"choices": {"a": 1}, "finish_reason": "stop"}',
        b'{"choices": 5, "usage": {}}',
        b'{"error": ' + b"[" * 100_000 + b"}",
        b"\xff",
    ],
    ids=lambda event: event[:40].decode("ascii", "replace"),
)
@pytest.mark.parametrize("before", [b"", GOOD], ids=["alone", "after text"])
def test_an_odd_event_is_an_error_of_its_answer_and_of_nothing_else(event, before):
    answer = wire.parse(wire.Trace(pieces=[(1.0, before + b"data: " + event + b"\n\ndata: [DONE]\n\n")]))
    assert "chunk" in answer.error


@pytest.mark.parametrize(
    "usage",
    [b"{}", b"null", b"[]", b'"none"', b"7"]
    + [b'{"completion_tokens": %s, "prompt_tokens": %s}' % (n, n) for n in (b'"many"', b"-1", b"1.5", b"true")],
)
def test_counts_that_are_no_numbers_are_unknown_and_the_answer_counts(usage):
    last = b'data: {"choices": [], "usage": %s}\n\ndata: [DONE]\n\n' % usage
    answer = wire.parse(wire.Trace(pieces=[(1.0, GOOD + last)]))
    assert (answer.error, answer.output_tokens, answer.input_tokens) == (None, None, None)
    assert answer.text_at == (1.0,)
    known = b'data: {"choices": [], "usage": {"completion_tokens": 1, "prompt_tokens": 2}}\n\n'
    answer = wire.parse(wire.Trace(pieces=[(1.0, GOOD + known + last)]))
    assert (answer.output_tokens, answer.input_tokens) == (1, 2), "what was counted before stays known"


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        (b'{"error": {"message": "no such route"}}', 'no stream of events but \'{"error": {"message": "no such route'),
        (b"<html><h1>Sign in</h1>", "no stream of events but '<html>"),
        (b'data: {"choices": [{"delta": {"content": "a"}, "finish_reason": "null"}]}\n\n', "closed before its end"),
        (b"\xef\xbb\xbf" + GOOD, None),
        (b'data: {"choices": [{"delta": {"content": [{"type": "text", "text": "a"}]}}]}\n\ndata: [DONE]\n\n', None),
        (b'data: {"choices": [{"delta": {"reasoning": "a"}}]}\n\ndata: [DONE]\n\n', None),
    ],
)
def test_other_forms_of_answers(stream, error):
    answer = wire.parse(wire.Trace(pieces=[(1.0, stream)]))
    assert error in answer.error if error else (answer.error, answer.text_at) == (None, (1.0,))


def test_events_are_the_same_however_the_stream_was_cut():
    stream = GOOD * 3 + b"data: [DONE]\n\n"
    for size in range(1, 50):
        cut = [(float(at), stream[at : at + size]) for at in range(0, len(stream), size)]
        answer = wire.parse(wire.Trace(pieces=cut))
        assert (len(answer.text_at), answer.finish_reason, answer.error) == (3, "stop", None)
        assert answer.text_at[0] == (GOOD.index(b"\n") // size) * size, "the stamp of the piece that ended the line"
