"""Metrics on records whose every number is known."""

from pathlib import Path

import pytest

from vlnb.bench import metrics
from vlnb.bench.store import Manifest, Record, Stored
from vlnb.bench.workload import Workload
from vlnb.records import Server


def record(number, *, started=0.0, queue=0.0, ttft=0.1, gaps=(0.01, 0.03), error=None, segment=0):
    e2e = ttft + sum(gaps) + 0.002
    return Record(
        number, started - queue, started, queue, 0.0, 0.02, ttft - 0.02, ttft, e2e, tuple(gaps), len(gaps) + 1,
        "length", error, 50, segment,
    )  # fmt: skip


def run(*records, prompts=None, segments=(), **workload):
    told = Workload(prompts=prompts or len(records), **workload)
    plan = Manifest("2026", Server("http://x/v1", "<i>m</i>"), told)
    return Stored(Path("x"), plan, records, tuple(segments), ())


def test_sglangs_definitions():
    found = metrics.table(run(record(0), record(1, started=0.5, queue=0.2, ttft=0.3)))
    assert found["duration"] == pytest.approx(0.5 + 0.342)
    assert found["total_output_tokens"] == 6
    assert found["output_throughput"] == pytest.approx(6 / 0.842)
    assert found["concurrency"] == pytest.approx((0.142 + 0.342) / 0.842)
    assert found["pictures_per_second"] == pytest.approx(2 * 2 / 0.842)
    assert found["mean_ttft_ms"] == pytest.approx(200)
    assert found["mean_tpot_ms"] == pytest.approx((0.142 - 0.1) / 2 * 1000)
    assert found["mean_itl_ms"] == pytest.approx(20)
    assert found["max_itl_ms"] == pytest.approx(30)
    assert found["median_e2e_latency_ms"] == pytest.approx(242)


def test_their_honest_twins():
    found = metrics.table(run(record(0), record(1, started=0.5, queue=0.2, ttft=0.3)))
    assert found["mean_due_ttft_ms"] == pytest.approx(300), "the client's own queue is in it"
    assert found["mean_server_ms"] == pytest.approx(180)
    assert found["max_queue_ms"] == pytest.approx(200)


def test_failures_and_what_is_missing_are_counted():
    stored = run(record(0), record(1, error="HTTP 500: no"), record(2, error="HTTP 500: no"), prompts=5)
    found = metrics.table(stored)
    assert (found["completed"], found["failed"], found["missing"]) == (1, 2, 2)
    assert metrics.failures(stored) == {"HTTP 500: no": 2}


def test_nothing_measured_has_no_metrics_and_raises_nothing():
    found = metrics.table(run(record(0, error="no connection"), prompts=1))
    assert "mean_ttft_ms" not in found
    assert found["failed"] == 1


def test_a_pause_is_left_out_of_the_duration():
    stored = run(record(0), record(1, segment=1))
    assert metrics.duration_s(stored) == pytest.approx(0.284)
    assert "resumed once" in metrics.pause(stored)
    assert metrics.pause(run(record(0))) == ""


def test_the_interval_holds_the_mean_and_narrows_with_the_number():
    few, many = metrics.mean_interval([1.0, 2.0, 3.0]), metrics.mean_interval([1.0, 2.0, 3.0] * 100)
    assert few[0] <= 2 <= few[1]
    assert many[1] - many[0] < few[1] - few[0]


@pytest.mark.parametrize(
    ("ms", "p90", "p95", "p99"),
    [
        (range(101), 90, 95, 99),
        (range(0, 1010, 10), 900, 950, 990),
        ([0, 100], 90, 95, 99),  # between two values: linear, as numpy and so SGLang have it
        ([0, 10, 20, 30], 27, 28.5, 29.7),
        ([7], 7, 7, 7),
    ],
)
def test_percentiles(ms, p90, p95, p99):
    found = metrics.table(run(*(record(n, ttft=0.02 + one / 1000) for n, one in enumerate(ms))))
    assert [found[f"p{p}_server_ms"] for p in (90, 95, 99)] == pytest.approx([p90, p95, p99])
