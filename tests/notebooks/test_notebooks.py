"""Notebooks: clean as committed, in the house style.

nbmake runs them (`make test`), but an exception inside an Output widget passes there: `scripts/widget_errors.py` looks
through the widgets' state after the run, and is tested here.
"""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).parent.parent.parent
SCRIPT = ROOT / "scripts" / "widget_errors.py"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
assert NOTEBOOKS, "no notebook found: the tests below would have no cases"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_error_inside_an_output_widget_is_detected(tmp_path):
    """A callback fails inside an Output widget, which a plain run does not notice."""
    seeded = """
import ipywidgets as widgets

slider, out = widgets.IntSlider(), widgets.Output()

def react(change):
    with out:
        1 / 0

slider.observe(react, "value")
slider.value = 3
out
"""
    notebook = new_notebook(cells=[new_code_cell(seeded)])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    nbformat.write(notebook, tmp_path / "seeded.ipynb")
    result = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / "seeded.ipynb"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "seeded.ipynb: ZeroDivisionError: division by zero" in result.stdout
    assert [o for cell in notebook.cells for o in cell.outputs if o.output_type == "error"] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_follows_the_house_style(path):
    cells = nbformat.read(path, 4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert cells[0].source.startswith("# ")
    assert "parameters" in code[0].metadata.get("tags", [])
    assert len({cell.id for cell in cells}) == len(cells)
    assert all(cell.source.strip() for cell in cells)
    assert max(len(cell.source.splitlines()) for cell in code) <= 9
    assert len(code) <= 14
    text = "\n".join(cell.source for cell in cells)
    assert "client, MODEL = OpenAI(" in text
    assert "## What you saw" in text
    assert "**Where next:**" in text
    for cell in code:
        assert cell.outputs == []
        assert cell.execution_count is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_between_notebooks_resolve(path):
    text = "\n".join(cell.source for cell in nbformat.read(path, 4).cells)
    for target in re.findall(r"\]\(([^):#]+\.ipynb)\)", text):
        assert (path.parent / target).exists(), target
