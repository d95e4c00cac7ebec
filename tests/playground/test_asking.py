"""Asking: answers kept as they come, a conversation, and a stop that stops everything."""

import json
import threading
import time

import pytest

import vlnb
from tests.playground.conftest import TOTALS, kept
from vlnb.playground import Question, Turn, cells, overview

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"


def event(text):
    return f"data: {json.dumps({'choices': [{'delta': {'content': text}}]})}\n\n".encode()


def slowly(connection):
    """Say a word every 20 ms, without end."""
    connection.sendall(HEAD)
    for _ in range(3000):
        connection.sendall(event("word "))
        time.sleep(0.02)


def test_an_answer_is_kept_and_can_be_replayed(asker, endpoint, receipt):
    picture = kept(asker.history, receipt.picture.crop(TOTALS))
    pieces = []
    run = asker.ask(endpoint, Question("What is the grand total?", (picture,)), on_text=pieces.append)
    assert pieces[-1] == run.answer
    (stored,) = asker.history.search("grand")
    assert stored == run
    reply = asker.history.reply(stored)
    assert (reply.text, reply.usage, reply.boxes, reply.summary[:40]) == (
        run.reply.text, run.reply.usage, run.reply.boxes, run.reply.summary[:40],
    )  # fmt: skip


def test_a_typed_answer_is_kept_with_its_fields(asker, endpoint, receipt):
    picture = kept(asker.history, receipt.picture.crop(TOTALS))
    schema = json.dumps({"type": "object", "properties": {"cash": {"type": "number"}}})
    run = asker.ask(endpoint, Question("Extract the data.", (picture,), schema=schema))
    assert run.facts["data"] == {"cash": 20000}
    assert asker.history.reply(asker.history.search()[0]).data == {"cash": 20000}


def test_a_conversation_sends_its_earlier_turns_with_their_pictures(asker, endpoint, receipt):
    picture = kept(asker.history, receipt.picture.crop(TOTALS))
    asked = Question("What is the cash?", (picture,))
    first = asker.ask(endpoint, asked)
    turn = Turn(asked.text(asker.history.load), asked.pictures, first.answer)
    second = Question("And the change?", before=(turn,))
    said, options = second.arguments(asker.history.load)
    messages = endpoint.request(said, **options).body["messages"]
    assert [one["role"] for one in messages] == ["user", "assistant", "user"]
    assert [part["type"] for part in messages[0]["content"]] == ["image_url", "text"]
    run = asker.ask(endpoint, second, first.id)
    assert run.state == "done"
    assert run.parent_id == first.id
    assert len(asker.history.reply(run).pictures) == 1


def test_stopping_keeps_what_has_come(asker, raw_server):
    endpoint = vlnb.Endpoint(raw_server(slowly), "m")
    run = asker.ask(endpoint, Question("Count"), on_text=lambda text: asker.stop() if len(text) > 20 else None)
    assert run.state == "stopped"
    assert asker.history.search()[0].answer.startswith("word word word")


def test_what_fails_is_kept_with_its_sentence(asker):
    run = asker.ask(vlnb.Endpoint("http://127.0.0.1:1/v1", "m"), Question("Read"))
    assert run.state == "failed"
    assert "connection was refused" in asker.history.search("refused")[0].error


def test_an_interrupt_is_kept_too(asker, raw_server):
    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asker.ask(vlnb.Endpoint(raw_server(slowly), "m"), Question("Count"), on_text=interrupt)
    assert asker.history.search()[0].state == "stopped"


def test_one_stop_ends_a_matrix(asker, raw_server, receipt):
    """2 prompts on 2 servers at 3 resolutions: after the stop nothing is asked, and what came is kept."""
    endpoints = [vlnb.Endpoint(raw_server(slowly), "m") for _ in range(2)]
    picture = kept(asker.history, receipt.picture.crop(TOTALS))
    twelve = cells(Question("", (picture,)), ["one", "two"], endpoints, [100_000, 200_000, 400_000])
    assert len(twelve) == 12
    runs = []
    work = threading.Thread(target=lambda: runs.extend(asker.matrix(twelve)))
    work.start()
    while sum(len(stream._text) > 3 for stream in tuple(asker._streams)) < 2:
        time.sleep(0.01)
    asker.stop()
    work.join()  # the servers never end an answer: only the stop can (benchmarks/playground.py measures how fast)
    assert [run.state for run in runs] == ["stopped", "stopped"]
    assert all("word" in run.answer for run in asker.history.search())
    assert len(asker.history.search()) == 2
    assert "none of them with a whole answer" in overview(runs)


def test_a_matrix_ends_with_an_overview(asker, endpoint, receipt):
    picture = kept(asker.history, receipt.picture.crop(TOTALS))
    ended = []
    made = cells(
        Question("", (picture,)), ["What is the cash?", "What is the grand total?"], [endpoint], [200_000, 800_000]
    )
    runs = asker.matrix(made, on_run=ended.append)
    assert sorted(run.id for run in ended) == sorted(run.id for run in runs)
    assert [run.question.max_pixels for run in runs] == [200_000, 800_000] * 2
    assert "4 runs, 4 of them done" in overview(runs)
