"""Which optional field a server refuses, by the words of its message."""

import pytest

from vlnb.endpoint.failures import refused_field


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ('[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]', 0),
        ("1 validation error: body -> stream_options: extra fields not permitted", 0),
        ("Unexpected fields: stream_options", 0),
        ("Unrecognized request argument supplied: stream_options", 0),
        ('json: unknown field "stream_options"', 0),
        ("Additional properties are not allowed ('stream_options' was unexpected)", 0),
        ("property 'stream_options' is unsupported", 0),
        ("This model doesn't support stream_options.", 0),
        ("stream_options is not currently implemented", 0),
        ("Unknown parameter: 'include_usage'", 0),
        ("Unsupported parameter: ignore_eos", 1),
        ("Extra inputs are not permitted: ignore_eos, then stream_options", 1),
        ("Unknown field: my_stream_options", None),
        ("Unknown field: stream_options_2", None),
        ("max_tokens is not allowed to exceed 4096", None),
        ("Unknown model m", None),
        ("stream_options.include_usage must be a boolean", None),
        ("", None),
    ],
)
def test_a_refused_field_is_named(message, field):
    assert refused_field(message) == (None if field is None else ("stream_options", "ignore_eos")[field])


@pytest.mark.parametrize(
    "words",
    [
        "extra input", "additional property", "invalid field", "no such field", "not permitted", "not allowed",
        "not recognised", "I do not know it", "not an expected field", "not accepted", "not valid", "does not exist",
        "cannot be used here", "should not be set", "a disallowed property", "forbidden",
    ],
)  # fmt: skip
def test_a_refusal_has_many_words(words):
    assert refused_field(f"stream_options: {words}") == "stream_options"
