"""The load generator against a real server of known timing: what it stores, what it survives, how it resumes."""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from urllib.parse import urlsplit

import psutil
import pytest
import trustme

from tests.bench.conftest import ROOT, serving
from vlnb import BadInput, Endpoint, bench, records
from vlnb.bench import metrics, report, store
from vlnb.bench.workload import Workload
from vlnb.catalog import EMBEDDED_MODEL
from vlnb.launch.gpus import FoundGpu, Gpus

SMALL = Workload(prompts=12, concurrency=3, images=1, resolution="64x64", input_len=8, output_len=6, range_ratio=1.0)


def test_every_request_is_recorded_once_with_its_phases(truth, tmp_path):
    progress = []
    stored = bench.run(SMALL, truth, tmp_path / "run", watch=progress.append)
    assert [record.id for record in stored.records] == list(range(12))
    assert stored.missing == []
    for record in stored.records:
        assert record.error is None
        assert record.output_tokens == 6
        assert len(record.itl_s) == 5
        assert record.finish_reason == "length"
        assert 0 < record.server_s <= record.ttft_s <= record.e2e_s
        assert record.ttft_s >= 0.02
        assert record.ttft_s + sum(record.itl_s) <= record.e2e_s + 1e-4
        assert record.upload_s >= 0
        assert record.queue_s >= 0
    assert progress[-1]["done"] == 12
    verdicts = {verdict.code: verdict for verdict in bench.verdict.verdicts(stored)}
    assert verdicts.keys() == {"client_share", "client_cpu", "client_lag", "load", "few_requests", "chunks"}
    assert stored.segments[0].sent_bytes > 1000


def test_the_records_have_the_documented_fields(truth, tmp_path):
    bench.run(SMALL, truth, tmp_path / "run")
    line = json.loads((tmp_path / "run" / store.RECORDS).read_text().splitlines()[0])
    assert list(line)[:13] == [
        "id", "scheduled_s", "started_s", "queue_s", "connect_s", "upload_s", "server_s", "ttft_s", "e2e_s", "itl_s",
        "output_tokens", "finish_reason", "error",
    ]  # fmt: skip


def test_requests_follow_the_arrival_schedule(truth, tmp_path):
    workload = Workload(prompts=20, concurrency=20, rate=50, images=0, input_len=4, output_len=3, range_ratio=1.0)
    stored = bench.run(workload, truth, tmp_path / "run")
    due = bench.workload.arrivals(workload)
    assert [record.scheduled_s for record in stored.records] == pytest.approx(due, abs=1e-5)
    assert all(record.started_s >= record.scheduled_s for record in stored.records)


def test_the_api_key_is_not_stored(truth, tmp_path):
    endpoint = bench_endpoint(truth, api_key="sk-very-secret-41")
    bench.run(SMALL, endpoint, tmp_path / "run")
    assert all(b"sk-very" not in path.read_bytes() for path in (tmp_path / "run").iterdir())


def bench_endpoint(endpoint, **changes):
    return replace(endpoint, **changes)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("429", "HTTP 429: "),
        ("500", "too much"),
        ("half", "an incomplete chunk"),
        ("early", "closed before its end"),
        ("die", "connection broke"),
    ],
)
def test_failed_requests_are_counted_and_explained_and_the_run_continues(tmp_path, fault, words):
    with serving("--fault", fault) as endpoint:
        stored = bench.run(SMALL, endpoint, tmp_path / "run")
    assert len(stored.records) == 12
    assert all(words in record.error for record in stored.records)
    assert metrics.table(stored)["failed"] == 12
    assert sum(metrics.failures(stored).values()) == 12


def test_fields_that_a_server_refuses_are_omitted_and_reported(tmp_path):
    with serving("--fault", "picky") as endpoint:
        stored = bench.run(SMALL, endpoint, tmp_path / "run")
    assert [record.error for record in stored.records] == [None] * 12
    assert stored.segments[0].dropped == ("ignore_eos", "stream_options")
    assert [record.output_tokens for record in stored.records] == [6] * 12, "chunks, as the server counts no tokens"
    summary = " ".join(report.sentences(stored))
    assert "The server refuses ignore_eos, so requests went without it" in summary
    assert "did not count the tokens of 12 of 12 answers (it refuses stream_options)" in summary


