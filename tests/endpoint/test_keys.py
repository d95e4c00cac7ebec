"""Which key goes to which server, in every command, panel and resume: a canary, and servers that record requests."""

import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import vlnb
from vlnb import bench, cli, fetch, records
from vlnb.bench.sglang import server_info
from vlnb.endpoint import record
from vlnb.endpoint.keys import NO_KEY, bearer, key_for, redacted, same_server, withheld
from vlnb.endpoint.resolve import resolve
from vlnb.panels import Benchmark

CANARY = "sk-canary-4242424242"
SMALL = bench.Workload(prompts=4, concurrency=2, images=0, input_len=4, output_len=2)
EVENTS = "".join(
    f"data: {json.dumps(event)}\n\n"
    for event in (
        {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m",
         "choices": [{"index": 0, "delta": {"content": "(A)"}, "finish_reason": None}]},
        {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m",
         "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
         "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}},
    )
) + "data: [DONE]\n\n"  # fmt: skip


class RecordingHandler(http.server.BaseHTTPRequestHandler):
    """Answers as an OpenAI-compatible server does, and records the headers of every request."""

    protocol_version = "HTTP/1.1"

    def reply(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.seen.append((self.path, dict(self.headers)))
        if self.server.elsewhere:
            self.send_response(307)
            self.send_header("location", self.server.elsewhere + self.path.removeprefix("/v1"))
            body = b""
        elif self.path.endswith("/chat/completions"):
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            body = EVENTS.encode()
        else:
            self.send_response(200)
            info = {"data": [{"id": "m"}], "version": "0.5.6", "launch_command": f"serve --api-key {CANARY}",
                    "hf_auth": CANARY, "model_path": "Qwen/Qwen2.5-VL-7B-Instruct", "tp_size": 8}  # fmt: skip
            body = json.dumps(info).encode()
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = reply  # noqa: N815 - http.server's names

    def log_message(self, *_):
        pass


@pytest.fixture
def recorder():
    """Start such servers: `server = recorder()`; `server.base_url`, `server.seen`, `server.got_the_key`."""
    servers = []

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        elsewhere = ""

        @property
        def got_the_key(self):
            return any(CANARY in str(headers) for _, headers in self.seen)

    def start():
        server = Server(("127.0.0.1", 0), RecordingHandler)
        server.seen = []
        server.base_url = f"http://127.0.0.1:{server.server_port}/v1"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def canary(monkeypatch):
    monkeypatch.setenv("VLNB_API_KEY", CANARY)


@pytest.mark.parametrize(
    ("named", "address", "typed", "sent"),
    [
        ("http://a:1/v1", "http://a:1/v1", False, True),
        ("a:1", "http://a:1/v1", False, True),
        ("http://A:1/", "http://a:1/other", False, True),
        ("https://a", "https://a:443/v1", False, True),
        ("http://a:1/v1", "http://a:2/v1", True, False),
        ("http://a:1/v1", "https://a:1/v1", True, False),
        ("http://a:1/v1", "http://b:1/v1", True, False),
        ("", "http://a:1/v1", True, True),
        (" ", "http://a:1/v1", True, True),
        (" http://a:1 ", "http://a:1/v1", False, True),
        ("", "http://a:1/v1", False, False),
        ("http://[", "http://a:1/v1", True, False),
        ("http://a:port", "http://a:port", True, False),
    ],
)
def test_a_key_goes_only_to_the_named_or_typed_server(canary, monkeypatch, named, address, typed, sent):
    monkeypatch.setenv("VLNB_BASE_URL", named)
    assert (key_for(address, typed=typed) == CANARY) is sent
    if not typed:
        assert bool(withheld(address)) is not sent


def test_without_a_key_none_is_withheld_or_sent():
    assert withheld("http://a:1/v1") == ""
    assert [bearer(key) for key in ("", NO_KEY, CANARY)] == [{}, {}, {"authorization": f"Bearer {CANARY}"}]


@pytest.mark.parametrize(
    "placeholder",
    "Ollama lm-studio not-needed no-key-required sk-no-key-required no-key nokey dummy unused short".split(),
)
def test_a_documented_placeholder_is_no_secret(placeholder):
    assert redacted(f"wrong key {placeholder}, {CANARY}", placeholder) == f"wrong key {placeholder}, {CANARY}"
    assert redacted(f"wrong key {placeholder}, {CANARY}", f" {CANARY}\n") == f"wrong key {placeholder}, …"


def test_servers_are_the_same_if_scheme_host_and_port_are():
    assert same_server("http://a", "http://a:80/v1")
    assert not same_server("http://user@a", "http://b")
    assert not same_server("", "")


def test_a_key_in_the_environment_goes_to_the_named_server_only(canary, monkeypatch, recorder):
    named, other = recorder(), recorder()
    monkeypatch.setenv("VLNB_BASE_URL", named.base_url)
    vlnb.connect(announce=None).ask("?")
    vlnb.connect(other.base_url, announce=None).ask("?")
    server_info(named.base_url)
    assert [path for path, headers in named.seen if CANARY not in str(headers)] == ["/get_server_info"]
    assert len(other.seen) == 2
    assert not other.got_the_key


def test_a_resumed_run_sends_no_key_to_the_server_in_its_manifest(canary, monkeypatch, recorder, tmp_path, capsys):
    named, other = recorder(), recorder()
    monkeypatch.setenv("VLNB_BASE_URL", named.base_url)
    monkeypatch.setenv("VLNB_RUNS", str(tmp_path))
    for name in ("command", "bench/panel", "function"):
        records.create(tmp_path / name, bench.runner.manifest(SMALL, vlnb.Endpoint(other.base_url, "m")))
    assert cli.main(["bench", "resume", str(tmp_path / "command")]) == 0
    assert f"VLNB_API_KEY is not sent to {other.base_url}" in capsys.readouterr().err
    panel = Benchmark(vlnb.connect(announce=None))
    panel.stored_runs.value = ["panel"]
    assert panel.resume().missing == []
    assert bench.resume(tmp_path / "function").follow().missing == []
    assert sum(path.endswith("completions") for path, _ in other.seen) >= 3 * SMALL.prompts
    assert not other.got_the_key


def test_a_resumed_run_sends_the_key_to_the_server_it_belongs_to(canary, monkeypatch, recorder, tmp_path):
    server = recorder()
    records.create(tmp_path / "one", bench.runner.manifest(SMALL, vlnb.Endpoint(server.base_url, "m")))
    bench.resume(tmp_path / "one", vlnb.Endpoint(server.base_url, "m", api_key=CANARY)).follow()
    assert server.got_the_key
    server.seen.clear()
    monkeypatch.setenv("VLNB_BASE_URL", server.base_url)
    records.create(tmp_path / "two", bench.runner.manifest(SMALL, vlnb.Endpoint(server.base_url, "m")))
    assert cli.main(["bench", "resume", str(tmp_path / "two")]) == 0
    assert server.got_the_key


COMMANDS = [
    ["ask", "RECEIPT", "What is the total?"],
    ["ask", "RECEIPT", "What is the total?", "--json"],
    ["check"],
    ["bench", "run", "--prompts", "3", "--images", "0", "--output-len", "2", "--out", "runs/bench/one"],
    ["bench", "sweep", "--users", "1", "--prompts", "2", "--images", "0", "--output-len", "2", "--out", "runs/find"],
    ["mmmu", "run", "--drawn", "--out", "runs/mmmu"],
    ["doctor"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: "-".join(words[:2]))
def test_the_canary_reaches_the_named_server_but_no_file_or_output(
    canary, monkeypatch, recorder, tmp_path, receipt, words
):
    """Run each command in its own process and an empty folder, then search every file and all output."""
    named = recorder()
    receipt.picture.image.save(tmp_path / "receipt.png")
    words = ["receipt.png" if word == "RECEIPT" else word for word in words]
    result = subprocess.run(
        [sys.executable, "-m", "vlnb", *words], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "VLNB_BASE_URL": named.base_url, "VLNB_CACHE": str(tmp_path / "cache")},
    )  # fmt: skip
    assert "Traceback" not in result.stderr
    assert named.got_the_key
    assert CANARY not in result.stdout + result.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]


def test_the_environment_variables_of_openai_are_not_sent(monkeypatch, recorder):
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, f"private-{name}")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "x-secret: private-header\nauthorization: Bearer private-auth")
    server = recorder()
    vlnb.connect(server.base_url, announce=None).ask("?")
    assert len(server.seen) == 2
    assert "private" not in str(server.seen).lower()


