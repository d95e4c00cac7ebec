"""Plans measured one after another, each on a server that the measurement starts."""

import sys

from tests.conftest import free_port
from vlnb import bench, launch

SHORT = bench.Workload(prompts=2, images=1, resolution="224x224", input_len=8, output_len=4)


def test_each_choice_is_started_measured_and_stopped_and_failures_get_a_row(tmp_path):
    port = free_port()
    engine = [sys.executable, "-m", "vlnb", "serve", "--port", str(port)]
    broken = [sys.executable, "-c", "raise SystemExit('RuntimeError: No HIP GPUs are available')"]
    messages = []
    table = bench.choices.measure(
        {"TP8": engine, "no GPU": broken, "TP2 × 4": engine}, SHORT, tmp_path, port=port, watch=messages.append
    )
    assert list(table.index) == ["TP8", "no GPU", "TP2 × 4"]
    assert table["requests completed"].fillna(0).tolist() == [2, 0, 2]
    assert (table["output tokens per second"].dropna() > 0).sum() == 2
    assert table["failed start"].str.contains("no_gpu").tolist() == [False, True, False]
    assert [len(bench.store.read(tmp_path / number).records) for number in ("1", "3")] == [2, 2]
    assert "TP2 × 4" in messages
    assert any(line.startswith("2 of 2 done") for line in messages)
    assert launch.servers() == []  # the last server is stopped too, so that its GPUs are free
