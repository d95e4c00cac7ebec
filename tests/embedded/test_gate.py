"""What may reach the engine: no foreign web page, no slow connection, no more data than it can hold."""

import base64
import contextlib
import http.client
import json
import re
import select
import socket
import time

import pytest
from PIL import ImageFile

from tests.bombs import blank, pdf_bomb
from vlnb import embedded
from vlnb.embedded import app, gate
from vlnb.embedded.serve import _start

JSON = {"content-type": "application/json"}
HERE = "127.0.0.1:8000"

ALLOWED = [
    ("POST", {"host": HERE, **JSON}),
    ("POST", {"host": HERE, "content-type": "application/json; charset=utf-8"}),
    ("POST", {"host": "localhost:8000", "content-type": "Application/JSON"}),
    ("POST", {"host": "[::1]:8000", **JSON}),
    ("POST", {"host": HERE, "origin": f"http://{HERE}", "sec-fetch-site": "same-origin", **JSON}),
    ("GET", {"host": HERE}),
    ("GET", {"host": HERE, "sec-fetch-site": "none"}),  # typed into the browser
]
REFUSED = [
    ("POST", {"host": "rebound.example:8000", **JSON}, 403),
    ("POST", {"host": "127.0.0.1.example:8000", **JSON}, 403),
    ("POST", {"host": "127.0.0.1:8001", **JSON}, 403),
    ("POST", {"host": "127.0.0.1", **JSON}, 403),
    ("POST", {"host": "localhost:8000@evil.example", **JSON}, 403),
    ("POST", {"host": "evil.example@localhost:8000", **JSON}, 403),
    ("POST", {"host": "localhost:8000/", **JSON}, 403),
    ("POST", {"host": "[::1:8000", **JSON}, 403),
    ("POST", JSON, 403),
    ("POST", {"host": HERE, "origin": "https://evil.example", **JSON}, 403),
    ("POST", {"host": HERE, "origin": "http://127.0.0.1:8888", **JSON}, 403),
    ("POST", {"host": HERE, "origin": "null", **JSON}, 403),
    ("POST", {"host": HERE, "sec-fetch-site": "cross-site", **JSON}, 403),
    ("GET", {"host": HERE, "sec-fetch-site": "same-site"}, 403),
    ("GET", {"host": HERE, "origin": "https://evil.example"}, 403),
    ("OPTIONS", {"host": HERE, "origin": "https://evil.example"}, 403),
    ("POST", {"host": HERE, "content-type": "text/plain"}, 415),
    ("POST", {"host": HERE, "content-type": "text/plain; application/json"}, 415),
    ("POST", {"host": HERE}, 415),
]


@pytest.mark.parametrize(("method", "headers"), ALLOWED)
def test_requests_of_local_programs_are_allowed(method, headers):
    assert gate.foreign(method, headers, "127.0.0.1", 8000) is None


@pytest.mark.parametrize(("method", "headers", "status"), REFUSED)
def test_foreign_origins_host_names_and_content_types_are_refused(method, headers, status):
    refused = gate.foreign(method, headers, "127.0.0.1", 8000)
    assert refused is not None
    assert refused[0] == status


def test_a_public_address_accepts_any_host_name():
    assert gate.foreign("POST", {"host": "gpu-box.example:8000", **JSON}, "192.168.1.7", 8000) is None


def address(engine):
    host, port = engine.base_url.removeprefix("http://").removesuffix("/v1").split(":")
    return host, int(port)


def send(engine, method, path, body=None, headers=None):
    """Return (status, body as JSON) of one request."""
    connection = http.client.HTTPConnection(*address(engine), timeout=60)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers or JSON)
        response = connection.getresponse()
        return response.status, json.loads(response.read() or b"null")