def test_a_redirect_carries_neither_key_nor_picture_to_another_server(recorder, receipt):
    first, second = recorder(), recorder()
    endpoint = vlnb.Endpoint(first.base_url, "m", api_key=CANARY)
    first.elsewhere = second.base_url
    with pytest.raises(vlnb.ServerRefused, match=r"redirects to http://127.0.0.1:\d+/v1: not followed"):
        endpoint.ask("?", receipt.picture)
    assert first.got_the_key
    assert second.seen == []
    first.elsewhere = ""
    first.seen.clear()
    assert endpoint.ask("?").text == "(A)"


def test_only_known_settings_of_a_server_are_stored(recorder, tmp_path):
    server = recorder()
    bench.run(SMALL, vlnb.Endpoint(server.base_url, "m"), tmp_path / "run")
    stored = (tmp_path / "run" / "manifest.json").read_text()
    assert CANARY not in stored
    assert json.loads(stored)["server"]["reported"] == {
        "version": "0.5.6", "model_path": "Qwen/Qwen2.5-VL-7B-Instruct", "tp_size": 8,
    }  # fmt: skip


def test_the_load_generator_does_not_inherit_the_key(canary, recorder, tmp_path):
    server = recorder()
    running = bench.start(SMALL, vlnb.Endpoint(server.base_url, "m"), tmp_path / "run")
    environment = Path(f"/proc/{running._process.pid}/environ")
    if environment.exists():
        assert CANARY.encode() not in environment.read_bytes()
    running.follow()
    assert not server.got_the_key


