"""Whole notebooks in JupyterLab: they run to their end, and every widget is drawn.

`scripts/notebook_faults.py` looks through the outputs of all notebooks after nbmake has run them.
"""

import json

import pytest

from tests.browser.conftest import ROOT


@pytest.mark.parametrize("name", ["00_start_here", "08_agent"])
def test_a_whole_notebook_runs_and_draws_every_widget(open_notebook, name):
    notebook = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text())
    page = open_notebook(f"{name}.ipynb", notebook)
    count = sum(cell["cell_type"] == "code" for cell in notebook["cells"])
    page.locator(f".jp-InputPrompt:text('[{count}]:')").wait_for(state="attached", timeout=120_000)
    errors = page.locator(
        "[data-mime-type='application/vnd.jupyter.error'], [data-mime-type='application/vnd.jupyter.stderr']"
    )
    assert errors.all_inner_texts() == []
    assert page.get_by_text("Error displaying widget").count() == 0
    assert page.locator(".jp-OutputArea img:not([alt]):not(.plot-img)").count() == 0
