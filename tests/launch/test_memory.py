"""The memory estimate, compared with the published table of KV tokens and with the sum of its parts."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlnb import catalog
from vlnb.launch import memory, plan

# Thousands of KV cache tokens per replica at SGLang's defaults, by GPU: (size, tp, MI300X, MI325X, MI355X).
TABLE = [
    ("3B", 1, 3491, 4910, 5620),
    ("7B", 1, 2086, 2998, 3454),
    ("32B", 1, 264, 464, 564),
    ("32B", 2, 783, 1181, 1383),
    ("72B", 1, 0, 127, 207),
    ("72B", 2, 382, 701, 862),
    ("72B", 4, 1211, 1848, 2170),
    ("72B", 8, 2858, 4134, 4776),
]


@pytest.mark.parametrize(("size", "tp", "thousands"), [(row[0], row[1], row[2:]) for row in TABLE])
def test_kv_tokens_match_the_published_table(size, tp, thousands):
    for gpu, expected in zip(("MI300X", "MI325X", "MI355X"), thousands, strict=True):
        assert memory(plan(gpu, size, tp=tp)).kv_tokens / 1000 == pytest.approx(expected, rel=0.006), gpu


def test_the_sentence_says_whether_a_model_fits_and_what_helps():
    assert memory(plan("MI300X", "72B")).sentence == (
        "72B fits: 2.86 M tokens of cache, about 805 requests of two 720p pictures at once."
    )
    too_small = memory(plan("MI300X", "72B", gpus=1))
    assert not too_small.fits
    assert too_small.sentence == (
        "136.7 GiB of weights on each MI300X, 126 GiB allowed (0.66 of 192): does not start."
        " 72B fits with --mem-fraction-static 0.9: 33 k tokens of cache; or with --context-length 8192: 41 k tokens of"
        " cache; or with --tp 2 (2 GPUs): 382 k tokens of cache."
    )
    tight = memory(plan("MI325X", "72B", gpus=1))
    assert "The longest request is" in tight.sentence
    assert "tokens of cache in each of 2 replicas, about" in memory(plan("MI300X", "7B", gpus=8)).sentence
    assert memory(plan("MI300X", "72B")).longest_context == 128_000


def test_a_given_memory_fraction_is_reduced_for_long_contexts_too():
    assert memory(plan("MI300X", "72B", gpus=1, mem_fraction=0.95)).static_fraction == pytest.approx(0.8075)
    assert memory(plan("MI300X", "72B", gpus=1, mem_fraction=0.95)).kv_tokens == pytest.approx(60_000, rel=0.06)
    assert memory(plan("MI300X", "7B", mem_fraction=0.9, context_length=8000)).static_fraction == 0.9


@pytest.mark.parametrize("gpu", catalog.GPUS)
@pytest.mark.parametrize("size", catalog.MODELS)
def test_every_model_fits_one_gpu_at_the_suggested_fraction(gpu, size):
    assert memory(plan(gpu, size, gpus=1, mem_fraction=0.9)).fits


def test_a_plan_whose_parts_exceed_the_gpu_does_not_fit():
    excess = memory(plan("MI300X", "72B", gpus=1, mem_fraction=0.99))
    assert not excess.fits
    assert excess.sentence.startswith("The parts need 195 GiB of the 192 GiB of each MI300X: the server would run out")


def test_only_changes_that_help_are_suggested():
    sentence = memory(plan("MI300X", "72B", mem_fraction=0.01)).sentence
    assert sentence.endswith("does not start. 72B fits with --mem-fraction-static 0.9: 3.40 M tokens of cache.")


def parts_gib(chosen):
    return {part.name: part.bytes / 2**30 for part in memory(chosen).parts}


def test_the_attention_workspace_of_72b_is_7_9_gib():
    assert parts_gib(plan("MI300X", "72B"))["attention workspace"] == pytest.approx(7.9, abs=0.1)


@pytest.mark.parametrize(
    ("context", "fraction"), [(1, 0.9), (8_191, 0.9), (8_192, 0.9), (8_193, 0.765), (128_000, 0.765)]
)
def test_aiter_reserves_its_share_and_workspace_above_8192_tokens(context, fraction):
    """SGLang 0.5.6 applies both if `context_len > 8192`."""
    chosen = plan("MI300X", "7B", mem_fraction=0.9, context_length=context)
    assert memory(chosen).static_fraction == pytest.approx(fraction)
    assert (parts_gib(chosen)["attention workspace"] > 0) is (context > 8_192)


def test_the_largest_picture_takes_1_625_gib_in_the_vision_tower():
    """16,384 tokens of 4 patches; of each, 5 hidden states of 1280 and 2 of the MLP's 3456, in BF16: 26,624 bytes."""
    assert parts_gib(plan("MI300X", "7B"))["vision activations"] == 1.625


@given(st.sampled_from(sorted(catalog.GPUS)), st.sampled_from(sorted(catalog.MODELS)), st.integers(1, 8))
def test_parts_add_up_to_the_memory_of_the_gpu(gpu, size, gpus):
    result = memory(plan(gpu, size, gpus=gpus))
    total = result.plan.gpu.memory_mib * 2**20
    used = sum(part.bytes for part in result.parts)
    assert used == pytest.approx(total) or (used > total and not result.parts[-1].bytes)
    assert all(part.bytes >= 0 and part.formula for part in result.parts)
    assert result.fits == (result.kv_tokens > 0)


def test_the_bar_counts_only_gpus_in_use():
    chosen = plan("MI300X", "72B", gpus=3)
    assert "1 of 3 GPUs stay idle" in str(chosen)
    assert "each of 2 MI300X" in memory(chosen)._repr_html_()


def test_the_bar_has_alternative_text_and_formulas():
    html = memory(plan("MI300X", "72B", gpus=1))._repr_html_()
    assert 'role="img"' in html
    assert "does not start" in html
    assert "2 bytes x 73,410,777,344 parameters" in html
    assert "parameters / 1 GPU<" in html.replace('"', "<")
    assert "parameters / 8 GPUs<" in memory(plan("MI300X", "72B"))._repr_html_().replace('"', "<")


@pytest.mark.parametrize(
    ("options", "hatched"), [({}, False), ({"gpus": 1}, True), ({"gpus": 1, "mem_fraction": 0.99}, True)]
)
def test_the_bar_is_full_and_hatches_weights_that_do_not_fit(options, hatched):
    html = memory(plan("MI300X", "72B", **options))._repr_html_()
    assert sum(map(float, re.findall(r"width:([\d.]+)%", html))) == pytest.approx(100, abs=0.1)
    assert html.count("repeating-linear-gradient") == 2 * hatched, "in the bar and in its legend"
