"""Keys typed in a panel stay in it: JupyterLab has shortcuts on `d d` (delete the cell), `b`, arrows and Enter."""

import json

from nbformat.v4 import new_code_cell, new_notebook

from tests.browser.tabbing import tab_through

BEGIN = """from pathlib import Path
import vlnb
from vlnb.accuracy import mmmu
receipt, e = vlnb.samples.receipt(), vlnb.Endpoint("http://127.0.0.1:1/v1", "m")
about = mmmu.runs.Manifest(mmmu.runs.Origin("drawn", 24), (), 1024)
"""
TWO = "{'receipt': receipt.picture, 'shelf': vlnb.samples.shelf().picture}"
PANELS = (
    f"vlnb.panels.Playground(e, {TWO}, skill='locate')",
    "vlnb.panels.Dial(e, receipt)",
    "vlnb.panels.Launch()",
    "vlnb.panels.Benchmark(e)",
    "vlnb.panels.Answers(mmmu.Run(Path('run'), about, mmmu.drawn().questions, {}))",
)
CONTROLS = ".vlnb-panel :is(select, input:not([type=file]), textarea, button, [role=slider]):visible:not([disabled])"


def test_typed_keys_stay_in_every_panel(open_notebook):
    cells = [new_code_cell(source) for source in (BEGIN, *PANELS, "'the end'")]
    book = new_notebook(cells=cells)
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    page = open_notebook("keys.ipynb", json.loads(json.dumps(book)))
    page.locator(f".jp-InputPrompt:text('[{len(cells)}]:')").wait_for(state="attached", timeout=120_000)
    page.locator(".vlnb-panel").nth(len(PANELS) - 1).wait_for()
    page.wait_for_timeout(1000)
    tab_through(page)
    assert page.locator(CONTROLS).count() > 4 * len(PANELS)
    for number in range(page.locator(CONTROLS).count()):
        control = page.locator(CONTROLS).nth(number)
        control_name = control.evaluate(
            "element => element.tagName + ' ' + (element.title || element.ariaLabel || element.id)"
        )
        control.focus()
        for key in ("ArrowDown", "d", "d", "b", "ArrowUp"):
            page.keyboard.press(key)
            assert page.evaluate("() => !!document.activeElement.closest('.vlnb-panel')"), f"{key} left {control_name}"
        assert page.locator(".jp-Notebook .jp-Cell").count() == len(cells), (
            f"a key in {control_name} changed the notebook"
        )
