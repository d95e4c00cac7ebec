"""The history of runs: it survives kills and concurrent writers, can be searched, is bounded, and holds no key."""

import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import unicodedata
import zipfile
from dataclasses import replace

import pytest

import vlnb
from tests.playground.conftest import UNREACHABLE, keep_picture
from vlnb.playground import Attachment, History, Question, Turn
from vlnb.samples import chart

WRITE = """
import sys
import vlnb
from vlnb.playground import History, Question
history, endpoint = History(sys.argv[1]), vlnb.Endpoint("http://127.0.0.1:1/v1", "m")
for number in range(int(sys.argv[3])):
    run = history.add(Question(f"{sys.argv[2]} {number}"), endpoint)
    print(run.id, flush=True)
"""


def writer(history, name, count):
    command = [sys.executable, "-c", WRITE, history.folder, name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_run_is_found_by_prompt_file_name_model_or_answer(history, receipt):
    picture = keep_picture(history, receipt.picture, "Café bill.png")
    run = history.add(Question("What is the {thing}?", (picture,), {"thing": "grand total"}), UNREACHABLE)
    history.save(replace(run, state="done", answer="It is 17,000.", facts={"boxes": []}), UNREACHABLE)
    other = history.add(Question("Read"), UNREACHABLE)
    for text in ("grand", "TOT", "17,000", "cafe", "nobody 17", "what thing"):
        assert [hit.id for hit in history.search(text)][-1] == run.id, text
    assert history.search("gone") == []
    assert history.search('" OR * (') == history.search("or")
    assert [hit.id for hit in history.search()] == [other.id, run.id]
    assert history.get(run.id)[0].answer == "It is 17,000."
    assert history.get(run.id)[0].question.pictures == (picture,)


def test_the_same_picture_is_stored_only_once(history, receipt):
    first, second = (keep_picture(history, receipt.picture, name) for name in ("a.png", "b.png"))
    assert first.sha256 == second.sha256
    assert len(list((history.folder / "pictures").iterdir())) == 1
    assert history.load(second).size == receipt.picture.size
    assert "1.0" not in history.summary
    assert history.summary.startswith("0 runs, ")


def test_deleting_a_run_deletes_only_pictures_that_no_other_run_uses(history, receipt):
    shared, own = keep_picture(history, receipt.picture), keep_picture(history, chart().picture, "chart.png")
    first = history.add(Question("one", (shared,)), UNREACHABLE)
    second = history.add(Question("two", (own,), before=(Turn("one", (shared,), "yes"),)), UNREACHABLE)
    history.delete(first.id)
    assert history.path(shared).exists()
    with pytest.raises(vlnb.BadInput, match=f"no run {first.id}"):
        history.get(first.id)
    history.delete(second.id)
    assert not history.path(shared).exists()
    assert not history.path(own).exists()
    assert history.search("two") == []
    assert history.add(Question("three"), UNREACHABLE).id > second.id, "a run number is not used twice"


def test_a_changed_picture_raises_one_clear_sentence(history, receipt):
    picture = keep_picture(history, receipt.picture)
    history.path(picture).write_bytes(b"another")
    with pytest.raises(vlnb.BadInput, match=r"receipt.png is no longer in the history, or was changed"):
        history.load(picture)


def test_runs_are_listed_in_local_time(history, monkeypatch):
    run = history.add(Question("one"), UNREACHABLE)
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert "2026-01-31 19:30" in str(replace(run, started="2026-02-01T00:30:00Z"))
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_search_of_signs_alone_finds_nothing(history):
    history.add(Question("one"), UNREACHABLE)
    assert history.search("😀 ???") == []


def test_the_oldest_unused_pictures_are_deleted_to_make_room(tmp_path, receipt):
    history = History(tmp_path, max_bytes=1_500_000)
    pictures = [
        keep_picture(history, replace(receipt.picture, image=receipt.picture.image.rotate(i))) for i in range(4)
    ]
    for age, picture in enumerate(pictures):
        os.utime(history.path(picture), (age, age))
    last = history.add(Question("look", (pictures[0],)), UNREACHABLE)
    sizes = [path.stat().st_size for path in (tmp_path / "pictures").iterdir()]
    assert sum(sizes) <= 1_500_000
    assert history.path(pictures[0]).exists(), "a picture that a run uses stays"
    assert not history.path(pictures[1]).exists()
    assert history.get(last.id)


def test_the_history_stores_no_api_key(history):
    secret = vlnb.Endpoint("http://127.0.0.1:1/v1", "m", api_key="sk-canary-424242")
    run = history.add(Question("my key is sk-canary-424242"), secret)
    history.save(replace(run, state="failed", error="wrong key sk-canary-424242", answer="sk-canary-424242"), secret)
    for path in history.folder.rglob("*"):
        assert path.is_dir() or b"canary" not in path.read_bytes(), path


@pytest.mark.parametrize("key", ["ollama", "prompt", "sha256", "completion_tokens"])
def test_a_key_that_is_also_a_word_leaves_a_run_readable(history, key):
    endpoint = vlnb.Endpoint("http://ollama:11434/v1", "ollama/m", api_key=key)
    picture = Attachment("0" * 64, "scan.png")
    run = history.add(Question("Which server answers?", (picture,)), endpoint)
    run = replace(run, state="done", answer="ollama", facts={"usage": {"completion_tokens": 2}})
    history.save(run, endpoint)
    assert history.get(run.id) == [run]


@pytest.mark.parametrize("word", ["übergänge", "영수증", "ガス"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("stored", ["NFC", "NFD"])
def test_a_word_is_found_in_either_form_of_unicode(history, form, stored, word):
    history.add(Question("Read every u"), UNREACHABLE)
    run = history.add(Question(unicodedata.normalize(stored, f"Read {word}")), UNREACHABLE)
    assert [hit.id for hit in history.search(unicodedata.normalize(form, f"read {word}"))] == [run.id]


def test_a_name_that_is_not_valid_unicode_can_be_stored(history):
    run = history.add(Question("Read", (Attachment("0" * 64, os.fsdecode(b"caf\xe9.png")),)), UNREACHABLE)
    assert history.get(run.id)[0].question.pictures[0].name == "caf?.png"


def test_killing_ten_writers_loses_no_reported_run(history):
    """Every run whose number a writer printed can be read, whatever the writer was doing when it was killed."""
    printed_ids = []
    writers = [writer(history, f"round{number}", 10_000) for number in range(10)]  # all at once: starting takes longest
    for number, process in enumerate(writers):
        printed_ids += [int(process.stdout.readline()) for _ in range(5)]
        time.sleep(0.01 * number)
        process.send_signal(signal.SIGKILL)
        printed_ids += [int(line) for line in process.communicate()[0].splitlines() if line.strip()]
    assert len(printed_ids) >= 50
    assert len(history.get(*printed_ids)) == len(printed_ids)
    with sqlite3.connect(history.folder / "history.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert len(history.search("round3", limit=9)) >= 5


def test_two_processes_write_to_one_history_at_once(history):
    writers = [writer(history, name, 60) for name in ("left", "right")]
    numbers = [int(line) for process in writers for line in process.communicate(timeout=60)[0].splitlines()]
    assert len(set(numbers)) == 120
    assert [len(history.search(name)) for name in ("left", "right")] == [60, 60]


def test_an_export_contains_runs_and_pictures_up_to_a_size_limit(history, receipt, monkeypatch):
    picture = keep_picture(history, receipt.picture)
    run = history.add(Question("Read", (picture,)), UNREACHABLE)
    with zipfile.ZipFile(io.BytesIO(history.export(run.id))) as archive:
        assert set(archive.namelist()) == {"runs.jsonl", f"pictures/{picture.sha256}"}
        line = json.loads(archive.read("runs.jsonl"))
    assert line["question"]["pictures"][0]["name"] == "receipt.png"
    assert "reply" not in line
    monkeypatch.setattr("vlnb.playground.history._MAX_EXPORT", 1000)
    with pytest.raises(vlnb.BadInput, match=r"larger than 1,000 bytes\. Choose fewer runs"):
        history.export(run.id)


def test_a_damaged_run_is_skipped_and_a_damaged_file_raises_one_sentence(history, tmp_path):
    run = history.add(Question("Read"), UNREACHABLE)
    other = history.add(Question("Read on"), UNREACHABLE)
    with sqlite3.connect(history.folder / "history.db") as db:
        db.execute("UPDATE runs SET run = json_set(run, '$.question', 7) WHERE id = ?", (run.id,))
    db.close()
    assert [hit.id for hit in history.search("read")] == [other.id]
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "history.db").write_text("no database, but long enough to be looked at as one" * 100)
    with pytest.raises(vlnb.BadInput, match="cannot be used"):
        History(tmp_path / "bad").search()


def test_a_picture_name_cannot_escape_the_history_folder(history):
    run = history.add(Question("Read", (Attachment("0" * 64, "../../etc/x.mp4/../passwd.mp4"),)), UNREACHABLE)
    assert history.path(run.question.pictures[0]).parent == history.folder / "pictures"
    with sqlite3.connect(history.folder / "history.db") as db:
        db.execute("UPDATE runs SET run = json_set(run, '$.question.pictures[0].sha256', '../../x')")
    db.close()
    assert history.search("read") == []
