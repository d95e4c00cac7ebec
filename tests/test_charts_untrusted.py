"""Names of runs, subjects and benchmarks are untrusted: a chart shows them as text and interprets none of them."""

import pytest

from vlnb import catalog, charts
from vlnb.accuracy.mmmu import wilson
from vlnb.accuracy.mmmu.results import Scores
from vlnb.bench.store import Record
from vlnb.charts.style import plotly_text

NASTY = '<a href="https://evil.example">x</a> %{x} <b>'
RECORD = Record(0, 0, 0, 0, None, None, 0.1, 0.2, 0.5, (0.01, 0.02), 3, "stop", None)
SCORE = wilson(3, 4)

CHARTS = {
    "distribution": lambda: charts.distribution({NASTY: [RECORD]}),
    "published": lambda: charts.published({"mean_ttft_ms": 1.0}, catalog.LATENCY_RUN, name=NASTY),
    "costs": lambda: charts.costs({NASTY: 2.0}, 3.0),
    "accuracy": lambda: charts.accuracy({NASTY: Scores({"Overall": SCORE, NASTY: SCORE})}),
    "scores": lambda: charts.scores({NASTY: {NASTY: 1.0}}),
}


@pytest.mark.parametrize("name", CHARTS)
def test_charts_do_not_interpret_markup_or_templates_in_names(name):
    figure = CHARTS[name]()
    shown = [trace.to_plotly_json() for trace in figure.data]
    for trace in shown:
        assert "<a" not in str(trace)
        assert "%{x} &lt;b&gt;" not in str(trace)
    assert plotly_text(NASTY) in str(figure.to_dict())


def test_names_are_truncated_and_kept_on_one_line():
    assert plotly_text("a\nb") == "a b"
    assert len(plotly_text("x" * 500)) == 120


def test_every_size_has_its_own_look():
    sizes = [f"{number}B" for number in range(10)]
    figure = charts.scores({"a benchmark": dict.fromkeys(sizes, 50.0)})
    assert [trace.name for trace in figure.data] == sizes
    assert len({(trace.marker.color, trace.marker.symbol) for trace in figure.data}) == len(sizes)
