"""The resolution dial: the cost of a picture at each size, and how much text is still read."""

from typing import ClassVar

import pytest

from vlnb import charts, images
from vlnb.accuracy import resolution
from vlnb.errors import BadInput


def test_a_step_has_the_size_tokens_and_bytes_that_the_model_receives(receipt):
    (step,) = resolution.steps(receipt.picture, (256,))
    assert step.size == images.smart_resize(*receipt.picture.size, max_pixels=256 * 784)
    assert step.tokens == images.tokens(*receipt.picture.size, max_pixels=256 * 784)
    assert step.tokens <= 256
    assert step.data_bytes == len(receipt.picture.seen(max_pixels=256 * 784).encoded[1])
    assert str(step).startswith(f"{step.size[0]} × {step.size[1]} px, {step.tokens} tokens")


def test_steps_increase_without_duplicates(receipt):
    steps = resolution.steps(receipt.picture, (48, 49, 160, 5000, 9000))
    assert [step.tokens for step in steps] == sorted({step.tokens for step in steps})
    assert len(steps) == 3


def test_too_few_tokens_raise_a_clear_error(receipt):
    with pytest.raises(BadInput, match="give 4 or more"):
        resolution.steps(receipt.picture, (3,))


def test_a_small_picture_loses_text_that_a_large_one_keeps(endpoint, receipt):
    small, large = resolution.measure(endpoint, receipt, (9, 640))
    assert small.accuracy < 0.5
    assert large.accuracy > 0.95
    assert small.seconds > 0


def test_the_first_request_is_a_warm_up_and_is_not_measured(endpoint, receipt):
    """A server may load or compile at its first request, so that request is sent twice."""

    class Recorder:
        requested: ClassVar = []
        sent: ClassVar = set()

        def ask(self, prompt, picture, *, max_pixels):
            self.requested.append(max_pixels)
            self.sent.add(picture.image.tobytes())
            return endpoint.ask(prompt, picture, max_pixels=max_pixels)

    small, large = (step.max_pixels for step in resolution.steps(receipt.picture, (9, 30)))
    measured = list(resolution.measure(Recorder(), receipt, (9, 30)))
    assert Recorder.requested == [small, small, large]
    assert len(Recorder.sent) == 3, "a server would remember a picture and answer faster"
    assert [measurement.step.max_pixels for measurement in measured] == [small, large]


def test_the_chart_shows_the_measured_values(receipt):
    (step,) = resolution.steps(receipt.picture, (256,))
    figure = charts.dial([resolution.Measured(step, 1.5, 0.8)])
    assert [trace.y for trace in figure.data] == [(80.0,), (1.5,)]
    assert figure.layout.xaxis.title.text.startswith("picture tokens")
    assert figure.layout.yaxis.title.text.endswith("%")
    assert figure.layout.yaxis2.title.text.endswith(", s")
    assert f"{step.tokens} tokens: 80% in 1.50 s" in figure.layout.meta["alt"]
