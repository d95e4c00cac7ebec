"""Answers that deviate from OpenAI's format: read where possible, and explained where not."""

import email.utils
import json
import queue
import socket
import struct
import time

import pytest

import vlnb
from tests.conftest import read_request
from vlnb.catalog import EMBEDDED_MODEL
from vlnb.endpoint import Reply, Usage
from vlnb.endpoint.answer import Answer

STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
DONE = b"data: [DONE]\n\n"


def plain(body, status="200 OK", kind="application/json", *headers):
    head = [f"HTTP/1.1 {status}", f"content-type: {kind}", f"content-length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def chunk(delta=None, finish=None, *, key="delta", index=0, **more):
    choices = [{"index": index, key: delta or {}, "finish_reason": finish}]
    return b"data: " + json.dumps({"choices": choices, "model": "m", **more}).encode() + b"\n\n"


def text_chunk(text):
    return chunk({"content": text})


def sized(sent):
    """Add a content-length to a stream: then a reset of the connection after its last byte does no harm."""
    body = sent.removeprefix(STREAM)
    return sent if body == sent else STREAM + b"content-length: %d\r\n\r\n" % len(body) + body


@pytest.fixture
def ask(raw_server):
    def ask(sent, **options):
        return vlnb.Endpoint(raw_server(lambda connection: connection.sendall(sized(sent))), "m").ask("?", **options)

    return ask


END = chunk(finish="stop") + DONE
WHOLE = json.dumps({"choices": [{"message": {"content": "Two cats"}, "finish_reason": "stop"}]}).encode()
READABLE = {
    "a byte order mark": STREAM + b"\xef\xbb\xbf" + text_chunk("Two ") + text_chunk("cats") + END,
    "a space before data": STREAM + b" " + text_chunk("Two ") + text_chunk("cats") + END,
    "content in parts": STREAM
    + chunk({"content": [{"type": "thinking", "text": "hm"}, {"type": "text", "text": "Two "}]})
    + text_chunk("cats")
    + END,
    "content in texts": STREAM + chunk({"content": ["Two ", {"type": "output_text", "text": "cats"}]}) + END,
    "message in place of delta": STREAM + chunk({"content": "Two cats"}, "stop", key="message") + DONE,
    "a second answer": STREAM
    + text_chunk("Two ")
    + chunk({"content": "Nine"}, "stop", index=1)
    + text_chunk("cats")
    + END,
    "no stream at all": plain(WHOLE),
    "no stream, after an empty line": plain(b"\n" + WHOLE),
    "no stream, after a byte order mark": plain(b"\xef\xbb\xbf" + WHOLE),
    "[DONE] alone as the end": STREAM + text_chunk("Two cats") + DONE,
    "empty lines and comments": STREAM + b": hello\n\n\nevent: x\n" + text_chunk("Two cats") + b"\r\n" + END,
    "completed text": STREAM
    + b"".join(b'data: {"choices": [{"index": 0, "text": "%s"}]}\n\n' % piece for piece in (b"Two ", b"cats"))
    + END,
    "the whole again at the end": STREAM
    + text_chunk("Two cats")
    + chunk({"content": "Two cats"}, "stop", key="message")
    + DONE,
    "an empty reason after the reason": STREAM
    + chunk({"content": "Two cats"}, "stop")
    + chunk(finish="")
    + chunk()
    + DONE,
    "an index in quotes": STREAM + chunk({"content": "Two cats"}, "stop", index="0") + DONE,
    "empty events": STREAM + b"data:\n\n" + text_chunk("Two cats") + b"data: \n\n" + END,
    "success as a message": STREAM + text_chunk("Two cats") + b'data: {"message": "Success", "usage": {}}\n\n' + END,
    "null choices": STREAM
    + b'data: {"choices": null}\n\ndata: {"choices": [null]}\n\ndata: []\n\n'
    + text_chunk("Two cats")
    + END,
}


@pytest.mark.parametrize("quirk", READABLE)
def test_unusual_but_readable_answers_give_the_same_text(ask, quirk):
    reply = ask(READABLE[quirk])
    assert reply.text == "Two cats"
    assert reply.note == ""
    assert reply.finish_reason == ("unknown" if "alone" in quirk else "stop")


@pytest.mark.parametrize("content", [5, [5], [{"text": 5}], [None, "5"]])
def test_an_answer_that_is_a_bare_number_is_read_as_text(ask, content):
    assert ask(STREAM + chunk({"content": content}) + END).text == "5"


@pytest.mark.parametrize(
    "usage",
    [
        {},
        {"prompt_tokens": None, "completion_tokens": None},
        {"prompt_tokens": 9},
        {"prompt_tokens": "9", "completion_tokens": 2},
        {"prompt_tokens": 9, "completion_tokens": 2.0},
        "many",
        [1],
        {"prompt_tokens": -1, "completion_tokens": 2},
        {"prompt_tokens": 0, "completion_tokens": 0},
        {"prompt_tokens": 2, "completion_tokens": -1},
    ],
)
def test_usage_without_both_numbers_is_unknown(ask, usage):
    reply = ask(STREAM + text_chunk("Two cats") + chunk(finish="stop") + chunk(usage=usage) + DONE)
    assert reply.usage is None
    assert "not counted" in reply.summary
    assert "not counted" in str(reply._repr_mimebundle_())
    assert Usage.of({"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": None}) == Usage(9, 2)


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (chunk({"reasoning": "Let me see"}) + chunk(finish="length"), "thinking used up max_tokens"),
        (chunk({"reasoning_content": "Let me see"}) + chunk(finish="stop"), "only thought"),
        (text_chunk("") + chunk(finish="stop"), "the answer is empty"),
        (text_chunk("") + chunk(finish="length"), "the answer is empty"),
        (chunk({"thinking": "Let me see"}), "only thought"),
        (text_chunk(" ") + text_chunk("\n") + chunk(finish="stop"), "the answer is empty"),
        (
            chunk({"refusal": "I cannot "}) + chunk({"refusal": "do that"}, "stop"),
            "the model refused: I cannot do that",
        ),
        (chunk(finish="content_filter"), "a content filter"),
    ],
)
def test_an_empty_answer_says_why(ask, sent, why):
    reply = ask(STREAM + sent + DONE)
    assert reply.text.strip() == ""
    assert why in reply.summary
    assert why in reply.as_dict()["note"]


