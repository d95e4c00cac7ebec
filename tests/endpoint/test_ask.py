"""Asking: replies, streams, timeouts, and every way in which a server can fail in the middle."""

import json
import math
import queue
import time

import pytest
from PIL import Image

import vlnb
from vlnb.endpoint import Reply, Usage

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(text=None, finish=None, **more):
    delta = {} if text is None else {"content": text}
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    body = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices, **more}
    return chunk(b"data: " + json.dumps(body).encode() + b"\n\n")


DONE = chunk(b"data: [DONE]\n\n") + END


@pytest.fixture
def scripted(raw_server):
    """Start a server that runs a script for each connection; return its endpoint."""

    def start(script, **options):
        return vlnb.Endpoint(raw_server(script), "m", **options)

    return start


def test_a_reply_has_text_timing_usage_and_a_box(endpoint, receipt):
    reply = endpoint.ask("What is the grand total?", receipt.picture)
    assert reply.text.startswith("17,000")
    assert reply.model == "vlnb-embedded-ocr"
    assert reply.finish_reason == "stop"
    assert 0 < reply.ttft_s <= reply.latency_s
    assert reply.usage.image_tokens == 667
    (box,) = reply.boxes
    truth = receipt.truth.fields["grand_total"]
    assert (box.x1, box.y1, box.x2, box.y2) == pytest.approx((truth.x1, truth.y1, truth.x2, truth.y2), abs=6)


def test_boxes_are_in_pixels_of_the_original_picture(endpoint, receipt):
    large = receipt.picture.image.resize((1920, 2460))
    (box,) = endpoint.ask("What is the grand total?", large, max_pixels=600 * 28 * 28).boxes
    truth = receipt.truth.fields["grand_total"]
    assert (box.x1, box.y2) == pytest.approx((3 * truth.x1, 3 * truth.y2), abs=20)


def test_a_stream_yields_pieces_and_then_has_a_reply(endpoint, receipt):
    stream = endpoint.stream("Read all the text.", receipt.picture)
    text = "".join(stream)
    assert text == stream.reply.text == stream.text == str(stream) == "\n".join(receipt.truth.lines)
    assert stream.reply.usage.completion_tokens > 20
    assert stream.reply.ttft_s < stream.reply.latency_s


def test_inspecting_a_stream_does_not_wait_for_the_server(scripted):
    """Editors and `hasattr` ask objects for names; the answer must not depend on the network."""
    stream = scripted(lambda connection: time.sleep(5)).stream("hi")
    start = time.monotonic()
    assert not hasattr(stream, "shape")
    assert not hasattr(stream, "usage")
    assert repr(stream) == "<Stream: '' …>"
    assert time.monotonic() - start < 4
    stream.close()


def test_a_truncated_answer_says_so(endpoint, receipt):
    reply = endpoint.ask("Read all the text.", receipt.picture, max_tokens=4)
    assert reply.finish_reason == "length"
    assert "cut at max_tokens" in reply.summary


def test_closing_a_stream_early_tells_the_server_and_is_not_an_error(scripted):
    hung_up = queue.SimpleQueue()

    def talk_without_end(connection):
        connection.sendall(HEAD + event("Aunti"))
        hung_up.put(connection.recv(1))  # returns nothing as soon as the other side closes the connection

    stream = scripted(talk_without_end).stream("Read all the text.")
    assert next(stream) == "Aunti"
    stream.close()
    assert hung_up.get(timeout=60) == b""
    assert list(stream) == []
    with pytest.raises(vlnb.BadAnswer, match="stopped before its end") as stopped:
        stream.reply  # noqa: B018
    assert stopped.value.partial == "Aunti"


def test_a_whole_answer_is_kept_when_its_stream_is_closed(scripted):
    stream = scripted(lambda connection: connection.sendall(HEAD + event("Aunti", "stop") + DONE)).stream("Read")
    assert list(stream) == ["Aunti"]
    stream.close()
    assert stream.reply.text == "Aunti"


def test_bad_input_raises_at_once(endpoint, tmp_path):
    with pytest.raises(vlnb.BadInput, match="There is no file"):
        endpoint.stream("Read", tmp_path / "a.png")
    with pytest.raises(vlnb.BadInput, match="more than 200 times the other"):
        endpoint.stream("Read", Image.new("RGB", (2010, 10)))
    with pytest.raises(vlnb.BadInput, match="prompt must be a text"):
        endpoint.ask(Image.new("RGB", (10, 10)), "Read")


