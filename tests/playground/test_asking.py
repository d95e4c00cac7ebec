"""Asking: answers are stored as they arrive, turns form a conversation, and one stop ends everything."""

import json
import signal
import threading
import time

import pytest

import vlnb
from tests.playground.conftest import TOTALS, UNREACHABLE, keep_picture
from vlnb.playground import Attachment, Question, Turn, cells, overview

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"


def event(text):
    return f"data: {json.dumps({'choices': [{'delta': {'content': text}}]})}\n\n".encode()


def stream_slowly(connection):
    """Stream a word every 20 ms, for longer than any test waits."""
    connection.sendall(HEAD)
    for _ in range(3000):
        connection.sendall(event("word "))
        time.sleep(0.02)


def test_an_answer_is_stored_and_can_be_replayed(asker, endpoint, receipt):
    picture = keep_picture(asker.history, receipt.picture.crop(TOTALS))
    pieces = []
    run = asker.ask(endpoint, Question("What is the grand total?", (picture,)), on_text=pieces.append)
    assert pieces[-1] == run.answer
    (stored,) = asker.history.search("grand")
    assert stored == run
    reply = asker.history.reply(stored)
    assert (reply.text, reply.usage, reply.boxes, reply.summary[:40]) == (
        run.reply.text, run.reply.usage, run.reply.boxes, run.reply.summary[:40],
    )  # fmt: skip


def test_a_typed_answer_is_stored_with_its_fields(asker, endpoint, receipt):
    picture = keep_picture(asker.history, receipt.picture.crop(TOTALS))
    schema = json.dumps({"type": "object", "properties": {"cash": {"type": "number"}}})
    run = asker.ask(endpoint, Question("Extract the data.", (picture,), schema=schema))
    assert run.facts["data"] == {"cash": 20000}
    assert asker.history.reply(asker.history.search()[0]).data == {"cash": 20000}


