"""The benchmark panel as a person uses it: start, watch, compare."""

import re

from playwright.sync_api import expect

from tests.browser.test_launch_panel import notebook

CELL = """
%env VLNB_RUNS=benchmark-panel
import vlnb
from vlnb.panels.benchmark import Benchmark

endpoint = vlnb.connect(announce=None)
plan = vlnb.bench.Workload(prompts=4, images=1, resolution="360p", output_len=16)
Benchmark(endpoint, plan=plan)
"""


def test_the_panel_starts_shows_and_compares_benchmark_runs(open_notebook):
    page = open_notebook("benchmark.ipynb", notebook(CELL))
    start = page.get_by_role("button", name="Start", exact=True)
    start.click(timeout=60_000)
    expect(page.get_by_text(re.compile("of 4 done|preparing request")).first).to_be_visible(timeout=30_000)
    expect(page.get_by_text(re.compile("Stored in"))).to_be_visible(timeout=90_000)
    expect(page.get_by_text(re.compile("of the mean TTFT passed before"))).to_be_visible()
    expect(start).to_be_enabled()
    assert page.locator(".js-plotly-plot .scatterlayer .trace").count() == 1
    start.click()
    expect(start).to_be_disabled()
    expect(start).to_be_enabled(timeout=90_000)
    stored = page.locator("select[multiple]")
    assert stored.locator("option").count() == 2
    newest, *_ = stored.locator("option").all_inner_texts()
    assert stored.evaluate("select => select.selectedOptions[0].text") == newest
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.locator("table", has_text="requests completed")).to_be_visible()
    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
