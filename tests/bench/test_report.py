"""Runs in words, tables, charts and one HTML file; the command line; the roofline."""

import itertools
import json

import pytest

from tests.bench.conftest import serving
from tests.bench.test_metrics import record, run
from vlnb import BadInput, catalog, charts, cli
from vlnb.bench import metrics, report, roofline, store
from vlnb.bench.metrics import phases
from vlnb.bench.sweep import Load

RUN = run(record(0), record(1, started=0.5, queue=0.2, ttft=0.3), record(2, error="<b>HTTP 500</b>"))


def test_the_published_tpot_is_44_percent_of_the_bound():
    run = catalog.LATENCY_RUN
    bound = roofline.bound(run.gpu, run.model, run.gpus)
    assert bound / (run.tpot_ms["mean"] / 1000) == pytest.approx(0.44, abs=0.005)


@pytest.mark.parametrize("arguments", [("MI1", "7B", 8), ("MI300X", "9B", 8), ("MI300X", "7B", 0)])
def test_unknown_hardware_raises_bad_input(arguments):
    with pytest.raises(BadInput, match="not known"):
        roofline.bound(*arguments)


def test_the_price_of_a_thousand_pictures_follows_from_the_rate():
    assert list(charts.costs({"one": 2.0}, 36.0).data[0].x) == pytest.approx([5.0])
    with pytest.raises(BadInput, match="greater than 0"):
        charts.costs({"none": 0.0}, 36.0)
    with pytest.raises(BadInput, match="greater than 0"):
        charts.roofline(measured=[("MI300X", "72B", 0.0)])


@pytest.mark.parametrize("sample", [record(0), record(1, started=3, queue=0.5)])
def test_the_phases_of_a_request_follow_each_other_and_add_up(sample):
    parts = phases(sample)
    for (_, start, length), (_, following, _) in itertools.pairwise(parts):
        assert following == pytest.approx(start + length)
    assert sum(length for *_, length in parts) == pytest.approx(sample.queue_s + sample.e2e_s)
    assert parts[-1][0] == "stream"


LOADS = [
    Load(users, {"output_throughput": 100, "request_throughput": 2, "p95_ttft_ms": ttft}, 2 / users, users < 2, None)
    for users, ttft in ((1, 500), (2, 2500))
]
FIGURES = {
    "timeline": lambda: charts.timeline(RUN.records),
    "ttft": lambda: charts.distribution({"a": RUN.records}),
    "strip": lambda: charts.strip(RUN.records[0]),
    "progress": lambda: charts.progress([{"ttft_p50_s": 0.1, "ttft_p99_s": 0.3, "elapsed_s": 1.0}]),
    "itl": lambda: charts.distribution({"a": RUN.records, "b": RUN.records}, "itl"),
    "concurrency": lambda: charts.concurrency(RUN.records),
    "sweep": lambda: charts.sweep(LOADS, metrics.Objective()),
    "published": lambda: charts.published(metrics.table(RUN), catalog.LATENCY_RUN),
    "roofline": lambda: charts.roofline(measured=[("MI300X", "72B", 0.00782)]),
    "costs": lambda: charts.costs({"one": 2.0, "hundred": 4.4}, 36),
    "empty": lambda: charts.timeline([]),
    "no load": lambda: charts.sweep([], metrics.Objective()),
    "no report": lambda: charts.progress([]),
    "no time yet": lambda: charts.progress([{"ttft_p50_s": None, "ttft_p99_s": None, "elapsed_s": 1.0}]),
}


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_has_axis_titles_and_alternative_text(name):
    figure = FIGURES[name]()
    assert figure.layout.xaxis.title.text
    assert figure.layout.yaxis.title.text or name == "strip"
    assert len(figure.layout.meta["alt"]) > 20
    assert figure.layout.paper_bgcolor == "rgba(0,0,0,0)", "the page's own background"


