"""Whole notebooks in JupyterLab run to the end, and show no error."""

import json

import pytest

from tests.browser.conftest import ROOT

NOTEBOOKS = ROOT / "notebooks"


@pytest.mark.parametrize(
    "name",
    ["00_start_here", "01_install", "02_launch", "03_ocr", "04_multi_image", "05_grounding", "08_agent", "10_speed"],
)
def test_every_notebook_runs_without_a_visible_error(open_notebook, name):
    page = open_notebook(f"{name}.ipynb", json.loads((NOTEBOOKS / f"{name}.ipynb").read_text()))
    code = [c for c in json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())["cells"] if c["cell_type"] == "code"]
    page.locator(f".jp-InputPrompt:text('[{len(code)}]:')").wait_for(state="attached", timeout=120_000)
    errors = page.locator(
        "[data-mime-type='application/vnd.jupyter.error'], [data-mime-type='application/vnd.jupyter.stderr']"
    )
    assert errors.all_inner_texts() == []
    assert page.locator(".jp-OutputArea img:not([alt]):not(.plot-img)").count() == 0