def test_a_long_answer_in_json_is_not_cut(ask):
    sent = [*map(text_chunk, ("\n", "{", " " * 399, "1" * 500, "}")), END]
    assert ask(STREAM + b"".join(sent), response_format={"type": "json_object"}).finish_reason == "stop"


def test_the_last_name_and_counts_of_a_stream_are_kept(ask):
    usage = {"prompt_tokens": 9, "completion_tokens": 2}
    reply = ask(STREAM + chunk({"content": "Two cats"}, model="org/m", usage=usage) + chunk(model="", usage=None) + END)
    assert (reply.model, reply.usage) == ("m", Usage(9, 2))
    reply = ask(STREAM + chunk({"content": "Two cats"}, "stop", model="org/m") + chunk(model=None) + DONE)
    assert reply.model == "org/m"
    assert ask(STREAM + chunk({"content": "Two cats"}, "stop", model=7) + DONE).model == "7"
    assert ask(plain(WHOLE)).model == "m", "a server that names none answers with the model that was asked"


@pytest.mark.parametrize("cut", [["\ud83d", "\ude00"], ["\ud83d", "", "\ude00"], ["\ud83d\ude00"]])
def test_an_emoji_may_arrive_in_halves(ask, cut):
    assert ask(STREAM + b"".join(map(text_chunk, cut)) + END).text == "😀"


@pytest.mark.parametrize("end", [["cats \ud83d"], ["cats ", "\ud83d"]])
def test_an_answer_may_end_in_half_an_emoji(ask, end):
    assert ask(STREAM + b"".join(map(text_chunk, end)) + END).text == "cats \ufffd"


