"""JupyterLab in Chromium, driven as a person does: a small harness for every notebook. `make test-browser` runs it."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.conftest import free_port

ROOT = Path(__file__).parent.parent.parent
SHOTS = ROOT / "build" / "browser"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip

expect.set_options(timeout=30_000)  # JupyterLab takes its time where other tests run

if not (CHROMIUM and os.environ.get("VLNB_BROWSER")):
    collect_ignore_glob = ["test_*.py"]  # `make test` leaves the browser out; `make test-browser` sets VLNB_BROWSER


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """JupyterLab as `make lab` runs it: `lab(name, notebook)` writes a notebook and returns its address."""
    port = free_port()
    token, folder = secrets.token_hex(8), tmp_path_factory.mktemp("lab")
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--allow-root",
        "--ServerApp.port_retries=0", "--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={folder}",
        f"--LabApp.app_settings_dir={ROOT / 'scripts' / 'lab-settings'}",
    ]  # fmt: skip
    environment = {**os.environ, "JUPYTER_TOKEN": token, "VLNB_CACHE": str(folder / ".cache")}
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
    base = f"http://127.0.0.1:{port}"
    for _ in range(120):
        try:
            urllib.request.urlopen(f"{base}/api/status?token={token}", timeout=2)
            break
        except OSError:
            time.sleep(0.5)

    def address(name, notebook):
        (folder / name).write_text(json.dumps(notebook))
        return f"{base}/lab/tree/{name}?token={token}&reset"

    address.folder = folder
    yield address
    server.terminate()
    server.wait(20)


@pytest.fixture(scope="session")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def open_notebook(lab, chromium):
    """Open a notebook, run all its cells, and return the page; a screenshot is stored when the test ends."""
    pages = []

    def start(name, notebook):
        SHOTS.mkdir(parents=True, exist_ok=True)
        page = chromium.new_page(viewport={"width": 1280, "height": 1500})
        pages.append((name, page))
        page.goto(lab(name, notebook))
        idle = "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.kernelDisplayStatus === 'idle'"
        page.wait_for_function(idle, timeout=90_000)
        page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        return page

    yield start
    for name, page in pages:
        page.screenshot(path=SHOTS / f"{Path(name).stem}.png")
        page.close()
