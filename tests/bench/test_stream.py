"""A streamed answer is parsed after its end, and whatever is wrong with it becomes an error message."""

import time
import timeit

import pytest

from vlnb.bench import stream, wire


def test_parsing_time_grows_linearly_with_the_length_of_a_line():
    def parse_seconds(pieces):
        trace = wire.Trace(pieces=[(0.0, b"x" * 1000)] * pieces)
        return min(timeit.repeat(lambda: stream.parse(trace), time.thread_time, number=1, repeat=5))

    assert parse_seconds(4_000) < 30 * parse_seconds(500)  # 8 times the length; 64 times the time if quadratic


GOOD = b'data: {"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]}\n\n'


@pytest.mark.parametrize(
    "event",
    [
        b"null",
        b"[1]",
        b'"text"',
        b'{"choices": [null], "finish_reason": "stop"}',
        b'{"choices": {"a": 1}, "finish_reason": "stop"}',
        b'{"choices": 5, "usage": {}}',
        b'{"error": ' + b"[" * 100_000 + b"}",
        b"\xff",
    ],
    ids=lambda event: event[:40].decode("ascii", "replace"),
)
@pytest.mark.parametrize("before", [b"", GOOD], ids=["alone", "after text"])
def test_a_malformed_event_is_an_error_of_its_answer(event, before):
    answer = stream.parse(wire.Trace(pieces=[(1.0, before + b"data: " + event + b"\n\ndata: [DONE]\n\n")]))
    assert "chunk" in answer.error


@pytest.mark.parametrize(
    "usage",
    [b"{}", b"null", b"[]", b'"none"', b"7"]
    + [b'{"completion_tokens": %s, "prompt_tokens": %s}' % (n, n) for n in (b'"many"', b"-1", b"1.5", b"true")],
)
def test_invalid_token_counts_are_unknown_and_the_answer_stays_valid(usage):
    last = b'data: {"choices": [], "usage": %s}\n\ndata: [DONE]\n\n' % usage
    answer = stream.parse(wire.Trace(pieces=[(1.0, GOOD + last)]))
    assert (answer.error, answer.output_tokens, answer.input_tokens) == (None, None, None)
    assert answer.text_at == (1.0,)
    known = b'data: {"choices": [], "usage": {"completion_tokens": 1, "prompt_tokens": 2}}\n\n'
    answer = stream.parse(wire.Trace(pieces=[(1.0, GOOD + known + last)]))
    assert (answer.output_tokens, answer.input_tokens) == (1, 2), "earlier counts stay known"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b'{"error": {"message": "no such route"}}', 'no stream of events but \'{"error": {"message": "no such route'),
        (b"<html><h1>Sign in</h1>", "no stream of events but '<html>"),
        (b'data: {"choices": [{"delta": {"content": "a"}, "finish_reason": "null"}]}\n\n', "closed before its end"),
        (GOOD + b'data: {"object": "error", "message": "dead", "code": 500}\n\ndata: [DONE]\n\n', "reported: dead"),
        (GOOD + b'event: error\ndata: {"message": "dead"}\n\ndata: [DONE]\n\n', "reported: dead"),
        (GOOD + b'data: {"detail": "dead"}\n\ndata: [DONE]\n\n', "reported: dead"),
        (b"data:\n\n" + GOOD + b"data: \n\ndata: {}\n\n", None),
        (b"\xef\xbb\xbf" + GOOD, None),
        (b'data: {"choices": [{"delta": {"content": [{"type": "text", "text": "a"}]}}]}\n\ndata: [DONE]\n\n', None),
        (b'data: {"choices": [{"delta": {"reasoning": "a"}}]}\n\ndata: [DONE]\n\n', None),
    ],
)
def test_unusual_answers_are_parsed_or_explained(data, error):
    answer = stream.parse(wire.Trace(pieces=[(1.0, data)]))
    assert error in answer.error if error else (answer.error, answer.text_at) == (None, (1.0,))


def test_events_do_not_depend_on_how_the_stream_is_split():
    data = GOOD * 3 + b"data: [DONE]\n\n"
    for size in range(1, 50):
        pieces = [(float(at), data[at : at + size]) for at in range(0, len(data), size)]
        answer = stream.parse(wire.Trace(pieces=pieces))
        assert (len(answer.text_at), answer.finish_reason, answer.error) == (3, "stop", None)
        assert answer.text_at[0] == (GOOD.index(b"\n") // size) * size, "the time of the piece that ended the line"
