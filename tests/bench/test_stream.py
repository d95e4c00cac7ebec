"""What a streamed answer says: parsed after its end, and whatever is wrong with it is a sentence."""

import time
import timeit

import pytest

from vlnb.bench import stream, wire


def test_one_long_line_is_understood_in_a_time_that_grows_as_its_length():
    def took(pieces):
        trace = wire.Trace(pieces=[(0.0, b"x" * 1000)] * pieces)
        return min(timeit.repeat(lambda: stream.parse(trace), time.process_time, number=1, repeat=5))

    assert took(4_000) < 30 * took(500)  # 8 times the length; 64 times the time, if it grew as its square


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
def test_an_odd_event_is_an_error_of_its_answer_and_of_nothing_else(event, before):
    answer = stream.parse(wire.Trace(pieces=[(1.0, before + b"data: " + event + b"\n\ndata: [DONE]\n\n")]))
    assert "chunk" in answer.error


@pytest.mark.parametrize(
    "usage",
    [b"{}", b"null", b"[]", b'"none"', b"7"]
    + [b'{"completion_tokens": %s, "prompt_tokens": %s}' % (n, n) for n in (b'"many"', b"-1", b"1.5", b"true")],
)
def test_counts_that_are_no_numbers_are_unknown_and_the_answer_counts(usage):
    last = b'data: {"choices": [], "usage": %s}\n\ndata: [DONE]\n\n' % usage
    answer = stream.parse(wire.Trace(pieces=[(1.0, GOOD + last)]))
    assert (answer.error, answer.output_tokens, answer.input_tokens) == (None, None, None)
    assert answer.text_at == (1.0,)
    known = b'data: {"choices": [], "usage": {"completion_tokens": 1, "prompt_tokens": 2}}\n\n'
    answer = stream.parse(wire.Trace(pieces=[(1.0, GOOD + known + last)]))
    assert (answer.output_tokens, answer.input_tokens) == (1, 2), "what was counted before stays known"


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b'{"error": {"message": "no such route"}}', 'no stream of events but \'{"error": {"message": "no such route'),
        (b"<html><h1>Sign in</h1>", "no stream of events but '<html>"),
        (b'data: {"choices": [{"delta": {"content": "a"}, "finish_reason": "null"}]}\n\n', "closed before its end"),
        (b"\xef\xbb\xbf" + GOOD, None),
        (b'data: {"choices": [{"delta": {"content": [{"type": "text", "text": "a"}]}}]}\n\ndata: [DONE]\n\n', None),
        (b'data: {"choices": [{"delta": {"reasoning": "a"}}]}\n\ndata: [DONE]\n\n', None),
    ],
)
def test_other_forms_of_answers(said, error):
    answer = stream.parse(wire.Trace(pieces=[(1.0, said)]))
    assert error in answer.error if error else (answer.error, answer.text_at) == (None, (1.0,))


def test_events_are_the_same_however_the_stream_was_cut():
    said = GOOD * 3 + b"data: [DONE]\n\n"
    for size in range(1, 50):
        cut = [(float(at), said[at : at + size]) for at in range(0, len(said), size)]
        answer = stream.parse(wire.Trace(pieces=cut))
        assert (len(answer.text_at), answer.finish_reason, answer.error) == (3, "stop", None)
        assert answer.text_at[0] == (GOOD.index(b"\n") // size) * size, "the stamp of the piece that ended the line"
