"""Runs: each answer is stored as it arrives, and an interrupted run can be resumed until it is complete."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace

import pytest

import vlnb
from tests.accuracy.mmmu.conftest import ROOT, answering
from tests.bench.answering import answer
from vlnb import cli, records
from vlnb.accuracy import mmmu
from vlnb.accuracy.mmmu import StoredAnswer, workers
from vlnb.errors import BadInput, NoServer


def answer_texts(run):
    return {question.id: run.answers[question.id].text for question in run.questions}


def test_a_run_sends_every_question_with_all_its_pictures(oracle, drawn, tmp_path):
    steps = []
    run = mmmu.run(drawn, oracle, tmp_path / "run", concurrency=5, watch=steps.append)
    assert run.missing == []
    for question in drawn.questions:
        sent_text = "".join(part for part in question.content(drawn.pictures(question)) if isinstance(part, str))
        assert run.answers[question.id].text == answer(sent_text)
    assert {i: a.prompt_tokens for i, a in run.answers.items()} == {
        q.id: 100 * len(q.pictures) for q in drawn.questions
    }
    assert [step.done for step in steps] == list(range(1, 25))
    right = sum(graded.correct for graded in mmmu.grades(run).values())
    assert steps[-1].score.accuracy == pytest.approx(right / 24)
    assert steps[-1].left_s == 0
    assert mmmu.read(run.folder) == run


def test_a_killed_and_resumed_run_equals_an_uninterrupted_one(drawn, oracle, tmp_path):
    whole = mmmu.run(drawn, oracle, tmp_path / "whole", concurrency=8)
    with answering("--delay", 1) as (slow, _):  # on a busy machine the kill may come late
        command = [sys.executable, "-m", "vlnb", "mmmu", "run", "--drawn", "--url", slow.base_url]
        command += ["--concurrency", "2", "--out", str(tmp_path / "cut")]
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        answers = tmp_path / "cut" / "answers.jsonl"
        deadline = time.monotonic() + 60
        while not (answers.exists() and answers.read_bytes().count(b"\n") >= 7) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
    with answers.open("a") as file:
        file.write('{"id": "drawn_Ch')  # as if killed in the middle of a write
    cut = mmmu.read(tmp_path / "cut")
    assert 7 <= len(cut.answers) < 24
    assert "torn" in cut.notes[0]
    resumed = mmmu.resume(tmp_path / "cut", oracle)
    assert answer_texts(resumed) == answer_texts(whole)
    lines = [json.loads(line) for line in answers.read_text().splitlines()]
    assert sorted(line["id"] for line in lines) == sorted(question.id for question in drawn.questions)
    assert mmmu.scores(resumed) == mmmu.scores(whole)


def test_a_run_waits_for_a_busy_server(drawn, tmp_path):
    with answering("--busy", 7) as (endpoint, _):
        run = mmmu.run(drawn, endpoint, tmp_path / "run", concurrency=4)
    assert run.missing == []


@pytest.mark.parametrize(
    ("fault", "reason"), [("--fail", "failed on this request"), ("--cut", "broke off in the middle")]
)
def test_failed_questions_count_as_wrong_and_resume_asks_them_again(drawn, oracle, tmp_path, fault, reason):
    with answering(fault, 4) as (endpoint, _):
        run = mmmu.run(drawn, endpoint, tmp_path / "run", concurrency=3)
    failed = [answer for answer in run.answers.values() if answer.text is None]
    assert len(failed) == len(run.missing) == 6
    assert reason in failed[0].error
    scores = mmmu.scores(run)
    assert scores.overall.questions == 24
    assert set(scores.unanswered) == {answer.id for answer in failed}
    assert "6 questions have no answer and count as wrong" in str(scores)
    again = mmmu.resume(run.folder, oracle)
    assert again.missing == []
    with pytest.raises(BadInput, match="is complete"):
        mmmu.resume(run.folder, oracle)


def test_the_command_says_why_questions_failed(tmp_path, capsys):
    with answering("--fail", 1) as (endpoint, _):
        arguments = ["mmmu", "run", "--drawn", "--url", endpoint.base_url, "--out", str(tmp_path / "run")]
        assert cli.main(arguments) == 1
    err = capsys.readouterr().err
    assert "24 questions failed, most often: " in err
    assert err.count("out of memory") == 1


def test_when_one_of_two_servers_dies_the_other_finishes_the_run(drawn, tmp_path):
    with answering("--delay", 0.1) as (first, process), answering("--delay", 0.1) as (second, _):

        def kill(progress):
            if progress.done == 4:
                process.kill()

        run = mmmu.run(drawn, [first, second], tmp_path / "run", concurrency=2, watch=kill)
    assert run.missing == [] or all("broke off" in a.error for a in run.answers.values() if a.text is None)
    assert {answer.server for answer in run.answers.values()} == {first.base_url, second.base_url}


def test_when_the_only_server_dies_the_run_ends_and_keeps_its_answers(drawn, oracle, tmp_path):
    with answering("--delay", 0.05) as (endpoint, process):

        def kill(progress):
            if progress.done == 6:
                process.kill()
                process.wait()

        with pytest.raises(NoServer, match=r"Nothing answers at .* of 24 answers are in .*; resume the run"):
            mmmu.run(drawn, endpoint, tmp_path / "run", concurrency=2, watch=kill)
    cut = mmmu.read(tmp_path / "run")
    assert 6 <= len(cut.answers) < 24
    assert mmmu.resume(tmp_path / "run", oracle).missing == []


def test_resuming_a_run_with_another_model_is_refused(drawn, oracle, tmp_path):
    run = mmmu.run(drawn, oracle, tmp_path / "run")
    (run.folder / "answers.jsonl").unlink()
    with pytest.raises(BadInput, match=r"Another model answered .*, not other\."):
        mmmu.resume(run.folder, vlnb.Endpoint(oracle.base_url, "other"))


def test_a_full_disk_raises_a_clear_error_and_loses_no_answer(drawn, oracle, tmp_path):
    """Simulate the full disk by a limit on the size of files that leaves room for only a few answers."""
    run = mmmu.run(drawn, oracle, tmp_path / "whole", concurrency=1)
    largest = (run.folder / "questions.jsonl").stat().st_size
    records.create(
        tmp_path / "run", asdict(run.manifest), {"questions.jsonl": (run.folder / "questions.jsonl").read_bytes()}
    )
    long_line = records.line(asdict(StoredAnswer(drawn.questions[0].id, "x" * largest)))
    (tmp_path / "run" / "answers.jsonl").write_bytes(long_line)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(long_line) + 500, limits[1]))
    try:
        with pytest.raises(BadInput, match=r"Writing to .* failed: File too large.*Free some disk space, then resume"):
            mmmu.resume(tmp_path / "run", oracle)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    kept = set(mmmu.read(tmp_path / "run").answers)
    assert 1 < len(kept) < 24
    assert kept < set(mmmu.resume(tmp_path / "run", oracle).answers)
    ids = [json.loads(line)["id"] for line in (tmp_path / "run" / "answers.jsonl").read_text().splitlines()]
    assert sorted(ids) == sorted(question.id for question in drawn.questions)


def test_an_unreadable_picture_fails_only_its_own_question(drawn, oracle, tmp_path):
    def picture(index, number):
        if index == 3:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return drawn.pictures(drawn.questions[index])[number]

    run = mmmu.run(mmmu.QuestionSet(drawn.questions, drawn.origin, picture), oracle, tmp_path / "run")
    assert [question.id for question in run.missing] == [drawn.questions[3].id]
    assert "Input/output error" in run.answers[drawn.questions[3].id].error


def test_the_api_key_is_never_stored(drawn, oracle, tmp_path):
    run = mmmu.run(drawn, vlnb.Endpoint(oracle.base_url, "oracle", api_key="sk-very-secret"), tmp_path / "run")
    for path in run.folder.iterdir():
        assert "very-secret" not in path.read_text()


def test_invalid_runs_and_arguments_are_reported(drawn, oracle, tmp_path):
    with pytest.raises(BadInput, match="holds no run"):
        mmmu.read(tmp_path)
    with pytest.raises(BadInput, match="at least one server"):
        mmmu.run(drawn, [], tmp_path / "none")
    with pytest.raises(BadInput, match="concurrency=0 must be at least 1"):
        mmmu.run(drawn, oracle, tmp_path / "run", concurrency=0)
    (tmp_path / "run" / "answers.jsonl").write_text('{"words": 1}\n')
    assert "line 1 is damaged (id: Field required)" in mmmu.read(tmp_path / "run").notes[0]
    exam = {**asdict(mmmu.read(tmp_path / "run").manifest), "set": {"kind": "exam", "questions": 24}}
    records.create(tmp_path / "later", exam)
    with pytest.raises(BadInput, match=r"kind of run \(set.kind: Input should be 'drawn' or 'mmmu'"):
        mmmu.read(tmp_path / "later")
    records.create(tmp_path / "speed", {"workload": asdict(vlnb.bench.Workload())})
    with pytest.raises(BadInput, match="belongs to another kind of run"):
        mmmu.read(tmp_path / "speed")


@pytest.mark.parametrize("damage", ["half of the file", "a line in the middle"])
def test_a_damaged_question_list_is_reported_and_resume_restores_it(drawn, oracle, tmp_path, capsys, damage):
    run = mmmu.run(drawn, oracle, tmp_path / "run")
    whole = (run.folder / "questions.jsonl").read_bytes()
    lines = whole.splitlines(keepends=True)
    remaining = lines[:12] if damage.startswith("half") else [*lines[:3], b"\xff\n", *lines[4:]]
    (run.folder / "questions.jsonl").write_bytes(b"".join(remaining))
    assert cli.main(["mmmu", "grade", str(run.folder)]) == 1
    assert "of the 24 questions of this run can be read" in capsys.readouterr().err
    answers = (run.folder / "answers.jsonl").read_bytes().splitlines(keepends=True)
    (run.folder / "answers.jsonl").write_bytes(b"".join(answers[:-1]))
    assert mmmu.scores(mmmu.resume(run.folder, oracle)) == mmmu.scores(run)
    assert (run.folder / "questions.jsonl").read_bytes() == whole


def test_a_later_answer_or_failure_never_replaces_the_first_answer(drawn, oracle, tmp_path):
    run = mmmu.run(drawn, oracle, tmp_path / "run")
    question_id = drawn.questions[0].id
    with records.Journal(run.folder / "answers.jsonl") as journal:
        for text in ("another", None):
            journal.write(records.line(asdict(StoredAnswer(question_id, text))))
        journal.write(records.line(asdict(StoredAnswer("strange", "A"))))
    again = mmmu.read(run.folder)
    assert again.answers == run.answers
    assert (
        f"answers.jsonl has records of {question_id}, strange that repeat others or were not asked for"
        in again.notes[0]
    )


def test_a_second_resume_at_the_same_time_is_refused(drawn, oracle, tmp_path):
    run = mmmu.run(drawn, oracle, tmp_path / "run")
    (run.folder / "answers.jsonl").unlink()
    with records.held(run.folder), pytest.raises(BadInput, match="Another process is writing"):
        mmmu.resume(run.folder, oracle)


def test_an_always_busy_server_is_asked_six_times_with_doubling_waits(drawn, tmp_path, monkeypatch):
    waits = []
    monkeypatch.setattr(workers, "sleep", waits.append)
    origin = replace(drawn.origin, questions=1)
    single = mmmu.QuestionSet(drawn.questions[:1], origin, lambda _, number: drawn._picture(0, number))
    with answering("--busy", 1, "--again", "") as (endpoint, _):
        run = mmmu.run(single, endpoint, tmp_path / "run")
    assert waits == [1, 2, 4, 8, 16]
    assert run.missing == list(single.questions)
    assert run.answers[single.questions[0].id].error
