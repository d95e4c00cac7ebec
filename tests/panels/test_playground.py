"""The Ask panel, the playground and the dial, without a browser."""

import base64
import io
import json
import re
import threading
import time
import zipfile
from dataclasses import replace

import ipywidgets as widgets
import pytest
from PIL import Image

import vlnb
from tests.playground.conftest import TOTALS
from vlnb import prompts, samples
from vlnb.panels import Ask, Dial, Playground
from vlnb.playground import History
from vlnb.regions import Box, iou

UNREACHABLE = vlnb.Endpoint("http://127.0.0.1:1/v1", "m")


@pytest.fixture
def history(tmp_path):
    return History(tmp_path)


@pytest.fixture
def panel(endpoint, receipt, history):
    pictures = {"receipt": receipt.picture.crop(TOTALS), "chart": samples.chart().picture}
    return Playground(endpoint, pictures, prompt="What is the cash?", history=history)


def file_of_pages(kind, *colours):
    """Return a file with one page in each colour."""
    buffer = io.BytesIO()
    first, *others = (Image.new("RGB", (300, 200), colour) for colour in colours)
    first.save(buffer, kind, **({"save_all": True, "append_images": others} if others else {}))
    return buffer.getvalue()


def test_asking_uses_the_first_sample_and_stores_the_run(panel):
    assert panel.ask().text.startswith("20,000")
    assert "20,000" in panel.answer.value
    assert 'aria-live="polite"' in panel.answer.value
    assert (panel.ask_button.disabled, panel.stop_button.disabled) == (False, True)
    assert [run.answer for run in panel.history.search("cash")] == [panel.reply.text]


def test_clicking_ask_sends_the_question(panel):
    panel.ask_button.click()
    deadline = time.monotonic() + 20
    while panel.reply is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert panel.reply.text.startswith("20,000")


def test_a_skill_fills_in_the_prompt_and_its_variable(panel):
    panel.skill.value = "locate"
    (variable,) = panel.variables.children
    assert variable.description == "what"
    assert panel.ask() is None
    assert "needs a value for what" in panel.answer.value
    variable.value = "the grand total"
    assert panel.question.text(None) == prompts.locate("the grand total").text
    (box,) = panel.ask().boxes
    assert box.text == "17,000"
    assert "1 box read" in panel.answer.value


def test_a_skill_sets_its_system_message(panel):
    panel.skill.value = "document as HTML"
    assert (panel.question.system, panel.question.text(None)) == (prompts.document().system, prompts.document().text)


def test_the_selected_skill_follows_the_prompt(panel):
    panel.skill.value = "locate"
    panel.variables.children[0].value = "the grand total"
    panel.ask()
    panel.prompt.value += " Be brief."
    assert panel.skill.value == "your own words"
    panel.runs.value = (1,)
    panel.restore_chosen()
    assert (panel.skill.value, panel.variables.children[0].value) == ("locate", "the grand total")
    panel.skill.value = "document as HTML"
    panel.system.value = "Another system message"
    panel.ask()
    panel.clear()
    panel.restore(panel.history.get(panel.runs.options[0][1])[0])
    assert (panel.skill.value, panel.system.value) == ("document as HTML", "Another system message")


def test_an_empty_prompt_is_reported_and_clears_the_old_reply(panel):
    assert panel.ask()
    panel.prompt.value = ""
    assert (panel.ask(), panel.reply) == (None, None)
    assert "The prompt is empty" in panel.answer.value


def test_a_file_above_the_size_limit_is_refused_with_a_message(panel):
    piece, size = bytes(2_000_000), 2_000_000 * 40
    for start in range(0, size, len(piece)):
        panel.picture._receive(None, {"name": "<b>.mp4", "start": start, "size": size}, [memoryview(piece)])
    assert len(panel.picture._received) < 67_000_000
    assert "&lt;b&gt;.mp4 is too large: the limit is 64 MB" in panel.preview.value


def test_new_clears_the_panel_and_keeps_an_unasked_draft(panel):
    panel.ask()
    panel.clear()
    assert (panel.prompt.value, panel.answer.value, panel.question.pictures, panel.reply) == ("", "", (), None)
    assert panel.retry_button.disabled
    assert panel.go_on_button.disabled
    panel.prompt.value = "Never asked"
    panel.clear()
    panel.clear()
    assert [(run.state, run.question.prompt) for run in panel.history.search()] == [
        ("draft", "Never asked"), ("done", "What is the cash?"),
    ]  # fmt: skip
    assert len(panel.runs.options) == 2
    panel.restore(panel.history.search("never")[0])
    assert (panel.prompt.value, "Not asked yet" in panel.answer.value) == ("Never asked", True)


