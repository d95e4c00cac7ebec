"""A light installation: what it can do without the extras, and the sentence for what it cannot."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from vlnb import BadInput, extras

ROOT = Path(__file__).parent.parent

BASE = """
import json, sys, vlnb
picture = vlnb.images.load(sys.argv[1])
reply = vlnb.connect(sys.argv[2], announce=None).ask("Where is the total?", picture)
found = vlnb.regions.parse(reply.text, seen=picture.size, original=picture.original_size)
shown = vlnb.draw.overlay(picture, found)
said = {}
for what in ("vlnb.charts", "vlnb.panels", "vlnb.bench", "vlnb.connect(announce=None)"):
    try:
        eval(what)
    except vlnb.BadInput as error:
        said[what] = str(error)
print(json.dumps({"boxes": len(found.boxes), "shown": shown.alt, "said": said}))
"""


@pytest.fixture(scope="module")
def light(tmp_path_factory):
    """A fresh environment with the wheel of this tree and what it declares, and nothing else."""
    folder = tmp_path_factory.mktemp("light")
    python = folder / "venv" / "bin" / "python"
    for words in (
        ["build", "--wheel", "--quiet", "--out-dir", folder, ROOT],
        ["venv", "--quiet", "--python", sys.executable, folder / "venv"],
    ):
        subprocess.run([sys.executable, "-m", "uv", *words], check=True, capture_output=True)
    wheel = next(folder.glob("*.whl"))
    assert any(name.endswith("vlnb/py.typed") for name in zipfile.ZipFile(wheel).namelist())
    subprocess.run(
        [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python, wheel,
         "--constraint", ROOT / "requirements.txt"],
        check=True, capture_output=True,
    )  # fmt: skip
    return python


def test_the_base_loads_a_picture_asks_a_server_and_reads_the_answer(light, receipt, engine, tmp_path):
    receipt.picture.image.save(tmp_path / "receipt.png")
    done = subprocess.run(
        [light, "-W", "error", "-c", BASE, tmp_path / "receipt.png", engine.base_url],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert found["boxes"] >= 1
    assert "with 1 box on it" in found["shown"]
    assert set(found["said"]) == {"vlnb.charts", "vlnb.panels", "vlnb.bench", "vlnb.connect(announce=None)"}
    assert all("pip install 'vlnb[" in sentence for sentence in found["said"].values())


def test_the_command_line_of_the_base(light, tmp_path):
    def run(command):
        words = [light, "-m", "vlnb", command]
        return subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)

    asked = run("serve")
    assert asked.returncode == 1
    assert asked.stderr.startswith("vlnb: The embedded engine needs ")
    assert "pip install 'vlnb[engine]'" in asked.stderr
    examined = subprocess.run(
        [light, "-m", "vlnb", "doctor"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert "Traceback" not in examined.stderr
    assert "PROBLEM   vlnb[notebooks]: " in examined.stdout


def test_here_nothing_is_missing():
    for extra in ("", "engine", "notebooks", "bench", "mmmu"):
        assert extras.packages(extra)
        extras.require(extra, "This test")


def test_a_missing_package_is_named_with_the_command(monkeypatch):
    monkeypatch.setattr(extras, "version", lambda package: None if package == "scipy" else "1")
    with pytest.raises(BadInput, match=r"A score needs scipy, not installed here: pip install 'vlnb\[bench\]'"):
        extras.require("bench", "A score")
