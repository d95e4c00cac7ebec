"""The answers panel and the table of the vision check, as a person uses them with the keyboard."""

import re

from playwright.sync_api import expect

from tests.browser.test_launch_panel import notebook

CELL = """
import vlnb
from vlnb.accuracy import mmmu

endpoint = vlnb.connect(announce=None)
run = mmmu.run(mmmu.drawn(), endpoint, "run", concurrency=4)
vlnb.panels.Answers(run)
"""
CHECK = """
import vlnb

vlnb.accuracy.check.vision_check(vlnb.connect(announce=None), seed=3)
"""


def test_the_answers_panel_works_by_keyboard(open_notebook):
    page = open_notebook("answers.ipynb", notebook(CELL))
    question_list = page.locator("select[size='12'], .widget-select select").first
    question_list.wait_for(timeout=90_000)
    expect(page.get_by_text(re.compile(r"of 24 questions"))).to_be_visible()
    expect(page.get_by_text("The model said:")).to_be_visible()
    first = question_list.evaluate("select => select.selectedOptions[0].text")
    page.get_by_role("button", name="Next", exact=True).focus()
    page.keyboard.press("Space")
    expect(page.locator("table", has_text="official")).to_be_visible()
    has_moved = "before => document.querySelector('.widget-select select').selectedOptions[0].text !== before"
    page.wait_for_function(has_moved, arg=first)
    pictures = page.locator(".widget-html img")
    expect(pictures.first).to_be_visible()
    assert pictures.first.get_attribute("alt")
    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0


def test_the_vision_check_shows_the_picture_of_every_question(open_notebook):
    page = open_notebook("check.ipynb", notebook(CHECK))
    table = page.locator("table", has_text="reads a code")
    expect(table).to_be_visible(timeout=90_000)
    expect(page.get_by_text(re.compile(r"\d+ of \d+ right"))).to_be_visible()
    page.get_by_text("All questions, pictures and answers").click()
    pictures = page.locator("details img")
    expect(pictures.first).to_be_visible()
    assert pictures.count() == 12, "one for each question that the engine is asked"
    assert all(pictures.nth(i).get_attribute("alt") for i in range(pictures.count()))
