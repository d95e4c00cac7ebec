"""A dial for the resolution: the picture as the model sees it, its cost, and how well the server reads each size."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import ipywidgets as widgets

from vlnb import charts, draw
from vlnb.accuracy import resolution
from vlnb.errors import VlnbError
from vlnb.images.picture import to_html
from vlnb.markup import alert, element, joined, live
from vlnb.panels.parts import Panel, alone, button

if TYPE_CHECKING:
    from vlnb.endpoint import Endpoint
    from vlnb.samples import Sample


class Dial(Panel):
    """A slider for the token budget of a picture. *Measure* makes the server read it at every size.

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
            "Make the server read the picture at each size",
            alone(Lock(), self.measure),
            button_style="primary",
        )
        self.view, self.status = widgets.HTML(layout=widgets.Layout(width="300px")), widgets.HTML()
        self.measured: list[resolution.Measured] = []
        self.budget.observe(lambda _: self._show(), "value")
        self.columns = widgets.HBox([self.view])
        super().__init__([widgets.HBox([self.budget, self.measure_button]), self.columns, self.status])
        self._show()

    def measure(self) -> list[resolution.Measured]:
        """Measure as a click does; the curves grow with each size. Returns the results."""
        self.measure_button.disabled = True
        self.measured = []
        self.status.value = live("warming up …")
        try:
            for result in resolution.measure(self._endpoint, self._sample):
                self.measured.append(result)
                self.status.value = live(f"{result.step}: {result.accuracy:.0%} of the text in {result.seconds:.2f} s")
                # A new chart each time: a chart loses data that arrive before its view exists.
                self.columns.children = (self.view, charts.live(charts.dial(self.measured)))
        except VlnbError as error:
            self.status.value = alert(error)
        finally:
            self.measure_button.disabled = False
        return self.measured

    def _show(self) -> None:
        picture, pixels = self._sample.picture, self.budget.value
        seen = picture.seen(max_pixels=pixels)
        size = len(seen.encoded[1]) / 1000
        cost = f"{draw.cost(picture, max_pixels=pixels)}, {size:,.0f} kB to send"
        self.view.value = joined([to_html(seen.resized(picture.size)), live(element("small", cost))])
