"""The sweep over loads: its arithmetic on made-up runs, where it ends, and once against a real server."""

from pathlib import Path

import pytest

from tests.bench.conftest import serving
from tests.bench.test_metrics import record, run
from vlnb import BadInput
from vlnb.bench import metrics, runner
from vlnb.bench.store import read
from vlnb.bench.sweep import Load, judge, largest, sweep
from vlnb.bench.workload import Workload

GOAL = metrics.Objective(ttft_s=2.0, tpot_s=0.05)


def made(*records, prompts=None):
    return run(*records, prompts=prompts, concurrency=7)


def test_goodput_counts_what_met_the_objective():
    slow, broken = record(1, ttft=3.0, started=0.0), record(2, error="HTTP 500")
    load = judge(made(record(0), slow, broken), GOAL)
    assert load.users == 7
    assert not load.kept
    assert load.goodput == pytest.approx(load.metrics["request_throughput"] / 2), (
        "one of the two that ended well was too slow"
    )


def test_a_load_is_kept_with_19_of_20_requests():
    nearly = [record(number) for number in range(19)]
    assert judge(made(*nearly, record(19, ttft=3.0)), GOAL).kept
    assert not judge(made(*nearly, prompts=21), GOAL).kept, "missing requests count"


def load(users, goodput, *, kept=True):
    return Load(users, {}, goodput, kept, Path())


def test_the_largest_load_that_kept_it():
    assert largest([load(1, 1), load(4, 3), load(8, 4, kept=False)]).users == 4
    assert largest([load(1, 1, kept=False)]) is None


def test_it_ends_once_goodput_collapses(monkeypatch, endpoint_of_nothing):
    """Above 4 users every request takes too long."""
    tried = []

    def measured(plan, _endpoint, _folder):
        tried.append(plan.concurrency)
        records = [record(n, ttft=3.0 if plan.concurrency > 4 else 0.1) for n in range(plan.prompts)]
        return run(*records, concurrency=plan.concurrency)

    monkeypatch.setattr(runner, "run", measured)
    found = list(sweep(Workload(prompts=2, images=0), endpoint_of_nothing, objective=GOAL, users=(1, 2, 4, 8, 16)))
    assert tried == [1, 2, 4, 8]
    assert largest(found).users == 4


@pytest.mark.parametrize("users", [(), (0, 1)])
def test_loads_that_cannot_be(users, endpoint_of_nothing):
    with pytest.raises(BadInput, match="number of users"):
        list(sweep(Workload(), endpoint_of_nothing, objective=GOAL, users=users))


@pytest.fixture
def endpoint_of_nothing():
    from vlnb import Endpoint

    return Endpoint("http://127.0.0.1:1/v1", "m")


def test_a_real_sweep_stores_every_run(tmp_path):
    workload = Workload(prompts=4, images=0, input_len=4, output_len=4, range_ratio=1.0)
    with serving("--ttft", 0.01) as endpoint:
        loads = list(sweep(workload, endpoint, tmp_path, objective=metrics.Objective(5, 5), users=(1, 3)))
    assert [one.users for one in loads] == [1, 3]
    assert all(one.kept for one in loads)
    for one in loads:
        assert judge(read(one.folder), metrics.Objective(5, 5)) == one
        assert len(read(one.folder).records) == max(4, 4 * one.users)
    assert len({read(one.folder).manifest.workload.seed for one in loads}) == 2, "else the second finds a warm cache"
