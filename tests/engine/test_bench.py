"""The real SGLang server measured by our load generator and by SGLang's own tool."""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace

import vlnb
from tests.engine.conftest import ENGINE, ENVIRONMENT, PYTHON
from vlnb.bench import Workload, metrics, report, sglang, workload

PLAN = Workload(prompts=6, concurrency=2, images=1, resolution="224x224", input_len=16, output_len=8)


def test_our_load_generator_and_sglangs_tool_count_the_same_tokens(endpoint, tmp_path, capsys):
    vlnb.bench.run(replace(PLAN, seed=2), endpoint, tmp_path / "warm-up")  # its first batches take a second
    ours = metrics.table(vlnb.bench.run(PLAN, endpoint, tmp_path / "ours"))
    output = tmp_path / "theirs.jsonl"
    argv = [*shlex.split(sglang.command(PLAN, endpoint.base_url, endpoint.model)), "--output-file", str(output)]
    environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": str(ENGINE / "old")}
    completed = subprocess.run([str(PYTHON), *argv[1:]], env=environment, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr[-2000:]
    theirs = json.loads(output.read_text())
    assert ours["completed"] == theirs["completed"] == PLAN.prompts
    assert ours["total_output_tokens"] == theirs["total_output_tokens"] == sum(workload.lengths(PLAN)[1])
    assert theirs["total_input_vision_tokens"] == PLAN.vision_tokens
    with capsys.disabled():
        sys.stdout.write(f"\n{report.table({'vlnb': ours, 'bench_serving': theirs}).to_string()}\n")


def test_the_servers_own_metrics_are_stored_with_the_run(endpoint, tmp_path):
    # The metrics are read once a second: 4 x 256 steps take several, on a fast machine too.
    stored = vlnb.bench.run(replace(PLAN, seed=3, prompts=8, output_len=256), endpoint, tmp_path / "run")
    assert stored.gauges[0].running == 0
    assert 1 <= max(gauge.running for gauge in stored.gauges) <= PLAN.concurrency
    assert any(line.startswith("By its own metrics the server had 0") for line in report.sentences(stored))
