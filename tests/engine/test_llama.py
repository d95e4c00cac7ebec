"""llama.cpp's server: it promises to keep connections open, and closes them after each streamed answer."""

from PIL import Image

from vlnb import bench, images
from vlnb.accuracy.check.asking import _owner
from vlnb.bench import Workload, report


def test_llama_answers_about_a_picture_and_names_its_owner(llama):
    reply = llama.ask("hi", Image.effect_noise((640, 480), 60), max_tokens=4)
    assert reply.usage.prompt_tokens == images.tokens(640, 480) + 22, "as many as SGLang counts"
    assert _owner(llama) == "llamacpp"


def test_a_benchmark_does_not_count_closed_connections_as_failures(llama, tmp_path):
    plan = Workload(prompts=8, concurrency=2, images=1, resolution="224x224", input_len=16, output_len=8)
    stored = bench.run(plan, llama, tmp_path / "run")
    assert [record.error for record in stored.records] == [None] * 8
    assert sum(record.output_tokens for record in stored.records) == sum(bench.workload.lengths(plan)[1])
    if resent := stored.segments[0].resent:
        assert f"{resent} requests were sent again" in " ".join(report.sentences(stored))