CALL = {"index": 0, "id": "1", "type": "function", "function": {"name": "zoom", "arguments": ""}}


ZOOM, CLICK = ({"name": name, "arguments": "{}"} for name in ("zoom", "click"))


@pytest.mark.parametrize(
    "deltas",
    [
        [CALL, {"index": 0, "function": {"arguments": '{"to"'}}, {"index": 0, "function": {"arguments": ": 3}"}}],
        [{"function": {"name": "zoom", "arguments": {"to": 3}}}],
        [{"index": 0, "function": {"name": "zoom", "arguments": '{"to": 3}'}}],
        [
            {"index": 0, "function": {"name": "zoom", "arguments": None}},
            {"index": 0, "function": {"name": None, "arguments": '{"to": 3}'}},
        ],
    ],
    ids=["in pieces", "as an object", "at once", "with nulls"],
)
def test_a_tool_call_becomes_text_in_qwens_notation(ask, deltas):
    sent = b"".join(chunk({"tool_calls": [delta]}) for delta in deltas) + chunk(finish="tool_calls")
    assert ask(STREAM + sent + DONE).text == '<tool_call>\n{"name": "zoom", "arguments": {"to": 3}}\n</tool_call>\n'


@pytest.mark.parametrize(
    "calls",
    [
        [[{"id": "a", "function": ZOOM}], [{"id": "b", "function": CLICK}]],
        [[{"index": 0, "id": "a", "function": ZOOM}], [{"index": 0, "id": "b", "function": CLICK}]],
        [[{"index": 0, "id": "a", "function": ZOOM}, {"index": 1, "id": "b", "function": CLICK}]],
        [[{"id": "a", "function": ZOOM}, {"id": "b", "function": CLICK}]],
        [
            [{"index": 0, "id": "a", "function": ZOOM}],
            [{"index": 0, "id": "b", "function": {"name": "click", "arguments": "{"}}],
            [{"index": 0, "function": {"arguments": "}"}}],
        ],
        [
            [{"index": 0, "id": "a", "function": {"name": "zoom"}}, {"index": 1, "id": "b", "function": CLICK}],
            [{"index": 0, "id": "c", "function": {"name": None, "arguments": "{}"}}],
        ],
    ],
    ids=[
        "without an index",
        "the same index",
        "two indexes",
        "at once",
        "in pieces",
        "an id for each piece",
    ],
)
def test_a_new_id_with_a_name_begins_a_new_tool_call(ask, calls):
    sent = b"".join(chunk({"tool_calls": delta}) for delta in calls) + chunk(finish="tool_calls")
    text = ask(STREAM + sent + DONE).text
    assert [json.loads(call) for call in text.splitlines()[1::3]] == [
        {"name": "zoom", "arguments": {}},
        {"name": "click", "arguments": {}},
    ]


def test_a_tool_call_beside_an_empty_text_is_read(ask):
    message = {"content": "", "tool_calls": [{"function": ZOOM}]}
    answer = json.dumps({"choices": [{"message": message, "finish_reason": "tool_calls"}]}).encode()
    assert '"name": "zoom"' in ask(plain(answer)).text


@pytest.mark.parametrize("arguments", ["{}", "", None])
def test_a_function_call_in_the_older_form_becomes_the_same_text(ask, arguments):
    sent = chunk({"function_call": {"name": "zoom", "arguments": arguments}}) + chunk(finish="function_call")
    assert ask(STREAM + sent + DONE).text == '<tool_call>\n{"name": "zoom", "arguments": {}}\n</tool_call>\n'


def test_reasoning_counts_as_the_first_token_and_done_as_the_end(raw_server):
    def slow(connection):
        connection.sendall(STREAM + b"content-length: 999999\r\n\r\n" + chunk({"reasoning_content": "Let me see"}))
        time.sleep(3)
        connection.sendall(text_chunk("Two cats") + END)
        time.sleep(5)

    assert vlnb.Endpoint(raw_server(slow), "m").ask("?", first_token_s=2).text == "Two cats"


