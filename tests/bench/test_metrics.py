"""Metrics of records whose numbers are all known."""

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
    plan = Workload(prompts=prompts or len(records), **workload)
    manifest = Manifest("2026", Server("http://x/v1", "<i>m</i>"), plan)
    return Stored(Path("x"), manifest, records, tuple(segments), ())


def test_metrics_follow_the_definitions_of_sglang():
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


def test_client_queueing_is_separated_from_server_time():
    found = metrics.table(run(record(0), record(1, started=0.5, queue=0.2, ttft=0.3)))
    assert found["mean_due_ttft_ms"] == pytest.approx(300), "it includes the wait in the client's own queue"
    assert found["mean_server_ms"] == pytest.approx(180)
    assert found["max_queue_ms"] == pytest.approx(200)


def test_failed_and_missing_requests_are_counted():
    stored = run(record(0), record(1, error="HTTP 500: no"), record(2, error="HTTP 500: no"), prompts=5)
    found = metrics.table(stored)
    assert (found["completed"], found["failed"], found["missing"]) == (1, 2, 2)
    assert metrics.failures(stored) == {"HTTP 500: no": 2}


def test_a_run_without_successful_requests_has_no_latency_metrics():
    found = metrics.table(run(record(0, error="no connection"), prompts=1))
    assert "mean_ttft_ms" not in found
    assert found["failed"] == 1


def test_the_pause_before_a_resume_does_not_count_as_duration():
    stored = run(record(0), record(1, segment=1))
    assert metrics.duration_s(stored) == pytest.approx(0.284)
    assert "resumed once" in metrics.pause(stored)
    assert metrics.pause(run(record(0))) == ""


def test_the_confidence_interval_contains_the_mean_and_narrows_with_more_samples():
    few, many = metrics.mean_interval([1.0, 2.0, 3.0]), metrics.mean_interval([1.0, 2.0, 3.0] * 100)
    assert few[0] <= 2 <= few[1]
    assert many[1] - many[0] < few[1] - few[0]


@pytest.mark.parametrize(
    ("ms", "p90", "p95", "p99"),
    [
        (range(101), 90, 95, 99),
        (range(0, 1010, 10), 900, 950, 990),
        ([0, 100], 90, 95, 99),  # linear between two values, as in numpy and therefore in SGLang
        ([0, 10, 20, 30], 27, 28.5, 29.7),
        ([7], 7, 7, 7),
    ],
)
def test_percentiles_are_interpolated_linearly(ms, p90, p95, p99):
    found = metrics.table(run(*(record(n, ttft=0.02 + value / 1000) for n, value in enumerate(ms))))
    assert [found[f"p{p}_server_ms"] for p in (90, 95, 99)] == pytest.approx([p90, p95, p99])
