"""The sweep over loads: its arithmetic on synthetic runs, where it stops, and one sweep of a real server."""

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


def synthetic_run(*records, prompts=None):
    return run(*records, prompts=prompts, concurrency=7)


def test_goodput_counts_only_requests_that_meet_the_objective():
    slow, broken = record(1, ttft=3.0, started=0.0), record(2, error="HTTP 500")
    load = judge(synthetic_run(record(0), slow, broken), GOAL)
    assert load.users == 7
    assert not load.kept
    assert load.goodput == pytest.approx(load.metrics["request_throughput"] / 2), (
        "one of the two successful requests was too slow"
    )


def test_a_load_is_kept_if_19_of_20_requests_meet_the_objective():
    records = [record(number) for number in range(19)]
    assert judge(synthetic_run(*records, record(19, ttft=3.0)), GOAL).kept
    assert not judge(synthetic_run(*records, prompts=21), GOAL).kept, "missing requests count"


def load(users, goodput, *, kept=True):
    return Load(users, {}, goodput, kept, Path())


def test_the_largest_load_that_meets_the_objective_is_found():
    assert largest([load(1, 1), load(4, 3), load(8, 4, kept=False)]).users == 4
    assert largest([load(1, 1, kept=False)]) is None


def test_the_sweep_stops_once_goodput_collapses(monkeypatch, unreachable_endpoint):
    """Above 4 users every request takes too long."""
    tried = []

    def measured(plan, _endpoint, _folder):
        tried.append(plan.concurrency)
        records = [record(n, ttft=3.0 if plan.concurrency > 4 else 0.1) for n in range(plan.prompts)]
        return run(*records, concurrency=plan.concurrency)

    monkeypatch.setattr(runner, "run", measured)
    found = list(sweep(Workload(prompts=2, images=0), unreachable_endpoint, objective=GOAL, users=(1, 2, 4, 8, 16)))
    assert tried == [1, 2, 4, 8]
    assert largest(found).users == 4


@pytest.mark.parametrize("users", [(), (0, 1), (1, 2, 1)])
def test_invalid_numbers_of_users_are_refused(users, unreachable_endpoint):
    with pytest.raises(BadInput, match="number of users"):
        list(sweep(Workload(), unreachable_endpoint, objective=GOAL, users=users))


def test_a_folder_that_holds_one_of_the_runs_is_refused_before_the_first_load(tmp_path, unreachable_endpoint):
    (tmp_path / "users-0002").mkdir()
    (tmp_path / "users-0002" / "manifest.json").touch()
    with pytest.raises(BadInput, match="already holds a run in users-0002: name another folder"):
        list(sweep(Workload(), unreachable_endpoint, tmp_path, objective=GOAL, users=(1, 2)))


@pytest.fixture
def unreachable_endpoint():
    from vlnb import Endpoint

    return Endpoint("http://127.0.0.1:1/v1", "m")


def test_a_real_sweep_stores_every_run(tmp_path):
    workload = Workload(prompts=4, images=0, input_len=4, output_len=4, range_ratio=1.0)
    with serving("--ttft", 0.01) as endpoint:
        loads = list(sweep(workload, endpoint, tmp_path, objective=metrics.Objective(5, 5), users=(1, 3)))
    assert [step.users for step in loads] == [1, 3]
    assert all(step.kept for step in loads)
    for step in loads:
        assert judge(read(step.folder), metrics.Objective(5, 5)) == step
        assert len(read(step.folder).records) == max(4, 4 * step.users)
    assert len({read(step.folder).manifest.workload.seed for step in loads}) == 2, "equal seeds would hit a warm cache"