def test_the_time_out_of_a_model_that_only_thinks_says_so(raw_server):
    def think(connection):
        connection.sendall(STREAM + b"content-length: 999999\r\n\r\n" + chunk({"reasoning_content": "Let me see"}))
        time.sleep(5)

    with pytest.raises(vlnb.NoServer, match=r"still thinking after 2\.5 s: pass a larger total_s"):
        vlnb.Endpoint(raw_server(think), "m").ask("?", first_token_s=2, total_s=2.5)


def test_the_time_of_the_first_text_stays_that_of_the_first():
    answer = Answer(queue.SimpleQueue())
    assert [answer.read(text_chunk(text)) for text in ("", "Two ", "cats")] == [False, True, False]
    first = answer.first
    answer.read(text_chunk("!"))
    assert (answer.text, answer.first) == ("Two cats!", first)


@pytest.mark.parametrize("end", ["null", "None", "error", "", None])
def test_an_invalid_finish_reason_raises_and_keeps_the_partial_answer(ask, end):
    with pytest.raises(vlnb.BadAnswer) as caught:
        ask(STREAM + text_chunk("Two cats") + chunk(finish=end))
    assert caught.value.partial == "Two cats"


PAGE = b"<!DOCTYPE html><html><head><title>Log in</title><style>a{color:red}</style><script>let x=1</script></head>"


