"""The command of SGLang's own benchmark tool."""

import shlex

import pytest

from vlnb import BadInput
from vlnb.bench import PUBLISHED, Workload, sglang


def options(workload):
    arguments = shlex.split(sglang.command(workload, "http://127.0.0.1:30000/v1", "Qwen/Qwen2.5-VL-72B-Instruct"))
    assert arguments[:3] == ["python3", "-m", "sglang.bench_serving"]
    return dict(zip(arguments[3::2], arguments[4::2], strict=True))


def test_the_command_for_the_published_workload_has_its_settings():
    found = options(PUBLISHED["throughput"])
    assert found["--num-prompts"] == "1000"
    assert found["--max-concurrency"] == "100"
    assert found["--image-resolution"] == "720p"
    assert found["--image-count"] == "2"
    assert found["--random-input-len"] == "128"
    assert found["--random-output-len"] == "1024"
    assert found["--seed"] == "1"
    assert found["--base-url"] == "http://127.0.0.1:30000"
    assert "--request-rate" not in found
    assert options(Workload(rate=2.5))["--request-rate"] == "2.5"


def test_a_workload_that_the_tool_cannot_run_is_refused():
    with pytest.raises(BadInput, match="only noise and blank"):
        sglang.command(Workload(picture="own.png"), "http://x/v1", "m")
