"""A server's own metrics, as SGLang and vLLM print them, read before, during and after a run."""

import http.server
import threading
import time

import pytest

from tests.bench.test_metrics import record, run
from vlnb import NoServer, records
from vlnb.bench import gauges, report

SGLANG = """# HELP sglang:num_running_reqs The number of running requests.
# TYPE sglang:num_running_reqs gauge
sglang:num_running_reqs{model_name="m",tp_rank="0"} 3.0
sglang:num_queue_reqs{model_name="m",tp_rank="0"} 2.0
sglang:cache_hit_rate{model_name="m",tp_rank="0"} 0.25
"""
VLLM = """vllm:num_requests_running{engine="0",model_name="m"} 4.0
vllm:num_requests_running{engine="1",model_name="m"} 1.0
vllm:num_requests_waiting{engine="0",model_name="m"} 7.0
"""


@pytest.fixture
def page():
    servers = []

    def start(text, status=200):
        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                requests.append((self.path, self.headers["authorization"]))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        requests = []
        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/v1", requests

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SGLANG, (3, 2, 0.25)),
        (VLLM, (5, 7, None)),
        ("nothing_of_them 1\n", None),
        ("sglang:num_running_reqs NaN\n", None),
        ("sglang:num_running_reqs 9e999\n", None),
    ],
)
def test_gauges_are_read(page, text, expected):
    gauge = gauges.read(page(text)[0], "EMPTY")
    assert (gauge and (gauge.running, gauge.queued, gauge.cache_hit_rate)) == expected


def test_a_server_without_metrics_causes_no_error(page, tmp_path):
    address, _ = page("no", 404)
    assert gauges.read(address, "EMPTY") is None
    watch = gauges.Watch(tmp_path, "http://127.0.0.1:1/v1", "EMPTY")
    watch.stop()
    assert list(tmp_path.iterdir()) == []


def test_gauges_are_stored_with_the_run_but_the_key_is_not(page, tmp_path):
    address, requests = page(SGLANG)
    watch = gauges.Watch(tmp_path, address, "sesame")
    deadline = time.monotonic() + 30
    while not (tmp_path / gauges.GAUGES).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    watch.stop()
    text = (tmp_path / gauges.GAUGES).read_text()
    assert len(text.splitlines()) >= 2
    assert "sesame" not in text
    assert set(requests) == {("/metrics", "Bearer sesame")}


def test_a_reading_that_fails_does_not_end_the_gauges(tmp_path, monkeypatch):
    readings = [gauges.Gauge(1, 0, 0), NoServer("late"), gauges.Gauge(3, 8, 3), gauges.Gauge(4, 7, 2)]

    def read(*_):
        reading = readings.pop(0) if readings else gauges.Gauge(5, 0, 0)
        if isinstance(reading, NoServer):
            raise reading
        return reading

    monkeypatch.setattr(gauges, "read", read)
    monkeypatch.setattr(gauges, "_EVERY_S", 0.01)
    watch = gauges.Watch(tmp_path, "http://127.0.0.1:1/v1", "EMPTY")
    deadline = time.monotonic() + 10
    while readings and time.monotonic() < deadline:
        time.sleep(0.01)
    watch.stop()
    stored = list(records.lines(gauges.Gauge, tmp_path / gauges.GAUGES, []))
    assert [(gauge.at, gauge.running) for gauge in stored[:4]] == [(1, 0), (3, 8), (4, 7), (5, 0)]


def test_the_report_summarises_the_gauges():
    samples = [gauges.Gauge(1, 0, 0, 0.1), gauges.Gauge(2, 8, 3, 0.5), gauges.Gauge(3, 0, 0, 0.4)]
    sentence = gauges.sentence(samples)
    assert "0 requests running and 0 queued before the run, at most 8 and 3 during it" in sentence
    assert "50%" in sentence
    assert " and 0 and 0 after it; its cache" in gauges.sentence(samples, ended_at=3)
    assert "at most 8 and 3 during it; its cache" in gauges.sentence(samples, ended_at=3.5)
    assert gauges.sentence([]) == ""
    assert not any("own metrics" in line for line in report.sentences(run(record(0))))
