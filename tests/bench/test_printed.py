"""Results that other benchmarks printed or saved, however they were copied."""

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


def prefixed(prefix, lines=LINES):
    return "\n".join(prefix + line for line in lines)


@pytest.mark.parametrize(
    "text",
    [
        prefixed(""),
        prefixed("\t  "),
        prefixed("// "),
        prefixed("> > "),
        prefixed("* "),
        prefixed("load-gen_3 | "),
        prefixed("[rank0]: "),
        prefixed("\x1b[36mbench |\x1b[0m "),
        "\n".join(f"2031-05-01T10:00:{second}Z {line}" for second, line in enumerate(LINES, 10)),
        prefixed("2031-05-01 10:00:00,123 INFO "),
        prefixed("").upper(),
        prefixed("").replace("Total token", "Total Token"),
        "\r\n".join(LINES),
        "Warming up …\n" + prefixed("") + "\ndone.",
    ],
    ids=range(14),
)
def test_a_result_block_is_parsed_however_it_was_copied(text):
    assert printed.parse(text) == printed.Printed((ROW,), ())


def test_a_number_with_a_decimal_comma_is_left_out():
    assert "mean_ttft_ms" not in printed.parse(prefixed("").replace("81.75", "81,75")).rows[0]


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
        ("Input Token Throughput (tokens/sec): 99.5", "input_throughput", 99.5),
    ],
)
def test_alternative_metric_names_are_recognised(line, key, number):
    assert printed.parse("\n".join([*LINES[:-1], line, LINES[-1]])) == printed.Printed(({**ROW, key: number},), ())


@pytest.mark.parametrize(
    "line",
    [
        "Mean TPOT (ms): N/A",
        "Mean TPOT (ms): nan",
        "Mean TPOT (ms): -",
        "Mean TPOT (ms): 3 of 7",
        "Traceback (most recent call last)",
    ],
)
def test_invalid_numbers_are_left_out(line):
    assert printed.parse("\n".join([*LINES[:-1], line, LINES[-1]])) == printed.Printed((ROW,), ())


@pytest.mark.parametrize("at", [5, len(LINES) - 1], ids=["between two metrics", "after the last one"])
def test_an_unknown_metric_is_taken_as_printed_and_noted(at):
    found = printed.parse("\n".join([*LINES[:at], "Vision cache misses: 31", *LINES[at:], "Restarts: 4"]))
    assert found.rows == ({**ROW, "vision_cache_misses": 31},)
    assert found.notes == ("Not known, and taken as printed: vision_cache_misses.",)


def test_separator_lines_without_a_title_cause_no_note():
    assert printed.parse("\n".join([*LINES[:4], "-" * 56, "", *LINES[4:]])).notes == ()


@pytest.mark.parametrize(
    ("text", "rows", "note"),
    [
        (prefixed("", LINES[:-1]), (ROW,), "has no end"),
        (prefixed("# ", LINES[:-1]) + "\n\n$ exit: 7", (ROW,), "has no end"),
        ('{"completed": 7, "duration": 12.2', ({"completed": 7, "duration": 12.2},), "last number may be cut"),
    ],
    ids=["no end", "no end in a comment", "JSON"],
)
def test_a_truncated_result_is_parsed_as_far_as_possible_and_noted(text, rows, note):
    found = printed.parse(text)
    assert found.rows == rows
    assert note in found.notes[0]


def test_a_repeated_metric_starts_a_new_result():
    assert printed.parse(prefixed("", LINES[:4]) + "\n" + prefixed("")).rows == ({"completed": 7}, ROW)
    assert printed.parse(prefixed("", LINES[3:])) == printed.Printed((ROW,), ())


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
        (prefixed("# ", json.dumps(SAVED, indent=2).splitlines()), 1),
        ("Saved: " + json.dumps({**SAVED, "mean_ttft_ms": None, "max_itl_ms": float("nan"), "std_itl_ms": "N/A"}), 1),
    ],
    ids=range(9),
)
def test_json_is_parsed_however_it_was_saved(text, rows):
    assert printed.parse(text) == printed.Printed((SAVED_ROW,) * rows, ())


@pytest.mark.parametrize(
    ("text", "excerpt"),
    [
        ("", "''"),
        ("+------+\n|  GenAI-Perf summary |\n", "'|  GenAI-Perf summary |'"),
        ('{"requests_per_second": {"mean": 3}}', "requests_per_second"),
    ],
)
def test_a_text_without_a_result_is_reported_with_an_excerpt(text, excerpt):
    found = printed.parse(text)
    assert found.rows == ()
    assert "No result of bench_serving was found" in found.notes[-1]
    assert excerpt in found.notes[-1]


@pytest.mark.parametrize("text", ["{\n" * 100_000, "=" * 100_000, '{"a":' * 100_000, "completed: 1\n" * 20_000])
def test_degenerate_files_are_parsed_quickly(text):
    start = time.perf_counter()
    printed.parse(text)
    assert time.perf_counter() - start < 20  # seconds; the first two took minutes when each line was read many times


def test_compare_accepts_a_result_file_of_another_benchmark(tmp_path, capsys):
    path = tmp_path / "result.txt"
    path.write_text(prefixed("", LINES[:-1]))
    assert cli.main(["bench", "compare", str(path)]) == 0
    captured = capsys.readouterr()
    assert "81.75" in captured.out
    assert "has no end" in captured.err
    assert report.table({"theirs": ROW})["theirs"]["requests completed"] == 7
    path.write_text("nothing")
    assert cli.main(["bench", "compare", str(path)]) == 1
    assert "begins with 'nothing'" in capsys.readouterr().err
    (good := tmp_path / "good.txt").write_text(prefixed("", LINES))
    assert cli.main(["bench", "compare", str(good), str(path)]) == 1
    assert "81.75" in capsys.readouterr().out
    with pytest.raises(BadInput, match="cannot be read"):
        printed.read(tmp_path / "nowhere")
