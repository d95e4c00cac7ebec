"""What a number of pictures a day asks for: laws that hold whatever is assumed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlnb import BadInput, catalog
from vlnb.launch import ASSUMED, capacity

GPUS = ("GPUs at least", "GPUs by the published run")


@given(
    st.floats(1e3, 1e9),
    st.sampled_from(list(catalog.MODELS)),
    st.sampled_from(list(catalog.GPUS)),
    st.integers(1, 4000),
)
def test_twice_the_pictures_need_twice_as_much(pictures, size, gpu, answer_tokens):
    one = capacity(pictures, size, gpu, answer_tokens=answer_tokens)
    two = capacity(2 * pictures, size, gpu, answer_tokens=answer_tokens)
    for name in GPUS:
        assert two[name] in {2 * one[name], 2 * one[name] - 1}
    assert one[GPUS[0]] <= one[GPUS[1]]
    assert two["tokens in per s"] == pytest.approx(2 * one["tokens in per s"], abs=1)


def test_the_published_run_needs_its_own_gpus():
    """Its pictures, its answers, all day long: the eight GPUs that it had."""
    run = catalog.THROUGHPUT_RUN
    a_day = run.request_per_s * 86_400
    text = run.input_text_tokens / run.prompts + run.input_vision_tokens / run.prompts / 2  # two pictures a request
    need = capacity(
        a_day, run.model, run.gpu, peak=1, prompt_tokens=text, answer_tokens=run.output_tokens / run.prompts
    )
    assert need["GPUs by the published run"] == pytest.approx(run.gpus, abs=1)


@pytest.mark.parametrize("wrong", [{"size": "8B"}, {"gpu": "H100"}, {"answer_token": 5}])
def test_what_is_not_known(wrong):
    with pytest.raises(BadInput, match=r"Choose|Unknown assumption: answer_token\. Choose width_px"):
        capacity(1e6, **wrong)


def test_every_assumption_is_above_zero():
    assert all(value > 0 for value in ASSUMED.values())
