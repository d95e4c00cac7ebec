"""Notebooks: clean as committed, in the house style.

nbmake runs them (`make test`), but an exception inside an Output widget, a warning or a picture without a description
passes there: `scripts/notebook_faults.py` looks for them after the run, and is tested here.
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
SCRIPT = ROOT / "scripts" / "notebook_faults.py"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
assert NOTEBOOKS, "no notebook found: a test of none would pass"


FAULTS = """
import sys
import ipywidgets as widgets
from IPython.display import HTML

slider, out = widgets.IntSlider(), widgets.Output()

def react(change):
    with out:
        1 / 0

slider.observe(react, "value")
slider.value = 3
print("a warning", file=sys.stderr)
display(out, HTML("<img src='a.png'><img src='b.png' alt=''>"), widgets.HTML("<b>x</b><img class='c'>"))
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_faults_that_a_plain_run_passes_by_are_reported(tmp_path):
    """A callback that fails inside an Output widget, for one: the run goes on, and no cell holds an error."""
    notebook = new_notebook(cells=[new_code_cell(FAULTS)])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    nbformat.write(notebook, tmp_path / "faulty.ipynb")
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / "faulty.ipynb"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert [line.partition("faulty.ipynb: ")[2] for line in done.stdout.splitlines() if line] == [
        "on standard error: a warning",
        "ZeroDivisionError: division by zero",
        "a picture without a description: <img src='a.png'>",
        "a picture without a description: <img class='c'>",
    ]
    assert [o for cell in notebook.cells for o in cell.outputs if o.output_type == "error"] == []


def test_a_notebook_that_was_not_executed_is_reported(tmp_path):
    nbformat.write(new_notebook(cells=[new_code_cell("1")]), tmp_path / "new.ipynb")
    done = subprocess.run([sys.executable, SCRIPT, tmp_path / "new.ipynb"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.partition("new.ipynb: ")[2].strip()) == (1, "it was not executed")


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
