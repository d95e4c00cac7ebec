"""The set-up files are consistent with each other and with this environment."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


EXTRAS = ("engine", "notebooks", "bench", "mmmu")


def locked(name):
    pins = [Requirement(line) for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
    assert pins
    applicable = [pin for pin in pins if pin.marker is None or pin.marker.evaluate()]
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in applicable}


def declared(*extras):
    lines = PROJECT["dependencies"] + [line for extra in extras for line in PROJECT["optional-dependencies"][extra]]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize(("name", "extras"), [("requirements.txt", EXTRAS), ("requirements-dev.txt", (*EXTRAS, "dev"))])
def test_locked_requirements_satisfy_the_ranges(name, extras):
    pins = locked(name)
    for requirement in declared(*extras):
        pin = pins[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(pin), f"{name} has drifted: run make requirements"


def test_both_locks_agree():
    runtime, development = locked("requirements.txt"), locked("requirements-dev.txt")
    assert {name: development.get(name) for name in runtime} == runtime


def test_the_installed_versions_are_the_locked_ones():
    result = subprocess.run(
        [sys.executable, "-m", "uv", "pip", "list", "--format=freeze"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    installed = {
        canonicalize_name(line.split("==")[0]): line.split("==")[1]
        for line in result.stdout.splitlines()
        if "==" in line
    }
    pins = locked("requirements-dev.txt")
    drifted = {
        name: (pins[name], installed[name]) for name in pins.keys() & installed.keys() if pins[name] != installed[name]
    }
    assert not drifted


def test_set_up_files_contain_no_urls():
    for name in ("requirements.txt", "requirements-dev.txt", "environment.yml", "pyproject.toml"):
        assert "://" not in (ROOT / name).read_text(), name


def test_the_conda_environment_uses_the_same_lock():
    text = (ROOT / "environment.yml").read_text()
    assert re.search(r"- -r requirements\.txt\n\s+- -e \.", text)
    python = re.search(r"python=(3\.\d+)", text).group(1)
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(f"{python}.0")


def test_make_help_lists_the_main_targets():
    printed = subprocess.run(["make", "help"], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    for target in ("lab", "test", "run", "lint", "bench", "clean", "help"):
        assert f"make {target} " in printed


@pytest.mark.parametrize("python", ["none", "old"])
def test_set_up_without_a_suitable_python_says_what_to_do(tmp_path, python):
    """A PATH of our own simulates a machine without Python, or with one that is too old."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for tool in ("sh", "dirname", "mkdir", "date", "cat", "rm"):
        (commands / tool).symlink_to(f"/bin/{tool}" if Path(f"/bin/{tool}").exists() else f"/usr/bin/{tool}")
    if python == "old":
        (commands / "python3").write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.8.18 && exit 0\nexit 1\n')
        (commands / "python3").chmod(0o755)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "setup.sh").write_text((ROOT / "scripts" / "setup.sh").read_text())
    result = subprocess.run(
        ["/bin/sh", "scripts/setup.sh"],
        check=False,
        cwd=tmp_path,
        env={"PATH": str(commands)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert "needs Python 3.11 or later" in result.stderr
    assert ("3.8.18" in result.stderr) == (python == "old")
    assert "Then run the same command again" in result.stderr


def test_the_readme_is_short_and_names_every_notebook():
    readme = (ROOT / "README.md").read_text()
    assert len(readme.splitlines()) <= 80
    for notebook in (ROOT / "notebooks").glob("[0-9]*.ipynb"):
        assert f"notebooks/{notebook.name}" in readme
    for command in ("make lab", "make test", "VLNB_BASE_URL"):
        assert command in readme


def test_modules_stay_small():
    long = {p.name: n for p in (ROOT / "src").rglob("*.py") if (n := p.read_text().count("\n")) > 500}
    assert not long


NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_running_a_notebook_changes_nothing_for_git(path):
    """The filter removes everything that JupyterLab writes (outputs, counts, widgets, versions), to the last byte."""
    notebook = json.loads(path.read_text())
    for count, cell in enumerate(notebook["cells"]):
        cell["metadata"] |= {"scrolled": True, "execution": {"iopub.status.busy": "2026"}}
        if cell["cell_type"] == "code":
            cell |= {"execution_count": count, "outputs": [{"output_type": "stream", "name": "stdout", "text": ["é"]}]}
    notebook["metadata"] |= {"widgets": {"state": {}}, "language_info": {"name": "python", "version": "3.11.7"}}
    command = [sys.executable, ROOT / "scripts" / "strip_outputs.py"]
    result = subprocess.run(command, input=json.dumps(notebook).encode(), capture_output=True, check=True)
    assert result.stdout == path.read_bytes()


def test_the_filter_passes_an_invalid_notebook_through_unchanged():
    command = [sys.executable, ROOT / "scripts" / "strip_outputs.py"]
    result = subprocess.run(command, input=b"{half a notebook", capture_output=True, check=True)
    assert result.stdout == b"{half a notebook"
    assert "notebooks/*.ipynb filter=vlnb-notebook" in (ROOT / ".gitattributes").read_text()


@pytest.mark.xdist_group("grouped")
def test_groups_of_tests_reach_the_scheduler(request):
    """Otherwise two workers would each start a server of the engine's suite, which needs more memory than there is."""
    if getattr(request.config.option, "loadgroup", False):  # a worker of `pytest --dist loadgroup`
        assert request.node.nodeid.endswith("@grouped")
