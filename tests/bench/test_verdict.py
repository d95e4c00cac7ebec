"""The verdicts on a run: each warning appears at its threshold."""

import shlex
from dataclasses import replace

import pytest

from tests.bench.test_metrics import record, run
from vlnb import cli
from vlnb.bench import report
from vlnb.bench.store import Segment
from vlnb.bench.verdict import verdicts
from vlnb.bench.workload import Workload
from vlnb.catalog import EMBEDDED_MODEL
from vlnb.commands import bench as command


def verdicts_by_code(*records, **options):
    return {verdict.code: verdict for verdict in verdicts(run(*records, **options))}


def segment(*, cpu=0.2, lag=0.0002):
    return Segment(0, 0.0, 1.0, cpu, lag, 2 * lag, "")


@pytest.mark.parametrize(
    ("cpu", "lag", "warned"),
    [(0.2, 0.0002, set()), (0.95, 0.0002, {"client_cpu"}), (0.2, 0.02, {"client_lag"})],
)
def test_the_client_says_whether_it_was_the_bottleneck(cpu, lag, warned):
    found = verdicts_by_code(record(0), segments=[segment(cpu=cpu, lag=lag)])
    assert {code for code in ("client_cpu", "client_lag") if found[code].warning} == warned
    assert ("was the bottleneck" in found["client_cpu"].sentence) == ("client_cpu" in warned)


def test_a_client_that_exits_before_its_report_is_named():
    assert "ended before it could report" in verdicts_by_code(record(0))["client_lag"].sentence


@pytest.mark.parametrize(("ttft", "warning"), [(0.143, True), (0.30, False)])
def test_the_share_of_the_client_in_the_ttft_is_reported(ttft, warning):
    share = verdicts_by_code(record(0, ttft=ttft))["client_share"]  # 20 ms before the last byte was sent
    assert share.warning == warning
    assert share.observed == pytest.approx(0.02 / ttft)
    assert f"20 of {1000 * ttft:.4g} ms of the mean TTFT passed before the last byte was sent" in share.sentence
    assert f"{1000 * ttft - 20:.4g} ms are the server's" in share.sentence


def busy(users, requests, *, length=1.0, every=None):
    """`users` that each send the next request when the last one has ended, or one request `every` that many seconds."""
    starts = [every * n for n in range(requests)] if every else [length * (n // users) for n in range(requests)]
    return [record(n, started=start, ttft=length - 0.042, gaps=(0.02, 0.02)) for n, start in enumerate(starts)]


@pytest.mark.parametrize(
    ("records", "workload", "words"),
    [
        (busy(2000, 6000), {"concurrency": 2000}, "reached 2,000 of 2,000 users"),
        (busy(1, 6000, every=0.001), {"concurrency": 2000}, "The load reached 1,000 of 2,000 users"),
        (busy(1, 1500, every=0.0001), {"concurrency": 2000}, "There was no steady state: 1,304 of 2,000 users"),
        (busy(1, 9, every=1 / 1.234), {"rate": 1.0}, "1.23 of 1.23 requests per second"),
    ],
)
def test_no_number_is_in_scientific_notation(records, workload, words):
    assert words in verdicts_by_code(*records, **workload)["load"].sentence
    message = verdicts_by_code(record(0, ttft=12.345))["client_share"].sentence
    assert "20 of 12,345 ms of the mean TTFT" in message
    assert "12,325 ms are the server's" in message


def test_a_load_that_was_reached_causes_no_warning():
    found = verdicts_by_code(*busy(4, 20), concurrency=4)["load"]
    assert found.sentence == "The load reached 4 of 4 users on average in the steady 4.0 s (ramp 0.0 s, tail 1.0 s)."
    assert found.observed == pytest.approx(1)
    assert not found.warning


@pytest.mark.parametrize(
    ("requests", "words"),
    [
        (200, " in the steady 7.8 s (ramp 8.8 s, tail 0.5 s)."),
        (12, "There was no steady state: 1.71 of 8 users on average (ramp 3.5 s, tail 0.0 s)."),
    ],
)
def test_the_ramp_lasts_until_the_last_user_starts(requests, words):
    """Eight users start over 10 s and need half a second for each request: the ramp is 8.75 s long."""
    due = sorted((1.25 * user + 0.5 * n, user) for user in range(8) for n in range(requests))[:requests]
    started = [record(n, started=at, ttft=0.458) for n, (at, _) in enumerate(due)]
    assert words in verdicts_by_code(*started, concurrency=8, ramp_s=10)["load"].sentence


@pytest.mark.parametrize(
    ("records", "words"),
    [
        (busy(10, 10, every=0.5), "There was no steady state"),
        (busy(4, 20, length=1.0, every=0.5), "2 of 4 users on average"),
    ],
)
def test_a_load_that_was_not_reached_causes_a_warning(records, words):
    found = verdicts_by_code(*records, concurrency=4 if len(records) > 10 else 10)["load"]
    assert found.warning
    assert words in found.sentence
    assert "at least three requests for each user" in found.sentence


def test_a_rate_that_was_not_reached_causes_a_warning():
    late = [record(n, started=0.2 * n, queue=0.1 * n) for n in range(20)]  # due each 0.1 s, sent each 0.2 s
    found = verdicts_by_code(*late, rate=10.0, concurrency=2)["load"]
    assert found.warning
    assert "5 of 10 requests per second were sent" in found.sentence


@pytest.mark.parametrize(("tokens", "warning"), [(3, False), (6, True)])
def test_several_tokens_per_chunk_are_reported(tokens, warning):
    from dataclasses import replace

    chunks = verdicts_by_code(replace(record(0), output_tokens=tokens))["chunks"]
    assert chunks.warning == warning
    assert f"{tokens} tokens came in 3 chunks, {tokens / 3:.2f} in each" in chunks.sentence


def test_percentiles_of_few_requests_are_marked_in_the_terminal_too():
    few, many = report.side_by_side({"a": run(record(0))}), report.side_by_side({"a": run(*map(record, range(100)))})
    assert next(line for line in few.splitlines() if "TTFT P99" in line).endswith("†")
    assert "† from too few requests" in few
    assert "†" not in many
    assert "†" in report.text(run(record(0)))


@pytest.mark.parametrize(
    "workload",
    [
        Workload(),
        Workload(prompts=7, concurrency=3, ramp_s=1.5, resolution="800x600", picture="a b'c.png", seed=4),
        Workload(rate=2.5, images=0, range_ratio=1.0),
    ],
)
def test_the_command_repeats_the_run(workload, monkeypatch):
    stored = run(record(0), **{"prompts": 1, **{k: v for k, v in vars(workload).items() if k != "prompts"}})
    arguments = shlex.split(report.command(stored))
    used = {}
    monkeypatch.setattr(command, "_finish", lambda running: 0)
    monkeypatch.setattr("vlnb.endpoint.connect", lambda url, **more: used.update(url=url, model=more["model"]))
    monkeypatch.setattr("vlnb.bench.runner.start", lambda plan, *_: used.update(workload=plan))
    assert cli.main(arguments[1:]) == 0
    assert used == {"url": "http://x/v1", "model": "<i>m</i>", "workload": stored.manifest.workload}


def test_the_command_omits_the_address_of_an_embedded_engine():
    stored = run(record(0))
    server = replace(stored.manifest.server, model=EMBEDDED_MODEL)
    stored = replace(stored, manifest=replace(stored.manifest, server=server))
    assert "--url" not in report.command(stored)
    assert "--model" not in report.command(stored)
