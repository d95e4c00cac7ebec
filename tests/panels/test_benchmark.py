"""The benchmark panel without a browser, against a real server of known timing."""

import pytest

from tests.bench.conftest import serving
from vlnb import Endpoint, bench
from vlnb.panels import Benchmark

PLAN = bench.Workload(prompts=6, concurrency=2, images=0, input_len=4, output_len=4)


@pytest.fixture(scope="module")
def timed_endpoint():
    with serving("--ttft", 0.05) as endpoint:
        yield endpoint


@pytest.fixture
def panel(timed_endpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("VLNB_RUNS", str(tmp_path))
    return Benchmark(timed_endpoint, plan=PLAN)


def test_a_run_is_stored_and_its_results_are_shown(panel):
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


def test_start_responds_at_once_and_clears_the_previous_results(panel):
    panel.start()
    updates = []
    panel.status.observe(
        lambda change: updates.append((change.new, panel.results.value, panel.figure.children)), "value"
    )
    panel.start()
    assert updates[0] == ('<div aria-live="polite">starting the load generator …</div>', "", ())
    assert any("s left" in status for status, *_ in updates)


def test_a_run_can_be_stopped_and_resumed(panel):
    panel.choices["prompts"].value = 200
    panel.bar.observe(lambda _: panel.stop(), "value")
    panel.start()
    panel.bar.unobserve_all()
    assert 0 < len(panel.stored.records) < 200
    assert "Resume the run" in panel.results.value
    assert "killed" not in panel.results.value
    assert panel.resume().missing == []


def test_a_run_can_be_stopped_while_it_starts(panel):
    panel.choices["prompts"].value = 60
    panel.status.observe(lambda change: "starting" in change["new"] and panel.stop(), "value")
    assert len(panel.start().records) < 60


def test_a_double_click_starts_one_run(panel):
    panel.start_button.click()
    panel.start_button.click()
    panel.resume_button.click()
    assert panel.busy.acquire(timeout=60)
    assert len(list(panel.stored.folder.parent.iterdir())) == 1


def test_the_run_that_has_just_ended_is_selected(panel):
    first = panel.start().folder
    (first / "requests.jsonl").write_text("")
    second = panel.start().folder
    assert panel.stored_runs.value == (second.name,)
    panel.stored_runs.value = (first.name,)
    panel.resume()
    assert panel.stored_runs.value == (first.name,)


def test_the_panel_reports_invalid_choices_and_failed_connections(panel):
    panel.choices["resolution"].value = "huge"
    assert panel.start() is None
    assert "Choose 360p" in panel.status.value
    unreachable = Benchmark(Endpoint("http://127.0.0.1:1/v1", "m"), plan=PLAN)
    unreachable.compare()
    assert "Choose one" in unreachable.status.value
    assert unreachable.resume() is None
    assert unreachable.start() is not None
    assert "no connection" in unreachable.results.value


def test_every_control_has_a_name(panel):
    for control in (*panel.choices.values(), panel.stored_runs):
        assert control.description


def test_settings_of_the_plan_without_a_control_are_kept(panel):
    assert panel.workload() == PLAN
