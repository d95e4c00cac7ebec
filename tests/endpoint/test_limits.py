"""Reading a response is bounded in bytes, decompressed bytes and time, whatever the server sends."""

import gzip
import json
import time

import psutil
import pytest

import vlnb
from vlnb import fetch
from vlnb.endpoint import transport
from vlnb.endpoint.resolve import look_up

OK = b"HTTP/1.1 200 OK\r\n"


def endless(connection, piece, head=OK + b"\r\n", pause_s=0.0):
    connection.sendall(head)
    while True:
        connection.sendall(piece)
        time.sleep(pause_s)


BOMB = gzip.compress(b" " * 300_000_000, 9)
LOOK_UPS = {
    "endless": (lambda c: endless(c, b" " * 65_536), vlnb.BadAnswer, "more than 1,000,000 bytes"),
    "bomb": (lambda c: c.sendall(OK + b"content-encoding: gzip\r\n\r\n" + BOMB), vlnb.BadAnswer, "more than 1,000,000"),
    "drip": (lambda c: endless(c, b" ", pause_s=0.2), vlnb.NoServer, "did not answer within 1 s"),
    "head": (lambda c: endless(c, b"x", head=OK, pause_s=0.2), vlnb.NoServer, "did not answer within 1 s"),
    "deep": (lambda c: c.sendall(OK + b"\r\n" + b"[" * 100_000), vlnb.BadAnswer, "not an OpenAI-compatible server"),
}


@pytest.mark.parametrize(("script", "error", "words"), LOOK_UPS.values(), ids=LOOK_UPS)
def test_a_lookup_is_bounded_in_time_and_memory(raw_server, monkeypatch, script, error, words):
    monkeypatch.setattr(fetch, "LOOKUP_S", 1.0 if error is vlnb.NoServer else 10.0)
    before, start = psutil.Process().memory_info().rss, time.monotonic()
    with pytest.raises(error, match=words):
        vlnb.connect(raw_server(script), announce=None)
    assert time.monotonic() - start < 15
    assert psutil.Process().memory_info().rss - before < 100e6


def test_a_compressed_lookup_within_the_limit_is_read(raw_server):
    body = gzip.compress(json.dumps({"data": [{"id": "m"}]}).encode())
    address = raw_server(lambda c: c.sendall(OK + b"content-encoding: gzip\r\n\r\n" + body))
    assert vlnb.connect(address, announce=None).model == "m"
    assert look_up(address, "/x").status == 200


EVENT = (
    b'data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"content":"AAAA"},"finish_reason":null}]}\n\n'
)


@pytest.mark.parametrize("piece", [EVENT, b"A" * 65_536], ids=["events", "one line"])
def test_an_answer_without_an_end_is_cut_off(raw_server, monkeypatch, piece):
    monkeypatch.setattr(transport, "MAX_ANSWER_BYTES", 300_000)
    monkeypatch.setattr(transport, "_MAX_LINE_BYTES", 200_000)
    head = OK + b"content-type: text/event-stream\r\n\r\n"
    endpoint = vlnb.Endpoint(raw_server(lambda c: endless(c, piece, head=head)), "m")
    with pytest.raises(vlnb.BadAnswer, match="without an end") as caught:
        endpoint.ask("?")
    if piece == EVENT:
        assert caught.value.partial.startswith("AAAA")
