"""The playground: ask, find an earlier run, put two side by side, ask many at once, and take a run elsewhere.

The panel decides nothing: `playground` does.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from vlnb.errors import BadInput
from vlnb.markup import element, live
from vlnb.panels.ask import Ask
from vlnb.panels.parts import WIDE, aside, button, folded
from vlnb.playground import FORMATS, Run, cells, compare, export, overview

if TYPE_CHECKING:
    from vlnb import images
    from vlnb.endpoint import Endpoint


class Playground(Ask):
    """`Ask` with a history, comparison, a matrix and exports. `servers` are asked beside `endpoint` in a matrix."""

    def __init__(
        self,
        endpoint: Endpoint,
        samples: Mapping[str, images.Source],
        *,
        servers: Sequence[Endpoint] = (),
        **asked: Any,  # noqa: ANN401 - of `Ask`
    ) -> None:
        super().__init__(endpoint, samples, **asked)
        self.search = widgets.Text(description="Search", placeholder="words of prompt or answer", layout=WIDE)
        self.runs = widgets.SelectMultiple(description="Runs", rows=7, layout=WIDE)
        self.said, self.beside, self.overview = (widgets.HTML(layout=widgets.Layout(width="100%")) for _ in range(3))
        self.form = widgets.Dropdown(description="Export as", options=list(FORMATS))
        self.code = widgets.Textarea(description="Code", rows=8, layout=WIDE)
        self.restore_button = button("Restore", "Bring a run back; the present question is kept", self.restore_chosen)
        self.compare_button = button("Compare", "Two runs side by side", self.compare)
        self.delete_button = button("Delete", "Delete the chosen runs", self.delete)
        self.export_button = button("Export", "Show the chosen run as code", self.export)
        self.save_button = button("ZIP file", "The chosen runs with their pictures, to download", self.save)
        self.prompts = widgets.Textarea(description="Prompts", rows=3, placeholder="one on each line", layout=WIDE)
        every = [(f"{one.model} at {one.base_url}", one) for one in (endpoint, *servers)]
        self.servers = widgets.SelectMultiple(
            description="Servers", options=every, value=(endpoint,), rows=2, layout=WIDE
        )
        self.sizes = widgets.SelectMultiple(
            description="At most", options=self.max_pixels.options, value=(self.max_pixels.value,), rows=4
        )
        self.matrix_button = button("Ask all", "Every prompt, server and resolution", lambda: aside(self.matrix))
        history = [
            self.search,
            self.runs,
            widgets.HBox([self.restore_button, self.compare_button, self.delete_button, self.save_button]),
            self.said,
            self.beside,
            widgets.HBox([self.form, self.export_button]),
            self.code,
        ]
        matrix = [self.prompts, self.servers, self.sizes, self.matrix_button, self.overview]
        self.children: Sequence[widgets.Widget] = (
            *self.children,
            folded("History, compare, export", *history, unfolded=True),
            folded("Many at once", *matrix),
        )
        self.search.observe(lambda _: self.find(), "value")
        self.runs.observe(lambda _: self._confirm(), "value")
        self.find()

    def find(self) -> list[Run]:
        """List the runs that have the words of the search, the newest first."""
        found: list[Run] = []
        with self._saying(self.said):
            found = self.history.search(self.search.value)
            kept = set(self.runs.value)
            self.runs.value = ()  # the browser looks the old ones up in the new list
            self.runs.options = [(str(run), run.id) for run in found]
            self.runs.value = tuple(run.id for run in found if run.id in kept)
            count = f"{len(found)} found · " if self.search.value.strip() else ""
            self.said.value = live(element("small", f"{count}{self.history.said}"))
        return found

    def clear(self) -> None:
        """Begin again, as `Ask.clear` does, and list the draft."""
        super().clear()
        self.find()

    def restore_chosen(self) -> None:
        """Bring the chosen run back. The question on the page is kept as a draft, so that nothing is lost."""
        with self._saying(self.said):
            (run,) = self._picked(1)
            self._draft()
            self.restore(run)

    def compare(self) -> None:
        """Show the two chosen runs side by side."""
        with self._saying(self.said):
            one, two = sorted(self._picked(2), key=lambda run: run.id)
            self.beside.value = compare(one, two).as_html(self.history)

    def delete(self) -> None:
        """Delete the chosen runs, once it was pressed twice."""
        with self._saying(self.said):
            if not self.delete_button.button_style:
                self._confirm(f"Delete {len(self._picked())} for good?")
                return
            self.history.delete(*self.runs.value)
            self.find()
            self._confirm()

    def export(self) -> None:
        """Show the chosen run as code."""
        with self._saying(self.said):
            (run,) = self._picked(1)
            self.code.value = export(run, self.history, self.form.value)

    def save(self) -> None:
        """Offer the chosen runs with their pictures as a file: the browser saves it, wherever the kernel is."""
        with self._saying(self.said):
            data = self.history.export(*(run.id for run in self._picked()))
            file = f"data:application/zip;base64,{base64.b64encode(data).decode()}"
            said, name = f"Download vlnb-runs.zip, {len(data) / 1e6:,.1f} MB", "vlnb-runs.zip"
            link = element("a", said, href=file, download=name, style="text-decoration:underline")
            self.said.value = live(link)

    def matrix(self) -> list[Run]:
        """Ask every combination of prompts, servers and resolutions, and show the runs as they end."""
        ended: list[Run] = []

        def told(run: Run) -> None:
            ended.append(run)
            self.overview.value = overview(ended)

        asked = [line.strip() for line in self.prompts.value.splitlines() if line.strip()] or [self.prompt.value]
        self.matrix_button.disabled, self.stop_button.disabled = True, False
        with self._saying(self.overview):
            every = cells(self.question, asked, self.servers.value, self.sizes.value)
            self.asker.matrix(every, self.parent_id, told)
        self.matrix_button.disabled, self.stop_button.disabled = False, True
        self.find()
        return ended

    def _end(self, run: Run) -> None:
        super()._end(run)
        self.find()

    def _picked(self, count: int = 0) -> list[Run]:
        """Return the chosen runs. Raises `BadInput` if there are not `count` of them (0: one or more)."""
        numbers = self.runs.value
        if len(numbers) != count if count else not numbers:
            raise BadInput(f"Choose {('one run or more', 'one run', 'two runs')[count]} in the history first.")
        return self.history.get(*numbers)

    def _confirm(self, said: str = "") -> None:
        self.delete_button.description, self.delete_button.button_style = said or "Delete", "danger" if said else ""