def test_a_closed_kept_connection_costs_no_request_and_is_counted(tmp_path):
    with serving("--fault", "hangup") as endpoint:
        stored = bench.run(SMALL, endpoint, tmp_path / "run")
    assert [record.error for record in stored.records] == [None] * 12
    assert 0 < stored.segments[0].resent <= 12
    assert f"{stored.segments[0].resent} requests were sent again" in " ".join(report.sentences(stored))
    assert all(record.connect_s > 0 for record in stored.records[3:])


def test_a_healthy_server_causes_no_omitted_fields_resends_or_notes(truth, tmp_path):
    stored = bench.run(SMALL, truth, tmp_path / "run")
    assert (stored.segments[0].dropped, stored.segments[0].resent) == ((), 0)
    assert not [line for line in report.sentences(stored) if "The server" in line]


def impatient(workload, endpoint, folder, silent_s):
    """Run with a shorter timeout for a silent server than the ten minutes that a real one may need."""
    manifest = bench.runner.manifest(workload, endpoint)
    manifest["limits"]["silent_s"] = silent_s
    records.create(folder, manifest)
    return bench.resume(folder).follow()


@pytest.mark.parametrize("trusted", [True, False])
def test_a_tls_server_is_measured_only_if_its_certificate_is_trusted(tmp_path, monkeypatch, trusted):
    authority, chain = trustme.CA(), tmp_path / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(chain)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    workload = Workload(prompts=6, concurrency=3, images=2, resolution="720p", picture="noise", output_len=5)
    with serving("--certificate", chain) as endpoint:
        stored = impatient(workload, endpoint, tmp_path / "run", silent_s=5)
    assert len(stored.records) == 6
    for record in stored.records:
        if trusted:
            assert record.error is None
            assert record.upload_s > 0
        else:
            assert record.error.startswith("no connection: the certificate is not trusted (unable to get")


def test_requests_to_a_stalled_server_time_out(tmp_path):
    with serving("--fault", "stall") as endpoint:
        stored = impatient(Workload(prompts=2, concurrency=2, images=0), endpoint, tmp_path / "run", silent_s=0.5)
    assert ["stalled" in record.error for record in stored.records] == [True, True]


def test_the_successful_requests_of_a_flaky_server_are_measured(tmp_path):
    with serving("--fault", "flaky") as endpoint:
        stored = bench.run(Workload(prompts=21, concurrency=1, images=0, output_len=6), endpoint, tmp_path / "run")
    found = metrics.table(stored)
    assert 0 < found["failed"] < 21
    assert found["completed"] + found["failed"] == 21
    assert len(metrics.failures(stored)) >= 3


def test_an_unreachable_server_stops_the_run_and_a_resume_completes_it(tmp_path):
    with serving() as endpoint:
        pass
    progress = []
    workload = Workload(prompts=100, concurrency=2, images=0, output_len=6)
    stored = bench.run(workload, endpoint, tmp_path / "run", watch=progress.append)
    assert progress[-1]["stopped"].startswith("20 requests in a row failed: no connection: Connection refused. ")
    assert len(stored.records) < 30
    assert len(stored.missing) > 70
    assert len(stored.todo) == 100, "requests that the server never received are sent again"
    with serving("--port", urlsplit(endpoint.base_url).port):
        stored = bench.resume(tmp_path / "run").follow()
    assert [record.id for record in stored.good] == list(range(100))
    assert (stored.todo, stored.notes) == ([], ())


def test_a_resume_restarts_an_embedded_engine_that_has_exited(tmp_path):
    with serving() as endpoint:
        pass
    unreachable = replace(endpoint, model=EMBEDDED_MODEL)
    workload = Workload(prompts=2, images=1, resolution="64x64", output_len=4)
    assert bench.run(workload, unreachable, tmp_path / "run").good == []
    assert len(bench.resume(tmp_path / "run").follow().good) == 2


def test_ctrl_c_prints_the_command_that_resumes_the_run(tmp_path):
    folder = tmp_path / "run"
    options = ["--prompts", "40", "--images", "0", "--output-len", "20", "--out", str(folder)]
    with serving("--gap", 0.1) as endpoint:
        command = [sys.executable, "-m", "vlnb", "bench", "run", *options, "--url", endpoint.base_url]
        running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        wait_for((folder / store.RECORDS).exists)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
    assert err.endswith(f"To continue: vlnb bench resume {folder}\nvlnb: stopped.\n")
    assert store.read(folder).missing


