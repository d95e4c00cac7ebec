"""The panel without a browser: its controls, and the function behind them."""

import datetime as dt
import io

import pytest
from PIL import Image

import vlnb
from vlnb.panels import OwnPicture


@pytest.fixture
def panel(endpoint, receipt):
    return OwnPicture(endpoint, sample=receipt.picture, question="What is the cash?")


def upload(panel, name, data):
    now = dt.datetime.now(dt.UTC)
    panel.upload.value = ({"name": name, "type": "", "size": len(data), "content": data, "last_modified": now},)


def test_without_an_upload_it_asks_about_the_sample(panel):
    assert panel.ask().text.startswith("20,000")
    assert "20,000" in panel.answer.value
    assert 'aria-live="polite"' in panel.answer.value
    assert not panel.button.disabled


def test_a_click_asks(panel):
    panel.button.click()
    assert panel.reply.text.startswith("20,000")


def test_an_upload_is_asked_about(panel):
    buffer = io.BytesIO()
    Image.new("RGB", (300, 200), "white").save(buffer, "PNG")
    upload(panel, "blank.png", buffer.getvalue())
    panel.question.value = "Read all the text"
    panel.ask()
    assert "no text that I can read" in panel.reply.text


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [("a.png", b"", "is empty"), ("<b>.txt", b"words", "&lt;b&gt;.txt is not a picture")],
)
def test_what_is_wrong_is_said_in_the_panel(panel, name, data, words):
    upload(panel, name, data)
    assert panel.ask() is None
    assert words in panel.answer.value
    assert 'role="alert"' in panel.answer.value
    assert not panel.button.disabled


def test_a_dead_server_is_said_in_the_panel(receipt):
    panel = OwnPicture(vlnb.Endpoint("http://127.0.0.1:1/v1", "m"), sample=receipt.picture, question="Read")
    assert panel.ask() is None
    assert "connection was refused" in panel.answer.value


def test_every_control_has_a_name(panel):
    for control in (panel.upload, panel.question, panel.button):
        assert control.description