FAILURES = [
    # the response, the error, words of its message, the partial answer
    (HEAD + event("Hello ") + event("wor"), vlnb.BadAnswer, "broke off in the middle", "Hello wor"),
    (HEAD + event("Hello ") + chunk(b'data: {"id": \n\n') + END, vlnb.BadAnswer, "not valid JSON", "Hello "),
    (HEAD + event("Hello ") + END, vlnb.BadAnswer, "without a finish_reason", "Hello "),
    (
        HEAD + event("Hello ") + chunk(b'data: {"error": {"message": "out of memory"}}\n\n') + DONE,
        vlnb.BadAnswer,
        "out of memory",
        "Hello ",
    ),
    (
        HEAD + chunk(b'data: {"error": {"message": "too many tokens", "code": 400}}\n\n') + DONE,
        vlnb.ServerRefused,
        "did not accept the request.*too many tokens",
        None,
    ),
    (HEAD + DONE, vlnb.BadAnswer, "sent no text", ""),
    (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>",
        vlnb.BadAnswer,
        "Is it an OpenAI-compatible server",
        "",
    ),
    (b"", vlnb.NoServer, "closed the connection", None),
    (b'HTTP/1.1 400 No\r\ncontent-length: 22\r\n\r\n{"message": "too big"}', vlnb.ServerRefused, "too big", None),
    (b"HTTP/1.1 302 No\r\nlocation: http://[bad\r\ncontent-length: 0\r\n\r\n", vlnb.ServerRefused, "redirects", None),
    (b"HTTP/1.1 404 No\r\ncontent-length: 2\r\n\r\n{}", vlnb.ServerRefused, "does not know the model 'm'", None),
    (b"HTTP/1.1 413 No\r\ncontent-length: 2\r\n\r\n{}", vlnb.ServerRefused, "smaller or fewer pictures", None),
    (b"HTTP/1.1 429 No\r\nretry-after: 7\r\ncontent-length: 2\r\n\r\n{}", vlnb.ServerRefused, "try again in 7 s", None),
    (b"HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\n{}", vlnb.ServerRefused, "not ready", None),
    (b"HTTP/1.1 500 No\r\ncontent-length: 4\r\n\r\nboom", vlnb.ServerRefused, "Its log says why", None),
]  # fmt: skip


@pytest.mark.parametrize(("response", "error", "words", "partial"), FAILURES)
def test_failures_raise_clear_errors_that_keep_the_partial_answer(scripted, response, error, words, partial):
    endpoint = scripted(lambda connection: connection.sendall(response))
    with pytest.raises(error, match=words) as caught:
        endpoint.ask("hi")
    assert endpoint.base_url in str(caught.value)
    assert getattr(caught.value, "partial", None) == partial


def test_a_request_has_the_system_message_the_turns_and_the_options():
    endpoint = vlnb.Endpoint("http://a/v1", "m")
    more = {"seed": 7, "max_tokens": 5, "extra_body": {"top_k": 1, "seed": 8}}
    request = endpoint.request("And now?", system="Be brief.", before=[("One?", "1")], **more)
    assert request.body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "One?"}]},
            {"role": "assistant", "content": "1"},
            {"role": "user", "content": [{"type": "text", "text": "And now?"}]},
        ],
        "max_tokens": 5, "temperature": 0.0, "seed": 8, "top_k": 1,
        "stream": True, "stream_options": {"include_usage": True},
    }  # fmt: skip
    assert request.parts == ("One?", "And now?")
    prompt = vlnb.prompts.document()
    for system, sent in ((None, prompt.system), ("Be brief.", "Be brief.")):
        assert endpoint.request(prompt, system=system).body["messages"][0]["content"] == sent


@pytest.mark.parametrize(
    ("prompt", "options"), [("?", {"seed": {1}}), ("?", {"temperature": math.nan}), ("caf\udce9", {})]
)
def test_a_request_that_is_no_json_is_refused_before_it_is_sent(prompt, options):
    with pytest.raises(vlnb.BadInput, match="cannot be sent as JSON"):
        vlnb.Endpoint("http://127.0.0.1:1/v1", "m").ask(prompt, **options)


def test_the_error_names_the_model_of_the_request_body(scripted):
    endpoint = scripted(lambda connection: connection.sendall(b"HTTP/1.1 404 No\r\ncontent-length: 2\r\n\r\n{}"))
    body = {"model": "gpt-9", "messages": [{"role": "user", "content": "hi"}]}
    with pytest.raises(vlnb.ServerRefused, match="does not know the model 'gpt-9'"):
        _ = endpoint.send(body).reply