def test_a_run_killed_and_resumed_five_times_records_every_request_once(tmp_path):
    """`kill -9` loses at most the requests in flight; the metrics equal those of an unbroken run with these records."""
    rng, folder = random.Random(9), tmp_path / "run"
    workload = Workload(prompts=60, concurrency=4, images=1, resolution="64x64", output_len=8)
    with serving("--ttft", 0.5) as endpoint:  # so slow that even a late kill comes before the end
        for kill in range(5):
            running = bench.resume(folder) if kill else bench.start(workload, endpoint, folder)
            deadline, target = time.monotonic() + 60, len(store.read(folder).records) + rng.randint(1, 8)
            while len(store.read(folder).records) < target and time.monotonic() < deadline:
                time.sleep(0.005)
            os.kill(running._process.pid, signal.SIGKILL)
            running.follow()
            assert len(store.read(folder).missing) > 0, "the kill must come before the end, or the test proves nothing"
    with serving("--port", urlsplit(endpoint.base_url).port):
        stored = bench.resume(folder).follow()
    lines = (folder / store.RECORDS).read_text().splitlines()
    assert sorted(json.loads(line)["id"] for line in lines) == list(range(60)), "every request exactly once"
    assert stored.notes == ()
    assert "resumed" in metrics.pause(stored)

    unbroken = tmp_path / "again"  # the same records, as an unbroken run would have written them
    records.create(unbroken, asdict(stored.manifest))
    (unbroken / store.RECORDS).write_bytes(b"".join(record.line() for record in stored.records))
    assert metrics.table(store.read(unbroken)) == metrics.table(stored)  # neither counts the bytes of killed segments
    with pytest.raises(BadInput, match="is complete"):
        bench.resume(folder)


def test_stopping_a_run_keeps_its_finished_requests(tmp_path):
    with serving("--ttft", 0.05) as endpoint:
        running = bench.start(Workload(prompts=500, concurrency=2, images=0, output_len=4), endpoint, tmp_path / "run")
        running.follow(lambda progress: running.stop() if progress.get("done", 0) > 3 else None)
    assert running._process.poll() is not None
    assert 3 < len(store.read(running.folder).records) < 500


def test_an_existing_run_is_not_overwritten(truth, tmp_path):
    bench.run(SMALL, truth, tmp_path / "run")
    with pytest.raises(BadInput, match="already holds a run"):
        bench.run(SMALL, truth, tmp_path / "run")


def test_a_full_disk_stops_the_run_and_loses_no_record(tmp_path, truth):
    """A file size limit of 30 kB stands for the full disk: the records need more, the request bodies less."""
    workload = Workload(prompts=60, concurrency=4, images=0, input_len=4, output_len=80, range_ratio=1.0)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, limits[1]))
    try:
        running = bench.start(workload, truth, tmp_path / "run")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    with pytest.raises(BadInput, match=r"Writing to .* failed: .*Free some disk space, then resume"):
        running.follow()
    kept = {record.id for record in store.read(running.folder).records}
    assert len(kept) > 5
    stored = bench.resume(tmp_path / "run").follow()
    assert kept < {record.id for record in stored.records} == set(range(60))


CROWD = Workload(prompts=150, concurrency=150, images=0, input_len=4, output_len=2)


