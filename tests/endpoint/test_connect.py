"""Which server is used: argument, environment, launched server, embedded engine, in this order."""

import json
import os

import pytest

import vlnb
from vlnb import embedded
from vlnb.endpoint import record
from vlnb.endpoint.keys import NO_KEY
from vlnb.endpoint.resolve import current_address, normalise, resolve


def model_list(*names):
    """Return a response that lists these models."""
    body = json.dumps({"object": "list", "data": [{"id": name} for name in names]}).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


def http_response(status, body, kind="application/json"):
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.fixture
def qwen_server(raw_server):
    return raw_server(lambda connection: connection.sendall(model_list("Qwen/Qwen2.5-VL-72B-Instruct", "other")))


def test_without_any_server_the_embedded_engine_is_used(engine, monkeypatch, capsys):
    monkeypatch.setenv("VLNB_MODEL", "of a server")
    endpoint = vlnb.connect()
    assert endpoint.base_url == engine.base_url
    assert endpoint.is_embedded
    assert not endpoint.is_qwen25vl
    assert capsys.readouterr().out == (
        "No GPU server found. Using the embedded engine (reads text on this CPU; it is not Qwen2.5-VL)."
        " Set VLNB_BASE_URL to use another.\n"
    )


def test_the_argument_takes_precedence(qwen_server, monkeypatch):
    monkeypatch.setenv("VLNB_BASE_URL", "http://127.0.0.1:1/v1")
    endpoint = vlnb.connect(qwen_server, announce=None)
    assert (endpoint.base_url, endpoint.origin) == (qwen_server, "argument")


def test_the_environment_takes_precedence_over_a_launched_server(qwen_server, monkeypatch, capsys):
    record.write(record.of("http://127.0.0.1:1/v1", os.getpid()))
    monkeypatch.setenv("VLNB_BASE_URL", qwen_server)
    endpoint = vlnb.connect()
    assert endpoint.model == "Qwen/Qwen2.5-VL-72B-Instruct"
    assert endpoint.is_qwen25vl
    assert capsys.readouterr().out == (
        f"Connected to {qwen_server} (from VLNB_BASE_URL): model Qwen/Qwen2.5-VL-72B-Instruct,"
        " which is Qwen2.5-VL by its name.\n"
    )


def test_a_launched_server_takes_precedence_over_the_embedded_engine(qwen_server, monkeypatch):
    record.write(record.of(qwen_server, os.getpid()))
    monkeypatch.setenv("VLNB_BASE_URL", " ")
    monkeypatch.setenv("VLNB_MODEL", "of another server")
    assert vlnb.connect(announce=None).origin == "the server launched from here"
    assert [resolve(api_key=key).api_key for key in ("sk-mine", " ")] == ["sk-mine", NO_KEY]


def test_a_stale_record_is_ignored(engine):
    record.write(record.of("http://127.0.0.1:1/v1", os.getpid()))
    assert vlnb.connect(announce=None).is_embedded


@pytest.mark.parametrize("content", ["", "{", "[]", '{"base_url": 1}', '{"base_url": "x", "pid": "many"}'])
def test_a_broken_record_is_ignored(content):
    record.folder().mkdir(parents=True)
    (record.folder() / f"{'0' * 32}.json").write_text(content)
    assert resolve() is None


def test_only_the_embedded_engine_moves_to_a_new_address(engine):
    gone = "http://127.0.0.1:1/v1"
    assert current_address(gone, "m") == gone, "a run goes on at its own server, or not at all"
    assert current_address(gone, embedded.MODEL) == engine.base_url
    assert current_address(engine.base_url, embedded.MODEL) == engine.base_url


def test_the_model_can_be_chosen(qwen_server, monkeypatch):
    assert vlnb.connect(qwen_server, model="other", announce=None).model == "other"
    monkeypatch.setenv("VLNB_MODEL", "other")
    assert vlnb.connect(qwen_server, announce=None).model == "other"


def test_an_unknown_model_is_refused_with_a_list_of_those_served(qwen_server):
    with pytest.raises(vlnb.ServerRefused, match=r"does not serve the model 'mine'.*Qwen/Qwen2.5-VL-72B.*other"):
        vlnb.connect(qwen_server, model="mine", announce=None)