@pytest.mark.parametrize(
    ("sent", "error", "words"),
    [
        (plain(b'{"error": "no such path"}'), vlnb.ServerRefused, 'It says: "no such path"'),
        (
            plain(b'{"error": "invalid_request", "error_description": "no such route"}'),
            vlnb.ServerRefused,
            'It says: "no such route"',
        ),
        (plain(b'{"detail": "Not Found"}'), vlnb.ServerRefused, 'It says: "Not Found"'),
        (plain(b'{"object": "error", "message": "busy", "code": 503}'), vlnb.ServerRefused, "not ready.*busy"),
        (STREAM + b'data: {"object": "error", "code": 503}\n\n', vlnb.ServerRefused, "not ready"),
        (STREAM + b'data: {"error": {"message": "slow down", "code": "429"}}\n\n', vlnb.ServerRefused, r"\(429\)"),
        (STREAM + b'data: {"object": "error", "message": "no", "code": "x"}\n\n', vlnb.ServerRefused, r"\(400\)"),
        # smg, when the server behind it ends in the middle of an answer
        (
            plain(b'{"error": "error reading a body from connection"}'),
            vlnb.ServerRefused,
            r"not ready \(502\).*ask again",
        ),
        (plain(b'{"error": "unexpected EOF"}'), vlnb.ServerRefused, r"not ready \(502\).*ask again"),
        (STREAM + b'data: {"detail": "no more credit"}\n\n', vlnb.ServerRefused, 'It says: "no more credit"'),
        (plain(b"Gateway error: " + PAGE, "502 Bad"), vlnb.ServerRefused, 'It says: "Gateway error: Log in"$'),
        (plain(b"no such path", kind="text/plain"), vlnb.BadAnswer, r'\(it says: "no such path"\)'),
        (plain(b'[{"error": "no such path"}]'), vlnb.BadAnswer, "it says: .*no such path"),
        (
            STREAM + b'id: 7\nretry: 9\n: ping\n\nerror: {"message": "busy"}\n\n',
            vlnb.BadAnswer,
            'it says: "error: .*busy',
        ),
        (STREAM + b"id: 7\nevent: message\nretry: 9\n: ping\n\n", vlnb.BadAnswer, "without a finish_reason"),
        (plain(PAGE, kind="text/html"), vlnb.BadAnswer, r'it is a web page: "Log in"\)'),
        (plain(PAGE, "502 Bad", "text/html"), vlnb.ServerRefused, 'It says: "Log in"$'),
        (plain(b"<style>a{color:red}", "500 Oh", "text/html"), vlnb.ServerRefused, "may work.$"),
        (plain(b"<style>a{color:red}</style><p>no", "500 Oh"), vlnb.ServerRefused, 'It says: "no"$'),
        pytest.param(plain(b"[" * 99_999, "500 Oh"), vlnb.ServerRefused, r'It says: "\[{399}…"$', id="nested"),
        (plain(b"{}", "500 Oh"), vlnb.ServerRefused, "may work.$"),
        (plain(b"caf\xe9", "500 Oh"), vlnb.ServerRefused, 'It says: "caf\ufffd"$'),
        (plain(b"null", "500 Oh"), vlnb.ServerRefused, "may work.$"),
        (plain(b'{"reason": 7}', "500 Oh"), vlnb.ServerRefused, r"""It says: "{'reason': 7}"$"""),
        (plain(b'{"detail": ["a", {"loc": 1}]}', "500 Oh"), vlnb.ServerRefused, r"""It says: "a; {'loc': 1}"$"""),
        (plain(b"<p>no</p>", "500 Oh"), vlnb.ServerRefused, 'It says: "no"$'),
        (plain(b"Oh <html>no", "500 Oh"), vlnb.ServerRefused, 'It says: "Oh no"$'),
        (plain(b"Oh <body>no", "500 Oh"), vlnb.ServerRefused, 'It says: "Oh no"$'),
        (plain(b"Oh <style>a{}</style>no", "500 Oh"), vlnb.ServerRefused, 'It says: "Oh no"$'),
        (plain(b"Oh <!doctype a>no", "500 Oh"), vlnb.ServerRefused, 'It says: "Oh no"$'),
        (plain(b'{"message": "maximum context length is 4096 tokens"}', "400 No"), vlnb.ServerRefused, "max_pixels="),
        (plain(b'{"detail": "input is longer than 8192 tokens"}', "422 No"), vlnb.ServerRefused, "model's context"),
        (plain(b"{}", "413 No"), vlnb.ServerRefused, "max_pixels"),
        (plain(b'{"msg": "image too large"}', "400 No"), vlnb.ServerRefused, 'It says: "image too large"'),
        (
            plain(b'{"detail": [{"loc": ["body", "n"], "msg": "field required"}]}', "422 No"),
            vlnb.ServerRefused,
            r'It says: "body\.n: field required"',
        ),
        (
            STREAM + text_chunk("Two") + b'event: error\ndata: {"message": "engine died"}\n\n',
            vlnb.BadAnswer,
            r"middle of its answer \(engine died\)",
        ),
        (
            STREAM + text_chunk("Two") + b'data: {"error": "unsupported: stream_options"}\n\n',
            vlnb.BadAnswer,
            r"\(unsupported: stream_options\); the 3 characters received",
        ),
        (STREAM + text_chunk("Two") + b'data: "\xff"\n\n', vlnb.BadAnswer, r"not valid JSON\)"),
        (STREAM + text_chunk("Two") + chunk(finish="error"), vlnb.BadAnswer, r"its answer \(error\)"),
        (STREAM + text_chunk("Two") + b"data: Internal Server Error\n\n", vlnb.BadAnswer, "'Internal Server Error'"),
    ],
)
def test_an_unreadable_answer_is_explained(ask, sent, error, words):
    with pytest.raises(error, match=words):
        ask(sent)


@pytest.mark.parametrize(("ahead_s", "least", "most"), [(30, 25, 30), (-30, 0, 0)])
def test_retry_after_may_be_a_date(ask, ahead_s, least, most):
    when = email.utils.formatdate(time.time() + ahead_s, usegmt=True)
    with pytest.raises(vlnb.ServerRefused) as caught:
        ask(plain(b"{}", "429 Busy", "application/json", f"retry-after: {when}"))
    assert least <= caught.value.retry_after_s <= most


@pytest.mark.parametrize(("header", "seconds"), [("1.5", 1.5), ("-3", 0), ("nan", None), ("soon", None)])
def test_retry_after_may_be_fractional_negative_or_invalid(ask, header, seconds):
    with pytest.raises(vlnb.ServerRefused) as caught:
        ask(plain(b"{}", "429 Busy", "application/json", f"retry-after: {header}"))
    assert caught.value.retry_after_s == seconds


