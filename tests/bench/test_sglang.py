"""The command of SGLang's own benchmark tool."""

import shlex

import pytest

from vlnb import BadInput
from vlnb.bench import PUBLISHED, Workload, sglang


def options(workload, **more):
    words = shlex.split(sglang.command(workload, "http://127.0.0.1:30000/v1", "Qwen/Qwen2.5-VL-72B-Instruct", **more))
    assert words[:3] == ["python3", "-m", "sglang.bench_serving"]
    return dict(zip(words[3::2], words[4::2], strict=True))


def test_the_published_commands():
    found = options(PUBLISHED["throughput"])
    assert found["--num-prompts"] == "1000"
    assert found["--max-concurrency"] == "100"
    assert found["--image-resolution"] == "720p"
    assert found["--image-count"] == "2"
    assert found["--random-input-len"] == "128"
    assert found["--random-output-len"] == "1024"
    assert found["--seed"] == "1"
    assert found["--base-url"] == "http://127.0.0.1:30000"
    assert not {"--request-rate", "--output-file"} & found.keys()


def test_a_rate_and_a_file_for_the_result():
    found = options(Workload(rate=2.5), out="out file.jsonl")
    assert (found["--request-rate"], found["--output-file"]) == ("2.5", "out file.jsonl")


def test_a_workload_that_the_tool_cannot_run_is_refused():
    with pytest.raises(BadInput, match="no ramp"):
        sglang.command(Workload(ramp_s=3), "http://x/v1", "m")
