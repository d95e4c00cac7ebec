"""Question sets: MMMU's Parquet files, and the questions with pictures drawn by code."""

import shutil

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


def test_drawn_questions_accept_right_answers_and_reject_a_wrong_one(drawn):
    for question in drawn.questions:
        for answer in question.answers:
            assert grade(question, answer).correct, question.id
            assert grade(question, answer, "strict").correct, question.id
        wrong = "Z" if question.is_open else next(iter(set(question.choices) - set(question.answers)))
        assert not grade(question, wrong).correct, question.id


def test_pictures_are_placed_where_the_text_refers_to_them(drawn):
    by_id = {question.id: question for question in drawn.questions}
    pictures = {1: b"one", 2: b"two", 3: b"three"}
    two_pictures = by_id["drawn_Charts_5"].content({1: b"one", 2: b"two"})
    assert two_pictures[:2] == [b"one", b"two"]
    options = by_id["drawn_Pictures_1"].content(pictures)
    assert [part for part in options if isinstance(part, bytes)] == [b"one", b"two", b"three"]
    assert options[0].endswith("(A) ")


@pytest.mark.parametrize(
    ("text", "pictures", "parts"),
    [
        ("Look: <image 1>.", {1: b"1"}, ["Look: ", b"1", ".…"]),
        ("No tag", {1: b"1"}, [b"1", "No tag…"]),
        ("<image 1> and <image 1>", {1: b"1"}, [b"1", " and ", "<image 1>", "…"]),
        ("<image 2><image 1>", {1: b"1", 2: b"2"}, [b"2", b"1", "…"]),
        ("<image 3>", {}, ["<image 3>", "…"]),
    ],
)
def test_every_picture_is_sent_once(text, pictures, parts):
    question = mmmu.Question("q", "Art", text, (), ("5",))
    end = "\n\nAnswer the question using a single word or phrase."
    expected = [part.replace("…", end) if isinstance(part, str) else part for part in parts]
    assert question.content(pictures) == expected


def test_a_folder_of_parquet_files_loads_as_a_question_set(parquet, drawn):
    loaded = mmmu.load(folder=parquet)
    assert len(loaded) == 12
    assert {question.subject for question in loaded.questions} == {"Art", "Art_Theory", "Math", "Physics"}
    originals = {question.text: question for question in drawn.questions}
    for question in loaded.questions:
        original = originals[question.text]
        assert (question.options, question.answers) == (original.options, original.answers)
        assert loaded.pictures(question) == drawn.pictures(original)


def test_selected_subjects_can_be_loaded_and_reopened(parquet):
    loaded = mmmu.load(["Art_Theory"], folder=parquet)
    assert [question.id for question in loaded.questions] == [f"validation_Art_Theory_{n}" for n in (1, 2, 3)]
    reopened = reopen(loaded.origin)
    assert reopened.questions == loaded.questions
    assert reopened.pictures(reopened.questions[2]) == loaded.pictures(loaded.questions[2])


def test_a_subject_named_twice_is_loaded_once(parquet, monkeypatch):
    import datasets

    real = datasets.load_dataset

    def from_hub(_, subject, split):
        return real("parquet", data_files=str(parquet / subject / f"{split}-00000-of-00001.parquet"), split="train")

    monkeypatch.setattr(datasets, "load_dataset", from_hub)
    assert len(mmmu.load(["Art", "Math", "Art"])) == 6


def test_a_folder_with_other_files_or_two_copies_is_refused(parquet, tmp_path):
    import datasets

    for snapshot in ("a", "b"):
        shutil.copytree(parquet / "Art", tmp_path / "twice" / snapshot)
    with pytest.raises(BadInput, match="repeats 3 questions, such as validation_Art_1, validation_Art_2"):
        mmmu.load(folder=tmp_path / "twice")
    (tmp_path / "other").mkdir()
    datasets.Dataset.from_dict({"question": ["?"], "image": [""]}).to_parquet(tmp_path / "other" / "data.parquet")
    with pytest.raises(BadInput, match="does not hold MMMU alone: its rows have no id, image_1, image_2"):
        mmmu.load(folder=tmp_path / "other")


def test_an_unloadable_set_raises_a_clear_error(tmp_path, monkeypatch):
    with pytest.raises(BadInput, match="Unknown subject 'Alchemy'"):
        mmmu.load(["Alchemy"])
    with pytest.raises(BadInput, match="contains no Parquet file"):
        mmmu.load(folder=tmp_path)
    (tmp_path / "validation.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(BadInput, match="cannot be read"):
        mmmu.load(folder=tmp_path)


def test_without_a_network_the_error_explains_how_to_download_the_set(monkeypatch):
    import datasets

    def offline(*_, **__):
        raise ConnectionError("Couldn't reach 'MMMU/MMMU' on the Hub (LocalEntryNotFoundError)")

    monkeypatch.setattr(datasets, "load_dataset", offline)
    with pytest.raises(BadInput, match=r"Couldn't reach .* hf download MMMU/MMMU .* load\(folder='mmmu'\)"):
        mmmu.load(["Art"])
