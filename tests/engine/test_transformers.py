"""`transformers serve`, a real server that is not SGLang: it refuses what it does not know, and lists no models."""

from PIL import Image

from vlnb import bench, images
from vlnb.accuracy.check import asking, vision_check
from vlnb.bench import Workload, report


def test_it_is_asked_with_a_picture(transformers):
    reply = transformers.ask("hi", Image.effect_noise((640, 480), 60), max_tokens=4)
    assert reply.finish_reason == "length"
    assert reply.usage.prompt_tokens == images.tokens(640, 480) + 22, "as many as SGLang counts"


def test_a_benchmark_leaves_out_what_it_refuses(transformers, tmp_path):
    plan = Workload(prompts=8, concurrency=2, images=1, resolution="224x224", input_len=16, output_len=8)
    stored = bench.run(plan, transformers, tmp_path / "run")
    assert [record.error for record in stored.records] == [None] * 8
    assert stored.segments[0].dropped == ("ignore_eos",)
    assert all(record.input_tokens for record in stored.records)
    assert "The server refuses ignore_eos" in " ".join(report.sentences(stored))


def test_the_vision_check_names_one_cause_and_gives_no_flags_of_another_server(transformers, monkeypatch):
    monkeypatch.setattr(asking, "_MAX_TOKENS", 24)  # it never ends by itself, and more noise would tell nothing more
    found = vision_check(transformers, seed=6)
    assert len(found.answered) == found.asked_of
    assert not [one.error for one in found.answered if one.error]
    assert [one.name for one in found.findings] == ["blind"]
    assert "589 tokens" in found.findings[0].sentence
    assert "--" not in str(found)