@pytest.mark.parametrize(
    ("name", "is_qwen"),
    [
        ("Qwen/Qwen2.5-VL-7B-Instruct", True),
        ("qwen2.5vl:3b", True),
        ("/models/qwen2_5_vl_32b", True),
        ("Qwen/Qwen3-VL-8B-Instruct", False),
        ("Qwen/Qwen2-VL-7B-Instruct", False),
        ("Qwen/Qwen2.5-7B-Instruct", False),
        (embedded.MODEL, False),
    ],
)
def test_qwen25vl_is_recognised_by_the_name_of_the_model(name, is_qwen):
    endpoint = vlnb.Endpoint("http://a/v1", name)
    assert endpoint.is_qwen25vl is is_qwen
    assert ("is not Qwen2.5-VL" in endpoint.describe()) is not is_qwen


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://host:30000/v1", "http://host:30000/v1"),
        ("http://host:30000/v1/", "http://host:30000/v1"),
        ("http://host:30000", "http://host:30000/v1"),
        ("host:30000", "http://host:30000/v1"),
        (" localhost:8000/ ", "http://localhost:8000/v1"),
        ("https://api.host.example/openai/v1/chat/completions", "https://api.host.example/openai/v1"),
        ("http://host/v1/models", "http://host/v1"),
        ("http://[::1]:8000", "http://[::1]:8000/v1"),
    ],
)
def test_addresses_are_normalised(address, expected):
    assert normalise(address) == expected


@pytest.mark.parametrize("text", ["ftp://host", "http://", "two words", "host:port", "host:99999999", "http://host:0"])
def test_an_invalid_address_is_refused(text):
    with pytest.raises(vlnb.BadInput, match="not the address of a server"):
        vlnb.connect(text)


@pytest.mark.parametrize("user", ["me:hunter2", ":hunter2", "hunter2"])
def test_a_password_in_the_address_is_refused_and_not_repeated(user):
    with pytest.raises(vlnb.BadInput, match="VLNB_API_KEY") as caught:
        vlnb.connect(f"http://{user}@host/v1")
    assert "hunter2" not in str(caught.value)


def test_an_unreachable_server_is_reported_and_not_replaced(monkeypatch):
    monkeypatch.setenv("VLNB_BASE_URL", "http://127.0.0.1:1")
    with pytest.raises(vlnb.NoServer, match=r"Nothing answers at http://127.0.0.1:1/v1.*unset it"):
        vlnb.connect()
    with pytest.raises(vlnb.NoServer, match=r"host of http://no.such.host.invalid:1/v1 is unknown"):
        vlnb.connect("no.such.host.invalid:1")


SERVERS = [
    (b"SSH-2.0-OpenSSH_9.6\r\n", vlnb.NoServer, "may not speak HTTP"),
    (b"", vlnb.NoServer, "closed the connection without an answer"),
    (http_response("200 OK", b"<html>Hello</html>", "text/html"), vlnb.BadAnswer, "not an OpenAI-compatible server"),
    (http_response("200 OK", b'{"data": [{"made": 1}]}'), vlnb.BadAnswer, "not an OpenAI-compatible server"),
    (http_response("200 OK", b'{"data": [{"i'), vlnb.BadAnswer, "not an OpenAI-compatible server"),
    (http_response("200 OK", b"7"), vlnb.BadAnswer, "not an OpenAI-compatible server"),
    pytest.param(http_response("200 OK", b"[" * 99_999), vlnb.BadAnswer, "not an OpenAI-compatible", id="nested"),
    (model_list(), vlnb.BadAnswer, "serves no model"),
    (http_response("404 Not Found", b"nope", "text/plain"), vlnb.ServerRefused, "ends in /v1"),
    (http_response("401 Unauthorized", b'{"error": "no key"}'), vlnb.ServerRefused, "Set VLNB_API_KEY"),
    (http_response("503 Service Unavailable", b""), vlnb.ServerRefused, "loading its model"),
    (http_response("500 Oh", b"boom"), vlnb.ServerRefused, 'failed on this request.*"boom"'),
]


@pytest.mark.parametrize(("response", "error", "words"), SERVERS)
def test_an_unusable_server_is_explained(raw_server, response, error, words):
    with pytest.raises(error, match=words):
        vlnb.connect(raw_server(lambda connection: connection.sendall(response)), announce=None)


def test_a_key_is_neither_shown_nor_sent_to_another_server(raw_server, monkeypatch):

    def echo(connection):
        connection.sendall(http_response("403 Forbidden", b'{"error": {"message": "bad key hunter2-hunter2"}}'))

    with pytest.raises(vlnb.ServerRefused) as caught:
        vlnb.connect(raw_server(echo), api_key="hunter2-hunter2", announce=None)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(vlnb.Endpoint("http://a/v1", "m", api_key="hunter2-hunter2"))
    monkeypatch.setenv("VLNB_BASE_URL", "http://one.example/v1")
    monkeypatch.setenv("VLNB_API_KEY", "hunter2-hunter2")
    assert resolve().api_key == "hunter2-hunter2"
    assert resolve("http://one.example/v1").api_key == "hunter2-hunter2"
    assert resolve("http://two.example/v1").api_key == "EMPTY"
