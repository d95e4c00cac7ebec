"""The benchmark panel without a browser, against a real server of known timing."""

import threading
import time

import pytest

from tests.bench.conftest import serving
from vlnb import Endpoint, bench
from vlnb.panels import Benchmark

PLAN = bench.Workload(prompts=6, concurrency=2, images=0, input_len=4, output_len=4)


@pytest.fixture(scope="module")
def truth():
    with serving("--ttft", 0.05) as endpoint:
        yield endpoint


@pytest.fixture
def panel(truth, tmp_path):
    return Benchmark(truth, runs=tmp_path, plan=PLAN)


def test_a_run_is_followed_stored_and_shown(panel):
    stored = panel.start()
    assert len(stored.records) == 6
    assert "of the mean TTFT passed before the last byte was sent" in panel.results.value
    assert "TTFT mean, ms" in panel.results.value
    assert "killed" not in panel.results.value
    assert panel.stored_runs.options == (stored.folder.name,)
    assert len(panel.figure.children[0].data) == 1
    assert panel.bar.value == 1.0
    assert not panel.start_button.disabled


def test_stored_runs_are_compared(panel):
    panel.start()
    panel.start()
    panel.stored_runs.value = panel.stored_runs.options
    panel.compare()
    assert "TTFT mean, ms" in panel.results.value
    assert len(panel.figure.children[0].data) == 2


def test_start_answers_at_once_and_clears_the_old_run(panel):
    panel.start()
    seen = []
    panel.status.observe(lambda change: seen.append((change.new, panel.results.value, panel.figure.children)), "value")
    panel.start()
    assert seen[0] == ('<div aria-live="polite">starting the load generator …</div>', "", ())
    assert any("s left" in status for status, *_ in seen)


def test_it_is_stopped_and_resumed(panel):
    panel.choices["prompts"].value = 60
    worker = threading.Thread(target=panel.start)
    worker.start()
    deadline = time.monotonic() + 20
    while panel.bar.value == 0 and time.monotonic() < deadline:
        time.sleep(0.02)
    panel.stop()
    worker.join(20)
    assert 0 < len(panel.stored.records) < 60
    assert "Resume the run" in panel.results.value
    assert "killed" not in panel.results.value
    assert panel.resume().missing == []


def test_the_run_that_has_ended_is_chosen(panel):
    first = panel.start().folder
    (first / "requests.jsonl").write_text("")
    second = panel.start().folder
    assert panel.stored_runs.value == (second.name,)
    panel.stored_runs.value = (first.name,)
    panel.resume()
    assert panel.stored_runs.value == (first.name,)


def test_what_is_wrong_is_said(panel, tmp_path):
    panel.choices["resolution"].value = "huge"
    assert panel.start() is None
    assert "Choose 360p" in panel.status.value
    empty = Benchmark(Endpoint("http://127.0.0.1:1/v1", "m"), runs=tmp_path / "none", plan=PLAN)
    empty.compare()
    assert "Choose one" in empty.status.value
    assert empty.resume() is None
    assert empty.start() is not None
    assert "no connection" in empty.results.value


def test_every_control_has_a_name(panel):
    for control in (*panel.choices.values(), panel.stored_runs):
        assert control.description


def test_what_the_plan_says_and_no_control_shows_is_kept(panel):
    assert panel.workload() == PLAN
