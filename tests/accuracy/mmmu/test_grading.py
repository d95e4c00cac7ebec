"""Grading: which answers are right by each set of rules, and the confidence interval of a score."""

import pytest
from hypothesis import given
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
        ("I think (A) or D ", "A", "letter in brackets"),  # letters in brackets take precedence over bare ones
        ("It must certainly be the banana here", "B", "the option's text"),
        ("First apple and then later the cherry", "D", "the option's text"),
        ("I would say that a Pear Tree grows", "C", "the option's text"),
        ("I would say that A PEAR TREE grows", "A", "letter"),
        ("A banana is what one can see here", "A", "letter"),  # the article counts as a letter
        ("**B**", None, "guessed"),
        ("b", None, "guessed"),
        ("B)", None, "guessed"),
        ("B: banana", None, "guessed"),
        ("banana", None, "guessed"),  # in an answer of five words or fewer, the option's text does not count
        ("the fruit is a banana", None, "guessed"),
        ("", None, "guessed"),
        ("Z", None, "guessed"),
        ("E", None, "guessed"),  # not the letter of an option
        ("\\boxed{B}", None, "guessed"),
        ("B.'", None, "guessed"),  # the dot is stripped before the quote, and only once
    ],
)
def test_official_rules_find_a_letter_or_guess(answer, letter, how):
    grading = grade(FRUIT, answer)
    assert grading.how == how
    if letter:
        assert (grading.parsed, grading.correct) == (letter, letter == "B")
    else:
        assert grading.parsed in FRUIT.choices


@pytest.mark.parametrize(
    ("answer", "letter"), [("I", "I"), ("(I)", "I"), ("I think H", "H"), ("H is right, I think", "I"), ("(H) I", "H")]
)
def test_i_is_read_as_an_option_even_where_it_is_the_pronoun(answer, letter):
    assert grade(NINE, answer).parsed == letter


def open_question(*right_answers):
    return Question("q2", "Math", "How much?", (), right_answers)


@pytest.mark.parametrize(
    ("right_answers", "answer", "correct"),
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
        (("0.5",), ".5", False),  # the leading dot is stripped as a full stop
        (("0.5",), "about .5", True),
        (("0.5",), "50%", False),
        (("-3",), "so the slope is -3", True),
        (("24",), "$24", True),
        (("paris",), "Paris", True),
        (("Paris",), "It is in Paris, France", True),
        (("Paris",), "It is not Paris", True),  # negation is not understood
        (("Paris",), "Rome", False),
        (("art",), "the part", True),  # a match inside a word counts
        (("catch", "cat"), "a cat", True),
        (("1/3", "0.33"), "0.333", True),
        (("1/3", "0.33"), "1/3", True),
        (("V",), "v", True),
        (("V",), "volts", False),  # a single letter needs a space beside it
        (("V",), "it could be at v volts", True),
        (("6",), "First 4.\nTherefore it is 6", True),
        (("4",), "Let x be 4\nTherefore it is 6", False),
        (("4",), "y = 4\nz = 6", False),  # "=" counts only in the last line
        (("blue",), "the final result is:\nblue", False),  # nothing announces the second line
        (("blue",), "blue", True),
    ],
)
def test_official_rules_for_open_questions(right_answers, answer, correct):
    assert grade(open_question(*right_answers), answer).correct is correct


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
        ("Answer: B because it is yellow", "", "B"),
        ("Answer: **B**, since it is yellow", "", "B"),
        ("The Answer is B because of its form", "", "B"),
        ("Option B is the answer", "", "B"),
        ("B - banana", "", "B"),
        ("<answer>B</answer>", "", "B"),
        ("\\boxed{B. banana}", "", "B"),
        ("B。", "", "B"),
        ("答案是B", "", "B"),
        ("Answer: B\nReason: Figure A: an apple", "", "B"),
        ("The answer is B: it can't be C.", "", "B"),
        ("**Final Answer: B**\n\n(A) apple - no\n(C) cherry - no", "", "B"),
        ("A banana is what one can see here", "", ""),
        ("E", "", ""),
        ("I do not know", "", ""),
    ],
)
def test_strict_and_lenient_rules_never_guess_a_letter(answer, strict, lenient):
    assert grade(FRUIT, answer, "strict").parsed == strict
    assert grade(FRUIT, answer, "lenient").parsed == lenient


@pytest.mark.parametrize("answer", ["B. Vitamin A", "The answer is (B) Vitamin A.", "Vitamin A", "It is Vitamin A (B)"])
def test_a_letter_in_an_options_text_is_no_answer(answer):
    vitamins = Question("q", "Health", "?", ("Vitamin B", "Vitamin A"), ("B",))
    assert grade(vitamins, answer, "lenient").parsed == "B"


