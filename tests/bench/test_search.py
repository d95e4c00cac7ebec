"""The search for the largest load, against servers whose curve is known, and once against a real one."""

from pathlib import Path

import pytest

from tests.bench.conftest import serving
from vlnb import BadInput
from vlnb.bench import metrics
from vlnb.bench.search import Probe, climb, largest, probe, search
from vlnb.bench.store import read
from vlnb.bench.workload import Workload

GOAL = metrics.Objective(ttft_s=2.0, tpot_s=0.05)


def server(*, limit, full=10_000):
    """A server whose TTFT passes 2 s above `limit` users, and that brings no more tokens above `full`."""

    def measure(load):
        ttft = 2.0 * load / (limit + 0.5)
        kept = ttft <= GOAL.ttft_s
        return Probe(load, ttft, 0.01, 100.0 * min(load, full), 0, kept, Path("x"))

    return measure


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 8, 13, 40, 100, 255])
def test_it_finds_the_limit_within_an_eighth(limit):
    probes = list(climb(server(limit=limit), most=512))
    assert 0.85 * limit - 1 <= largest(probes).load <= limit
    assert len({one.load for one in probes}) <= 14


def test_it_stops_where_more_users_bring_no_more():
    probes = list(climb(server(limit=500, full=8), most=512))
    assert max(one.load for one in probes) == 16


def test_no_load_may_keep_it():
    assert largest(list(climb(server(limit=0), most=64))) is None
    with pytest.raises(BadInput, match="at least 1"):
        list(climb(server(limit=1), most=0))


def test_a_real_search_stores_every_probe(tmp_path):
    workload = Workload(prompts=4, images=0, input_len=4, output_len=4, range_ratio=1.0)
    with serving("--ttft", 0.01) as endpoint:
        probes = list(search(workload, endpoint, tmp_path, objective=metrics.Objective(5, 5), most=4))
    assert [one.load for one in probes] == [1, 2, 4]
    assert largest(probes).load == 4
    for one in probes:
        assert probe(read(one.folder), metrics.Objective(5, 5)) == one