def test_an_answer_about_a_clip_draws_its_timeline(panel):
    clip = samples.clip(3, words=1)
    panel.clear()
    panel.add("my clip.mp4", clip.data)
    assert "frames as pictures: " in panel.preview.value
    panel.prompt.value = "Describe what happens, with times."
    reply = panel.ask()
    events = vlnb.video.events(reply.text, clip.duration_s)
    assert panel.answer.value.count("<details") == len(events) > 0
    earlier_run = panel.run
    panel.clear()
    panel.restore(earlier_run)
    assert panel.answer.value.count("<details") == len(events)


def test_the_preview_shows_a_region_as_it_is_sent(panel):
    assert "19 × 9 = 171 tokens" in panel.preview.value
    panel.picture.region = [10, 10, 510, 130]
    assert "18 × 4 = 72 tokens" in panel.preview.value
    assert "<img" in panel.preview.value
    panel.region_as.value = False
    assert "[10, 10, 522, 126] of picture 1, in pixels" in panel.preview.value
    assert panel.question.text(panel.history.load).endswith("[10, 10, 522, 126] of picture 1, in pixels")


def test_the_cost_follows_the_resolution(panel):
    panel.max_pixels.value = 60 * 784
    assert "10 × 5 = 50 tokens" in panel.preview.value
    assert panel.question.max_pixels == 60 * 784


def test_changing_the_pictures_marks_the_old_answer_as_outdated(panel):
    panel.ask()
    assert "vlnb-outdated" not in panel.answer._dom_classes
    panel.sample.value = "chart"
    assert "vlnb-outdated" in panel.answer._dom_classes
    panel.skill.value = "compare pictures"
    assert "Picture 2 has 952 x 588" in panel.ask().text
    panel.pictures.index = 0
    panel._remove()
    assert [picture.name for picture in panel.question.pictures] == ["chart.png"]


def test_a_page_of_a_document_can_be_selected(panel):
    panel.clear()
    panel.add("three.pdf", file_of_pages("PDF", "white", "red", "blue"))
    assert (panel.page.max, panel.page.layout.display) == (3, "")
    panel.page.value = 2
    (page,) = panel.question.pictures
    assert (page.page, panel.history.load(page).image.getpixel((99, 99))[1] < 50) == (2, True)
    panel.add("one.png", file_of_pages("PNG", "white"))
    assert panel.page.layout.display == "none"


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (lambda p: p.add("a.png", b""), "is empty"),
        (lambda p: p.add("<b>.txt", b"words"), "&lt;b&gt;.txt is not a picture"),
        (lambda p: p.add("a.mp4", b"words"), "a.mp4 cannot be read as a video"),
        (lambda p: setattr(p.address, "value", "http://127.0.0.1:1/<b>.png"), "&lt;b&gt;"),
        (lambda p: setattr(p.address, "value", "/etc/passwd"), "is not a web address"),
    ],
)
def test_an_invalid_file_or_address_is_reported_in_the_preview(panel, action, words):
    action(panel)
    assert words in panel.preview.value
    panel.add("good.png", file_of_pages("PNG", "white"))
    panel.pictures.index = 1
    panel._remove()
    assert 'role="alert"' in panel.preview.value, "a good file does not hide it"
    assert len(panel.question.pictures) == 1
    assert panel.ask().text.startswith("20,000")
    assert 'role="alert"' not in panel.preview.value


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (lambda p: p.compare(), "Choose two runs"),
        (lambda p: p.restore_chosen(), "Choose one run"),
        (lambda p: p.export(), "Choose one run"),
        (lambda p: p.save(), "Choose one run or more"),
    ],
)
def test_a_missing_selection_of_runs_is_reported_beside_the_buttons(panel, action, words):
    action(panel)
    assert words in panel.message.value
    assert 'role="alert"' in panel.message.value


def test_a_refused_connection_is_reported_and_can_be_retried(receipt, history):
    panel = Ask(UNREACHABLE, {"receipt": receipt.picture}, prompt="Read", history=history)
    assert panel.retry_button.disabled
    assert panel.ask() is None
    assert "connection was refused" in panel.answer.value
    assert not panel.retry_button.disabled
    panel.prompt.value = "Something else"
    panel.retry()
    first, second = history.get(1, 2)
    assert (first.question, first.id) == (second.question, second.parent_id)


