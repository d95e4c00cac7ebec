"""What other benchmarks printed or saved, however it was copied."""

import json
import time

import pytest

from vlnb import BadInput, cli
from vlnb.bench import printed, report

LINES = """\
=============== Serving Benchmark Result ===============
Backend:                                 sglang-oai-chat
Traffic request rate:                    inf
Successful requests:                     7
Benchmark duration (s):                  12.25
Total input tokens:                      1,204
Request throughput (req/s):              0.57
Total token throughput (tok/s):          150.5
-----------------Time to First Token--------------------
Mean TTFT (ms):                          81.75
P99.9 ITL (ms):                          4.5
========================================================""".splitlines()
ROW = {
    "completed": 7, "duration": 12.25, "total_input_tokens": 1204, "request_throughput": 0.57,
    "total_throughput": 150.5, "mean_ttft_ms": 81.75, "p99_9_itl_ms": 4.5,
}  # fmt: skip


def before(prefix, lines=LINES):
    return "\n".join(prefix + line for line in lines)


@pytest.mark.parametrize(
    "text",
    [
        before(""),
        before("\t  "),
        before("// "),
        before("> > "),
        before("* "),
        before("load-gen_3 | "),
        before("[rank0]: "),
        before("\x1b[36mbench |\x1b[0m "),
        "\n".join(f"2031-05-01T10:00:{second}Z {line}" for second, line in enumerate(LINES, 10)),
        before("2031-05-01 10:00:00,123 INFO "),
        before("").upper(),
        before("").replace("Total token", "Total Token"),
        "\r\n".join(LINES),
        "Warming up …\n" + before("") + "\ndone.",
    ],
    ids=range(14),
)
def test_a_block_however_it_was_copied(text):
    assert printed.parse(text) == printed.Printed((ROW,), ())


def test_half_of_a_number_with_a_decimal_comma_is_not_taken():
    assert "mean_ttft_ms" not in printed.parse(before("").replace("81.75", "81,75")).rows[0]


@pytest.mark.parametrize(
    ("line", "key", "number"),
    [
        ("Mean E2EL (ms): 310.5", "mean_e2e_latency_ms", 310.5),
        ("Median E2E Latency (ms): 12", "median_e2e_latency_ms", 12),
        ("Failed requests: 2", "failed", 2),
        ("Total generated tokens: 512", "total_output_tokens", 512),
        ("Maximum request concurrency: 16", "max_concurrency", 16),
        ("Request rate configured (RPS): 4.00", "request_rate", 4),
        ("Peak output token throughput (tok/s): 99.00", "max_output_tokens_per_s", 99),
        ("Output token throughput (tok/s): 1.5e3", "output_throughput", 1500),
    ],
)
def test_other_names_of_the_same_numbers(line, key, number):
    assert printed.parse("\n".join([*LINES[:-1], line, LINES[-1]])) == printed.Printed(({**ROW, key: number},), ())


@pytest.mark.parametrize(
    "line",
    [
        "Vision cache misses: 31",
        "Mean TPOT (ms): N/A",
        "Mean TPOT (ms): nan",
        "Mean TPOT (ms): -",
        "Mean TPOT (ms): 3 of 7",
        "Traceback (most recent call last)",
    ],
)
def test_what_is_no_known_number_is_left_out(line):
    assert printed.parse("\n".join([*LINES[:-1], line, LINES[-1]])) == printed.Printed((ROW,), ())


def test_rules_without_a_title_are_no_news():
    assert printed.parse("\n".join([*LINES[:4], "-" * 56, "", *LINES[4:]])).notes == ()


@pytest.mark.parametrize(
    ("text", "rows", "note"),
    [
        (before("", LINES[:-1]), (ROW,), "has no end"),
        (before("# ", LINES[:-1]) + "\n\n$ exit: 7", (ROW,), "has no end"),
        ('{"completed": 7, "duration": 12.2', ({"completed": 7, "duration": 12.2},), "last number may be cut"),
    ],
    ids=["end", "end in a comment", "JSON"],
)
def test_what_was_cut_is_read_as_far_as_it_goes_and_noted(text, rows, note):
    found = printed.parse(text)
    assert found.rows == rows
    assert note in found.notes[0]


def test_a_result_ends_where_a_metric_comes_again():
    assert printed.parse(before("", LINES[:4]) + "\n" + before("")).rows == ({"completed": 7}, ROW)
    assert printed.parse(before("", LINES[3:])) == printed.Printed((ROW,), ())


SAVED = {
    "backend": "vllm",
    "completed": 7,
    "failed": 0,
    "total_token_throughput": 9.5,
    "p99_e2el_ms": 3.25,
    "itls": [1],
}
SAVED_ROW = {"completed": 7, "failed": 0, "total_throughput": 9.5, "p99_e2e_latency_ms": 3.25}


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (json.dumps(SAVED), 1),
        (json.dumps(SAVED, indent=2), 1),
        (json.dumps({name.upper(): value for name, value in SAVED.items()}), 1),
        (json.dumps(SAVED).replace(", ", ",\n", 2), 1),
        (f"{json.dumps(SAVED)}\n{json.dumps(SAVED)}\n", 2),
        (json.dumps([SAVED, SAVED, SAVED]), 3),
        (json.dumps([SAVED, SAVED], indent=1), 2),
        (before("# ", json.dumps(SAVED, indent=2).splitlines()), 1),
        ("Saved: " + json.dumps({**SAVED, "mean_ttft_ms": None, "max_itl_ms": float("nan"), "std_itl_ms": "N/A"}), 1),
    ],
    ids=range(9),
)
def test_json_however_it_was_saved(text, rows):
    assert printed.parse(text) == printed.Printed((SAVED_ROW,) * rows, ())


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("", "''"),
        ("+------+\n|  GenAI-Perf summary |\n", "'|  GenAI-Perf summary |'"),
        ('{"requests_per_second": {"mean": 3}}', "requests_per_second"),
    ],
)
def test_nothing_found_is_said_with_what_is_there(text, first):
    found = printed.parse(text)
    assert found.rows == ()
    assert "No result of bench_serving was found" in found.notes[-1]
    assert first in found.notes[-1]


@pytest.mark.parametrize("text", ["{\n" * 100_000, "=" * 100_000, '{"a":' * 100_000, "completed: 1\n" * 20_000])
def test_strange_files_take_no_time(text):
    began = time.perf_counter()
    printed.parse(text)
    assert time.perf_counter() - began < 20  # seconds; the first two took minutes while a line was read many times


def test_a_file_stands_beside_runs(tmp_path, capsys):
    path = tmp_path / "result.txt"
    path.write_text(before("", LINES[:-1]))
    assert cli.main(["bench", "compare", str(path)]) == 0
    said = capsys.readouterr()
    assert "81.75" in said.out
    assert "has no end" in said.err
    assert report.table({"theirs": ROW})["theirs"]["requests completed"] == 7
    path.write_text("nothing")
    assert cli.main(["bench", "compare", str(path)]) == 1
    assert "begins with 'nothing'" in capsys.readouterr().err
    with pytest.raises(BadInput, match="cannot be read"):
        printed.read(tmp_path / "nowhere")
