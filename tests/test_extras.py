"""A base installation: what works without the extras, and the error message for what does not."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from vlnb import BadInput, extras
from vlnb.doctor import _EXTRAS

ROOT = Path(__file__).parent.parent

BASE = """
import json, sys, vlnb
picture = vlnb.images.load(sys.argv[1])
reply = vlnb.connect(sys.argv[2], announce=None).ask("Where is the total?", picture)
found = vlnb.regions.parse(reply.text, seen=picture.size, original=picture.original_size)
shown = vlnb.draw.overlay(picture, found)
messages = {}
for expression in ("vlnb.charts", "vlnb.panels", "vlnb.bench", "vlnb.connect(announce=None)"):
    try:
        eval(expression)
    except vlnb.BadInput as error:
        messages[expression] = str(error)
print(json.dumps({"boxes": len(found.boxes), "shown": shown.alt, "messages": messages}))
"""


@pytest.fixture(scope="module")
def base_python(tmp_path_factory):
    """Return the Python of a fresh environment that holds only this tree's wheel and its declared dependencies."""
    folder = tmp_path_factory.mktemp("light")
    python = folder / "venv" / "bin" / "python"
    for arguments in (
        ["build", "--wheel", "--quiet", "--out-dir", folder, ROOT],
        ["venv", "--quiet", "--python", sys.executable, folder / "venv"],
    ):
        subprocess.run([sys.executable, "-m", "uv", *arguments], check=True, capture_output=True)
    wheel = next(folder.glob("*.whl"))
    assert any(name.endswith("vlnb/py.typed") for name in zipfile.ZipFile(wheel).namelist())
    subprocess.run(
        [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python, wheel,
         "--constraint", ROOT / "requirements.txt"],
        check=True, capture_output=True,
    )  # fmt: skip
    return python


def test_the_base_installation_asks_a_server_and_parses_the_answer(base_python, receipt, engine, tmp_path):
    receipt.picture.image.save(tmp_path / "receipt.png")
    result = subprocess.run(
        [base_python, "-W", "error", "-c", BASE, tmp_path / "receipt.png", engine.base_url],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert result.stderr == ""
    report = json.loads(result.stdout)
    assert report["boxes"] >= 1
    assert "with 1 box on it" in report["shown"]
    assert set(report["messages"]) == {"vlnb.charts", "vlnb.panels", "vlnb.bench", "vlnb.connect(announce=None)"}
    assert all("pip install 'vlnb[" in message for message in report["messages"].values())


def test_the_base_command_line_says_how_to_install_an_extra(base_python, tmp_path):
    def run(command):
        arguments = [base_python, "-m", "vlnb", command]
        return subprocess.run(arguments, capture_output=True, text=True, check=False, cwd=tmp_path)

    serve = run("serve")
    assert serve.returncode == 1
    assert serve.stderr.startswith("vlnb: The embedded engine needs ")
    assert "pip install 'vlnb[engine]'" in serve.stderr
    doctor = subprocess.run(
        [base_python, "-m", "vlnb", "doctor"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert "Traceback" not in doctor.stderr
    assert "PROBLEM   vlnb[notebooks]: " in doctor.stdout
    assert "optional  vlnb[video]: av, tqdm missing, needed for videos" in doctor.stdout


def test_the_development_environment_has_every_extra():
    for extra in _EXTRAS:
        assert extras.packages(extra)
        extras.require(extra, "This test")


def test_a_missing_package_is_reported_with_its_install_command(monkeypatch):
    monkeypatch.setattr(extras, "version", lambda package: None if package == "scipy" else "1")
    with pytest.raises(BadInput, match=r"A score needs scipy, not installed here: pip install 'vlnb\[bench\]'"):
        extras.require("bench", "A score")
