"""Notebooks: clean as committed, in the house style, and without an error hidden in a widget.

nbmake runs them too (`make test`), but an exception inside an Output widget passes there: here the widgets' state is
looked through after the run.
"""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

NOTEBOOKS = sorted((Path(__file__).parent.parent.parent / "notebooks").glob("[0-9]*.ipynb"))
assert NOTEBOOKS, "no notebook found: a test of none would pass"


def hidden_errors(notebook, folder):
    """Run a notebook and return the errors in its cells and, where nobody looks, in its Output widgets."""
    client = NotebookClient(
        notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(folder)}}, allow_errors=True
    )
    client.execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    held = [output for state in client.widget_state.values() for output in state.get("outputs") or []]
    return [f"{o['ename']}: {o['evalue']}" for o in [*shown, *held] if o["output_type"] == "error"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_error_even_in_a_widget(path):
    assert hidden_errors(nbformat.read(path, 4), path.parent) == []


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
    assert hidden_errors(notebook, tmp_path) == ["ZeroDivisionError: division by zero"]
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
    assert len(code) <= 13
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
    for target in __import__("re").findall(r"\]\(([^):#]+\.ipynb)\)", text):
        assert (path.parent / target).exists(), target
