"""Keys typed in a panel stay in it: JupyterLab has shortcuts on `d d` (delete the cell), `b`, arrows and Enter."""

import json

import pytest
from nbformat.v4 import new_code_cell, new_notebook

BEGIN = """from pathlib import Path
import vlnb
from vlnb.accuracy import mmmu
receipt, e = vlnb.samples.receipt(), vlnb.Endpoint("http://127.0.0.1:1/v1", "m")
about = {"servers": [{"model": "m"}], "set": {"kind": "drawn", "questions": 24}}
"""
TWO = "{'receipt': receipt.picture, 'shelf': vlnb.samples.shelf().picture}"
PANELS = {
    "OwnPicture": "p = vlnb.panels.OwnPicture(e, sample=receipt.picture, question='What?')",
    "Prompt": f"p = vlnb.panels.Prompt(e, samples={TWO})",
    "Dial": "p = vlnb.panels.Dial(e, receipt)",
    "Launch": "p = vlnb.panels.Launch()",
    "Benchmark": "p = vlnb.panels.Benchmark(e)",
    "Answers": "p = vlnb.panels.Answers(mmmu.Run(Path('run'), about, mmmu.drawn().questions, {}))",
}
CONTROLS = ".vlnb-panel :is(select, input:not([type=file]), textarea, button, [role=slider]):visible:not([disabled])"


@pytest.mark.parametrize("name", PANELS)
def test_keys_stay_in_the_panel(open_notebook, name):
    cells = [new_code_cell(source) for source in (BEGIN + PANELS[name] + "\np", "1 + 1", "2 + 2")]
    made = new_notebook(cells=cells)
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    page = open_notebook(f"keys-{name}.ipynb", json.loads(json.dumps(made)))
    page.locator(".jp-InputPrompt:text('[3]:')").wait_for(state="attached", timeout=120_000)
    page.locator(".vlnb-panel").wait_for()
    page.wait_for_timeout(1000)
    for number in range(page.locator(CONTROLS).count()):
        control = page.locator(CONTROLS).nth(number)
        inside = control.evaluate(
            "element => element.tagName + ' ' + (element.title || element.ariaLabel || element.id)"
        )
        control.focus()
        for key in ("ArrowDown", "d", "d", "b", "ArrowUp"):
            page.keyboard.press(key)
            assert page.evaluate("() => !!document.activeElement.closest('.vlnb-panel')"), f"{key} left {inside}"
        assert page.locator(".jp-Notebook .jp-Cell").count() == 3, f"a key in {inside} changed the notebook"
