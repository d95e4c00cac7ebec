"""The real smg before two real servers."""

import io
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.bench import answering
from vlnb import connect
from vlnb.errors import BadInput, ServerRefused
from vlnb.launch import Router, servers
from vlnb.local import listen

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def two():
    """Start two servers, which take 0.1 s for an answer and refuse a prompt that is "fail"."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.bench.answering", "--delay", "0.1"],
            stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )
        for _ in range(2)
    ]  # fmt: skip
    yield started, [f"http://127.0.0.1:{one.stdout.readline().strip()}" for one in started]
    for one in started:
        one.kill()
        one.communicate()


def port():
    with listen("127.0.0.1", 0) as listener:
        return listener.getsockname()[1]


def test_a_killed_server_loses_no_request(two):
    processes, urls = two
    router = Router.start(urls, port=port())
    try:
        assert [one.record for one in servers()] == [router.record]
        endpoint = connect(router.base_url, announce=None)
        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(endpoint.ask, f"question {number}") for number in range(40)]
            asked[8].result()
            processes[0].kill()
            assert [one.result().text for one in asked] == [answering.answer(f"question {n}") for n in range(40)]
    finally:
        router.stop()
    assert servers() == []


class Failing(answering.Handler):
    """Fails with 500 where the question is "fail"."""

    def do_POST(self):  # noqa: N802 - its name in the standard library
        body, rfile = self.rfile.read(int(self.headers["Content-Length"])), self.rfile
        if b'"fail"' in body:
            self.send(b"{}", "application/json", 500)
            return
        self.rfile = io.BytesIO(body)
        super().do_POST()
        self.rfile = rfile


def test_requests_that_always_fail_close_no_server():
    """With smg's own breaker, a few failures in a row close every server to everybody for a minute."""
    failing = [answering.Server(answering.options([])) for _ in range(2)]
    for one in failing:
        one.RequestHandlerClass = Failing
        threading.Thread(target=one.serve_forever, args=(0.02,), daemon=True).start()
    router = Router.start([f"http://127.0.0.1:{one.server_port}" for one in failing], port=port())
    try:
        endpoint = connect(router.base_url, announce=None)
        for _ in range(12):
            with pytest.raises(ServerRefused, match="500"):
                endpoint.ask("fail")
        assert endpoint.ask("q").text == answering.answer("q")
    finally:
        router.stop()
        for one in failing:
            one.shutdown()
            one.server_close()


def test_what_it_drops_is_measured():
    assert Router.lost() == ("image_url.max_dynamic_patch", "video_url.max_frames")


def test_one_server_needs_no_router():
    with pytest.raises(BadInput, match="at least two"):
        Router.start(["http://127.0.0.1:1", "127.0.0.1:1/v1"], port=1)
