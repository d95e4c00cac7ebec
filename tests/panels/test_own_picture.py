"""The panel without a browser: its controls, and the function behind them."""

import datetime as dt
import io
import time

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
    assert not panel.ask_button.disabled


def test_a_click_asks(panel):
    panel.ask_button.click()
    deadline = time.monotonic() + 20
    while panel.reply is None and time.monotonic() < deadline:
        time.sleep(0.05)
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
    assert words in panel.shown.value, "as soon as it is chosen"
    assert panel.ask() is None
    assert words in panel.answer.value
    assert 'role="alert"' in panel.answer.value
    assert not panel.ask_button.disabled


def test_a_chosen_picture_is_shown_at_once_and_dims_the_old_answer(panel):
    panel.ask()
    assert "vlnb-outdated" not in panel.answer._dom_classes
    buffer = io.BytesIO()
    Image.new("RGB", (300, 200), "white").save(buffer, "PNG")
    upload(panel, "blank.png", buffer.getvalue())
    assert "blank.png: 300 × 200, seen as 308 × 196 → 11 × 7 = 77 tokens" in panel.shown.value
    assert "<img" in panel.shown.value
    assert "vlnb-outdated" in panel.answer._dom_classes


def document(*colours):
    buffer = io.BytesIO()
    first, *others = (Image.new("RGB", (280, 280), colour) for colour in colours)
    first.save(buffer, "PDF", save_all=True, append_images=others)
    return buffer.getvalue()


def test_a_document_offers_its_pages(panel):
    upload(panel, "three.pdf", document("white", "red", "blue"))
    assert [name for name, _ in panel.pages.options] == [f"three.pdf, page {n}" for n in (1, 2, 3)]
    assert panel.pages.layout.display == ""
    assert panel.previews.value.count("<img") == 3
    assert len(panel.pictures()) == 1
    panel.pages.value = (1, 2)
    assert [p.image.getpixel((99, 99))[0] > 200 for p in panel.pictures()] == [True, False]
    panel.upload.value = ()
    assert panel.pages.layout.display == "none"
    assert panel.previews.value == ""


def test_a_dead_server_is_said_in_the_panel(receipt):
    panel = OwnPicture(vlnb.Endpoint("http://127.0.0.1:1/v1", "m"), sample=receipt.picture, question="Read")
    assert panel.ask() is None
    assert "connection was refused" in panel.answer.value


def test_every_control_has_a_name(panel):
    for control in (panel.upload, panel.pages, panel.question, panel.ask_button, panel.stop_button):
        assert control.description
