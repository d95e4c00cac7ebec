"""Servers that echo the key, compress their answers, or send text that is meant to be slow to parse."""

import gzip
import json
import time

import pytest

import vlnb
from vlnb import bench
from vlnb.endpoint.keys import key_for, redacted
from vlnb.endpoint.resolve import models, resolve
from vlnb.local import is_local, is_loopback

KEY = "sk-canary-4242424242"
SMALL = bench.Workload(prompts=2, concurrency=1, images=0, input_len=4, output_len=2)


def http_response(status, body, *headers):
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers))
    return head.encode() + b"\r\n" + body


ECHOES = {
    "message": http_response("401 No", json.dumps({"error": f"wrong key {KEY}"}).encode()),
    "status line": f"HTTP/1.1 {KEY} {KEY}\r\n\r\n".encode(),
    "header line": f"HTTP/1.1 200 OK\r\n{KEY}\r\n\r\n".encode(),
    "retry-after": http_response("429 Busy", b"{}", f"retry-after: {KEY}"),
    "model": http_response("200 OK", json.dumps({"data": [{"id": KEY}]}).encode()),
    "event": http_response("200 OK", f'data: {{"error": "{KEY}"}}\n\n'.encode(), "content-type: text/event-stream"),
}


@pytest.mark.parametrize("echo", ECHOES)
def test_a_key_that_a_server_echoes_is_neither_shown_nor_stored(raw_server, tmp_path, echo):
    address = raw_server(lambda connection: connection.sendall(ECHOES[echo]))
    endpoint = vlnb.Endpoint(address, "m", api_key=KEY)
    with pytest.raises(vlnb.VlnbError) as ask_error:
        endpoint.ask("?")
    assert KEY not in str(ask_error.value)
    assert ask_error.value.__cause__ is None
    with pytest.raises(vlnb.VlnbError) as lookup_error:
        vlnb.connect(address, api_key=KEY, model="other", announce=None)
    assert KEY not in str(lookup_error.value)
    bench.run(SMALL, endpoint, tmp_path / "run")
    assert not [path for path in (tmp_path / "run").iterdir() if KEY.encode() in path.read_bytes()]


def test_a_key_that_a_whole_answer_echoes_is_not_in_the_reply(raw_server):
    choice = {"message": {"content": "Two cats"}, "finish_reason": f"stop {KEY}"}
    answer = http_response("200 OK", json.dumps({"model": f"m {KEY}", "choices": [choice]}).encode())
    reply = vlnb.Endpoint(raw_server(lambda connection: connection.sendall(answer)), "m", api_key=KEY).ask("?")
    assert (reply.text, reply.model, reply.finish_reason) == ("Two cats", "m …", "stop …")


@pytest.mark.parametrize("end", ["\n", " ", "\r\n", "\t"])
def test_white_space_around_a_key_is_removed(monkeypatch, end):
    monkeypatch.setenv("VLNB_API_KEY", KEY + end)
    assert key_for("http://a/v1", typed=True) == KEY
    assert resolve("http://a/v1", api_key=KEY + end).api_key == KEY


@pytest.mark.parametrize("key", ["ключ-42424242", "sk-one\ntwo"])
def test_a_key_that_cannot_be_sent_raises_bad_input(key):
    with pytest.raises(vlnb.BadInput, match="cannot be sent"):
        vlnb.connect("http://127.0.0.1:1", api_key=key)
    with pytest.raises(vlnb.BadInput, match="cannot be sent"):
        vlnb.Endpoint("http://a", "m", key).ask("?")


@pytest.mark.parametrize("key", ["EMPTY", "ollama", "lm-studio", "not-needed", ""])
def test_a_documented_placeholder_is_not_redacted(key):
    assert redacted(f"the answer {key} of {key}:7b", key) == f"the answer {key} of {key}:7b"


@pytest.mark.parametrize("key", [KEY, "sk-12345", "secret", "token-abc123", "correct-horse"])
def test_a_key_that_may_be_a_secret_is_redacted(key):
    assert redacted(f"wrong key {key}", key) == "wrong key …"


def test_a_documented_placeholder_changes_no_name_of_a_model(raw_server):
    listed = http_response("200 OK", b'{"data": [{"id": "ollama/qwen2.5vl:7b"}]}')
    address = raw_server(lambda connection: connection.sendall(listed))
    assert vlnb.connect(address, api_key="ollama", announce=None).model == "ollama/qwen2.5vl:7b"


def test_a_compressed_answer_is_not_decompressed(raw_server):
    bomb = gzip.compress(b" " * 50_000_000)
    head = ("content-encoding: gzip", "content-type: text/event-stream")
    endpoint = vlnb.Endpoint(raw_server(lambda c: c.sendall(http_response("200 OK", bomb, *head))), "m")
    with pytest.raises(vlnb.BadAnswer, match="sent a compressed answer"):
        endpoint.ask("?")


@pytest.mark.parametrize("body", [b"<" * 900_000, b"<a" * 400_000, b"< " * 400_000], ids=["open", "tags", "spaced"])
def test_the_text_of_an_error_is_parsed_quickly(raw_server, body):
    candidate = resolve(raw_server(lambda c: c.sendall(http_response("500 Oh", body))))
    start = time.thread_time()
    with pytest.raises(vlnb.ServerRefused):
        models(candidate)
    assert time.thread_time() - start < 2


@pytest.mark.parametrize(
    ("host", "local", "loopback"),
    [
        ("127.0.0.1", True, True), ("localhost", True, True), ("[::1]", True, True), ("127.1", True, False),
        ("0.0.0.0", True, False), ("::", True, False), ("a.localhost", True, False), ("::ffff:127.0.0.1", True, None),
        ("10.0.0.1", False, False), ("example.com", False, False), ("localhost.example.com", False, False),
    ],
)  # fmt: skip
def test_local_and_loopback_hosts_are_recognised(host, local, loopback):
    assert is_local(host) is local
    if loopback is not None:
        assert is_loopback(host) is loopback
