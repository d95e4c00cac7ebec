"""The real SGLang server measured by our load generator and by SGLang's own tool."""

import sys
from dataclasses import replace

import vlnb
from tests.engine.conftest import ENGINE, ENVIRONMENT, PYTHON
from vlnb.bench import Workload, metrics, report, sglang, workload

PLAN = Workload(prompts=6, concurrency=2, images=1, resolution="224x224", input_len=16, output_len=8)


def test_ours_and_sglangs_own_tool_count_the_same_tokens(endpoint, tmp_path, capsys):
    vlnb.bench.run(replace(PLAN, seed=2), endpoint, tmp_path / "warm-up")  # its first batches take a second
    ours = metrics.table(vlnb.bench.run(PLAN, endpoint, tmp_path / "ours"))
    told = []
    old = {**ENVIRONMENT, "PYTHONPATH": str(ENGINE / "old")}
    frame = sglang.run(PLAN, endpoint, python=str(PYTHON), environment=old, watch=told.append)
    theirs = frame.iloc[0].to_dict()
    assert ours["completed"] == theirs["completed"] == PLAN.prompts
    assert ours["total_output_tokens"] == theirs["total_output_tokens"] == sum(workload.lengths(PLAN)[1])
    assert theirs["total_input_vision_tokens"] == PLAN.vision_tokens
    assert told[-1] == {"done": PLAN.prompts, "of": PLAN.prompts}
    with capsys.disabled():
        sys.stdout.write(f"\n{report.table({'vlnb': ours, 'bench_serving': theirs}).to_string()}\n")
