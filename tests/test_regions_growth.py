"""The time to parse an answer grows about linearly with its length, whatever the model wrote."""

import contextlib
import gc
import re
import time
from importlib import import_module
from re import _constants as codes
from re import _parser as parser

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vlnb
from vlnb import regions

MODULES = ("lenient", "notations", "meaning", "parse")
PATTERNS = [
    pytest.param(value, id=f"{name}.{key}")
    for name in MODULES
    for key, value in vars(import_module(f"vlnb.regions.{name}")).items()
    if isinstance(value, re.Pattern)
]


def unbounded(tree):
    """Yield every repetition of a parsed pattern that has no upper bound."""
    for code, argument in tree:
        if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
            if argument[1] == codes.MAXREPEAT:
                yield argument
            yield from unbounded(argument[2])
        elif isinstance(argument, tuple | list):
            for part in argument:
                if isinstance(part, parser.SubPattern):
                    yield from unbounded(part)
                elif isinstance(part, list):
                    yield from (found for branch in part for found in unbounded(branch))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_repetition_in_a_parser_pattern_is_bounded(pattern):
    assert not list(unbounded(parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)))


def test_unbounded_repetitions_are_detected():
    for pattern in (r"a*", r"(?:a|b+)c", r"(x(y{2,}))?", r"\s*+"):
        assert list(unbounded(parser.parse(pattern)))
    assert not list(unbounded(parser.parse(r"a{0,9}(?:b|c{1,2})?")))


def parse_seconds(text):
    gc.disable()  # collecting what other tests left takes longer than the parsing
    start = time.thread_time()
    with contextlib.suppress(vlnb.BadAnswer):
        regions.parse(text, seen=(1000, 1000), original=(1000, 1000))
    taken = time.thread_time() - start
    gc.enable()
    return taken


FRAGMENTS = (
    " ", "\n", "[", "[{", '{"', '"', "<think>", "<ref>", "<box>", "<|box_start|>", '<points x1="1" y1="2">',
    '<a data-bbox="1 2 3 4">a', "bbox ", "(1, 2) ", "[1, 2, 3, 4] ", '{"bbox_2d": [1, 2, 3, 4]}, ', "[/*", "[//", "-",
    "| 1 | 2 | 3 | 4 |", "x1: 1, ", "at, ", '"a": ', "1", "```json\n[", "(1, 2), (3, 4)\n", "a: [", "[```",
)  # fmt: skip


@pytest.mark.parametrize("prefix", ["", "["], ids=["bare", "bracket"])
@pytest.mark.parametrize("fragment", FRAGMENTS, ids=repr)
def test_twice_the_length_takes_about_twice_the_time(prefix, fragment):
    """At 24 kB a quadratic parser takes minutes for some of these; the limit has a wide margin on both sides."""
    short, long = (prefix + fragment * (size // len(fragment)) for size in (12_000, 24_000))
    assert parse_seconds(long) < 3.5 * parse_seconds(short) + 0.3


@pytest.mark.parametrize(
    "text", ["[" + " " * 1_000_000, '{"bbox_2d": [1, 2,' + "\n" * 999_000 + "3, 4]}", "<ref>" * 200_000]
)
def test_a_megabyte_is_parsed_within_20_seconds(text):
    assert parse_seconds(text) < 20


def test_long_white_space_does_not_hide_a_box():
    text = '{"bbox_2d": [1, 2,' + " \n" * 50_000 + '3, 4], "label": "cat",}'
    found = regions.parse(text, seen=(10, 10), original=(10, 10))
    assert [box.corners for box in found.boxes] == [(1, 2, 3, 4)]
    assert [change.what for change in found.repairs] == ["trailing comma"]


def test_text_beyond_the_first_megabyte_is_reported_as_dropped():
    text = "[1, 2, 3, 4]\n" + "x" * 1_000_000 + "\n[5, 6, 7, 8]"
    found = regions.parse(text, seen=(10, 10), original=(10, 10))
    assert len(found.boxes) == 1
    assert any("1,000,000 characters" in change.what for change in found.dropped)


@given(
    st.lists(st.sampled_from([*FRAGMENTS, "x", ",", "}", "]", "</think>", "</ref>", ":", "\\"]), max_size=40).map(
        "".join
    )
)
def test_any_mixture_of_fragments_is_parsed_or_refused(text):
    try:
        found = regions.parse(text, seen=(1000, 1000), original=(500, 2000))
    except vlnb.BadAnswer as error:
        assert error.partial == text
    else:
        assert all(0 <= change.at <= len(text) for change in (*found.repairs, *found.dropped))