def test_the_usual_limit_of_open_files_does_not_limit_the_users(truth, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
    try:
        running = bench.start(CROWD, truth, tmp_path / "run")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert [record.error for record in running.follow().records] == [None] * 150


def test_more_users_than_open_files_are_refused_before_the_first_request(truth, tmp_path):
    records.create(tmp_path / "run", bench.runner.manifest(CROWD, truth))
    load = [sys.executable, "-m", "vlnb.bench.load", str(tmp_path / "run"), truth.base_url]
    limited = ["sh", "-c", 'ulimit -n 100; exec "$@"', "sh", *load]
    result = subprocess.run(limited, stdin=subprocess.PIPE, capture_output=True, text=True, check=False)
    assert "150 connections at once need more open files than the 100" in json.loads(result.stdout)["error"]
    assert not (tmp_path / "run" / store.RECORDS).exists()


def test_a_malformed_answer_fails_only_its_own_request(tmp_path):
    with serving("--fault", "odd") as endpoint:
        stored = bench.run(Workload(prompts=21, concurrency=3, images=0, output_len=6), endpoint, tmp_path / "run")
    assert stored.missing == []
    errors = [record.error for record in stored.records if record.error]
    assert 3 < len(errors) < 21, "some answers are malformed and some are not"
    assert all("not a chat chunk" in error for error in errors)


def test_a_resumed_schedule_continues_where_it_was_interrupted(truth, tmp_path):
    workload = Workload(prompts=12, concurrency=12, rate=2, images=0, input_len=4, output_len=3, range_ratio=1.0)
    due = bench.workload.arrivals(workload)
    assert due[9] > 2, "the interruption is too early to prove anything"
    records.create(tmp_path / "run", bench.runner.manifest(workload, truth))
    finished = store.Record(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.1, 0.2, (), 1, "stop", None)
    with records.Journal(tmp_path / "run" / store.RECORDS) as journal:
        for number in range(9):
            journal.write(replace(finished, id=number).line())
    stored = bench.resume(tmp_path / "run").follow()
    remaining = stored.records[9:]
    assert [record.scheduled_s for record in remaining] == pytest.approx([at - due[9] for at in due[9:]], abs=1e-5)
    assert remaining[0].started_s < due[9]


@pytest.fixture
def long_run(tmp_path):
    """A run that would take minutes, started by its own command, with some records already on disk."""
    with serving("--ttft", 0.1) as endpoint:
        arguments = [
            sys.executable,
            "-m",
            "vlnb",
            "bench",
            "run",
            "--url",
            endpoint.base_url,
            "--out",
            str(tmp_path / "run"),
        ]
        arguments += ["--prompts", "5000", "--concurrency", "4", "--images", "0", "--output-len", "4"]
        command = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=ROOT)
        try:
            records = tmp_path / "run" / store.RECORDS
            assert wait_for(lambda: records.exists() and records.read_bytes().count(b"\n") > 3)
            yield command, tmp_path / "run", psutil.Process(command.pid).children()[0]
        finally:
            command.kill()
            command.communicate()


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not (found := condition()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("target", ["command", "load generator"])
def test_killing_either_process_stops_the_load_and_keeps_finished_requests(long_run, signum, target):
    command, folder, client = long_run
    before = (folder / store.RECORDS).read_bytes()
    os.kill(command.pid if target == "command" else client.pid, signum)
    _, alive = psutil.wait_procs([client], 30)
    assert not alive
    command.wait(60)
    assert (folder / store.RECORDS).read_bytes().startswith(before)
    stored = store.read(folder)
    assert len(stored.records) > 3
    if signum != signal.SIGKILL or target == "command":
        assert stored.notes == ()
        assert "The load stopped early" in stored.segments[0].stopped


def test_a_second_resume_is_refused_and_doubles_nothing(long_run, monkeypatch):
    monkeypatch.setattr(bench.runner, "Watch", lambda *_: pytest.fail("it would write to the first run's gauges"))
    _, folder, client = long_run
    with pytest.raises(BadInput, match="Another process is writing to the run in"):
        bench.resume(folder).follow()
    assert client.is_running()


def test_deleting_the_run_folder_stops_the_load(long_run):
    command, folder, client = long_run
    shutil.rmtree(folder)
    _, alive = psutil.wait_procs([client], 30)
    assert not alive
    assert command.wait(60) == 1
    assert "was deleted, moved or replaced while the run wrote to it" in command.stderr.read()


def test_the_manifest_names_gpus_only_for_a_local_server(monkeypatch):
    found = Gpus((FoundGpu(0, "MI300X", "gfx942", 196608),), "amd-smi", "")
    monkeypatch.setattr(bench.runner, "gpus", lambda: found)
    monkeypatch.setattr(bench.runner, "server_info", lambda _: {})
    local, remote = Endpoint("http://127.0.0.1:1/v1", "m"), Endpoint("http://gpu.example:1/v1", "m")
    assert "0: MI300X (192 GiB)" in bench.runner.manifest(SMALL, local)["server"]["gpus"]
    assert bench.runner.manifest(SMALL, remote)["server"]["gpus"] == ""
