"""`make app`: who may reach it, and that its files name no other machine (a browser looks at it in tests/browser)."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "app").glob("*.ipynb"))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::"])
def test_other_machines_need_a_token(host):
    environment = {**os.environ, "VLNB_APP_HOST": host, "VLNB_APP_TOKEN": ""}
    words = [sys.executable, ROOT / "scripts" / "app.py"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert done.stdout.startswith(f"Not started: {host} can be reached from other machines. Set VLNB_APP_TOKEN")
    assert done.stderr == ""


def test_each_page_has_its_link():
    head = (ROOT / "app" / "voila" / "templates" / "vlnb" / "index.html.j2").read_text()
    listed = re.search(r"for page in \((.*?)\)", head)[1]
    assert sorted(re.findall(r'"(\w+)"', listed)) == [page.stem for page in PAGES] != []


@pytest.mark.parametrize("path", sorted((ROOT / "app").rglob("*.*")), ids=lambda path: path.name)
def test_no_file_of_the_app_names_another_machine(path):
    assert not path.is_file() or not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", path.read_text())