def test_a_stream_yields_the_text_received_before_it_fails(scripted):
    stream = scripted(lambda connection: connection.sendall(HEAD + event("Hello "))).stream("hi")
    assert next(stream) == "Hello "
    with pytest.raises(vlnb.BadAnswer):
        next(stream)


def test_a_refused_request_is_not_retried(scripted):
    calls = []

    def busy(connection):
        calls.append(1)
        connection.sendall(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n")

    with pytest.raises(vlnb.ServerRefused) as caught:
        scripted(busy).ask("hi")
    assert caught.value.status == 503
    assert len(calls) == 1


def test_the_first_token_and_total_timeouts_are_independent(scripted):
    def slow_start(connection):
        time.sleep(1.0)
        connection.sendall(HEAD + event("late") + event(finish="stop") + DONE)

    def slow_end(connection):
        connection.sendall(HEAD + event("early "))
        time.sleep(2.5)  # two seconds are enough for the first text, even on a busy machine
        connection.sendall(event("late") + event(finish="stop") + DONE)

    with pytest.raises(vlnb.NoServer, match=r"no text within 0\.5 s"):
        scripted(slow_start).ask("hi", first_token_s=0.5)
    assert scripted(slow_end).ask("hi", first_token_s=2).text == "early late"
    with pytest.raises(vlnb.BadAnswer, match=r"after 2 s") as caught:
        scripted(slow_end, total_s=2).ask("hi")
    assert caught.value.partial == "early "


@pytest.mark.parametrize("piece", [chunk(b": keep-alive\n\n"), event(), event("")], ids=["comment", "role", "no text"])
def test_what_arrives_before_the_first_text_does_not_extend_its_timeout(scripted, piece):
    def drip(connection):
        connection.sendall(HEAD)
        for _ in range(100):
            connection.sendall(piece)
            time.sleep(0.1)

    with pytest.raises(vlnb.NoServer, match=r"no text within 0\.3 s"):
        scripted(drip).ask("hi", first_token_s=0.3)


def test_a_reply_without_token_counts_has_no_usage(scripted):
    reply = scripted(lambda c: c.sendall(HEAD + event("Hi") + event(finish="stop") + DONE)).ask("hi")
    assert reply.usage is None
    assert "not counted" in reply.summary
    assert reply.as_dict()["usage"] is None


def reply_of(text, **more):
    return Reply(text, "m", "http://a/v1", "stop", 0.25, 1.5, **more)


def test_a_reply_prints_in_a_terminal_and_converts_to_json():
    reply = reply_of("Hello", usage=Usage(1200, 10, 1196))
    assert str(reply) == "Hello"
    assert reply.summary == "m · tokens: 1,196 picture + 4 text in, 10 out · first token 0.25 s · total 1.50 s"
    assert json.loads(json.dumps(reply.as_dict())) == {
        "text": "Hello", "model": "m", "server": "http://a/v1", "finish_reason": "stop", "ttft_s": 0.25,
        "latency_s": 1.5, "note": "", "boxes": [],
        "usage": {"prompt_tokens": 1200, "completion_tokens": 10, "image_tokens": 1196, "total_tokens": 1210},
    }  # fmt: skip
    assert reply._repr_mimebundle_()["text/plain"].startswith("Hello\n")


def test_markup_in_an_answer_is_shown_and_not_run():
    picture = vlnb.images.load(Image.new("RGB", (100, 100)))
    text = '<script>alert(1)</script><img src=x onerror="alert(2)"> [10, 10, 50, 50]'
    reply = reply_of(text, pictures=(picture,), seen_sizes=((100, 100),))
    assert [box.corners for box in reply.boxes] == [(10, 10, 50, 50)]
    html = reply._repr_mimebundle_()["text/html"]
    assert "<script" not in html
    assert "<img src=x" not in html
    assert "&lt;script&gt;" in html


def test_a_stream_has_a_live_display_in_a_notebook(endpoint, receipt, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.DisplayHandle.display", lambda self, obj, **k: shown.append(obj))
    monkeypatch.setattr("IPython.display.DisplayHandle.update", lambda self, obj, **k: shown.append(obj))
    endpoint.stream("Read all the text.", receipt.picture)._ipython_display_()
    assert "▍" in str(shown[1]), "the text so far, with a cursor at its end"
    assert isinstance(shown[-1], Reply)
