"""The accuracy tools against the real SGLang server, whose random weights make every answer noise."""

from vlnb.accuracy import mmmu
from vlnb.accuracy.check import asking, vision_check
from vlnb.accuracy.check.tasks import _PLACES


def test_random_answers_get_a_wide_interval_and_a_low_strict_score(endpoint, tmp_path):
    run = mmmu.run(mmmu.drawn(), endpoint, tmp_path / "run", concurrency=4, max_tokens=8)
    assert run.missing == []
    assert all(answer.prompt_tokens and answer.completion_tokens <= 8 for answer in run.answers.values())
    overall = mmmu.scores(run).overall
    assert overall.questions == 24
    assert overall.high - overall.low > 0.15
    strict = mmmu.scores(run, "strict").overall
    assert strict.low < 0.05


def test_the_vision_check_calls_a_model_that_sees_nothing_blind(endpoint, monkeypatch):
    monkeypatch.setattr(asking, "_MAX_TOKENS", 24)  # it never ends by itself, and a longer answer is only more noise
    monkeypatch.setattr(asking, "_CLIP_S", 6)
    # On a CPU, SGLang's attention over a large picture, or a long clip, takes 18 GB.
    monkeypatch.setitem(_PLACES, "large", _PLACES["small"])
    result = vision_check(endpoint, seed=6)
    assert len(result.answered) == result.asked_of
    assert [finding.name for finding in result.findings] == ["blind"]
    assert "589 tokens" in result.findings[0].sentence  # as the formula counts them: the pictures do arrive
    skills = {skill.name: (right, of) for skill, right, of, *_ in result.skills()}
    assert skills["usage"] == (1, 1)
    assert skills["seen"] == (0, 3)
