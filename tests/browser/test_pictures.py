"""Figures and panels as a person uses them: hover and ask. Markup that a model writes is shown and never run."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_launch_panel import notebook

EVIL = """<script>window.hurt = 1</script><img src=x onerror='window.hurt = 2'><b>bold</b>"""


@pytest.mark.parametrize("label", ["grand total", EVIL])
def test_hovering_over_a_box_shows_its_details(open_notebook, label):
    cell = f"""
import vlnb
receipt = vlnb.samples.receipt()
box = vlnb.regions.Box(100, 100, 540, 500, label={label!r}, text="17,000", attributes={{{EVIL!r}: {EVIL!r}}})
vlnb.draw.overlay(receipt.picture, [box])
"""
    page = open_notebook("hover.ipynb", notebook(cell))
    region = page.locator(".jp-OutputArea [role=note]")
    region.wait_for(timeout=60_000)
    words = region.get_attribute("title")
    assert "original pixels: 100, 100, 540, 500" in words
    assert "as seen (644 × 812): 101, 99, 543, 495" in words
    assert "text: 17,000" in words
    assert label[:20] in words, "markup is shown as it was written"
    picture, drawn = page.locator(".jp-OutputArea img").bounding_box(), region.bounding_box()
    scale = picture["width"] / 640
    assert abs(drawn["x"] - picture["x"] - 100 * scale) < 3
    assert abs(drawn["width"] - 440 * scale) < 3
    assert page.evaluate("window.hurt") is None
    assert page.locator(".jp-OutputArea :is(script, img:not([alt]))").count() == 0


def test_overlays_and_answers_run_no_markup_from_a_model(open_notebook):
    cell = f"""
import vlnb
from vlnb.endpoint.reply import Reply
picture = vlnb.samples.receipt().picture
text = '[{{"bbox_2d": [100, 100, 300, 300], "label": "' + {EVIL!r} + '"}}]'
display(Reply(text, "m", "s", "stop", 0.1, 0.2, None, (picture,), (picture.seen_size(),)))
vlnb.draw.overlay(picture, [vlnb.regions.Box(9, 9, 90, 90, label={EVIL!r})])
"""
    page = open_notebook("markup.ipynb", notebook(cell))
    page.locator(".jp-OutputArea img").nth(1).wait_for(timeout=60_000)
    assert page.evaluate("window.hurt") is None
    assert page.locator(".jp-OutputArea img:not([alt])").count() == 0
    assert page.locator(".jp-OutputArea script").count() == 0


def test_the_ask_panel_answers_and_the_dial_measures(open_notebook):
    ask_cell = """
import vlnb
receipt = vlnb.samples.receipt()
endpoint = vlnb.connect(announce=None)
vlnb.panels.Ask(endpoint, {"receipt": receipt.picture}, skill="locate")
"""
    page = open_notebook("panels.ipynb", notebook(ask_cell, "vlnb.panels.Dial(endpoint, receipt)"))
    page.get_by_label("what", exact=True).wait_for(timeout=60_000)
    page.get_by_label("what", exact=True).fill("the grand total")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value(re.compile("Locate {what} in the picture"))
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_text("1 box read").wait_for(timeout=60_000)
    page.get_by_role("button", name="Measure", exact=True).click()
    page.get_by_text("667 tokens, 115 kB: ").wait_for(timeout=60_000)
    page.locator(".js-plotly-plot .scatterlayer .point").nth(15).wait_for(state="attached")


def test_the_dial_draws_its_curves_each_time(open_notebook):
    """A race left the chart empty in one of five runs, until it was fixed."""
    small = """
from dataclasses import replace
import vlnb
receipt = vlnb.samples.receipt()
vlnb.panels.Dial(vlnb.connect(announce=None), replace(receipt, picture=receipt.picture.resized((252, 308))))
"""
    page = open_notebook("dial.ipynb", notebook(small))
    button = page.get_by_role("button", name="Measure", exact=True)
    button.wait_for(timeout=60_000)
    for _ in range(2):
        button.click()
        expect(button).to_be_disabled()
        expect(button).to_be_enabled(timeout=120_000)
        expect(page.locator(".js-plotly-plot .scatterlayer .point")).to_have_count(10)
