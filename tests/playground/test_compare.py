"""Two answers are compared as data and in words, and an answer about a crop is mapped to the whole picture."""

import math
from dataclasses import replace

import pytest

import vlnb
from tests.playground.conftest import keep_picture
from vlnb.errors import BadInput
from vlnb.playground import Asker, Attachment, Question, Run, cells, compare, overview
from vlnb.playground.question import changes, variables
from vlnb.regions import Box

BOX = {"x1": 0, "y1": 0, "x2": 100, "y2": 40, "label": "total", "text": "17,000", "attributes": {}}
MOVED = {**BOX, "x2": 98}
FAR = {**BOX, "x1": 500, "x2": 600}


def run(number, answer="", question=None, **facts):
    facts = {"boxes": [], "usage": {"total_tokens": 700}, "latency_s": 1.25, **facts}
    return Run(
        question or Question("Read"), "http://a/v1", "m", "done", "2026-01-02T03:04:05Z", number, None, answer, facts
    )


def test_words_are_marked_where_they_differ():
    comparison = compare(run(1, "the grand total is 17,000"), run(2, "the sub total is 17,000 euros"))
    assert comparison.text == (
        ("the ", "both"), ("grand ", 0), ("sub ", 1), ("total is 17,000", "both"), (" euros", 1),
    )  # fmt: skip
    assert 0.7 < comparison.similarity < 0.8
    assert "73% of the words are the same" in comparison.summary


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ([BOX], [MOVED], "Boxes: 1 against 1; 1 matched (mean IoU 0.98), 0 only in run 1, 0 only in run 2"),
        ([BOX], [FAR], "Boxes: 1 against 1; 0 matched, 1 only in run 1, 1 only in run 2"),
        ([BOX], [], "Boxes: 1 against 0; 0 matched, 1 only in run 1, 0 only in run 2"),
    ],
)
def test_boxes_are_matched_by_iou(first, second, words):
    assert words in compare(run(1, boxes=first), run(2, boxes=second)).summary


def test_fields_tokens_time_and_settings_are_compared():
    first = run(1, data={"total": 8, "items": [{"price": 2}], "tax": None})
    second_facts = {"data": {"total": 9, "items": [{"price": 2}]}, "latency_s": 2.0, "usage": {"total_tokens": 300}}
    comparison = compare(first, replace(run(2, question=Question("Read", temperature=0.5), **second_facts), model="n"))
    assert comparison.fields == (("total", "8", "9"),)
    phrases = ("temperature 0.0 → 0.5", "model m → n", "1 fields differ", "Tokens: 700 → 300", "Seconds: 1.25 → 2.00")
    for phrase in phrases:
        assert phrase in comparison.summary


@pytest.mark.parametrize(("first", "second", "count"), [(7, None, 1), (None, 7, 1), (7, 7, 0), (None, None, None)])
def test_fields_are_counted_if_an_answer_has_data_and_boxes_if_one_has_boxes(first, second, count):
    one, two = ({} if data is None else {"data": {"total": data}} for data in (first, second))
    summary = compare(run(1, **one), run(2, **two)).summary
    assert ("fields differ" in summary) == (count is not None)
    assert f"{count} fields differ" in summary or count is None
    assert "Boxes" not in summary


def test_markup_from_a_model_is_escaped_in_comparisons_and_overviews(history):
    markup = "<img src=x onerror=alert(1)>"
    for html in (compare(run(1, markup), run(2, "no")).as_html(history), overview([run(1, markup), run(2, markup)])):
        assert "<img" not in html
        assert "&lt;img" in html


def test_an_overview_counts_the_other_runs_with_the_same_words():
    html = overview([run(4, "yes"), run(5, "no"), run(6, "yes")])
    assert "3 runs, 3 of them done; same words as run 4: 1 of the others." in html


def test_repeated_words_count_as_the_same():
    assert compare(run(1, "Total " + "yes no " * 150), run(2, "Sum " + "yes no " * 150)).similarity > 0.99


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("The total is 42 EUR", "The total", 4 / 7),
        (" yes\n", "yes", 1),
        ("a  b\n c", " a b c d ", 6 / 7),
        ("", " \n", 1),
        ("", "word", 0),
        ("row 7 | " * 1350, "row 7 | " * 700 + "row 8 | " + "row 7 | " * 649, 4049 / 4050),
        ("word " * 40_000 + "one", "word " * 40_000 + "two", 40_000 / 40_001),
    ],
)
def test_the_pieces_of_each_side_are_its_own_answer(first, second, same):
    comparison = compare(run(1, first), run(2, second))
    for number, answer in enumerate((first, second)):
        assert "".join(piece for piece, where in comparison.text if where in ("both", number)) == answer
    assert comparison.similarity == pytest.approx(same, abs=1e-4)
    assert ("100% of the words" in comparison.summary) is (same == 1)