@pytest.mark.parametrize("reset", [False, True])
def test_a_kept_connection_that_the_server_closes_costs_no_request(raw_server, reset):
    connections = []

    def script(connection):
        connections.append(connection)
        if len(connections) > 1:
            connection.sendall(sized(STREAM + text_chunk("Two cats") + END))
            return
        connection.sendall(plain(b'{"message": "Extra inputs are not permitted: stream_options"}', "422 No"))
        read_request(connection)  # the request without that field, which gets no answer
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", reset, 0))

    assert vlnb.Endpoint(raw_server(script), "m").ask("?").text == "Two cats"
    assert len(connections) == 2


def test_a_request_whose_answer_breaks_off_is_not_sent_again(raw_server):
    connections = []

    def script(connection):
        connections.append(connection)
        connection.sendall(plain(b'{"message": "Extra inputs are not permitted: stream_options"}', "422 No"))
        read_request(connection)
        connection.sendall(STREAM + b"content-length: 1000\r\n\r\n" + text_chunk("Two"))

    with pytest.raises(vlnb.BadAnswer, match="broke off") as caught:
        vlnb.Endpoint(raw_server(script), "m").ask("?")
    assert (caught.value.partial, len(connections)) == ("Two", 1)


@pytest.mark.parametrize("answer", [STREAM + text_chunk("Two cats") + END, plain(WHOLE)], ids=["stream", "one object"])
@pytest.mark.parametrize("status", ["an event", "200 OK", "422 No"])
def test_a_request_is_sent_again_without_refused_stream_options(raw_server, status, answer):
    bodies = []
    refusal = {"error": {"message": "Extra inputs are not permitted: stream_options", "code": 400}}

    def strict(connection):
        bodies.append(connection)
        refused = STREAM + b"data: " + json.dumps(refusal).encode() + b"\n\n"
        if status != "an event":
            refused = plain(json.dumps(refusal).encode(), status)
        connection.sendall(sized(refused if len(bodies) == 1 else answer))

    reply = vlnb.Endpoint(raw_server(strict), "m").ask("?")
    assert reply.text == "Two cats"
    assert len(bodies) == 2
    assert "refuses stream_options, so it counts no tokens" in reply.summary


@pytest.mark.parametrize(
    "sent",
    [
        b'{"choices": [{"delta": {"content": "cats \\ud83d!"}}]}',
        b'{"choices": [{"delta": {"refusal": "no \\ud83d!"}}]}',
        b'{"choices": [{"delta": {"tool_calls": [{"function": {"name": "f", "arguments": "\\ud83d"}}]}}]}',
        b'{"model": "cats \\ud83d", "choices": [{"delta": {"content": "a"}}]}',
    ],
)
def test_half_a_surrogate_pair_can_be_printed_and_stored(ask, sent):
    reply = ask(STREAM + chunk(finish="stop") + b"data: " + sent + b"\n\ndata: [DONE]\n\n")
    assert "\ufffd" in reply.text + reply.summary
    assert json.dumps(reply.as_dict(), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("body", "model", "chosen"),
    [
        (b'{"data": [{"id": "nomic-embed-text"}, {"id": "llama-3"}, {"id": "qwen2.5vl:3b"}]}', None, "qwen2.5vl:3b"),
        (b'{"data": [{"id": "bge-reranker"}, {"id": "llama-3"}]}', None, "llama-3"),
        (b'{"data": [{"id": "llama-3"}, {"id": "glm-4.5v"}]}', None, "glm-4.5v"),
        (b'{"data": [{"id": "first"}, {"id": "second"}]}', None, "first"),
        (b'[{"id": "a"}, {"id": "b"}]', None, "a"),
        (b'{"models": ["a"]}', None, "a"),
        (b'{"models": [{"name": "a", "size": 3}]}', None, "a"),
        (b'{"data": [{"id": null, "name": "a"}]}', None, "a"),
        (b'{"data": []}', "mine", "mine"),
        (b'{"data": null}', "mine", "mine"),
    ],
)
def test_the_best_model_of_the_list_is_chosen(raw_server, body, model, chosen):
    address = raw_server(lambda connection: connection.sendall(plain(body)))
    assert vlnb.connect(address, model=model, announce=None).model == chosen


