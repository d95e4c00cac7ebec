"""The real SGLang server with its random weights: asked everything to the end, and told for what it is."""

from vlnb.accuracy import mmmu
from vlnb.accuracy.check import asking, vision_check


def test_its_answers_to_the_drawn_set_are_noise_and_the_interval_says_so(endpoint, tmp_path):
    run = mmmu.run(mmmu.drawn(), endpoint, tmp_path / "run", concurrency=4, max_tokens=8)
    assert run.missing == []
    assert all(answer.prompt_tokens and answer.completion_tokens <= 8 for answer in run.answers.values())
    found = mmmu.scores(run).overall
    assert found.questions == 24
    assert found.high - found.low > 0.15
    strict = mmmu.scores(run, "strict").overall
    assert strict.low < 0.05


def test_the_vision_check_calls_a_model_that_sees_nothing_blind(endpoint, monkeypatch):
    monkeypatch.setattr(asking, "_MAX_TOKENS", 24)  # it never ends by itself, and more noise would tell nothing more
    found = vision_check(endpoint, seed=6)
    assert len(found.answered) == found.asked_of
    assert [one.name for one in found.findings] == ["blind"]
    assert "589 tokens" in found.findings[0].sentence  # counted as by the formula: the pictures do arrive
    skills = {skill.name: (right, of) for skill, right, of, *_ in found.skills()}
    assert skills["usage"] == (1, 1)
    assert skills["seen"] == (0, 3)
