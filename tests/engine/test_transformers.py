"""`transformers serve`, a real server that is not SGLang: it refuses unknown parameters, and lists no models."""

from PIL import Image

from vlnb import bench, images
from vlnb.accuracy.check import asking, vision_check
from vlnb.bench import Workload, report


def test_transformers_serve_answers_about_a_picture(transformers):
    reply = transformers.ask("hi", Image.effect_noise((640, 480), 60), max_tokens=4)
    assert reply.finish_reason == "length"
    assert reply.usage.prompt_tokens == images.tokens(640, 480) + 22, "as many as SGLang counts"


def test_a_benchmark_drops_parameters_that_the_server_refuses(transformers, tmp_path):
    plan = Workload(prompts=8, concurrency=2, images=1, resolution="224x224", input_len=16, output_len=8)
    stored = bench.run(plan, transformers, tmp_path / "run")
    assert [record.error for record in stored.records] == [None] * 8
    assert stored.segments[0].dropped == ("ignore_eos",)
    assert all(record.input_tokens for record in stored.records)
    assert "The server refuses ignore_eos" in " ".join(report.sentences(stored))


def test_the_vision_check_names_one_cause_without_sglang_flags(transformers, monkeypatch):
    monkeypatch.setattr(asking, "_MAX_TOKENS", 24)  # it never ends by itself, and a longer answer is only more noise
    result = vision_check(transformers, seed=6)
    assert len(result.answered) == result.asked_of
    assert not [answer.error for answer in result.answered if answer.error]
    assert [finding.name for finding in result.findings] == ["blind"]
    assert "589 tokens" in result.findings[0].sentence
    assert "--" not in str(result)
