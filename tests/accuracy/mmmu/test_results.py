"""Results: the scores of a run, comparisons between runs, the output of SGLang's own harness, and the chart."""

import json

import pytest

from vlnb import catalog, charts
from vlnb.accuracy import mmmu
from vlnb.accuracy.mmmu import Question, Run, StoredAnswer, harness
from vlnb.accuracy.mmmu.results import counted_scores
from vlnb.accuracy.mmmu.runs import Manifest
from vlnb.accuracy.mmmu.sets import Origin
from vlnb.errors import BadInput

PRINTED = "Benchmark time: 97.75084622902796\nanswers saved to: ./answer_sglang.json\n" + "{" + ",\n ".join(
    [f"'{name}': {{'acc': {share}, 'num': 30}}" for name, share in catalog.MMMU_SCORES.items()]
    + ["'Overall': {'acc': 0.62, 'num': 900}", "'Overall-Science': {'acc': 0.553, 'num': 150}"]
) + "}\neval out saved to ./val_sglang.json\nOverall accuracy: 0.62\n"  # fmt: skip


def make_run(tmp_path, answers, subject="Art"):
    """Return a run with these answers of a model, to questions whose right answer is B."""
    questions = tuple(
        Question(f"validation_{subject}_{n}", subject, "Which?", ("ant", "bee", "cat", "dog"), ("B",))
        for n in range(len(answers))
    )
    stored = {q.id: StoredAnswer(q.id, text) for q, text in zip(questions, answers, strict=True) if text != "unasked"}
    return Run(tmp_path, Manifest(Origin("drawn", len(questions)), (), 1024), questions, stored)


def test_every_question_counts_and_unanswered_ones_count_as_wrong(tmp_path):
    scores = mmmu.scores(make_run(tmp_path, ["B", "(B)", "A", None, "unasked"]))
    assert scores.overall.accuracy == pytest.approx(2 / 5)
    assert scores.overall.questions == 5
    assert scores.unanswered == ("validation_Art_3", "validation_Art_4")
    assert scores.rows["Art and Design"] == scores.overall


def test_stored_answers_can_be_graded_again_by_other_rules(tmp_path):
    run = make_run(tmp_path, ["B", "**B**", "The answer is B, not A", "I think that the bee is on it"])
    assert [mmmu.scores(run, rules).overall.accuracy for rules in ("strict", "lenient")] == [0.25, 0.75]
    assert [mmmu.grades(run, rules)["validation_Art_3"].correct for rules in ("official", "lenient")] == [True, False]
    assert mmmu.grades(run) == mmmu.grades(run)  # the guess comes from a seed


def test_published_scores_match_the_cookbook_page():
    scores = mmmu.published()
    assert scores.overall.accuracy == pytest.approx(0.62, abs=0.0005)
    assert scores.overall.questions == 900
    assert (scores.overall.low, scores.overall.high) == pytest.approx((0.588, 0.651), abs=0.001)
    for domain, row in catalog._FACTS["mmmu"]["domain"].items():
        assert scores.rows[domain].accuracy == pytest.approx(row["accuracy"], abs=0.0008)
        assert scores.rows[domain].questions == 30 * len(row["subjects"])


def test_only_significant_differences_are_called_higher_or_lower():
    published = mmmu.published()
    counted = {name: (round(published.rows[name].accuracy * 30), 30) for name in mmmu.SUBJECTS}
    close = counted_scores(counted | {"Art": (20, 30), "Math": (13, 30)})
    frame = mmmu.table({"here": close, "published": published})
    assert set(frame["here against published"]) == {"noise"}
    broken = counted_scores(counted | {"Art": (2, 30), "Math": (30, 30)})
    verdicts = mmmu.table({"here": broken, "published": published})["here against published"]
    assert verdicts["Art"] == "lower"
    assert verdicts["Math"] == "higher"
    assert verdicts["Music"] == "noise"
    assert list(verdicts.index)[:3] == ["Overall", "Art and Design", "Art"]
    card = counted_scores(dict.fromkeys(counted, (21, 30)))  # 70 %: the model card's 70.2
    assert mmmu.table({"card": card, "page": published})["card against page"]["Overall"] == "higher"


