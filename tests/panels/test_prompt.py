"""The prompt panel and the dial, without a browser."""

import datetime as dt
import io

import pytest
from PIL import Image, ImageDraw, ImageFont

import vlnb
from vlnb import prompts, samples
from vlnb.panels import Dial, Prompt


@pytest.fixture
def panel(endpoint, receipt):
    return Prompt(endpoint, samples={"receipt": receipt.picture, "chart": samples.chart().picture})


def test_it_asks_for_the_skill_and_draws_the_places(panel):
    assert panel.ask().text.startswith("```json")
    assert "7 boxes read" in panel.answer.value
    assert "<img" in panel.answer.value
    assert not panel.ask_button.disabled
    assert panel.stop_button.disabled


def test_the_prompt_follows_skill_and_words_and_can_be_changed(panel):
    panel.skill.value, panel.what.value = "locate", "the grand total"
    assert panel.prompt.value == prompts.locate("the grand total").text
    assert panel.ask().boxes[0].text == "17,000"
    panel.prompt.value = "What is the cash?"
    assert panel.ask().text.startswith("20,000")


def test_a_skill_without_its_words_says_what_is_missing(panel):
    panel.skill.value, panel.what.value = "detect", " "
    assert panel.prompt.value == ""
    assert "Say what to look for" in panel.prompt.placeholder


def test_a_skill_brings_its_system_message(panel):
    panel.skill.value = "document as HTML"
    assert panel._question() == prompts.document()
    panel.prompt.value += " please"
    assert panel._question() == "QwenVL HTML please"


def test_the_cost_follows_the_resolution(panel):
    assert "23 × 29 = 667 tokens" in panel.shown.value
    panel.resolution.value = 250 * 784
    assert "13 × 17 = 221 tokens" in panel.shown.value
    panel.samples.value = ("receipt", "chart")
    assert "together" in panel.shown.value


def test_several_pictures_are_compared(panel):
    panel.samples.value = ("receipt", "chart")
    panel.skill.value = "compare pictures"
    assert "Picture 2 has 952 x 588" in panel.ask().text


def test_an_upload_is_taken_first(panel):
    buffer, now = io.BytesIO(), dt.datetime.now(dt.UTC)
    Image.new("RGB", (300, 200), "white").save(buffer, "PNG")
    data = buffer.getvalue()
    panel.upload.value = ({"name": "b.png", "type": "", "size": len(data), "content": data, "last_modified": now},)
    (picture,) = panel.pictures()
    assert picture.size == (300, 200)


@pytest.mark.parametrize(
    ("do", "words"),
    [
        (lambda p: setattr(p.samples, "value", ()), "No picture is chosen"),
        (lambda p: setattr(p.address, "value", "http://127.0.0.1:1/<b>.png"), "&lt;b&gt;"),
    ],
)
def test_what_is_wrong_is_said_in_the_panel(panel, do, words):
    do(panel)
    assert words in panel.shown.value
    assert panel.ask() is None
    assert words in panel.answer.value
    assert 'role="alert"' in panel.answer.value
    assert not panel.ask_button.disabled


def test_a_dead_server_is_said(receipt):
    panel = Prompt(vlnb.Endpoint("http://127.0.0.1:1/v1", "m"), samples={"receipt": receipt.picture})
    assert panel.ask() is None
    assert "connection was refused" in panel.answer.value


def test_stopping_keeps_what_has_come(panel):
    """A page that takes the engine a while: the answer is hung up on after its first piece."""
    stops = []

    def stop_once(change):
        if "Line" in change["new"] and not stops:
            stops.append(change["new"])
            panel.stop()

    image = Image.new("RGB", (1200, 4000), "white")
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(40)
    for i in range(60):
        pen.text((60, 30 + 64 * i), f"Line {i}: {17 * i} parcels", font=font, fill="black")
    panel._samples = {"receipt": image, "chart": image}
    panel.samples.value = ("chart",)
    panel.answer.observe(stop_once, "value")
    assert panel.ask() is None
    assert stops
    assert "Line" in panel.answer.value
    assert "Stopped" in panel.answer.value
    assert not panel.ask_button.disabled


def test_every_control_has_a_name(panel):
    for control in (
        panel.samples, panel.upload, panel.address, panel.skill, panel.what, panel.prompt, panel.resolution,
        panel.ask_button, panel.stop_button,
    ):  # fmt: skip
        assert control.description


def test_the_dial_shows_what_the_model_sees_and_measures(endpoint, receipt):
    panel = Dial(endpoint, receipt)
    before = panel.shown.value
    panel.budget.value = panel.budget.options[0][1]
    assert panel.shown.value != before
    assert "tokens" in panel.shown.value
    measured = panel.measure()
    assert len(measured) == len(panel.budget.options)
    assert tuple(panel.beside.children[1].data[0].x) == tuple(one.step.tokens for one in measured)
    assert not panel.measure_button.disabled


def test_the_dial_says_that_a_server_is_dead(receipt):
    panel = Dial(vlnb.Endpoint("http://127.0.0.1:1/v1", "m"), receipt)
    assert panel.measure() == []
    assert "connection was refused" in panel.status.value