BLIND = [
    "text-embedding-3",
    "jina-reranker-v2",
    "whisper-1",
    "kokoro-tts",
    "speech-t5",
    "bge-m3",
    "llama-guard-4",
    "clip",
    "all-minilm",
    "omni-moderation",
    "dall-e-3",
    "stable-diffusion-xl",
    "davinci-002",
    "babbage-002",
]
SEEING = ["SmolVLM", "gpt-4-vision", "llava-1.6", "pixtral-12b", "molmo-7b", "moondream2", "minicpm-v", "gemma-3-27b",
          "gemma4", "gpt-4o", "qwen2.5-omni", "phi-4-multimodal", "deepseek-ocr"]  # fmt: skip


@pytest.mark.parametrize(
    ("listed", "chosen"),
    [*((("llama-3", name), name) for name in SEEING), *(((name, "llama-3"), "llama-3") for name in BLIND),
     (("llama-3", "vlad-7b"), "llama-3"), (("llama-3", "phi-4vx"), "llama-3"),
     ((EMBEDDED_MODEL, "llama-3"), EMBEDDED_MODEL)],
)  # fmt: skip
def test_a_model_that_sees_comes_first_and_one_that_does_not_chat_last(raw_server, listed, chosen):
    address = raw_server(lambda connection: connection.sendall(plain(json.dumps(listed).encode())))
    assert vlnb.connect(address, announce=None).model == chosen


@pytest.mark.parametrize("status", ["302 Found", "404 Not Found", "405 No", "501 No"])
def test_a_named_model_needs_no_list_of_models(raw_server, status):
    address = raw_server(lambda connection: connection.sendall(plain(b"no", status)))
    assert vlnb.connect(address, model="mine", announce=None).model == "mine"
    with pytest.raises(vlnb.ServerRefused):
        vlnb.connect(address, announce=None)


@pytest.mark.parametrize(
    ("sent", "error", "words"),
    [
        (plain(b'{"data": null}'), vlnb.BadAnswer, "serves no model"),
        (plain(b"[]"), vlnb.BadAnswer, "serves no model"),
        (plain(b'{"object": "list"}'), vlnb.BadAnswer, "lists no models"),
        (plain(b"", "301 Moved", "text/html", f"location: https://a.test/{'v' * 300}"), vlnb.ServerRefused,
         rf"redirects to https://a.test/v{{{200 - len('https://a.test/')}}}:"),
        (plain(b"", "301 Moved", "text/html", "location: https://a.test/v1/models?k=v"), vlnb.ServerRefused,
         "redirects to https://a.test/v1:"),
        (plain(b"", "307 Moved", "text/html", "location: /login?to=models"), vlnb.ServerRefused, r":\d+/login: not"),
    ],
)  # fmt: skip
def test_an_unusable_list_of_models_is_explained(raw_server, sent, error, words):
    with pytest.raises(error, match=words):
        vlnb.connect(raw_server(lambda connection: connection.sendall(sent)), announce=None)


def test_the_summary_says_that_the_space_follows_from_the_models_name():
    from PIL import Image

    picture = vlnb.images.load(Image.new("RGB", (500, 100)))
    answer = '[{"bbox_2d": [100, 50, 200, 60]}]'
    reply = Reply(answer, "Qwen/Qwen3.5-9B", "s", "stop", 0, 0, None, (picture,), ((500, 100),))
    assert [box.corners for box in reply.boxes] == [(50, 5, 100, 6)]
    assert "thousand: so Qwen/Qwen3.5-9B answers, by its name" in reply.regions.summary
    shares = Reply('{"x": "50%", "y": "25%"}', "Qwen/Qwen3.5-9B", "s", "stop", 0, 0, None, (picture,), ((500, 100),))
    assert [(point.x, point.y) for point in shares.regions.points] == [(250, 25)]