def test_stopping_keeps_the_partial_answer(raw_server, receipt, history):
    event = json.dumps({"choices": [{"delta": {"content": "word "}}]})
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"

    def stream_slowly(connection):
        connection.sendall(head)
        for _ in range(3000):
            connection.sendall(f"data: {event}\n\n".encode())
            time.sleep(0.01)

    panel = Ask(vlnb.Endpoint(raw_server(stream_slowly), "m"), {}, prompt="Count", history=history)
    panel.answer.observe(lambda change: "word word" in change["new"] and panel.asker.stop(), "value")
    assert panel.ask() is None
    assert "word word" in panel.answer.value
    assert "Stopped" in panel.answer.value
    assert (panel.ask_button.disabled, panel.stop_button.disabled) == (False, True)


@pytest.fixture
def slow(raw_server, receipt, history):
    """A playground and two events: the first words of an answer are there, and the rest may come."""
    begun, finish = threading.Event(), threading.Event()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"

    def stream(connection):
        connection.sendall(head + b'data: {"choices": [{"delta": {"content": "Old"}}]}\n\n')
        begun.set()
        finish.wait(20)
        connection.sendall(b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n')

    pictures = {"receipt": receipt.picture}
    panel = Playground(vlnb.Endpoint(raw_server(stream), "m"), pictures, prompt="First", history=history)
    yield panel, begun, finish
    finish.set()


def let_end(panel, finish):
    finish.set()
    assert panel.busy.acquire(timeout=20)
    panel.busy.release()


def test_a_double_click_asks_once(slow):
    panel, begun, finish = slow
    panel.ask_button.click()
    panel.ask_button.click()
    panel.matrix_button.click()
    assert begun.wait(20)
    let_end(panel, finish)
    assert len(panel.history.search()) == 1


@pytest.mark.parametrize("leave", ["clear", "restore"])
def test_an_answer_does_not_come_back_into_a_panel_that_shows_another_question(slow, leave):
    panel, begun, finish = slow
    earlier = panel.history.add(panel.question, panel.endpoint, state="draft")
    panel.ask_button.click()
    assert begun.wait(20)
    if leave == "clear":
        panel.clear()
    else:
        panel.restore(earlier)
    shown = panel.answer.value
    let_end(panel, finish)
    assert panel.answer.value == shown
    assert panel.run is (None if leave == "clear" else earlier)
    asked, _ = panel.history.search()
    assert (asked.answer, asked.state) == ("Old", "done")


def test_a_matrix_leaves_one_stop_for_all(slow):
    panel, begun, finish = slow
    panel.matrix_button.click()
    assert begun.wait(20)
    assert (panel.ask_button.disabled, panel.stop_button.disabled) == (True, False)
    let_end(panel, finish)
    assert (panel.ask_button.disabled, panel.stop_button.disabled) == (False, True)


def test_an_answer_to_a_question_that_was_changed_meanwhile_is_outdated(slow):
    panel, begun, finish = slow
    panel.ask_button.click()
    assert begun.wait(20)
    panel.prompt.value = "Second"
    let_end(panel, finish)
    assert "Old" in panel.answer.value
    assert "vlnb-outdated" in panel.answer._dom_classes


@pytest.mark.parametrize(
    ("control", "value"), [("system", "Be brief."), ("schema", "{}"), ("temperature", 0.5), ("max_tokens", 9)]
)
def test_changing_a_setting_marks_the_answer_as_outdated(panel, control, value):
    panel.ask()
    assert "vlnb-outdated" not in panel.answer._dom_classes
    getattr(panel, control).value = value
    assert "vlnb-outdated" in panel.answer._dom_classes


def test_a_restored_variable_is_shown(panel):
    panel.skill.value = "locate"
    panel.variables.children[0].value = "the grand total"
    panel.ask()
    panel.variables.children[0].value = "the change due"
    assert "vlnb-outdated" in panel.answer._dom_classes
    panel.restore(panel.run)
    assert panel.variables.children[0].value == "the grand total"


def test_a_matrix_without_a_server_says_what_is_missing(panel):
    panel.servers.value = ()
    assert panel.matrix() == []
    assert "Choose a server and a size first" in panel.overview.value


def test_the_next_turn_sends_the_earlier_turns(panel):
    panel.ask()
    panel.go_on()
    panel.prompt.value = "And the change due?"
    assert panel.question.pictures == ()
    assert "Turn 2" in panel.preview.value
    (turn,) = panel.question.before
    assert (turn.text, turn.answer) == ("What is the cash?", panel.run.answer)
    panel.ask()
    assert panel.run.parent_id == 1


def test_restoring_an_earlier_run_keeps_the_draft(panel):
    panel.max_pixels.value, panel.picture.region = 250 * 784, [10, 10, 510, 130]
    panel.region_as.value = False
    panel.ask()
    earlier_question = panel.run.question
    panel.clear()
    panel.prompt.value, panel.max_pixels.value = "a draft", 500 * 784
    panel.search.value = "cash"
    assert [number for _, number in panel.runs.options] == [1]
    panel.runs.value = (1,)
    panel.restore_chosen()
    assert panel.question == earlier_question
    assert panel.picture.region == [10, 10, 510, 130]
    assert "20,000" in panel.answer.value
    (draft,) = panel.history.search("draft")
    assert (draft.state, draft.question.prompt) == ("draft", "a draft")
    panel.temperature.value = 0.5
    panel.ask()
    assert (panel.run.parent_id, panel.run.question.temperature) == (1, 0.5)


def test_two_runs_are_compared_with_boxes_on_the_original_picture(panel, receipt):
    panel.skill.value = "locate"
    panel.variables.children[0].value = "the grand total"
    panel.ask()
    panel.picture.region = [10, 10, 510, 130]
    panel.ask()
    panel.runs.value = (1, 2)
    panel.compare()
    assert "Boxes: 1 against 1; 1 matched" in panel.comparison.value
    boxes = panel.run.question.on_original([Box(**facts) for facts in panel.run.facts["boxes"]])
    total = receipt.truth.fields["grand_total"]
    assert iou(boxes[0], replace(total, x1=total.x1 - 60, x2=total.x2 - 60, y1=total.y1 - 380, y2=total.y2 - 380)) > 0.5


def test_runs_are_exported_saved_and_deleted(panel):
    panel.ask()
    panel.runs.value = (1,)
    panel.export()
    assert "OpenAI(base_url" in panel.code.value
    panel.save()
    archive = base64.b64decode(
        re.search(r'href="data:application/zip;base64,([^"]+)" download=', panel.message.value)[1]
    )
    assert "runs.jsonl" in zipfile.ZipFile(io.BytesIO(archive)).namelist()
    panel.delete_button.click()
    panel.delete_button.click()  # a double click does not confirm
    assert panel.history.search("cash")
    assert panel.confirm_button.description == "Delete 1 for good"
    assert panel.confirm_button.layout.display == ""
    panel.confirm_button.click()
    assert panel.confirm_button.layout.display == "none"
    assert panel.history.search("cash") == []
    assert panel.runs.options == ()
    assert panel.ask().text, "the picture that the panel still shows is kept"


def test_a_matrix_shows_its_runs(panel):
    panel.prompts.value = "What is the cash?\nWhat is the grand total?"
    panel.sizes.value = (250 * 784, 500 * 784)
    assert len(panel.matrix()) == 4
    assert "4 runs, 4 of them done" in panel.overview.value
    assert (panel.matrix_button.disabled, panel.stop_button.disabled) == (False, True)


def test_every_control_has_a_name(panel):
    for name, control in vars(panel).items():
        if hasattr(control, "description") and not isinstance(control, widgets.HTML):
            assert control.description, name


def test_the_dial_shows_what_the_model_sees_and_measures_every_resolution(endpoint, receipt):
    panel = Dial(endpoint, receipt)
    before = panel.view.value
    panel.budget.value = panel.budget.options[0][1]
    assert panel.view.value != before
    assert "tokens" in panel.view.value
    measurements = panel.measure()
    assert len(measurements) == len(panel.budget.options)
    assert tuple(panel.columns.children[1].data[0].x) == tuple(measurement.step.tokens for measurement in measurements)
    assert not panel.measure_button.disabled


def test_the_dial_reports_a_refused_connection(receipt):
    panel = Dial(vlnb.Endpoint("http://127.0.0.1:1/v1", "m"), receipt)
    assert panel.measure() == []
    assert "connection was refused" in panel.status.value
