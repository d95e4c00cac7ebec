"""`make app`: access from other machines, and no external hosts in its files (tests/browser opens it in a browser)."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "app").glob("*.ipynb"))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::"])
def test_a_public_host_without_a_token_is_refused(host):
    environment = {**os.environ, "VLNB_APP_HOST": host, "VLNB_APP_TOKEN": ""}
    command = [sys.executable, ROOT / "scripts" / "app.py"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=30)
    assert result.returncode == 2
    assert result.stdout.startswith(f"Not started: {host} can be reached from other machines. Set VLNB_APP_TOKEN")
    assert result.stderr == ""


def test_the_menu_lists_every_page():
    head = (ROOT / "app" / "voila" / "templates" / "vlnb" / "index.html.j2").read_text()
    listed = re.search(r"for page in \((.*?)\)", head)[1]
    assert sorted(re.findall(r'"(\w+)"', listed)) == [page.stem for page in PAGES] != []


@pytest.mark.parametrize("path", sorted((ROOT / "app").rglob("*.*")), ids=lambda path: path.name)
def test_no_app_file_names_an_external_host(path):
    assert not path.is_file() or not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", path.read_text())
