"""The hardware that a number of pictures a day needs: laws that hold under any assumption."""

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
def test_twice_the_pictures_need_twice_the_gpus(pictures, size, gpu, answer_tokens):
    single = capacity(pictures, size, gpu, answer_tokens=answer_tokens)
    double = capacity(2 * pictures, size, gpu, answer_tokens=answer_tokens)
    for name in GPUS:
        assert double[name] in {2 * single[name], 2 * single[name] - 1}
    assert single[GPUS[0]] <= single[GPUS[1]]
    assert double["tokens in per s"] == pytest.approx(2 * single["tokens in per s"], abs=1)


def test_the_load_of_the_published_run_needs_its_eight_gpus():
    """The same pictures and answers at the same rate, all day long, need the GPUs that the run had."""
    run = catalog.THROUGHPUT_RUN
    a_day = run.request_per_s * 86_400
    text = run.input_text_tokens / run.prompts + run.input_vision_tokens / run.prompts / 2  # two pictures a request
    need = capacity(
        a_day, run.model, run.gpu, peak=1, prompt_tokens=text, answer_tokens=run.output_tokens / run.prompts
    )
    assert need["GPUs by the published run"] == pytest.approx(run.gpus, abs=1)


def test_long_answers_need_gpus_of_their_own():
    short, long = (capacity(1e6, answer_tokens=tokens) for tokens in (100, 5000))
    assert long[GPUS[1]] > 5 * short[GPUS[1]]


@pytest.mark.parametrize("arguments", [{"size": "8B"}, {"gpu": "H100"}, {"answer_token": 5}])
def test_unknown_sizes_gpus_and_assumptions_are_refused(arguments):
    with pytest.raises(BadInput, match=r"Choose|Unknown assumption: answer_token\. Choose width_px"):
        capacity(1e6, **arguments)


@pytest.mark.parametrize("arguments", [{"pictures": float("nan")}, {"pictures": -1}, {"pictures": 1e6, "peak": -1}])
def test_negative_numbers_are_refused(arguments):
    with pytest.raises(BadInput, match="must be zero or a positive number"):
        capacity(**arguments)


def test_every_assumption_is_greater_than_zero():
    assert all(value > 0 for value in ASSUMED.values())