@pytest.mark.parametrize(
    ("right_answers", "answer", "strict", "lenient"),
    [
        (("5",), "5", True, True),
        (("5",), "The answer is 5 cm.", False, True),
        (("200",), "201", False, True),
        (("200",), "205", False, False),
        (("art",), "the part", False, False),
        (("Paris",), "paris.", True, True),
        (("blue",), "The final answer is **blue**", False, True),
        (("$6",), "$6", True, True),
        (("f(x)=2",), "f(x)=2", True, True),
        (("0.5",), ".5", True, True),
        (("5 kg.",), "5 kg.", True, True),
        (("no",), "No, this is not", False, True),
        (("-5",), "The answer is \u22125", False, True),
        (("0.004",), "0.001", False, False),
        (("0.33",), "0.333", True, True),
    ],
)
def test_strict_and_lenient_rules_for_open_questions(right_answers, answer, strict, lenient):
    assert grade(open_question(*right_answers), answer, "strict").correct is strict
    assert grade(open_question(*right_answers), answer, "lenient").correct is lenient


def test_a_guess_depends_only_on_the_question_and_the_seed():
    questions = [Question(f"q{i}", "Art", "?", ("a", "b", "c", "d"), ("A",)) for i in range(200)]
    guesses = {q.id: grade(q, "no idea").parsed for q in questions}
    assert guesses == {q.id: grade(q, "no idea").parsed for q in reversed(questions)}
    assert set(guesses.values()) == {"A", "B", "C", "D"}
    assert guesses != {q.id: grade(q, "no idea", seed=1).parsed for q in questions}


@given(st.text(), st.sampled_from(["official", "strict", "lenient"]))
def test_any_text_can_be_graded(text, rules):
    for question in (FRUIT, NINE, open_question("5"), open_question("Paris")):
        grading = grade(question, text, rules)
        assert question.is_open or grading.parsed in {"", *question.choices}


@given(
    st.text() | st.sampled_from(["B", "(b).", "Answer: B", "x = 5", "$6", "-5", "1e3", "nan", "0.5."]),
    st.text(min_size=1),
)
def test_lenient_accepts_whatever_strict_accepts(text, gold):
    for question in (FRUIT, NINE, open_question(gold), open_question(text)):
        if grade(question, text, "strict").correct:
            assert grade(question, text, "lenient").correct


def test_a_missing_answer_is_wrong_and_unknown_rules_raise_an_error():
    assert grade(FRUIT, None).how == "no answer"
    assert not grade(FRUIT, None).correct
    with pytest.raises(BadInput, match="official, strict, lenient"):
        grade(FRUIT, "B", "kind")


ROW = {"id": "validation_Art_1", "question": "See <image 1>.", "options": "['x', \"y's\"]", "answer": "A"}


def test_a_row_of_the_data_set_becomes_a_question():
    multiple_choice = from_row({**ROW, "question_type": "multiple-choice"}, "Art")
    assert multiple_choice.choices == {"A": "x", "B": "y's"}
    assert multiple_choice.prompt == (
        "See <image 1>.\n\n(A) x\n(B) y's\n\n\nAnswer with the option's letter from the given choices directly."
    )
    open_ended = from_row({**ROW, "options": "[]", "answer": "['1/3', '0.33']", "question_type": "open"}, "Art")
    assert open_ended.answers == ("1/3", "0.33")
    assert open_ended.prompt.endswith("Answer the question using a single word or phrase.")


@pytest.mark.parametrize(
    "invalid",
    [
        {"options": "__import__('os')"},
        {"options": "'x'"},
        {"options": "["},
        {"options": "[]"},
        {"options": None},
        {"answer": "[0, 1)"},
    ],
)
def test_an_invalid_row_raises_an_error_that_names_it(invalid):
    with pytest.raises(BadInput, match="validation_Art_1"):
        from_row({**ROW, "question_type": "multiple-choice", **invalid}, "Art")


@given(st.integers(1, 900).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_wilson_interval_contains_the_accuracy_and_stays_within_0_and_1(counts):
    interval = wilson(*counts)
    assert 0 <= interval.low <= interval.accuracy <= interval.high <= 1


def test_the_wilson_interval_has_known_bounds_and_rejects_impossible_counts():
    interval = wilson(558, 900)  # the published accuracy, 0.62
    assert interval.low == pytest.approx(0.5879, abs=1e-4)
    assert interval.high == pytest.approx(0.6511, abs=1e-4)
    with pytest.raises(ValueError, match="must not be greater"):
        wilson(3, 2)
