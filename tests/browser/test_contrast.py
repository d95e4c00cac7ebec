"""Text in results is legible in both themes, also when the theme changes: a contrast of at least 4.5 : 1 (WCAG AA)."""

import json
from pathlib import Path

import pytest

from tests.browser.conftest import ROOT
from tests.browser.tabbing import unfold
from tests.browser.test_launch_panel import notebook

CELLS = (
    """
import pandas as pd
import vlnb
from vlnb.endpoint.reply import Reply, Usage
picture = vlnb.samples.street().picture
text = '[{"bbox_2d": [500, 300, 800, 640], "label": "taxi"}, {"point_2d": [900, 90], "label": "window"}]'
Reply(text, "m", "s", "stop", 0.1, 0.2, Usage(1200, 20, 1196), (picture,), (picture.seen_size(),))
""",
    "vlnb.draw.overlay(picture, vlnb.samples.lot().truth.objects[:3])",
    "vlnb.connect(announce=None).ask('', vlnb.samples.receipt().picture, schema={'properties': {'cash': {}, 'x': {}}})",
    "vlnb.charts.scores(vlnb.catalog.GROUNDING_SCORES)",
    "vlnb.charts.strip(vlnb.bench.report.typical(vlnb.catalog.LATENCY_RUN))",
    "vlnb.panels.Launch(size='72B')",
    "pd.DataFrame({'tokens': [300, 90]}).style.bar('tokens', color='#56B4E966', vmin=0)",
)
PLAYGROUND = json.loads((ROOT / "notebooks" / "09_playground.ipynb").read_text())
FAINT = (Path(__file__).parent / "contrast.js").read_text()


@pytest.mark.parametrize(
    ("content", "selector"),
    [(notebook(*CELLS), ".js-plotly-plot .xtick text"), (PLAYGROUND, ".vlnb-panel")],
    ids=["results", "playground"],
)
def test_text_is_legible_in_both_themes(open_notebook, content, selector):
    page = open_notebook(f"contrast-{selector[1:5]}.ipynb", content)
    count = sum(cell["cell_type"] == "code" for cell in content["cells"])
    page.locator(f".jp-InputPrompt:text('[{count}]:')").wait_for(state="attached", timeout=120_000)
    page.locator(selector).first.wait_for()
    unfold(page)
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
        page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)
        page.wait_for_timeout(500)  # colours fade from one theme to the other
        assert page.evaluate(FAINT) == [], theme
