"""The panel of answers, without a browser: filters, the list, what is shown of a question."""

from dataclasses import replace

import pytest

from vlnb.accuracy import mmmu
from vlnb.accuracy.mmmu import Run, StoredAnswer
from vlnb.accuracy.mmmu.runs import Manifest, SetOrigin
from vlnb.panels.answers import Answers


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The drawn set with the first right, the second refused, the third in words, and the others wrong."""
    questions = mmmu.drawn().questions
    said = {q.id: StoredAnswer(q.id, "Z & <b>bold</b>") for q in questions}
    said[questions[0].id] = StoredAnswer(questions[0].id, questions[0].answers[0])
    said[questions[1].id] = StoredAnswer(questions[1].id, None, error="the server failed <on> this")
    said[questions[2].id] = StoredAnswer(questions[2].id, f"The answer is **{questions[2].answers[0]}**")
    manifest = Manifest(SetOrigin("drawn", 24), (), 1024)
    return Run(tmp_path_factory.mktemp("run"), manifest, questions, said)


def test_it_opens_on_the_first_wrong_answer(run):
    panel = Answers(run)
    assert panel.questions.value == panel.chosen[0].id == "drawn_Charts_2"
    assert "the server failed &lt;on&gt; this" in panel.detail.value
    assert "<img" in panel.detail.value
    assert f"The right answer is <strong>{run.questions[1].answers[0]}</strong>" in panel.detail.value


def test_filters_leave_what_they_say(run):
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
    panel.show_only.value, panel.subject.value = "graders disagree", "Tables"
    if not panel.chosen:
        assert "No question passes" in panel.detail.value


def test_buttons_go_on_and_back_and_stop_at_the_ends(run):
    panel = Answers(run)
    panel.next_button.click()
    assert panel.questions.value == panel.chosen[1].id
    panel.step(100)
    assert panel.questions.value == panel.chosen[-1].id
    panel.back_button.click()
    assert panel.questions.value == panel.chosen[-2].id
    panel.step(-100)
    assert panel.questions.value == panel.chosen[0].id


def test_what_a_model_wrote_runs_nothing(run):
    panel = Answers(run)
    panel.show_only.value = "all"
    panel.questions.value = "drawn_Letters_2"
    assert "&lt;b&gt;bold&lt;/b&gt;" in panel.detail.value
    assert "<b>bold</b>" not in panel.detail.value
    assert panel.detail.value.count("<tr>") == 4  # a head, and a row for each of three rules


def test_a_data_set_that_has_moved_leaves_the_words(run):
    moved = Run(run.folder, replace(run.manifest, set=SetOrigin("mmmu", 24, "/no/such/folder")), *_rest(run))
    panel = Answers(moved)
    assert "contains no Parquet file" in panel.detail.value
    assert "The right answer is" in panel.detail.value


def _rest(run):
    return run.questions, run.answers