def test_a_conversation_sends_its_earlier_turns_with_their_pictures(asker, endpoint, receipt):
    picture = keep_picture(asker.history, receipt.picture.crop(TOTALS))
    question = Question("What is the cash?", (picture,))
    first = asker.ask(endpoint, question)
    turn = Turn(question.text(asker.history.load), question.pictures, first.answer)
    follow_up = Question("And the change?", before=(turn,))
    prompt, options = follow_up.arguments(asker.history.load)
    messages = endpoint.request(prompt, **options).body["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert [part["type"] for part in messages[0]["content"]] == ["image_url", "text"]
    run = asker.ask(endpoint, follow_up, first.id)
    assert run.state == "done"
    assert run.parent_id == first.id
    assert len(asker.history.reply(run).pictures) == 1


def test_stopping_keeps_the_partial_answer(asker, raw_server):
    endpoint = vlnb.Endpoint(raw_server(stream_slowly), "m")
    run = asker.ask(endpoint, Question("Count"), on_text=lambda text: asker.stop() if len(text) > 20 else None)
    assert run.state == "stopped"
    assert asker.history.search()[0].answer.startswith("word word word")


def test_a_failed_run_is_stored_with_its_error_message(asker):
    run = asker.ask(vlnb.Endpoint("http://127.0.0.1:1/v1", "m"), Question("Read"))
    assert run.state == "failed"
    assert "connection was refused" in asker.history.search("refused")[0].error


def test_half_an_emoji_in_a_prompt_is_one_sentence(asker, raw_server):
    run = asker.ask(vlnb.Endpoint(raw_server(stream_slowly), "m"), Question("Read \ud83d"))
    assert run.state == "failed"
    assert "cannot be sent as JSON" in asker.history.search("read")[0].error


def test_an_interrupted_run_is_stored_as_stopped(asker, raw_server):
    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asker.ask(vlnb.Endpoint(raw_server(stream_slowly), "m"), Question("Count"), on_text=interrupt)
    assert asker.history.search()[0].state == "stopped"


def test_one_stop_ends_a_matrix(asker, raw_server, receipt):
    """With 2 prompts, 2 servers and 3 resolutions: after the stop nothing is asked, and partial answers are kept."""
    endpoints = [vlnb.Endpoint(raw_server(stream_slowly), "m") for _ in range(2)]
    picture = keep_picture(asker.history, receipt.picture.crop(TOTALS))
    matrix_cells = cells(Question("", (picture,)), ["one", "two"], endpoints, [100_000, 200_000, 400_000])
    assert len(matrix_cells) == 12
    runs = []
    worker = threading.Thread(target=lambda: runs.extend(asker.matrix(matrix_cells)))
    worker.start()
    deadline = time.monotonic() + 60
    while sum(len(stream._text) > 3 for stream in tuple(asker._streams)) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    asker.stop()
    worker.join()  # the servers never end an answer: only the stop can (benchmarks/playground.py measures how fast)
    assert [run.state for run in runs] == ["stopped", "stopped"]
    assert all("word" in run.answer for run in asker.history.search())
    assert len(asker.history.search()) == 2
    assert "none of them with a whole answer" in overview(runs)


def test_a_stop_between_two_questions_of_a_matrix_ends_it(asker, endpoint, receipt, monkeypatch):
    ask = asker.ask

    def late(*arguments, **options):
        if len(asker.history.search()) == 1:
            asker.stop()
        return ask(*arguments, **options)

    monkeypatch.setattr(asker, "ask", late)
    picture = keep_picture(asker.history, receipt.picture.crop(TOTALS))
    runs = asker.matrix([(endpoint, Question("What is the cash?", (picture,)))] * 3)
    assert [run.state for run in runs] == ["done", "stopped"]


def test_ctrl_c_ends_a_matrix(asker, raw_server):
    asked, main = [], threading.get_ident()

    def answer(connection):
        asked.append(connection)
        if len(asked) == 3:
            time.sleep(0.5)  # by then the main thread waits; a signal just before is noticed only after the wait
            signal.pthread_kill(main, signal.SIGINT)
            time.sleep(20)  # only the interrupt ends this question
        chunk = {"choices": [{"delta": {"content": "ok"}, "finish_reason": "stop"}]}
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode())

    endpoint = vlnb.Endpoint(raw_server(answer), "m")
    with pytest.raises(KeyboardInterrupt):
        asker.matrix([(endpoint, Question("Read"))] * 40)
    assert [run.state for run in asker.history.search()] == ["stopped", "done", "done"]


def test_cells_are_all_combinations_for_each_picture_separately():
    one, two = (Attachment(digit * 64, "a.png") for digit in "12")
    question = Question("", (one, two), system="Be brief.")
    places = [((picture,), prompt, budget) for picture in (one, two) for prompt in "ab" for budget in (100, 200)]
    assert cells(question, ["a", "b"], [UNREACHABLE], [100, 200]) == [
        (UNREACHABLE, Question(prompt, pictures, system="Be brief.", max_pixels=budget))
        for pictures, prompt, budget in places
    ]
    assert cells(Question(""), ["a"], [UNREACHABLE], [100]) == [(UNREACHABLE, Question("a", max_pixels=100))]


def test_a_matrix_runs_every_cell_and_summarises_the_runs(asker, endpoint, receipt):
    picture = keep_picture(asker.history, receipt.picture.crop(TOTALS))
    reported_runs = []
    matrix_cells = cells(
        Question("", (picture,)), ["What is the cash?", "What is the grand total?"], [endpoint], [200_000, 800_000]
    )
    runs = asker.matrix(matrix_cells, on_run=reported_runs.append)
    assert sorted(run.id for run in reported_runs) == sorted(run.id for run in runs)
    assert [run.question.max_pixels for run in runs] == [200_000, 800_000] * 2
    assert "4 runs, 4 of them done" in overview(runs)
