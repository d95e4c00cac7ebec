"""A run on disk: torn, damaged and strange files; the lock; a folder that disappears."""

import json
import os
import shutil
import time
from dataclasses import asdict, replace

import pytest

from vlnb import BadInput, cli, records
from vlnb.bench import Workload, metrics, report, store

RECORD = store.Record(0, 0.0, 0.0, 0.0, 0.001, 0.002, 0.1, 0.103, 0.2, (0.01, 0.02), 3, "length", None)
PLAN = {
    "created": "2026-01-01",
    "server": {"base_url": "http://127.0.0.1:9/v1", "model": "m"},
    "workload": asdict(Workload(prompts=3)),
}
SEGMENT = store.Segment(0, 1.0, 0.2, 0.1, 0.001, 0.002, "")


@pytest.fixture
def folder(tmp_path):
    records.create(tmp_path / "run", PLAN)
    return tmp_path / "run"


def lines(*ids, **changes):
    return b"".join(replace(RECORD, id=i, **changes).line() for i in ids)


def test_written_records_and_segments_are_read_back_unchanged(folder):
    (folder / store.RECORDS).touch()
    with records.Journal(folder / store.RECORDS) as journal:
        journal.write(RECORD.line())
    with records.Journal(folder / store.SEGMENTS) as journal:
        journal.write(records.line(asdict(SEGMENT)))
    stored = store.read(folder)
    assert (stored.records, stored.segments, stored.notes) == ((RECORD,), (SEGMENT,), ())
    assert stored.missing == [1, 2]


def test_a_manifest_with_a_name_that_is_not_valid_unicode_can_be_read(tmp_path):
    workload = {**PLAN["workload"], "picture": os.fsdecode(b"caf\xe9.png")}
    records.create(tmp_path / "run", {**PLAN, "workload": workload})
    assert store.read(tmp_path / "run").manifest.workload.picture == "caf?.png"


def test_a_torn_last_line_is_skipped_noted_and_removed_before_writing(folder):
    (folder / store.RECORDS).write_bytes(RECORD.line() + RECORD.line()[:40])
    stored = store.read(folder)
    assert stored.records == (RECORD,)
    assert "torn" in stored.notes[0]
    with records.Journal(folder / store.RECORDS) as journal:
        journal.write(lines(1))
    assert [record.id for record in store.read(folder).records] == [0, 1]
    assert store.read(folder).notes == ()


def test_the_first_of_two_records_of_a_request_is_kept(folder):
    (folder / store.RECORDS).write_bytes(lines(0) + lines(0, e2e_s=9.0) + lines(1))
    stored = store.read(folder)
    assert [record.e2e_s for record in stored.records] == [0.2, 0.2]
    assert (
        "requests.jsonl has records of 0 that repeat others or were not asked for; they are ignored" in stored.notes[0]
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{half", "Invalid JSON"),
        (b"", "Invalid JSON"),
        (b"\xff\xfe", "Invalid JSON"),
        (b"null", "should be an object"),
        (b"[" * 5_000, "recursion"),
        (b'{"id": 1}', "Field required"),
        (RECORD.line().strip().replace(b'"id":0', b'"id":1.5'), "id: "),
        (RECORD.line().strip().replace(b'"id":0', b'"id":"1"'), "id: "),
        (RECORD.line().strip().replace(b"0.103", b"NaN"), "ttft_s: Input should be"),
        (RECORD.line().strip().replace(b"0.103", b"1e999"), "ttft_s: Input should be"),
        (RECORD.line().strip().replace(b"0.103", b"-1"), "ttft_s: Input should be"),
        (RECORD.line().strip().replace(b'"itl_s":[0.01,0.02]', b'"itl_s":[0.01,null]'), "itl_s.1: "),
    ],
)
def test_a_damaged_line_counts_as_missing_and_is_reported_by_number(folder, line, words):
    (folder / store.RECORDS).write_bytes(lines(0) + line + b"\n" + lines(2))
    stored = store.read(folder)
    assert stored.missing == [1]
    assert f"{folder / store.RECORDS}: line 2 is damaged (" in stored.notes[0]
    assert words in stored.notes[0]
    assert metrics.table(stored)["missing"] == 1
    assert any("Resume the run" in sentence for sentence in report.sentences(stored))


def test_only_five_damaged_lines_are_named_with_the_first_reason(folder):
    (folder / store.RECORDS).write_bytes(b"[]\n" + b"{\n" * 6)
    assert "line 1, 2, 3, 4, 5 and 2 more is damaged (Input should be an object)" in store.read(folder).notes[0]