def test_one_low_subject_among_thirty_counts_as_noise():
    published = mmmu.published()
    counted = {name: (round(published.rows[name].accuracy * 30), 30) for name in mmmu.SUBJECTS}
    one_low = counted_scores(counted | {"Art": (14, 30)})  # alone, 14 against 23 of 30 would have p = 0.03
    assert mmmu.table({"here": one_low, "page": published})["here against page"]["Art"] == "noise"


def test_totals_over_different_subjects_are_not_compared(tmp_path):
    art = mmmu.scores(make_run(tmp_path, ["A"] * 30))
    frame = mmmu.table({"art alone": art, "published": mmmu.published()})
    assert frame["art alone against published"]["Art"] == "lower"
    assert frame["art alone against published"].isna()[["Overall", "Art and Design"]].all()


def test_two_runs_are_compared_question_by_question(tmp_path):
    first = make_run(tmp_path, ["B"] * 12 + ["A"] * 2)
    second = make_run(tmp_path, ["B"] * 2 + ["A"] * 12)
    comparison = mmmu.compare(first, second)
    assert (comparison.questions, comparison.only_first, comparison.only_second) == (14, 10, 0)
    assert "more than noise" in str(comparison)
    assert "no more than noise" not in str(comparison)
    assert "no more than noise" in str(mmmu.compare(second, second))
    assert comparison.p == pytest.approx(2 / 2**10)
    assert mmmu.compare(second, second).p == 1
    with pytest.raises(BadInput, match="do not have the same questions: 15 are in only one"):
        mmmu.compare(first, make_run(tmp_path, ["B"], subject="Math"))


def test_output_of_sglangs_harness_is_read_into_the_same_scores(tmp_path):
    (tmp_path / "printed.txt").write_text(PRINTED)
    assert mmmu.harness.read(tmp_path / "printed.txt") == mmmu.published()
    (tmp_path / "val_sglang.json").write_text(json.dumps({"Art": {"num": 29, "acc": 0.828}}))
    small = mmmu.harness.read(tmp_path / "val_sglang.json")
    assert small.overall.questions == 29
    assert small.overall.accuracy == pytest.approx(24 / 29)


@pytest.mark.parametrize(
    "text",
    ["", "nothing here\n", "[1]\n{", '{"Art": {"acc": 0.5}}', "[" * 5000, "{'Overall': {'acc': 0.7, 'num': 900}}"],
)
def test_a_file_without_a_result_is_refused(tmp_path, text):
    (tmp_path / "printed.txt").write_text(text)
    with pytest.raises(BadInput, match="no result of SGLang's MMMU harness"):
        mmmu.harness.read(tmp_path / "printed.txt")


RESULT = {
    "Art": {"acc": 0.5, "num": 4},
    "Overall-Art and Design": {"acc": 0.5, "num": 4},
    "Music": {"acc": 1, "num": 2},
}


@pytest.mark.parametrize(
    "text",
    [
        str(RESULT),
        json.dumps(RESULT),
        "Scores of the third run:\n" + json.dumps(RESULT, indent=4),
        "score " + str(RESULT) + " end",
        str(RESULT).replace("}, ", "},\n "),
        "\n".join("harness-1  | " + line for line in json.dumps(RESULT, indent=2).splitlines()),
        "# args: {'port': 30000}\n" + str(RESULT),
        str(RESULT).replace("acc", "Acc").replace("num", "NUM").replace("Overall", "overall"),
        "\ufeff" + str(RESULT).replace("}}", "},\n}"),
    ],
    ids=range(9),
)
def test_a_harness_result_is_read_however_it_was_copied(tmp_path, text):
    (tmp_path / "printed.txt").write_text(text)
    scores = harness.read(tmp_path / "printed.txt")
    assert {name: (interval.accuracy, interval.questions) for name, interval in scores.rows.items()} == {
        "Overall": (pytest.approx(2 / 3), 6),
        "Art and Design": (pytest.approx(2 / 3), 6),
        "Art": (0.5, 4),
        "Music": (1, 2),
    }


