"""The catalog's facts are consistent: parts add up, and ratios follow from their parts."""

import pytest

from vlnb import catalog


@pytest.mark.parametrize("run", [catalog.LATENCY_RUN, catalog.THROUGHPUT_RUN], ids=lambda run: run.name)
def test_a_published_run_is_consistent(run):
    vision_tokens_of_a_720p_picture = 1198
    assert run.input_vision_tokens == run.prompts * 2 * vision_tokens_of_a_720p_picture
    assert run.request_per_s == pytest.approx(run.prompts / run.duration_s, abs=0.005)
    assert run.output_token_per_s == pytest.approx(run.output_tokens / run.duration_s, rel=1e-3)
    input_tokens = run.input_text_tokens + run.input_vision_tokens
    assert run.input_token_per_s == pytest.approx(input_tokens / run.duration_s, rel=1e-3)
    assert run.mean_concurrency == pytest.approx(run.e2e_ms["mean"] * run.prompts / 1000 / run.duration_s, rel=1e-2)


def test_the_30_mmmu_subjects_average_to_the_domain_and_overall_scores():
    facts, scores = catalog._FACTS["mmmu"], catalog.MMMU_SCORES
    assert len(scores) == 30
    assert facts["overall"] == pytest.approx(sum(scores.values()) / 30, abs=0.0006)
    for domain, subjects in catalog.MMMU_DOMAINS.items():
        mean = sum(scores[name] for name in subjects) / len(subjects)
        assert facts["domain"][domain]["accuracy"] == pytest.approx(mean, abs=0.0006), domain


@pytest.mark.parametrize(
    ("size", "kv_bytes", "gib"),
    [("3B", 36_864, 6.99), ("7B", 57_344, 15.45), ("32B", 262_144, 62.31), ("72B", 327_680, 136.74)],
)
def test_each_model_has_the_known_kv_cache_and_weight_sizes(size, kv_bytes, gib):
    model = catalog.MODELS[size]
    assert catalog.kv_token_bytes(model.kv_heads, model.layers) == kv_bytes
    assert model.weight_bytes / 2**30 == pytest.approx(gib, abs=0.01)


@pytest.mark.parametrize("model", catalog.MODELS.values(), ids=lambda model: model.size)
def test_tensor_parallel_sizes_divide_text_and_vision_heads(model):
    valid = tuple(tp for tp in (1, 2, 4, 8) if model.heads % tp == 0 and 16 % tp == 0)
    assert model.tensor_parallel == valid


def test_every_fact_names_its_source():
    runs = [catalog.LATENCY_RUN, catalog.THROUGHPUT_RUN]
    answers = [catalog.OCR_EXAMPLE, catalog.COMPARE_EXAMPLE]
    for fact in [*catalog.GPUS.values(), *catalog.MODELS.values(), *runs, *answers]:
        assert fact.source
    assert catalog._FACTS["mmmu"]["source"]