@pytest.mark.parametrize("number", [-1, 3, 10**9])
def test_a_record_of_an_unplanned_request_is_ignored_and_reported(folder, number):
    data = lines(0).replace(b'"id":0', b'"id":%d' % number)
    (folder / store.RECORDS).write_bytes(data + lines(0))
    stored = store.read(folder)
    assert [record.id for record in stored.records] == [0]
    assert f"requests.jsonl has records of {number} that repeat others or were not asked for" in stored.notes[0]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda f: (f / records.MANIFEST).unlink(), "holds no run"),
        (
            lambda f: (f / records.MANIFEST).write_text("{"),
            "is damaged or belongs to another kind of run .Invalid JSON",
        ),
        (lambda f: (f / records.MANIFEST).write_text("[]"), "is damaged"),
        (lambda f: (f / records.MANIFEST).write_text(json.dumps(PLAN | {"workload": {"prompts": "3"}})), "prompts: "),
        (lambda f: (f / records.MANIFEST).write_text(json.dumps(PLAN | {"workload": {"prompts": 10**9}})), "prompts="),
        (lambda f: (f / records.MANIFEST).write_text(json.dumps(PLAN | {"server": {"model": 1}})), "server"),
        (lambda f: (f / store.RECORDS).mkdir(), "is not a regular file"),
        (lambda f: os.mkfifo(f / store.RECORDS), "is not a regular file"),
    ],
)
def test_an_unreadable_run_raises_bad_input(folder, damage, words):
    damage(folder)
    with pytest.raises(BadInput, match=words):
        store.read(folder)


def test_comparing_an_incomplete_run_exits_with_a_failure(folder, capsys):
    (folder / store.RECORDS).write_bytes(lines(0, 1))
    assert cli.main(["bench", "compare", str(folder)]) == 1
    assert "1 of the requests of" in capsys.readouterr().err
    (folder / store.RECORDS).write_bytes(lines(0, 1, 2))
    assert cli.main(["bench", "compare", str(folder)]) == 0


def test_a_run_folder_that_cannot_be_created_or_exists_is_refused(folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be stored"):
        records.create(tmp_path / "file" / "run", PLAN)
    with pytest.raises(BadInput, match="already holds a run"):
        records.create(folder, PLAN)


def test_a_run_can_be_held_only_once_at_a_time(folder):
    with (
        records.held(folder),
        pytest.raises(BadInput, match=r"Another process is writing .* then resume"),
        records.held(folder),
    ):
        pass
    with records.held(folder):
        pass


@pytest.mark.parametrize("remove", [shutil.rmtree, lambda folder: folder.rename(folder.with_name("moved"))])
def test_writing_to_a_removed_folder_fails_within_seconds(folder, remove):
    def write():
        with records.Journal(folder / store.RECORDS) as journal:
            remove(folder)
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                journal.write(RECORD.line())
                time.sleep(0.05)
            pytest.fail("the removal was not noticed")

    with pytest.raises(BadInput, match="was deleted, moved or replaced"):
        write()


def test_half_a_surrogate_pair_does_not_damage_the_line(folder):
    (folder / store.RECORDS).write_bytes(replace(RECORD, error="HTTP 500: \ud83d").line())
    assert store.read(folder).records[0].error == "HTTP 500: ?"


def test_missing_manifest_settings_get_defaults_and_unknown_ones_are_ignored(tmp_path):
    folder = tmp_path / "run"
    server = {"base_url": "http://a/v1", "model": "m"}
    records.create(folder, {"created": "", "server": server, "workload": {"later": 1}, "more": 2})
    stored = store.read(folder)
    assert len(stored.missing) == 10
    assert stored.manifest.workload == Workload()


@pytest.mark.parametrize("name", ["lock", store.RECORDS])
def test_a_link_in_a_run_folder_is_not_followed(tmp_path, name):
    victim = tmp_path / "victim"
    victim.write_text("a line without an end")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / name).symlink_to(victim)
    with pytest.raises(BadInput), records.held(folder), records.Journal(folder / store.RECORDS) as journal:
        journal.write(b"mine")
    assert victim.read_text() == "a line without an end"


def test_a_stored_address_has_no_query_which_may_hold_a_secret():
    assert records.Server("http://gpu.example/v1?sig=hunter2", "m").base_url == "http://gpu.example/v1"
