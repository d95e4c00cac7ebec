"""The resolution dial: what a picture costs at each size, and what is lost."""

from typing import ClassVar

import pytest

from vlnb import charts, images
from vlnb.accuracy import resolution
from vlnb.errors import BadInput


def test_a_step_is_what_the_model_sees(receipt):
    (one,) = resolution.steps(receipt.picture, (256,))
    assert one.size == images.smart_resize(*receipt.picture.size, max_pixels=256 * 784)
    assert one.tokens == images.tokens(*receipt.picture.size, max_pixels=256 * 784)
    assert one.tokens <= 256
    assert one.data_bytes == len(receipt.picture.seen(max_pixels=256 * 784).encoded[1])
    assert str(one).startswith(f"{one.size[0]} × {one.size[1]} px, {one.tokens} tokens")


def test_steps_grow_and_none_comes_twice(receipt):
    found = resolution.steps(receipt.picture, (48, 49, 160, 5000, 9000))
    assert [one.tokens for one in found] == sorted({one.tokens for one in found})
    assert len(found) == 3


def test_too_few_tokens_are_a_sentence(receipt):
    with pytest.raises(BadInput, match="give 4 or more"):
        resolution.steps(receipt.picture, (3,))


def test_text_disappears_when_the_picture_gets_small(endpoint, receipt):
    small, large = resolution.measure(endpoint, receipt, (9, 640))
    assert small.accuracy < 0.5
    assert large.accuracy > 0.95
    assert small.seconds > 0


def test_the_first_question_is_not_counted(endpoint, receipt):
    """The first of a server may load or compile: it is asked twice."""

    class Counted:
        asked: ClassVar = []

        def ask(self, prompt, picture, *, max_pixels):
            self.asked.append(max_pixels)
            return endpoint.ask(prompt, picture, max_pixels=max_pixels)

    small, large = (step.max_pixels for step in resolution.steps(receipt.picture, (9, 30)))
    measured = list(resolution.measure(Counted(), receipt, (9, 30)))
    assert Counted.asked == [small, small, large]
    assert [one.step.max_pixels for one in measured] == [small, large]


def test_the_chart_says_what_was_measured(receipt):
    (step,) = resolution.steps(receipt.picture, (256,))
    figure = charts.dial([resolution.Measured(step, 1.5, 0.8)])
    assert [trace.y for trace in figure.data] == [(80.0,), (1.5,)]
    assert figure.layout.xaxis.title.text.startswith("picture tokens")
    assert figure.layout.yaxis.title.text.endswith("%")
    assert figure.layout.yaxis2.title.text.endswith(", s")
    assert f"{step.tokens} tokens: 80% in 1.50 s" in figure.layout.meta["alt"]