def test_a_time_below_a_millisecond_is_not_rounded_to_zero():
    measured = {"mean_ttft_ms": 1234.56, "mean_itl_ms": 0.0171}
    figure = charts.published(measured, catalog.LATENCY_RUN)
    assert list(figure.data[-2].text) == ["1,234.6", "0.017"]
    assert "first token (TTFT) 1,234.6 ms, published 504.4 ms" in figure.layout.meta["alt"]


def test_a_percentile_is_marked_only_with_enough_values():
    def marked(count):
        return [note.text for note in charts.distribution({"a": [record(n) for n in range(count)]}).layout.annotations]

    assert marked(8) == ["P50"]
    assert marked(10) == ["P50", "P90"]
    assert marked(100) == ["P50", "P90", "P99"]
    with pytest.raises(BadInput, match="Unknown metric"):
        charts.distribution({}, "pie")


def test_every_run_of_a_long_sweep_has_a_curve_of_its_own():
    curves = charts.distribution({str(n): RUN.records for n in range(8)}).data
    assert len({(curve.line.color, curve.line.dash) for curve in curves}) == 8


def test_the_segments_of_a_resumed_run_are_drawn_one_after_the_other():
    halves = [record(n, started=0.2 * (n // 2 % 2), segment=n // 4) for n in range(8)]
    assert "at most 2" in charts.concurrency(halves).layout.meta["alt"]
    bases = [base for bars in charts.timeline(halves).data if bars.name == "stream" for base in bars.base]
    assert bases == pytest.approx([0.1, 0.1, 0.3, 0.3, 0.442, 0.442, 0.642, 0.642])


def test_the_strip_marks_every_chunk_and_labels_ttft_and_e2e():
    sample = record(0, gaps=(0.01, 0.02))
    figure = charts.strip(sample)
    assert len(figure.data[-1].x) == 3
    assert figure.data[-1].x[0] == pytest.approx(1000 * sample.ttft_s)
    assert [note.text.split()[0] for note in figure.layout.annotations] == ["TTFT", "E2E"]
    with pytest.raises(BadInput, match="no answer"):
        charts.strip(record(2, error="HTTP 500"))


def test_a_hundred_thousand_requests_are_drawn_with_few_points():
    many = [record(i, started=i / 100) for i in range(100_000)]
    assert sum(len(trace.x) for trace in charts.distribution({"a": many}).data) <= 2000
    assert sum(len(trace.x) for trace in charts.timeline(many).data) <= 1000


def test_the_page_opens_offline_and_escapes_markup_from_the_server():
    page = charts.page({"mine": RUN})
    assert page.count("<script") >= 2
    assert 'src="plotly.min.js"' in page
    assert "The charts need plotly.min.js beside this page." in page
    assert 'src="http' not in page
    assert "<b>HTTP" not in page
    assert "&lt;b&gt;HTTP 500" in page
    assert "<i>m" not in page
    assert 'role="img" aria-label="' in page
    for phrase in ("its settings", "not reported", "pictures of 720p", "seed 1", "one request in a hundred", "†"):
        assert phrase in page, phrase
    assert page.count("<figcaption>") == page.count("<figure>") == 5
    assert "color-scheme:light dark" in page
    assert "@media print" in page


def test_the_page_gives_no_size_for_pictures_of_the_readers_own():
    assert "2 pictures (/data/scan.png), up to 128 text tokens" in charts.page(
        {"mine": run(record(0), picture="/data/scan.png")}
    )


def test_a_mean_shows_its_interval_and_a_percentile_its_warning():
    found = metrics.table(RUN)
    by_key = {row.key: report.cell(row, found, metrics.series(RUN.good)) for row in report.ROWS}
    assert by_key["mean_ttft_ms"].startswith("200 (100 to 300")
    assert by_key["p99_ttft_ms"].endswith("†")
    assert by_key["failed"] == "1"


def test_answers_of_another_length_and_reused_connections_are_counted():
    found = metrics.table(RUN)
    assert found["other_length"] == 2, "each answer has three tokens, and the workload asks for another number"
    assert found["reused_connections"] == 1.0
    assert found["mean_request_itl_ms"] == pytest.approx(20)


def test_the_summary_of_a_run_names_its_failures():
    summary = " ".join(report.sentences(RUN))
    assert "1 of 3 requests failed" in summary
    assert "P99 comes from 2 requests" in summary


def test_a_run_without_requests_has_no_page():
    with pytest.raises(BadInput, match="No request of these runs"):
        charts.page({"empty": run(prompts=3)})


def test_the_command_line_runs_resumes_compares_and_reports(truth, tmp_path, capsys):
    folder = tmp_path / "run"
    arguments = ["bench", "run", "--url", truth.base_url, "--model", "truth", "--prompts", "4", "--concurrency", "2"]
    arguments += ["--images", "1", "--resolution", "64x64", "--output-len", "5", "--seed", "3", "--out", str(folder)]
    assert cli.main(arguments) == 0
    out, err = capsys.readouterr()
    assert "requests completed" in out
    assert "of the mean TTFT passed before the last byte was sent" in out
    assert str(folder) in err

    lines = (folder / store.RECORDS).read_text().splitlines(keepends=True)
    (folder / store.RECORDS).write_text("".join(lines[:2]))
    assert cli.main(["bench", "resume", str(folder)]) == 0
    assert "resumed once" in capsys.readouterr().out
    assert cli.main(["bench", "compare", str(folder), str(folder) + "/"]) == 0
    assert "TTFT mean, ms" in capsys.readouterr().out
    assert cli.main(["bench", "report", str(folder)]) == 0
    assert (folder / "report.html").stat().st_size < 1_000_000
    assert (folder / "plotly.min.js").stat().st_size > 1_000_000
    capsys.readouterr()
    assert cli.main(["bench", "report", str(folder), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out).values()
    assert found["metrics"]["completed"] == 4
    assert {verdict["code"]: verdict["warning"] for verdict in found["verdicts"]}["few_requests"]
    assert cli.main(["bench", "resume", str(folder)]) == 1
    assert "is complete" in capsys.readouterr().err


def test_the_command_line_runs_a_sweep(truth, tmp_path, capsys):
    arguments = ["bench", "sweep", "--url", truth.base_url, "--model", "truth", "--prompts", "4", "--images", "0"]
    arguments += ["--output-len", "3", "--users", "1", "2", "--ttft", "9", "--tpot", "9", "--out", str(tmp_path)]
    assert cli.main(arguments) == 0
    out, err = capsys.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == ["users", "1", "2"]
    assert "keeps the target for 95 % of the requests has 2 in flight" in err
    assert cli.main(arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert f"vlnb: --out {tmp_path} already holds a run in users-0001: name another folder." in err
    for command in ("report", "compare", "resume"):
        assert cli.main(["bench", command, str(tmp_path)]) == 1
        assert f"It holds runs in its folders, such as {tmp_path}/users-0001." in capsys.readouterr().err


def test_a_sweep_in_which_everything_fails_says_why_once(tmp_path, capsys):
    with serving("--fault", "429") as endpoint:
        arguments = ["--url", endpoint.base_url, "--model", "truth", "--prompts", "2", "--images", "0", "--users", "1"]
        assert cli.main(["bench", "sweep", *arguments, "2", "--out", str(tmp_path)]) == 1
    err = capsys.readouterr().err
    assert err.count("requests failed") == 1
    assert "4 requests failed with 1 in flight, most often: HTTP 429: " in err


@pytest.mark.parametrize("option", ["--concurrency", "--rate"])
def test_a_sweep_takes_its_loads_only_from_users(option, capsys):
    assert cli.main(["bench", "sweep", option, "2", "--users", "1", "--url", "http://127.0.0.1:1"]) == 1
    assert "leave --concurrency and --rate out" in capsys.readouterr().err