@pytest.mark.parametrize("text", ["answer: }\n{}", ":-} hello\n{}", "{}\nsaved {{", "{}\n{{'latency': 1"])
def test_braces_around_a_harness_result_do_not_matter(tmp_path, text):
    (tmp_path / "printed.txt").write_text(text.replace("{}", str(RESULT)).replace("{{", "{"))
    assert harness.read(tmp_path / "printed.txt").overall.questions == 6


@pytest.mark.parametrize("cut", [30, 48, 100, -1])
@pytest.mark.parametrize("text", [str(RESULT), json.dumps(RESULT, indent=2), "log: {'a': 1}\n" + str(RESULT)])
def test_a_truncated_harness_result_raises_an_error_that_says_so(tmp_path, text, cut):
    (tmp_path / "printed.txt").write_text(text[:cut])
    with pytest.raises(BadInput, match="cut when it was copied"):
        harness.read(tmp_path / "printed.txt")


@pytest.mark.parametrize(
    "text",
    [
        str(RESULT)[8:],
        str(RESULT)[30:],
        str(RESULT)[:40] + "\nargs: {'server': {'port': 30000}}",
    ],
    ids=["no beginning", "no first subject", "no end, but other braces"],
)
def test_a_harness_result_without_its_beginning_or_its_end_is_refused(tmp_path, text):
    (tmp_path / "printed.txt").write_text(text)
    with pytest.raises(BadInput, match="no beginning or no end"):
        harness.read(tmp_path / "printed.txt")


def test_the_error_for_a_missing_file_names_it(tmp_path):
    with pytest.raises(BadInput, match="nowhere cannot be read"):
        mmmu.harness.read(tmp_path / "nowhere")


def test_the_harness_command_matches_the_cookbook_page():
    assert mmmu.harness.command() == "python3 benchmark/mmmu/bench_sglang.py --port 30000 --concurrency 64"
    assert mmmu.harness.command(8000, 16, max_tokens=1024).endswith("""--extra-request-body '{"max_tokens": 1024}'""")


def test_the_chart_has_a_row_for_every_subject_and_domain():
    figure = charts.accuracy({"published": mmmu.published(), "again": mmmu.published()})
    labels = figure.layout.yaxis.ticktext
    assert len(labels) == 1 + 6 + 30
    assert labels[:3] == ("<b>Overall</b>", "<b>Art and Design</b>", "Art")
    points = figure.data[0]
    assert len(points.x) == len(points.error_x.array) == 37
    assert points.x[0] == pytest.approx(62, abs=0.05)
    assert points.x[0] + points.error_x.array[0] == pytest.approx(65.1, abs=0.1)
    assert "%" in figure.layout.xaxis.title.text
    assert figure.layout.yaxis.title.text
    assert "published: overall 0.620" in figure.layout.meta["alt"]
    with pytest.raises(BadInput, match="5 runs cannot be told apart"):
        charts.accuracy({str(n): mmmu.published() for n in range(5)})


def test_subjects_outside_mmmu_get_chart_rows_too(tmp_path):
    drawn = counted_scores({"Charts": (3, 6), "Tables": (6, 6)})
    figure = charts.accuracy({"drawn": drawn})
    assert figure.layout.yaxis.ticktext == ("<b>Overall</b>", "Charts", "Tables")


@pytest.mark.parametrize(
    "text",
    [
        '{"A": {"acc": NaN, "num": 3}}', '{"A": {"acc": null, "num": 3}}', '{"A": {"acc": 0.5, "num": 1e308}}', "{}",
        '{"A": {"acc": 0.5, "num": 5.7}}', '{"A": {"acc": 0.5, "num": true}}', '{"A": {"acc": 2, "num": 3}}',
        "{'A': {'acc'" * 200_000,
    ],
    ids=range(8),
)  # fmt: skip
def test_an_invalid_harness_result_raises_an_error(tmp_path, text):
    path = tmp_path / "printed.txt"
    path.write_text(text)
    with pytest.raises(BadInput):
        harness.read(path)
