"""The launch panel without a browser: what it shows for each choice, and that it starts and stops for real."""

import sys
import time

import psutil
import pytest

from tests.conftest import free_port
from tests.launch.test_server import SERVE
from vlnb import catalog
from vlnb.panels import Launch


@pytest.fixture
def panel(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Launch()


def test_the_cookbooks_command_is_marked_as_verified(panel):
    panel.size.value = "72B"
    assert "verified by the cookbook" in panel.plan_view.value
    assert "--context-length 128000" in panel.command.value
    assert "2.86 M tokens of cache" in panel.plan_view.value
    assert "<mark" not in panel.command.value
    assert catalog.COOKBOOK_URL in panel.plan_view.value


def test_unverified_flags_are_marked_with_their_reason(panel):
    panel.size.value = "72B"
    panel.gpus.value = 4
    assert "ours, not verified: --tp 4 instead of 8" in panel.plan_view.value
    assert '<mark title="4 GPUs hold one copy' in panel.command.value


def test_a_model_that_does_not_fit_is_reported_with_an_alternative(panel):
    panel.size.value = "72B"
    panel.gpus.value = 1
    assert "or with --tp 2 (2 GPUs): 382 k tokens of cache." in panel.plan_view.value


@pytest.mark.parametrize(
    ("form", "words"), [("docker", "docker run"), ("compose", "services:"), ("kubernetes", "startupProbe")]
)
def test_each_route_shows_its_own_command(panel, form, words):
    panel.form.value = form
    assert words in panel.command.value


def test_starting_without_a_gpu_is_reported(panel):
    panel.start()
    assert panel.server is None
    assert "No AMD GPU was found" in panel.status.value
    panel.size.value = "3B"
    assert "No AMD GPU" not in panel.status.value, "a message about an earlier choice goes"
    assert "No server that was launched from here is running" in panel.status.value


def test_every_control_has_a_name(panel):
    names = [c.description for c in (panel.gpu, panel.size, panel.gpus, panel.context, panel.goal, panel.form)]
    assert names == ["GPU", "Model size", "GPUs", "Context", "Goal", "Route"]
    assert 'aria-live="polite"' in panel.status.value


def test_the_panel_starts_follows_rediscovers_and_stops_a_server(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    port = free_port()
    panel = Launch(port=port, command=[sys.executable, "-c", SERVE, str(port)])
    panel.start_button.click()
    deadline = time.monotonic() + 20
    while "ready at" not in panel.status.value and time.monotonic() < deadline:
        time.sleep(0.1)
    assert f"ready at http://127.0.0.1:{port}/v1" in panel.status.value
    assert panel.bar.value == 1.0
    again = Launch(port=port)
    assert again.server == panel.server, "another notebook's panel finds it"
    pid = panel.server.record.pid
    panel.stop_button.click()
    assert "nothing is left running" in panel.status.value
    assert not psutil.pid_exists(pid)