def test_very_long_answers_can_be_compared():
    assert compare(run(1, "word " * 500_000), run(2, "other " * 500_000)).similarity < 0.01


@pytest.mark.parametrize(
    ("first", "second", "fields"),
    [
        ({"a": []}, {"a": None}, [("a", "[]", "None")]),
        ({"a": {}}, {}, [("a", "{}", "None")]),
        ({"a": 1}, {"a": True}, [("a", "1", "True")]),
        ({"a": 1}, {"a": "1"}, [("a", "1", "1")]),
        ({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 3}]}, [("a[0].b", "1", "3"), ("a[1]", "{'b': 2}", "None")]),
        ([1, 2], [1, 3], [("[1]", "2", "3")]),
        ({"a": math.nan, "b": 1, "c": None}, {"a": math.nan, "b": 1.0}, []),
    ],
)
def test_values_differ_unless_they_are_the_same_in_json(first, second, fields):
    assert compare(run(1, data=first), run(2, data=second)).fields == tuple(fields)


def test_a_region_is_sent_as_a_crop_or_as_coordinates(history, endpoint, receipt):
    """The embedded engine reads only the crop, and its boxes are mapped back to the whole picture."""
    field = receipt.truth.fields["grand_total"]
    region = (round(field.x1) - 300, round(field.y1) - 10, round(field.x2) + 20, round(field.y2) + 10)
    crop = keep_picture(history, receipt.picture, region=region)
    answer = Asker(history).ask(endpoint, Question("Spot every line of text in the picture", (crop,)))
    assert "TOTAL" in answer.answer
    assert "CASH" not in answer.answer
    boxes = answer.question.on_original([Box(**facts) for facts in answer.facts["boxes"]])
    assert max(vlnb.regions.iou(replace(field, x1=region[0] + 10), box) for box in boxes) > 0.3
    assert all(region[0] <= box.x1 and box.y2 <= region[3] + 1 for box in boxes)
    whole = Question("Read", (replace(crop, crop=False),))
    assert whole.text(history.load).startswith("Read\nAnswer about one region alone")
    assert (
        vlnb.Endpoint("http://a", "m").request(*whole.arguments(history.load)[:1]).parts[0][0].size
        == receipt.picture.size
    )


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (Question(" "), "The prompt is empty"),
        (Question("Find the {thing}"), "needs a value for thing"),
        (Question("Read", schema="{"), "The schema is not JSON"),
        (Question("Read", schema="{}"), "asks for nothing"),
        (Question("Read", (Attachment("0" * 64, "lost.png"),)), "lost.png is no longer in the history"),
    ],
)
def test_an_invalid_question_raises_one_clear_sentence_and_stores_no_run(asker, endpoint, question, words):
    before = asker.history.search()
    with pytest.raises(BadInput, match=words):
        asker.ask(endpoint, question)
    with pytest.raises(BadInput, match=words):
        asker.matrix([(endpoint, Question("Read")), (endpoint, question)])
    assert asker.history.search() == before


def test_variables_are_filled_in_and_changes_are_named():
    assert variables('{a} {"b": 1} { c } {"d": {e}} {a} {d2}') == ["a", "d2"]
    for text in (r"\frac{a}{b}", r"\frac{\sqrt{a}}{b}", "{{a}}", "x^{n}", r"\text{cm}"):
        assert Question(text).text(None) == text
    assert Question(r"\frac{a}{a} of {a}{a}", variables={"a": "b"}).filled == r"\frac{a}{a} of bb"
    assert Question("the {a}", variables={"a": "{b}"}).text(None) == "the {b}", "a value is not a template"
    blank = Question("{a}", system=" ", schema=" ", variables={"a": " "})
    assert (blank.filled, blank.form) == ("{a}", None)
    with pytest.raises(BadInput):
        blank.arguments(None)
    prompts = [Question("x", system=system).arguments(None)[1]["system"] for system in (" ", " Be brief.\n")]
    assert prompts == [None, "Be brief."]
    assert changes(Question("x"), Question("x", system="s", max_tokens=9)) == ["system", "max_tokens 2048 → 9"]


def test_a_matrix_has_every_combination(endpoint, receipt):
    attachments = tuple(Attachment(str(i) * 64, f"{i}.png") for i in range(2))
    matrix_cells = cells(
        Question("", attachments), ["a", "b"], [endpoint, replace(endpoint, model="m")], [1000, 2000, 3000]
    )
    assert len(matrix_cells) == 24
    assert len({(server.model, q.prompt, q.max_pixels, q.pictures) for server, q in matrix_cells}) == 24