@pytest.mark.parametrize(
    ("headers", "status", "words"),
    [
        ({"Host": "rebound.example", **JSON}, 403, "Use one of these addresses"),
        ({"Origin": "https://evil.example", **JSON}, 403, "web page of another site"),
        ({"content-type": "text/plain"}, 415, "application/json"),
    ],
)
def test_a_refusal_reaches_the_client_as_one_clear_sentence(engine, headers, status, words):
    actual, answer = send(engine, "POST", "/v1/chat/completions", b"{}", headers)
    assert actual == status
    assert words in answer["error"]["message"]
    assert send(engine, "GET", "/health", headers={"Host": "rebound.example"})[0] == 403


@pytest.fixture
def limited_engine(monkeypatch):
    """A separate engine whose limits are reached quickly."""
    monkeypatch.setattr(gate, "IDLE_S", 3)
    monkeypatch.setattr(gate, "MAX_CONNECTIONS", 20)
    monkeypatch.setattr(app, "BODY_S", 1)
    monkeypatch.setattr(app, "MAX_HELD_BYTES", 10_000_000)
    running = _start()
    yield running
    running.stop()


def head(engine, length):
    host, port = address(engine)
    lines = ["POST /v1/chat/completions HTTP/1.1", f"Host: {host}:{port}", "Content-Type: application/json"]
    return "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode()


def received_until_close(connection, piece=b""):
    """Return what the server sends until it closes a connection, on which a `piece` is sent ten times a second."""
    received, deadline = b"", time.monotonic() + 20
    connection.settimeout(0.1)
    while time.monotonic() < deadline:
        try:
            if piece:
                connection.sendall(piece)
            data = connection.recv(10_000)
        except TimeoutError:
            continue
        except OSError:
            return received
        if not data:
            return received
        received += data
    raise AssertionError("still open after 20 s")


SLOW = {
    "no data": (b"", b""),
    "an incomplete head": (b"POST /v1/chat/completions HTTP/1.1\r\n", b""),
    "an endless head": (b"POST /v1/chat/completions HTTP/1.1\r\n", b"x-a: b\r\n"),
}


@pytest.mark.parametrize("slow", SLOW)
def test_the_head_of_a_request_must_arrive_in_time(limited_engine, slow):
    start, piece = SLOW[slow]
    with socket.create_connection(address(limited_engine)) as connection:
        connection.sendall(start)
        assert received_until_close(connection, piece) == b""


@pytest.mark.parametrize("piece", [b"", b" "], ids=["stalled", "trickling"])
def test_the_body_of_a_request_must_arrive_in_time(limited_engine, piece):
    with socket.create_connection(address(limited_engine)) as connection:
        connection.sendall(head(limited_engine, 1000) + b"{")
        received = received_until_close(connection, piece)
    assert received.startswith(b"HTTP/1.1 408 ")
    assert b"did not arrive completely within 1 s" in received


def test_a_kept_connection_is_closed_when_no_whole_request_follows(limited_engine):
    with socket.create_connection(address(limited_engine)) as connection:
        host, port = address(limited_engine)
        connection.sendall(f"GET /health HTTP/1.1\r\nHost: {host}:{port}\r\n\r\nGET /health".encode())
        assert received_until_close(connection).startswith(b"HTTP/1.1 200 ")


def test_connections_above_the_limit_are_refused(limited_engine):
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(socket.create_connection(address(limited_engine))) for _ in range(30)]
        responses = [received_until_close(connection) for connection in opened]
    answers = [response for response in responses if response]
    assert len(answers) == 10
    assert all(
        response.startswith(b"HTTP/1.1 503 ") and b"20 connections are open already" in response for response in answers
    )
    assert send(limited_engine, "GET", "/v1/models")[0] == 200


def test_the_total_size_of_request_bodies_is_limited(limited_engine, monkeypatch):
    monkeypatch.setattr(app, "BODY_S", 60)
    with contextlib.ExitStack() as stack:
        clients = []
        for _ in range(3):
            clients.append(stack.enter_context(socket.create_connection(address(limited_engine))))
            clients[-1].sendall(head(limited_engine, 5_000_000) + b" " * 4_000_000)
        (refused,) = select.select(clients, [], [], 20)[0]  # two of them fit, whichever those are
        answer = http.client.HTTPResponse(refused)
        answer.begin()
        assert answer.status == 429
        assert "already holds 10 MB of requests" in json.load(answer)["error"]["message"]
    deadline = time.monotonic() + 20
    # The status is 400 once the body is read and found not to be JSON.
    while send(limited_engine, "POST", "/v1/chat/completions", b" " * 9_000_000)[0] != 400:
        assert time.monotonic() < deadline, "the bytes of closed connections are no longer counted"


