"""Runs in words, tables, charts and one HTML file; the command line; the roofline."""

import itertools

import pytest

from tests.bench.test_metrics import record, run
from vlnb import BadInput, catalog, charts, cli
from vlnb.bench import metrics, report, roofline, store
from vlnb.bench.metrics import phases
from vlnb.bench.search import Probe

RUN = run(record(0), record(1, started=0.5, queue=0.2, ttft=0.3), record(2, error="<b>HTTP 500</b>"))
RUN.manifest.update(server={"model": "<i>m</i>", "base_url": "http://x/v1"}, created="2026")


def test_the_published_tpot_is_44_percent_of_the_bound():
    run = catalog.LATENCY_RUN
    bound = roofline.bound(run.gpu, run.model, run.gpus)
    assert bound / (run.tpot_ms["mean"] / 1000) == pytest.approx(0.44, abs=0.005)


@pytest.mark.parametrize("wrong", [("MI1", "7B", 8), ("MI300X", "9B", 8), ("MI300X", "7B", 0)])
def test_unknown_hardware_is_a_sentence(wrong):
    with pytest.raises(BadInput, match="not known"):
        roofline.bound(*wrong)


def test_the_price_of_a_thousand_pictures():
    assert roofline.cost_per_thousand(36.0, 2.0) == pytest.approx(5.0)


@pytest.mark.parametrize("one", [record(0), record(1, started=3, queue=0.5)])
def test_the_phases_of_a_request_follow_each_other_and_add_up(one):
    parts = phases(one)
    for (_, start, length), (_, following, _) in itertools.pairwise(parts):
        assert following == pytest.approx(start + length)
    assert sum(length for *_, length in parts) == pytest.approx(one.queue_s + one.e2e_s)
    assert parts[-1][0] == "stream"


FIGURES = {
    "timeline": lambda: charts.timeline(RUN.records),
    "ttft": lambda: charts.distribution({"a": RUN.records}),
    "histogram": lambda: charts.distribution({"a": RUN.records, "b": RUN.records}, "itl", kind="histogram"),
    "itl": lambda: charts.distribution({"a": RUN.records, "b": RUN.records}, "itl"),
    "rates": lambda: charts.rates(RUN.records),
    "front": lambda: charts.front([Probe(1, 0.5, 0.01, 100, 0, True, None), Probe(2, 2.5, 0.01, 150, 0, False, None)]),
    "published": lambda: charts.published(metrics.table(RUN), catalog.LATENCY_RUN),
    "roofline": lambda: charts.roofline(measured=[("MI300X", "72B", 0.00782)]),
    "costs": lambda: charts.costs({"one": 2.0, "hundred": 4.4}, 36),
    "empty": lambda: charts.rates([]),
}


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_names_its_axes_and_can_be_heard(name):
    figure = FIGURES[name]()
    assert figure.layout.xaxis.title.text
    assert figure.layout.yaxis.title.text or name in ("published", "costs")
    assert len(figure.layout.meta["alt"]) > 20
    assert figure.layout.template.layout.plot_bgcolor == "white"


def test_a_time_that_is_a_fraction_of_a_millisecond_is_not_told_as_nothing():
    mine = {"mean_ttft_ms": 1234.56, "mean_itl_ms": 0.0171}
    figure = charts.published(mine, catalog.LATENCY_RUN)
    assert list(figure.data[1].text) == ["1,234.6", "0.017"]
    assert figure.layout.title.text == "TTFT 2.4, ITL 0.0017 times the published"


def test_a_histogram_counts_every_value_once():
    gaps = [record(i, gaps=(0.0, 0.002, 0.002, 0.1)) for i in range(5)]
    trace = charts.distribution({"a": gaps}, "itl", kind="histogram").data[0]
    full = [(x, y) for x, y in zip(trace.x, trace.y, strict=True) if y]
    assert [y for _, y in full] == pytest.approx([25, 50, 25])
    assert [x for x, _ in full] == pytest.approx([0.01, 2, 100], rel=0.3)
    with pytest.raises(BadInput, match="curve or histogram"):
        charts.distribution({"a": gaps}, kind="pie")


def test_a_hundred_thousand_requests_are_drawn_through_few_points():
    many = [record(i, started=i / 100) for i in range(100_000)]
    assert sum(len(trace.x) for trace in charts.distribution({"a": many}).data) <= 2000
    assert sum(len(trace.x) for trace in charts.timeline(many).data) <= 1000


def test_the_page_opens_offline_and_runs_no_markup_of_the_servers():
    page = charts.page({"mine": RUN})
    assert page.count("<script") >= 2
    assert 'src="http' not in page
    assert "<b>HTTP" not in page
    assert "&lt;b&gt;HTTP 500" in page
    assert "<i>m" not in page
    assert 'role="img" aria-label="' in page


def test_words_about_a_run_hide_no_failure():
    said = " ".join(report.sentences(RUN))
    assert "1 of 3 requests failed" in said
    assert "bootstrap" in said


def test_a_run_without_requests_has_no_page():
    with pytest.raises(BadInput, match="no request on disk"):
        charts.page({"empty": run(prompts=3)})


def test_the_command_line_runs_resumes_compares_and_reports(truth, tmp_path, capsys):
    folder = tmp_path / "run"
    words = ["bench", "run", "--url", truth.base_url, "--model", "truth", "--prompts", "4", "--concurrency", "2"]
    words += ["--images", "1", "--resolution", "64x64", "--output-len", "5", "--seed", "3", "--out", str(folder)]
    assert cli.main(words) == 0
    out, err = capsys.readouterr()
    assert "requests completed" in out
    assert "This client was" in out
    assert str(folder) in err

    lines = (folder / store.RECORDS).read_text().splitlines(keepends=True)
    (folder / store.RECORDS).write_text("".join(lines[:2]))
    assert cli.main(["bench", "resume", str(folder)]) == 0
    assert "resumed 1 time" in capsys.readouterr().out
    assert cli.main(["bench", "compare", str(folder), str(folder) + "/"]) == 0
    assert "TTFT mean, ms" in capsys.readouterr().out
    assert cli.main(["bench", "report", str(folder)]) == 0
    assert (folder / "report.html").stat().st_size > 1_000_000
    capsys.readouterr()
    assert cli.main(["bench", "resume", str(folder)]) == 1
    assert "is complete" in capsys.readouterr().err


def test_the_command_line_searches(truth, tmp_path, capsys):
    words = ["bench", "search", "--url", truth.base_url, "--model", "truth", "--prompts", "4", "--images", "0"]
    assert (
        cli.main([*words, "--output-len", "3", "--most", "2", "--ttft", "9", "--tpot", "9", "--out", str(tmp_path)])
        == 0
    )
    assert capsys.readouterr().out.strip() == "2 users"
