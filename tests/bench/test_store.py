"""A run on disk: torn, damaged and strange files."""

import pytest

from vlnb import BadInput
from vlnb.bench import store

RECORD = store.Record(0, 0.0, 0.0, 0.0, 0.001, 0.002, 0.1, 0.103, 0.2, (0.01, 0.02), 3, "length", None)


@pytest.fixture
def folder(tmp_path):
    store.create(tmp_path / "run", {"workload": {"prompts": 3}})
    return tmp_path / "run"


def test_a_record_comes_back_as_it_was(folder):
    (folder / store.RECORDS).write_text(RECORD.line())
    assert store.read(folder).records == (RECORD,)
    assert store.read(folder).missing == [1, 2]


def test_a_torn_last_line_is_passed_over_noted_and_cut_before_more_is_written(folder):
    (folder / store.RECORDS).write_text(RECORD.line() + RECORD.line()[:40])
    stored = store.read(folder)
    assert stored.records == (RECORD,)
    assert "torn" in stored.notes[0]
    with store.append(folder / store.RECORDS) as file:
        file.write(RECORD.line().replace('"id":0', '"id":1'))
    assert [record.id for record in store.read(folder).records] == [0, 1]
    assert store.read(folder).notes == ()


def test_a_request_that_stands_there_twice_is_noted(folder):
    (folder / store.RECORDS).write_text(RECORD.line() * 2)
    assert "twice" in store.read(folder).notes[0]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda f: (f / store.MANIFEST).unlink(), "holds no run"),
        (lambda f: (f / store.MANIFEST).write_text("{"), "cannot be read"),
        (lambda f: (f / store.RECORDS).write_text("{half\n" + RECORD.line()), "Line 1 of .* is damaged"),
        (lambda f: (f / store.RECORDS).write_text('{"id": 1}\n'), "no request"),
    ],
)
def test_what_is_damaged_is_told(folder, make, words):
    make(folder)
    with pytest.raises(BadInput, match=words):
        store.read(folder)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be stored"):
        store.create(tmp_path / "file" / "run", {})
