"""The real smg in front of two real servers."""

import io
import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from openai import OpenAI

from tests.bench import answering
from tests.conftest import free_port
from tests.embedded.pages import unread
from vlnb import connect, images, launch
from vlnb.endpoint import Endpoint
from vlnb.errors import BadInput, NoServer, ServerRefused
from vlnb.launch import Router, servers
from vlnb.launch.router import DROPPED

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def two_servers():
    """Start two servers that take 0.1 s for an answer."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.bench.answering", "--delay", "0.1"],
            stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )
        for _ in range(2)
    ]  # fmt: skip
    yield started, [f"http://127.0.0.1:{process.stdout.readline().strip()}" for process in started]
    for process in started:
        process.kill()
        process.communicate()


def test_a_killed_server_loses_no_request(two_servers):
    processes, urls = two_servers
    router = Router.start(urls, port=free_port())
    try:
        assert [server.record for server in servers()] == [router.record]
        endpoint = connect(router.base_url, announce=None)
        with ThreadPoolExecutor(4) as pool:
            replies = [pool.submit(endpoint.ask, f"question {number}") for number in range(40)]
            replies[8].result()
            processes[0].kill()
            assert [reply.result().text for reply in replies] == [answering.answer(f"question {n}") for n in range(40)]
    finally:
        router.stop()
    assert servers() == []


def test_killing_one_of_two_engines_loses_no_request(receipt):
    """smg retries on the other server, but only requests that are not streamed: a stream that has begun breaks."""
    serve = [sys.executable, "-m", "vlnb", "serve", "--port"]
    engines = [launch.start([*serve, str(number)], port=number) for number in (free_port(), free_port())]
    try:
        for server in engines:
            server.wait(60)
        engines.append(Router.start([engine.base_url for engine in engines], port=free_port()))
        client = OpenAI(base_url=engines[-1].base_url, api_key="none", max_retries=0)

        def ask(_):
            uri = images.data_uri(images.load(unread(receipt.picture.seen(max_pixels=150_000).image)))
            content = [
                {"type": "image_url", "image_url": {"url": uri}},
                {"type": "text", "text": "What is the grand total?"},
            ]
            message = {"role": "user", "content": content}
            return client.chat.completions.create(model="vlnb-embedded-ocr", messages=[message])

        with ThreadPoolExecutor(4) as pool:
            answers = [pool.submit(ask, number) for number in range(8)]
            answers[2].result()
            psutil.Process(engines[0].record.pid).kill()
            assert {answer.result().choices[0].message.content.splitlines()[0] for answer in answers} == {"17,000"}
    finally:
        for server in reversed(engines):
            server.stop()


class Failing(answering.Handler):
    """Fails with 500 if the question is "fail"."""

    def do_POST(self):  # noqa: N802 - its name in the standard library
        body, rfile = self.rfile.read(int(self.headers["Content-Length"])), self.rfile
        if b'"fail"' in body:
            self.send(b"{}", "application/json", 500)
            return
        self.server.seen.append(json.loads(body))
        self.rfile = io.BytesIO(body)
        super().do_POST()
        self.rfile = rfile


@pytest.fixture
def failing_servers():
    """Two such servers, which keep the requests that they receive in `seen`."""
    started = [answering.Server(answering.options([])) for _ in range(2)]
    for server in started:
        server.RequestHandlerClass, server.seen = Failing, []
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield started
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.fixture
def running_router(failing_servers):
    router = Router.start([f"http://127.0.0.1:{server.server_port}" for server in failing_servers], port=free_port())
    yield router
    router.stop()


def test_requests_that_always_fail_do_not_close_a_server(running_router):
    """With smg's own circuit breaker, a few failures in a row close every server to all clients for a minute."""
    endpoint = connect(running_router.base_url, announce=None)
    for _ in range(12):
        with pytest.raises(ServerRefused, match="500"):
            endpoint.ask("fail")
    assert endpoint.ask("q").text == answering.answer("q")


FIELDS = {
    "top_k": 5, "min_p": 0.1, "repetition_penalty": 1.1, "seed": 1, "ignore_eos": True, "max_tokens": 8,
    "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}},
    "chat_template_kwargs": {"a": 1}, "mm_processor_kwargs": {"max_pixels": 1}, "custom_params": {"a": 1},
}  # fmt: skip
PARTS = {
    "image_url": {"url": "data:image/png;base64,AA==", "detail": "high", "max_dynamic_patch": 2},
    "video_url": {"url": "data:video/mp4;base64,AA==", "fps": 2, "max_frames": 8},
}


def test_the_router_drops_exactly_the_documented_fields(failing_servers, running_router):
    text = {"type": "text", "text": "q"}
    parts = [text, *({"type": kind, kind: value} for kind, value in PARTS.items())]
    Endpoint(running_router.base_url, "oracle").send({"messages": [{"role": "user", "content": parts}], **FIELDS}).text  # noqa: B018 - waits
    (seen,) = [request for server in failing_servers for request in server.seen]
    arrived = {part["type"]: part.get(part["type"]) for part in seen["messages"][0]["content"]}
    lost = [f"{kind}.{name}" for kind, part in PARTS.items() for name in part if name not in arrived[kind]]
    assert tuple(lost) == DROPPED
    assert FIELDS.keys() - seen.keys() <= {"max_tokens"}
    assert {"max_tokens", "max_completion_tokens"} & seen.keys()


def test_an_unreachable_server_is_reported_before_the_router_starts():
    with pytest.raises(NoServer, match=r"Nothing answers at http://127\.0\.0\.1:1/v1") as caught:
        Router.start(["http://127.0.0.1:1", "http://127.0.0.1:2"], port=free_port())
    assert "embedded engine" not in str(caught.value)  # it is behind a router only if it is named
    assert servers() == []


def test_one_server_needs_no_router():
    with pytest.raises(BadInput, match="at least two"):
        Router.start(["http://127.0.0.1:1", "127.0.0.1:1/v1"], port=1)
