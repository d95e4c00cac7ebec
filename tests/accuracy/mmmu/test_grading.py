"""MMMU's rules: what counts as an answer, and how sure a score is."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlnb.accuracy.mmmu import Question, grade, wilson
from vlnb.accuracy.mmmu.question import from_row
from vlnb.errors import BadInput

FRUIT = Question("q1", "Art", "Which?", ("apple", "banana", "a pear tree", "cherry"), ("B",))
NINE = Question("q9", "Art", "Which?", tuple("one two three four five six seven eight nine".split()), ("I",))


@pytest.mark.parametrize(
    ("answer", "letter", "how"),
    [
        ("B", "B", "letter"),
        ("B.", "B", "letter"),
        (" B ", "B", "letter"),
        ("'B'", "B", "letter"),
        ("B,", "B", "letter"),
        ("(B)", "B", "letter in brackets"),
        ("(B) banana", "B", "letter in brackets"),
        ("Answer: B", "B", "letter"),
        ("The answer is B", "B", "letter"),
        ("The answer is (B).", "B", "letter in brackets"),
        ("A or B", "B", "letter"),
        ("A and then D", "D", "letter"),
        ("(A) is wrong, so (C)", "C", "letter in brackets"),
        ("(C), and not (A)", "A", "letter in brackets"),  # negation is not understood
        ("It is B and not D", "D", "letter"),
        ("I think (A) or D ", "A", "letter in brackets"),  # brackets go before bare letters
        ("It must certainly be the banana here", "B", "the option's text"),
        ("First apple and then later the cherry", "D", "the option's text"),
        ("I would say that a Pear Tree grows", "C", "the option's text"),
        ("I would say that A PEAR TREE grows", "A", "letter"),
        ("A banana is what one can see here", "A", "letter"),  # the article counts as a letter
        ("**B**", None, "guessed"),
        ("b", None, "guessed"),
        ("B)", None, "guessed"),
        ("B: banana", None, "guessed"),
        ("banana", None, "guessed"),  # of five words or fewer, the text does not count
        ("the fruit is a banana", None, "guessed"),
        ("", None, "guessed"),
        ("Z", None, "guessed"),
        ("E", None, "guessed"),  # a letter that is no option
        ("\\boxed{B}", None, "guessed"),
        ("B.'", None, "guessed"),  # the dot is taken off before the quote, and only then
    ],
)
def test_official_letters(answer, letter, how):
    found = grade(FRUIT, answer)
    assert found.how == how
    if letter:
        assert (found.parsed, found.correct) == (letter, letter == "B")
    else:
        assert found.parsed in FRUIT.choices


@pytest.mark.parametrize(
    ("answer", "letter"), [("I", "I"), ("(I)", "I"), ("I think H", "H"), ("H is right, I think", "I"), ("(H) I", "H")]
)
def test_options_go_to_i_even_where_it_is_the_word(answer, letter):
    assert grade(NINE, answer).parsed == letter


def ask(*right):
    return Question("q2", "Math", "How much?", (), right)


@pytest.mark.parametrize(
    ("right", "answer", "correct"),
    [
        (("5",), "5", True),
        (("5",), "5.0", True),
        (("5",), "5.001", True),  # two decimals
        (("5",), "5.01", False),
        (("5",), "55", False),
        (("5",), "The answer is 5.", True),
        (("5",), "x = 5", True),
        (("5",), "x = 2 + 3 = 5", True),
        (("5",), "5 apples and 6 pears", True),
        (("5",), "-5", False),
        (("5",), "", False),
        (("1000",), "1,000", True),
        (("1,000",), "1000", True),
        (("1,234,567",), "the total is 1,234,567 dollars", True),
        (("1000",), "1e3", True),
        (("0.5",), ".5", False),  # the dot is taken off as a full stop
        (("0.5",), "about .5", True),
        (("0.5",), "50%", False),
        (("-3",), "so the slope is -3", True),
        (("24",), "$24", True),
        (("paris",), "Paris", True),
        (("Paris",), "It is in Paris, France", True),
        (("Paris",), "It is not Paris", True),  # negation is not understood
        (("Paris",), "Rome", False),
        (("art",), "the part", True),  # inside a word counts
        (("catch", "cat"), "a cat", True),
        (("1/3", "0.33"), "0.333", True),
        (("1/3", "0.33"), "1/3", True),
        (("V",), "v", True),
        (("V",), "volts", False),  # one letter wants a space beside it
        (("V",), "it could be at v volts", True),
        (("6",), "First 4.\nTherefore it is 6", True),
        (("4",), "Let x be 4\nTherefore it is 6", False),
        (("4",), "y = 4\nz = 6", False),  # "=" counts in the last part only
        (("blue",), "the final result is:\nblue", False),  # nothing announces the second line
        (("blue",), "blue", True),
    ],
)
def test_official_open(right, answer, correct):
    assert grade(ask(*right), answer).correct is correct


@pytest.mark.parametrize(
    ("answer", "strict", "lenient"),
    [
        ("B", "B", "B"),
        ("(B).", "B", "B"),
        ("b", "B", "B"),
        ("Answer: B", "B", "B"),
        ("The correct answer is B.", "B", "B"),
        ("**B**", "", "B"),
        ("\\boxed{B}", "", "B"),
        ("$\\boxed{\\text{B}}$", "", "B"),
        ("B. banana", "", "B"),
        ("banana", "", "B"),
        ("The answer is C, not B.", "", "C"),
        ("The answer is not A. The answer is B", "", "B"),
        ("(C), and not (A)", "", "C"),
        ("A banana is what one can see here", "", ""),
        ("E", "", ""),
        ("I do not know", "", ""),
    ],
)
def test_strict_and_lenient_letters_never_guess(answer, strict, lenient):
    assert grade(FRUIT, answer, "strict").parsed == strict
    assert grade(FRUIT, answer, "lenient").parsed == lenient


@pytest.mark.parametrize(
    ("right", "answer", "strict", "lenient"),
    [
        (("5",), "5", True, True),
        (("5",), "The answer is 5 cm.", False, True),
        (("200",), "201", False, True),
        (("200",), "205", False, False),
        (("art",), "the part", False, False),
        (("Paris",), "paris.", True, True),
        (("blue",), "The final answer is **blue**", False, True),
    ],
)
def test_strict_and_lenient_open(right, answer, strict, lenient):
    assert grade(ask(*right), answer, "strict").correct is strict
    assert grade(ask(*right), answer, "lenient").correct is lenient


def test_a_guess_depends_on_the_question_alone():
    questions = [Question(f"q{i}", "Art", "?", ("a", "b", "c", "d"), ("A",)) for i in range(200)]
    forwards = {q.id: grade(q, "no idea").parsed for q in questions}
    assert forwards == {q.id: grade(q, "no idea").parsed for q in reversed(questions)}
    assert set(forwards.values()) == {"A", "B", "C", "D"}
    assert forwards != {q.id: grade(q, "no idea", seed=1).parsed for q in questions}


@given(st.text(), st.sampled_from(["official", "strict", "lenient"]))
def test_any_words_can_be_graded(words, rules):
    for question in (FRUIT, NINE, ask("5"), ask("Paris")):
        found = grade(question, words, rules)
        assert question.is_open or found.parsed in {"", *question.choices}


def test_no_answer_is_wrong_and_unknown_rules_are_told():
    assert grade(FRUIT, None).how == "no answer"
    assert not grade(FRUIT, None).correct
    with pytest.raises(BadInput, match="official, strict, lenient"):
        grade(FRUIT, "B", "kind")


ROW = {"id": "validation_Art_1", "question": "See <image 1>.", "options": "['x', \"y's\"]", "answer": "A"}


def test_a_row_of_the_data_set():
    found = from_row({**ROW, "question_type": "multiple-choice"}, "Art")
    assert found.choices == {"A": "x", "B": "y's"}
    assert found.prompt == (
        "See <image 1>.\n\n(A) x\n(B) y's\n\n\nAnswer with the option's letter from the given choices directly."
    )
    opened = from_row({**ROW, "options": "[]", "answer": "['1/3', '0.33']", "question_type": "open"}, "Art")
    assert opened.answers == ("1/3", "0.33")
    assert opened.prompt.endswith("Answer the question using a single word or phrase.")


@pytest.mark.parametrize(
    "wrong", [{"options": "__import__('os')"}, {"options": "'x'"}, {"options": "["}, {"options": "[]"}]
)
def test_a_row_that_is_none(wrong):
    with pytest.raises(BadInput, match="validation_Art_1"):
        from_row({**ROW, "question_type": "multiple-choice", **wrong}, "Art")


@settings(deadline=None)  # the first case imports scipy
@given(st.integers(1, 900).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_and_stays_within_0_and_1(counts):
    found = wilson(*counts)
    assert 0 <= found.low <= found.accuracy <= found.high <= 1


def test_wilson_by_hand():
    found = wilson(558, 900)  # the published 0.62
    assert found.low == pytest.approx(0.5879, abs=1e-4)
    assert found.high == pytest.approx(0.6511, abs=1e-4)
    with pytest.raises(BadInput):
        wilson(3, 2)
