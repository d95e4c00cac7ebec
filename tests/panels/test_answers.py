"""The answers panel without a browser: filters, the list of questions, and the details of one question."""

from dataclasses import replace

import pytest

from vlnb.accuracy import mmmu
from vlnb.accuracy.mmmu import Run, StoredAnswer
from vlnb.accuracy.mmmu.runs import Manifest
from vlnb.accuracy.mmmu.sets import Origin
from vlnb.panels.answers import Answers


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The drawn set: the first answer is right, the second failed, the third is in words, and the others are wrong."""
    questions = mmmu.drawn().questions
    answers = {q.id: StoredAnswer(q.id, "Z & <b>bold</b>") for q in questions}
    answers[questions[0].id] = StoredAnswer(questions[0].id, questions[0].answers[0])
    answers[questions[1].id] = StoredAnswer(questions[1].id, None, error="the server failed <on> this")
    answers[questions[2].id] = StoredAnswer(questions[2].id, f"The answer is **{questions[2].answers[0]}**")
    manifest = Manifest(Origin("drawn", 24), (), 1024)
    return Run(tmp_path_factory.mktemp("run"), manifest, questions, answers)


def test_the_panel_opens_on_the_first_wrong_answer(run):
    panel = Answers(run)
    assert panel.questions.value == panel.chosen[0].id == "drawn_Charts_2"
    assert "the server failed &lt;on&gt; this" in panel.detail.value
    assert "<img" in panel.detail.value
    assert f"The right answer is <strong>{run.questions[1].answers[0]}</strong>" in panel.detail.value


def test_filters_show_only_the_matching_questions(run):
    panel = Answers(run)
    panel.show_only.value = "all"
    assert len(panel.chosen) == 24
    panel.subject.value = "Pictures"
    assert {question.subject for question in panel.chosen} == {"Pictures"}
    assert "6 of 24 questions" in panel.count.value
    panel.subject.value, panel.show_only.value = "all subjects", "graders disagree"
    strict, lenient = (mmmu.grades(run, rules) for rules in ("strict", "lenient"))
    assert "drawn_Charts_3" in (ids := [question.id for question in panel.chosen])
    assert {name for name in strict if strict[name].correct != lenient[name].correct} <= set(ids) < strict.keys()
    panel.show_only.value = "guessed or not parsed"
    assert "drawn_Charts_2" in [question.id for question in panel.chosen]


def test_a_filter_that_no_question_passes_is_reported(run):
    right = {question.id: StoredAnswer(question.id, question.answers[0]) for question in run.questions}
    panel = Answers(replace(run, answers=right))
    assert (panel.show_only.value, panel.chosen) == ("wrong", [])
    assert "No question passes" in panel.detail.value


def test_buttons_step_through_the_questions_and_stop_at_both_ends(run):
    panel = Answers(run)
    panel.next_button.click()
    assert panel.questions.value == panel.chosen[1].id
    panel.step(100)
    assert panel.questions.value == panel.chosen[-1].id
    panel.back_button.click()
    assert panel.questions.value == panel.chosen[-2].id
    panel.step(-100)
    assert panel.questions.value == panel.chosen[0].id


def test_markup_from_a_model_is_escaped(run):
    panel = Answers(run)
    panel.show_only.value = "all"
    panel.questions.value = "drawn_Letters_2"
    assert "&lt;b&gt;bold&lt;/b&gt;" in panel.detail.value
    assert "<b>bold</b>" not in panel.detail.value
    assert panel.detail.value.count("<tr>") == 4  # a header, and a row for each of three rules


def test_a_run_whose_data_set_has_moved_still_shows_its_text(run):
    moved = Run(run.folder, replace(run.manifest, set=Origin("mmmu", 24, "/no/such/folder")), *_rest(run))
    panel = Answers(moved)
    assert "contains no Parquet file" in panel.detail.value
    assert "The right answer is" in panel.detail.value


def _rest(run):
    return run.questions, run.answers
