"""Sets of questions: MMMU's files, and the questions drawn by code."""

import pytest

from vlnb.accuracy import mmmu
from vlnb.accuracy.mmmu import grade
from vlnb.accuracy.mmmu.sets import reopen
from vlnb.errors import BadInput


def test_the_drawn_set_has_every_kind_of_question(drawn):
    assert len({question.text for question in drawn.questions}) == 24
    assert len(drawn) == len({question.id for question in drawn.questions}) == 24
    assert {q.subject for q in drawn.questions} == {"Charts", "Tables", "Pictures", "Letters"}
    assert sum(q.is_open for q in drawn.questions) >= 8
    assert max(len(q.options) for q in drawn.questions) == 9
    assert sum(len(q.pictures) > 1 for q in drawn.questions) >= 4
    assert any(len(q.answers) > 1 for q in drawn.questions)
    assert any("<image" in option for q in drawn.questions for option in q.options)


def test_the_right_answer_is_right_and_is_no_other(drawn):
    for question in drawn.questions:
        for answer in question.answers:
            assert grade(question, answer).correct, question.id
            assert grade(question, answer, "strict").correct, question.id
        wrong = "Z" if question.is_open else next(iter(set(question.choices) - set(question.answers)))
        assert not grade(question, wrong).correct, question.id


def test_pictures_stand_where_the_text_names_them(drawn):
    by_id = {question.id: question for question in drawn.questions}
    pictures = {1: b"one", 2: b"two", 3: b"three"}
    two = by_id["drawn_Charts_5"].content({1: b"one", 2: b"two"})
    assert two[:2] == [b"one", b"two"]
    options = by_id["drawn_Pictures_1"].content(pictures)
    assert [part for part in options if isinstance(part, bytes)] == [b"one", b"two", b"three"]
    assert options[0].endswith("(A) ")


@pytest.mark.parametrize(
    ("text", "pictures", "said"),
    [
        ("Look: <image 1>.", {1: b"1"}, ["Look: ", b"1", ".…"]),
        ("No tag", {1: b"1"}, [b"1", "No tag…"]),
        ("<image 1> and <image 1>", {1: b"1"}, [b"1", " and ", "<image 1>", "…"]),
        ("<image 2><image 1>", {1: b"1", 2: b"2"}, [b"2", b"1", "…"]),
        ("<image 3>", {}, ["<image 3>", "…"]),
    ],
)
def test_every_picture_is_sent_once(text, pictures, said):
    question = mmmu.Question("q", "Art", text, (), ("5",))
    end = "\n\nAnswer the question using a single word or phrase."
    expected = [part.replace("…", end) if isinstance(part, str) else part for part in said]
    assert question.content(pictures) == expected


def test_a_folder_of_parquet_files(parquet, drawn):
    found = mmmu.load(folder=parquet)
    assert len(found) == 12
    assert {question.subject for question in found.questions} == {"Art", "Art_Theory", "Math", "Physics"}
    made = {question.text: question for question in drawn.questions}
    for question in found.questions:
        same = made[question.text]
        assert (question.options, question.answers) == (same.options, same.answers)
        assert found.pictures(question) == drawn.pictures(same)


def test_some_subjects_only_and_opened_again(parquet):
    found = mmmu.load(["Art_Theory"], folder=parquet)
    assert [question.id for question in found.questions] == [f"validation_Art_Theory_{n}" for n in (1, 2, 3)]
    again = reopen(found.origin)
    assert again.questions == found.questions
    assert again.pictures(again.questions[2]) == found.pictures(found.questions[2])


def test_what_cannot_be_loaded_is_a_sentence(tmp_path, monkeypatch):
    with pytest.raises(BadInput, match="Unknown subject 'Alchemy'"):
        mmmu.load(["Alchemy"])
    with pytest.raises(BadInput, match="contains no Parquet file"):
        mmmu.load(folder=tmp_path)
    (tmp_path / "validation.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(BadInput, match="cannot be read"):
        mmmu.load(folder=tmp_path)
    with pytest.raises(BadInput, match="of a kind that this version does not know"):
        reopen({"kind": "exam"})


def test_without_a_network_the_way_is_told(monkeypatch):
    import datasets

    def offline(*_, **__):
        raise ConnectionError("Couldn't reach 'MMMU/MMMU' on the Hub (LocalEntryNotFoundError)")

    monkeypatch.setattr(datasets, "load_dataset", offline)
    with pytest.raises(BadInput, match=r"Couldn't reach .* hf download MMMU/MMMU .* load\(folder='mmmu'\)"):
        mmmu.load(["Art"])