def test_a_client_that_reads_no_answers_is_disconnected(limited_engine):
    """The unread answers fill the buffers of both sockets, until the server cannot send any more."""

    def ask_on(connection):
        while True:
            connection.sendall(request)

    host, port = address(limited_engine)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((host, port))
        request = f"GET /v1/models/{'x' * 3000} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
        connection.settimeout(15)
        with pytest.raises(ConnectionError):
            ask_on(connection)


# -- what a body may ask for ---------------------------------------------------------------------------------------


def ask(engine, *files, question="Read all the text.", **options):
    parts = [{"type": "image_url", "image_url": {"url": uri(file)}} for file in files]
    content = [*parts, {"type": "text", "text": question}]
    body = {"model": embedded.MODEL, "messages": [{"role": "user", "content": content}], **options}
    return send(engine, "POST", "/v1/chat/completions", json.dumps(body))


def uri(file):
    return "data:image/png;base64," + base64.b64encode(file).decode()


def test_too_many_pixels_or_pictures_are_refused_before_decoding(engine, monkeypatch):
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)  # what decodes
    status, answer = ask(engine, *[blank(5000, 4990)] * 16)
    assert status == 413
    assert "399 megapixels; the embedded engine takes 100" in answer["error"]["message"]
    status, answer = ask(engine, *[blank(7000, 7000)] * 16)
    assert status == 400
    assert "the limit is 25" in answer["error"]["message"]
    status, answer = ask(engine, *[blank(8, 8)] * 65)
    assert status == 413
    assert "65 pictures" in answer["error"]["message"]


def test_a_question_with_too_much_text_is_refused(engine):
    status, answer = ask(engine, question="x" * 60_000)
    assert status == 413
    assert "60,000 characters of text; the embedded engine takes 50,000" in answer["error"]["message"]


def test_a_pdf_bomb_is_refused_as_a_bad_picture(engine):
    status, answer = ask(engine, pdf_bomb())
    assert status == 400
    # The parent sees 400 MB when it looks; a process that grows faster ends at its own limit, twice as much.
    assert re.search(
        r"^Picture 1 of the request: it, page 1, .*needs more than (400|800) MB", answer["error"]["message"]
    )


def test_a_later_picture_that_is_broken_is_reported(engine):
    truncated = blank(300, 200, mode="RGB")[:-40]
    status, answer = ask(engine, blank(300, 200), truncated)
    assert status == 400
    assert "Picture 2 of the request: it is a broken" in answer["error"]["message"]
    connection = http.client.HTTPConnection(*address(engine), timeout=60)
    with contextlib.closing(connection):
        parts = [{"type": "image_url", "image_url": {"url": uri(file)}} for file in (blank(300, 200), truncated)]
        body = {"model": embedded.MODEL, "stream": True, "messages": [{"role": "user", "content": parts}]}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), JSON)
        events = connection.getresponse().read().decode()
    assert '"message": "Picture 2 of the request: it is a broken' in events
    assert "invalid_image" in events


@pytest.mark.parametrize("body", [b"[]," * 1_000_000, b"{" * 10_000_000, b'{"a":"\\ud800"}', b"1e999999999"])
def test_json_that_is_hostile_to_the_parser_is_refused(engine, body):
    status, answer = send(engine, "POST", "/v1/chat/completions", body)
    assert status == 400
    assert answer["error"]["code"] == "invalid_json"


def test_an_empty_picture_is_refused_and_an_emoji_is_accepted(engine):
    assert ask(engine, b"")[0] == 400
    assert "empty (0 bytes)" in ask(engine, b"")[1]["error"]["message"]
    assert ask(engine, blank(8, 8), question="Hi" + chr(0x1F600))[0] == 200