@pytest.mark.parametrize(
    "address",
    ["http://me:hunter2@host/v1", "http://me:hunter2@host:port/v1", "http://me:hun/ter2@[host/v1", "me:hunter2@host:x",
     "ftp://me:hunter2@host", "http://host:port/v1?sig=hunter2", "http://host:0/v1#hunter2"],
)  # fmt: skip
def test_no_error_repeats_a_password(address):
    with pytest.raises(vlnb.BadInput) as caught:
        resolve(address)
    assert "hunter2" not in str(caught.value)
    assert "ter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://u:p@h.example/a.png?X-Amz-Signature=s#f", "https://h.example/a.png"),
        ("u:p@host", "host"),
        ("http://me:p/w@host:port/v1", "http://host:port/v1"),
        ("https://cdn.example/npm/@scope/x.png", "https://cdn.example/npm/@scope/x.png"),
        ("http://[::1]:80/v1?key=3", "http://[::1]:80/v1"),
        ("http://me:pw@[bad/v1", "http://[bad/v1"),
        ("http://u:p?w@h/x", "http://…"),
        ("http://u:12#w@h/x", "http://…"),
        ("http://token?w@h", "http://…"),
        ("u:p?w@h", "…"),
        ("https://h.example/a.png?mail=me@h.example", "https://h.example/a.png"),
        ("https://u:p@web.example/save/http://h.example/x", "https://web.example/save/http://h.example/x"),
    ],
)
def test_addresses_are_shown_without_possible_secrets(address, shown):
    assert fetch.shown_url(address) == shown


def test_a_launched_server_gets_the_key_unless_another_is_named(canary, monkeypatch, recorder):
    server = recorder()
    record.write(record.of(server.base_url, os.getpid()))
    assert resolve().api_key == CANARY
    assert resolve("http://elsewhere.example/v1").api_key == CANARY  # typed, and no other server is named
    monkeypatch.setenv("VLNB_BASE_URL", "http://named.example/v1")
    assert resolve(server.base_url).api_key == NO_KEY
