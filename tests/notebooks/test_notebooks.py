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
assert NOTEBOOKS, "no notebook found: a test of none would pass"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_error_in_a_widget_is_found(tmp_path):
    """The seeded failure: a callback that fails inside an Output widget, which a plain run does not notice."""
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
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / "seeded.ipynb"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "seeded.ipynb: ZeroDivisionError: division by zero" in done.stdout
    assert [o for cell in notebook.cells for o in cell.outputs if o.output_type == "error"] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_house_style(path):
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
def test_links_between_notebooks_lead_somewhere(path):
    text = "\n".join(cell.source for cell in nbformat.read(path, 4).cells)
    for target in re.findall(r"\]\(([^):#]+\.ipynb)\)", text):
        assert (path.parent / target).exists(), target
