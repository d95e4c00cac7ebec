"""What SGLang's own tool printed, read back: blocks of the old and the new version, several in a page, and JSONL."""

import json
import shlex

import pytest

from vlnb import BadInput, Endpoint, catalog
from vlnb.bench import PUBLISHED, Workload, sglang

OLD = """
some log line: 3
============ Serving Benchmark Result ============
Backend:                                 sglang-oai-chat
Traffic request rate:                    inf
Max request concurrency:                 1
Successful requests:                     10
Benchmark duration (s):                  37.99
Total input tokens:                      24781
Total input text tokens:                 821
Total input vision tokens:               23960
Total generated tokens:                  4220
Total generated tokens (retokenized):    2365
Request throughput (req/s):              0.26
Input token throughput (tok/s):          652.26
Output token throughput (tok/s):         111.07
Peak output token throughput (tok/s):    128.00
Peak concurrent requests:                2
Total token throughput (tok/s):          763.33
Concurrency:                             1.00
----------------End-to-End Latency----------------
Mean E2E Latency (ms):                   3797.61
Median E2E Latency (ms):                 3140.90
---------------Time to First Token----------------
Mean TTFT (ms):                          504.45
P99 TTFT (ms):                           521.78
-----Time per Output Token (excl. 1st token)------
Mean TPOT (ms):                          7.82
---------------Inter-Token Latency----------------
Mean ITL (ms):                           10.07
P95 ITL (ms):                            15.79
Max ITL (ms):                            23.60
==================================================
"""
NEW = OLD.replace("Median E2E", "P90 E2E Latency (ms):                    6545.54\nMedian E2E").replace(
    "Mean ITL", "Cache hit rate:                          0.5\nMean ITL"
)
LINE = json.dumps({"backend": "sglang-oai-chat", "duration": 2.4, "mean_ttft_ms": 297.9, "request_rate": float("inf")})


def test_the_published_block_gives_the_published_numbers():
    frame = sglang.read(OLD)
    assert len(frame) == 1
    row, run = frame.iloc[0], catalog.LATENCY_RUN
    assert row["duration"] == run.duration_s
    assert row["total_output_tokens"] == run.output_tokens
    assert row["total_input_vision_tokens"] == run.input_vision_tokens
    assert row["mean_e2e_latency_ms"] == run.e2e_ms["mean"]
    assert row["mean_ttft_ms"] == run.ttft_ms["mean"]
    assert row["mean_tpot_ms"] == run.tpot_ms["mean"]
    assert row["max_itl_ms"] == run.itl_ms["max"]
    assert frame.attrs["not_understood"] == []


def test_several_blocks_and_lines_of_json_keep_their_order(tmp_path):
    path = tmp_path / "log.txt"
    path.write_text(OLD + LINE + "\n" + NEW)
    frame = sglang.read(path)
    assert list(frame["duration"]) == [37.99, 2.4, 37.99]
    assert frame.iloc[2]["p90_e2e_latency_ms"] == 6545.54


def test_what_is_not_understood_is_listed_and_not_guessed():
    assert sglang.read(NEW).attrs["not_understood"] == ["Cache hit rate:                          0.5"]
    assert "without an end" in sglang.read(OLD[: len(OLD) // 2]).attrs["not_understood"][0]
    assert "torn" in sglang.read(LINE[:-9] + "\n").attrs["not_understood"][0]


def test_a_text_without_results_gives_an_empty_table():
    assert len(sglang.read("nothing\nhere")) == 0


def test_a_path_that_is_not_there():
    with pytest.raises(BadInput, match="cannot be read"):
        sglang.read("nowhere.jsonl")


def test_the_published_commands():
    words = shlex.split(
        sglang.command(PUBLISHED["throughput"], "http://127.0.0.1:30000/v1", "Qwen/Qwen2.5-VL-72B-Instruct")
    )
    options = dict(zip(words[3::2], words[4::2], strict=True))
    assert options["--num-prompts"] == "1000"
    assert options["--max-concurrency"] == "100"
    assert options["--image-resolution"] == "720p"
    assert options["--image-count"] == "2"
    assert options["--random-input-len"] == "128"
    assert options["--random-output-len"] == "1024"
    assert options["--seed"] == "1"
    assert options["--base-url"] == "http://127.0.0.1:30000"


def test_what_the_tool_cannot_do_is_a_sentence():
    with pytest.raises(BadInput, match="no ramp"):
        sglang.command(Workload(ramp_s=3), "http://x/v1", "m")


TOOL = """#!/bin/sh
test "$OPENAI_API_KEY" = hidden || exit 3
case "$*" in *hidden*) exit 5;; esac
printf '\\r 50%%|x| 1/2 [00:01<00:01]\\r100%%|x| 2/2 [00:02<00:00]\\n' >&2
cat "$0.txt"
"""
# A stand-in for the interpreter, to provoke what the real tool does seldom; tests/engine runs the real one.


def _tool(folder, printed, script=TOOL):
    tool = folder / "python"
    tool.write_text(script)
    tool.chmod(0o755)
    (folder / "python.txt").write_text(printed)
    return str(tool)


def test_its_run_is_followed_and_its_key_is_in_no_command(tmp_path):
    told = []
    endpoint = Endpoint("http://127.0.0.1:9/v1", "m", "hidden")
    frame = sglang.run(Workload(prompts=2), endpoint, python=_tool(tmp_path, OLD), watch=told.append)
    assert told == [{"done": 1, "of": 2}, {"done": 2, "of": 2}]
    assert frame.iloc[0]["completed"] == 10


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("#!/bin/sh\necho out of luck; exit 4\n", "code 4.*out of luck"),
        ("#!/bin/sh\necho \"No module named 'sglang'\"; exit 1\n", "SGLang is not installed"),
        (None, "cannot be started"),
    ],
)
def test_a_run_that_fails_says_why(tmp_path, script, said):
    python = _tool(tmp_path, "", script) if script else str(tmp_path / "none")
    with pytest.raises(BadInput, match=said):
        sglang.run(Workload(prompts=2), Endpoint("http://127.0.0.1:9/v1", "m"), python=python)
