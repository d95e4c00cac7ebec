"""Text in results is legible in both themes, also when the theme changes: a contrast of at least 4.5 : 1 (WCAG AA)."""

from pathlib import Path

import pytest

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
    "vlnb.panels.Playground(vlnb.connect(announce=None), {'lot': vlnb.samples.lot().picture}, skill='locate')",
    "pd.DataFrame({'tokens': [300, 90]}).style.bar('tokens', color='#56B4E966', vmin=0)",
)
FAINT = (Path(__file__).parent / "contrast.js").read_text()


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_text_is_legible(open_notebook, theme):
    page = open_notebook(f"contrast-{theme.split()[1]}.ipynb", notebook(*CELLS))
    page.locator(f".jp-InputPrompt:text('[{len(CELLS)}]:')").wait_for(state="attached", timeout=120_000)
    page.locator(".js-plotly-plot .xtick text").first.wait_for()
    page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    page.wait_for_timeout(2000)
    assert page.evaluate(FAINT) == []
