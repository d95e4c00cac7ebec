"""How much of a known text an answer contains."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlnb.accuracy import reading

TRUTH = ["Auntie Anne's", "SUB TOTAL    17,000", "CHANGE DUE    3,000"]

ANSWERS = [
    ("Auntie Anne's\nSUB TOTAL 17,000\nCHANGE DUE 3,000", [1, 1, 1]),
    ("Auntie Anne's\n\nSUB TOTAL\n17,000\n\nCHANGE\nDUE\n3,000", [1, 1, 1]),
    ("Auntie Annes\nSUBTOTAL 17,000\nCHANGE DUE 3,000", [0.96, 0.97, 1]),
    ("", [0, 0, 0]),
]


@pytest.mark.parametrize(("answer", "similarities"), ANSWERS)
def test_each_line_of_the_truth_gets_its_similarity(answer, similarities):
    assert [line.similarity for line in reading.lines(answer, TRUTH)] == pytest.approx(similarities, abs=0.01)


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1), max_size=8), st.randoms())
def test_the_order_of_lines_does_not_matter(lines, rng):
    shuffled = lines[:]
    rng.shuffle(shuffled)
    assert all(line.similarity == 1 for line in reading.lines("\n".join(shuffled), lines))
