"""The launch panel as a person uses it, by keyboard and mouse: choose, read, start, see progress, ask, stop."""

import json
import os
import sys

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.conftest import free_port
from tests.engine.conftest import ENGINE, ENVIRONMENT, command, is_running
from tests.launch.test_server import SERVE
from vlnb.endpoint import record

REAL = (ENGINE / "done-3").exists()


def notebook(*cells):
    book = new_notebook(cells=[new_code_cell(source) for source in cells])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return json.loads(json.dumps(book))


@pytest.fixture
def server_command():
    """The real SGLang server where `make test-engine` has installed it, else a small server of ours."""
    port = free_port()
    if REAL:
        return command(port=port), port, ENVIRONMENT
    return [sys.executable, "-c", SERVE, str(port)], port, {}


def test_the_panel_shows_the_plan_and_starts_and_stops_a_server(open_notebook, server_command, lab):
    argv, port, environment = server_command
    cell = f"import vlnb\npanel = vlnb.panels.Launch(port={port}, command={argv!r}, environment={environment!r})\npanel"
    page = open_notebook("launch.ipynb", notebook(cell))

    page.get_by_label("Model size", exact=True).select_option("72B")
    page.get_by_text("verified by the cookbook").wait_for()
    page.get_by_label("GPUs", exact=True).select_option("1")
    page.get_by_text("with --tp 2 (2 GPUs): 382 k tokens of cache").first.wait_for()
    page.get_by_label("GPUs", exact=True).select_option("4")
    page.get_by_text("ours, not verified: --tp 4 instead of 8").wait_for()
    assert page.locator("mark").inner_text().strip().startswith("--tp 4")
    page.get_by_label("Route", exact=True).select_option("kubernetes")
    page.get_by_text("startupProbe").first.wait_for()

    page.get_by_label("GPU", exact=True).focus()
    for name in ("Model size", "GPUs", "Context", "Goal", "Route"):
        page.keyboard.press("Tab")
        assert page.get_by_label(name, exact=True).evaluate("element => element === document.activeElement"), name
    page.get_by_label("Route", exact=True).select_option("shell")

    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_text(f"ready at http://127.0.0.1:{port}/v1").wait_for(timeout=240_000)
    os.environ["VLNB_CACHE"] = str(lab.folder / ".cache")
    (server_record,) = record.live()
    family = [process.pid for process in record.processes(server_record)]

    if REAL:
        question_cell = "import vlnb\nvlnb.connect().ask('hi', vlnb.samples.receipt().picture, max_tokens=4).usage"
        second_page = open_notebook("ask.ipynb", notebook(question_cell))
        second_page.get_by_text("image_tokens=667").wait_for(timeout=120_000)
        page.bring_to_front()

    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_text("nothing is left running").wait_for(timeout=60_000)
    assert not [pid for pid in family if is_running(pid)]
