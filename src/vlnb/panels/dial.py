"""Turn the resolution dial: see the picture as the model sees it, its cost, and how well the server reads each size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets as widgets

from vlnb import charts, draw
from vlnb.accuracy import resolution
from vlnb.errors import VlnbError
from vlnb.images.picture import to_html
from vlnb.markup import alert, element, joined, live
from vlnb.panels.parts import Panel, aside, button

if TYPE_CHECKING:
    from vlnb.endpoint import Endpoint
    from vlnb.samples import Sample


class Dial(Panel):
    """A slider over the tokens a picture may cost. *Measure* lets the server read it at every size.

    `measured` holds the results so far.
    """

    def __init__(self, endpoint: Endpoint, sample: Sample) -> None:
        self._endpoint, self._sample = endpoint, sample
        options = [(f"{step.tokens:,} tokens", step.max_pixels) for step in resolution.steps(sample.picture)]
        self.budget = widgets.SelectionSlider(
            description="At most", options=options, value=options[-1][1], continuous_update=False
        )
        self.measure_button = button(
            "Measure",
            "Let the server read the picture at each size",
            lambda: aside(self.measure),
            button_style="primary",
        )
        self.shown, self.status = widgets.HTML(layout=widgets.Layout(width="300px")), widgets.HTML()
        self.measured: list[resolution.Measured] = []
        self.budget.observe(lambda _: self._show(), "value")
        self.beside = widgets.HBox([self.shown])
        super().__init__([widgets.HBox([self.budget, self.measure_button]), self.beside, self.status])
        self._show()

    def measure(self) -> list[resolution.Measured]:
        """Measure as a click does; the curves grow with each size. Returns the results."""
        self.measure_button.disabled = True
        self.measured = []
        try:
            for one in resolution.measure(self._endpoint, self._sample):
                self.measured.append(one)
                self.status.value = live(f"{one.step}: {one.accuracy:.0%} of the text in {one.seconds:.2f} s")
                # A new chart each time: data that reach a chart before its view exists are lost.
                self.beside.children = (self.shown, charts.live(charts.dial(self.measured)))
        except VlnbError as error:
            self.status.value = alert(error)
        finally:
            self.measure_button.disabled = False
        return self.measured

    def _show(self) -> None:
        picture, pixels = self._sample.picture, self.budget.value
        seen = picture.seen(max_pixels=pixels)
        size = len(seen.encoded[1]) / 1000
        said = f"{draw.cost(picture, max_pixels=pixels)}, {size:,.0f} kB to send"
        self.shown.value = joined([to_html(seen.resized(picture.size)), live(element("small", said))])
