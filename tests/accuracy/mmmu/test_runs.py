"""A run of questions: stored as it goes, resumed where it was cut, whole in the end."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import asdict

import pytest

import vlnb
from tests.accuracy.mmmu.conftest import ROOT, answering
from tests.bench.answering import answer
from vlnb import cli, records
from vlnb.accuracy import mmmu
from vlnb.accuracy.mmmu import StoredAnswer, workers
from vlnb.errors import BadInput, NoServer


def words(run):
    return {question.id: run.answers[question.id].text for question in run.questions}


def test_all_questions_with_all_their_pictures(oracle, drawn, tmp_path):
    told = []
    run = mmmu.run(drawn, oracle, tmp_path / "run", concurrency=5, watch=told.append)
    assert run.missing == []
    for question in drawn.questions:
        said = "".join(part for part in question.content(drawn.pictures(question)) if isinstance(part, str))
        assert run.answers[question.id].text == answer(said)
    assert {i: a.prompt_tokens for i, a in run.answers.items()} == {
        q.id: 100 * len(q.pictures) for q in drawn.questions
    }
    assert [one.done for one in told] == list(range(1, 25))
    right = sum(one.correct for one in mmmu.grades(run).values())
    assert told[-1].score.accuracy == pytest.approx(right / 24)
    assert told[-1].left_s == 0
    assert mmmu.read(run.folder) == run


def test_killed_and_resumed_is_as_if_it_had_never_been(drawn, tmp_path):
    with answering("--delay", 0.15) as (endpoint, _):
        whole = mmmu.run(drawn, endpoint, tmp_path / "whole", concurrency=8)
        command = [sys.executable, "-m", "vlnb", "mmmu", "run", "--drawn", "--url", endpoint.base_url]
        command += ["--concurrency", "2", "--out", str(tmp_path / "cut")]
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        answers = tmp_path / "cut" / "answers.jsonl"
        for _ in range(600):
            if answers.exists() and answers.read_bytes().count(b"\n") >= 7:
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with answers.open("a") as file:
            file.write('{"id": "drawn_Ch')  # as a kill in the middle of a write leaves it
        cut = mmmu.read(tmp_path / "cut")
        assert 7 <= len(cut.answers) < 24
        assert "torn" in cut.notes[0]
        resumed = mmmu.resume(tmp_path / "cut", endpoint)
    assert words(resumed) == words(whole)
    lines = [json.loads(line) for line in answers.read_text().splitlines()]
    assert sorted(line["id"] for line in lines) == sorted(question.id for question in drawn.questions)
    assert mmmu.scores(resumed) == mmmu.scores(whole)


def test_a_busy_server_is_waited_for(drawn, tmp_path):
    with answering("--busy", 7) as (endpoint, _):
        run = mmmu.run(drawn, endpoint, tmp_path / "run", concurrency=4)
    assert run.missing == []


@pytest.mark.parametrize(("fault", "why"), [("--fail", "failed on this request"), ("--cut", "broke off in the middle")])
def test_failures_stay_in_the_denominator_and_are_asked_again(drawn, oracle, tmp_path, fault, why):
    with answering(fault, 4) as (endpoint, _):
        run = mmmu.run(drawn, endpoint, tmp_path / "run", concurrency=3)
    failed = [answer for answer in run.answers.values() if answer.text is None]
    assert len(failed) == len(run.missing) == 6
    assert why in failed[0].error
    scores = mmmu.scores(run)
    assert scores.overall.questions == 24
    assert set(scores.unanswered) == {answer.id for answer in failed}
    assert "6 questions have no answer and count as wrong" in str(scores)
    again = mmmu.resume(run.folder, oracle)
    assert again.missing == []
    with pytest.raises(BadInput, match="is complete"):
        mmmu.resume(run.folder, oracle)


def test_of_two_servers_one_dies_and_the_other_does_all(drawn, tmp_path):
    with answering("--delay", 0.1) as (one, process), answering("--delay", 0.1) as (other, _):

        def kill(told):
            if told.done == 4:
                process.kill()

        run = mmmu.run(drawn, [one, other], tmp_path / "run", concurrency=2, watch=kill)
    assert run.missing == [] or all("broke off" in a.error for a in run.answers.values() if a.text is None)
    assert {answer.server for answer in run.answers.values()} == {one.base_url, other.base_url}


def test_no_server_left_ends_the_run_with_what_it_has(drawn, oracle, tmp_path):
    with answering("--delay", 0.05) as (endpoint, process):

        def kill(told):
            if told.done == 6:
                process.kill()
                process.wait()

        with pytest.raises(NoServer, match=r"Nothing answers at .* of 24 answers are in .*; resume the run"):
            mmmu.run(drawn, endpoint, tmp_path / "run", concurrency=2, watch=kill)
    cut = mmmu.read(tmp_path / "run")
    assert 6 <= len(cut.answers) < 24
    assert mmmu.resume(tmp_path / "run", oracle).missing == []


def test_a_score_of_two_models_is_refused(drawn, oracle, tmp_path):
    run = mmmu.run(drawn, oracle, tmp_path / "run")
    (run.folder / "answers.jsonl").unlink()
    with pytest.raises(BadInput, match=r"Another model answered .*, not other\."):
        mmmu.resume(run.folder, vlnb.Endpoint(oracle.base_url, "other"))


def test_a_full_disk_is_a_sentence_and_costs_no_answer(drawn, oracle, tmp_path):
    """The system lets this process write no file larger than what three answers take."""
    run = mmmu.run(drawn, oracle, tmp_path / "whole", concurrency=1)
    largest = (run.folder / "questions.jsonl").stat().st_size
    records.create(
        tmp_path / "run", asdict(run.manifest), {"questions.jsonl": (run.folder / "questions.jsonl").read_bytes()}
    )
    long = records.line(asdict(StoredAnswer(drawn.questions[0].id, "x" * largest)))
    (tmp_path / "run" / "answers.jsonl").write_bytes(long)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(long) + 500, before[1]))
    try:
        with pytest.raises(BadInput, match=r"Writing to .* failed: File too large.*Free some disk space, then resume"):
            mmmu.resume(tmp_path / "run", oracle)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    kept = set(mmmu.read(tmp_path / "run").answers)
    assert 1 < len(kept) < 24
    assert kept < set(mmmu.resume(tmp_path / "run", oracle).answers)
    ids = [json.loads(line)["id"] for line in (tmp_path / "run" / "answers.jsonl").read_text().splitlines()]
    assert sorted(ids) == sorted(question.id for question in drawn.questions)


def test_a_picture_that_cannot_be_read_costs_its_own_question_only(drawn, oracle, tmp_path):
    def picture(place, number):
        if place == 3:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return drawn.pictures(drawn.questions[place])[number]

    run = mmmu.run(mmmu.QuestionSet(drawn.questions, drawn.origin, picture), oracle, tmp_path / "run")
    assert [question.id for question in run.missing] == [drawn.questions[3].id]
    assert "Input/output error" in run.answers[drawn.questions[3].id].error


def test_nothing_secret_is_stored(drawn, oracle, tmp_path):
    run = mmmu.run(drawn, vlnb.Endpoint(oracle.base_url, "oracle", api_key="sk-very-secret"), tmp_path / "run")
    for path in run.folder.iterdir():
        assert "very-secret" not in path.read_text()


def test_what_is_no_run_is_a_sentence(drawn, oracle, tmp_path):
    with pytest.raises(BadInput, match="holds no run"):
        mmmu.read(tmp_path)
    with pytest.raises(BadInput, match="at least one server"):
        mmmu.run(drawn, [], tmp_path / "none")
    with pytest.raises(BadInput, match="concurrency=0 must be at least 1"):
        mmmu.run(drawn, oracle, tmp_path / "run", concurrency=0)
    (tmp_path / "run" / "answers.jsonl").write_text('{"words": 1}\n')
    assert "line 1 is damaged (id: Field required)" in mmmu.read(tmp_path / "run").notes[0]
    records.create(tmp_path / "speed", {"workload": asdict(vlnb.bench.Workload())})
    with pytest.raises(BadInput, match="belongs to another kind of run"):
        mmmu.read(tmp_path / "speed")


@pytest.mark.parametrize("harm", ["half of the file", "a line in the middle"])
def test_a_score_of_fewer_questions_says_so_and_a_resume_restores_them(drawn, oracle, tmp_path, capsys, harm):
    run = mmmu.run(drawn, oracle, tmp_path / "run")
    whole = (run.folder / "questions.jsonl").read_bytes()
    lines = whole.splitlines(keepends=True)
    left = lines[:12] if harm.startswith("half") else [*lines[:3], b"\xff\n", *lines[4:]]
    (run.folder / "questions.jsonl").write_bytes(b"".join(left))
    assert cli.main(["mmmu", "grade", str(run.folder)]) == 1
    assert "of the 24 questions of this run can be read" in capsys.readouterr().err
    answers = (run.folder / "answers.jsonl").read_bytes().splitlines(keepends=True)
    (run.folder / "answers.jsonl").write_bytes(b"".join(answers[:-1]))
    assert mmmu.scores(mmmu.resume(run.folder, oracle)) == mmmu.scores(run)
    assert (run.folder / "questions.jsonl").read_bytes() == whole


def test_of_two_answers_the_first_is_kept_and_a_failure_never_replaces_one(drawn, oracle, tmp_path):
    run = mmmu.run(drawn, oracle, tmp_path / "run")
    name = drawn.questions[0].id
    with records.Journal(run.folder / "answers.jsonl") as journal:
        for said in ("another", None):
            journal.write(records.line(asdict(StoredAnswer(name, said))))
        journal.write(records.line(asdict(StoredAnswer("strange", "A"))))
    again = mmmu.read(run.folder)
    assert again.answers == run.answers
    assert f"answers.jsonl has records of {name}, strange that repeat others or were not asked for" in again.notes[0]


def test_a_second_resume_at_the_same_time_is_refused(drawn, oracle, tmp_path):
    run = mmmu.run(drawn, oracle, tmp_path / "run")
    (run.folder / "answers.jsonl").unlink()
    with records.held(run.folder), pytest.raises(BadInput, match="Another process is writing"):
        mmmu.resume(run.folder, oracle)


def test_a_server_that_is_always_busy_is_asked_six_times_and_less_and_less_often(drawn, tmp_path, monkeypatch):
    waited = []
    monkeypatch.setattr(workers.Work, "_pause", lambda _, seconds: waited.append(seconds))
    one = mmmu.QuestionSet(drawn.questions[:1], drawn.origin, lambda _, number: drawn._picture(0, number))
    with answering("--busy", 1, "--again", "") as (endpoint, _):
        run = mmmu.run(one, endpoint, tmp_path / "run")
    assert waited == [1, 2, 4, 8, 16]
    assert run.missing == list(one.questions)
    assert run.answers[one.questions[0].id].error
