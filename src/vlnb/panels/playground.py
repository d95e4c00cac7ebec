"""The playground: ask, search earlier runs, compare two, ask many questions at once, and export a run.

The panel only displays: `playground` does the work.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from vlnb.errors import BadInput
from vlnb.markup import element, live
from vlnb.panels.ask import Ask
from vlnb.panels.parts import WIDE, alone, button, folded
from vlnb.playground import FORMATS, Run, cells, compare, export, overview

if TYPE_CHECKING:
    from vlnb import images
    from vlnb.endpoint import Endpoint


class Playground(Ask):
    """`Ask` with a history, comparison, a matrix and exports. A matrix asks `servers` as well as `endpoint`."""

    def __init__(
        self,
        endpoint: Endpoint,
        samples: Mapping[str, images.Source],
        *,
        servers: Sequence[Endpoint] = (),
        **options: Any,  # noqa: ANN401 - of `Ask`
    ) -> None:
        super().__init__(endpoint, samples, **options)
        self.search = widgets.Text(description="Search", placeholder="words of prompt or answer", layout=WIDE)
        self.runs = widgets.SelectMultiple(description="Runs", rows=7, layout=WIDE)
        self.message, self.comparison, self.overview = (widgets.HTML(layout={"width": "100%"}) for _ in range(3))
        self.form = widgets.Dropdown(description="Export as", options=list(FORMATS))
        self.code = widgets.Textarea(description="Code", rows=8, layout=WIDE)
        self.restore_button = button("Restore", "Restore a run; the question becomes a draft", self.restore_chosen)
        self.compare_button = button("Compare", "Show the two chosen runs side by side", self.compare)
        self.delete_button = button("Delete", "Delete the chosen runs, after a confirmation", self.confirm)
        # A button of its own, where no double click can hit it.
        self.confirm_button = button("Delete for good", "Delete them now", self.delete, button_style="danger")
        self.confirm_button.layout = {"width": "max-content", "display": "none"}
        self.export_button = button("Export", "Show the chosen run as code", self.export)
        self.save_button = button("ZIP file", "The chosen runs with their pictures, to download", self.save)
        self.prompts = widgets.Textarea(description="Prompts", rows=3, placeholder="one on each line", layout=WIDE)
        choices = [(f"{server.model} at {server.base_url}", server) for server in (endpoint, *servers)]
        self.servers = widgets.SelectMultiple(
            description="Servers", options=choices, value=(endpoint,), rows=2, layout=WIDE
        )
        self.sizes = widgets.SelectMultiple(
            description="At most",
            options=self.max_pixels.options,
            value=(self.max_pixels.value,),
            rows=len(self.max_pixels.options),
        )
        self.matrix_button = button("Ask all", "Every prompt, server and resolution", alone(self.busy, self.matrix))
        history = [
            self.search,
            self.runs,
            widgets.HBox(
                [self.restore_button, self.compare_button, self.delete_button, self.save_button, self.confirm_button]
            ),
            self.message,
            self.comparison,
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

    def find(self) -> None:
        """List the runs that match the search, newest first."""
        with self._showing_errors(self.message):
            found = self.history.search(self.search.value)
            chosen = set(self.runs.value)
            self.runs.value = ()  # the browser would look up the old choice in the new list
            self.runs.options = [(str(run), run.id) for run in found]
            self.runs.value = tuple(run.id for run in found if run.id in chosen)
            count = f"{len(found)} found · " if self.search.value.strip() else ""
            self.message.value = live(element("small", f"{count}{self.history.summary}"))

    def restore_chosen(self) -> None:
        """Restore the chosen run. The question in the controls is stored as a draft, so that nothing is lost."""
        with self._showing_errors(self.message):
            (run,) = self._picked(1)
            self._draft()
            self.restore(run)

    def compare(self) -> None:
        """Show the two chosen runs side by side."""
        with self._showing_errors(self.message):
            first, second = sorted(self._picked(2), key=lambda run: run.id)
            self.comparison.value = compare(first, second).as_html(self.history)

    def confirm(self) -> None:
        """Show the button that deletes the chosen runs."""
        with self._showing_errors(self.message):
            self._confirm(f"Delete {len(self._picked())} for good")

    def delete(self) -> None:
        """Delete the chosen runs."""
        with self._showing_errors(self.message):
            self.history.delete(*self.runs.value, needed=self.question.attachments)
            self.find()

    def export(self) -> None:
        """Show the chosen run as code."""
        with self._showing_errors(self.message):
            (run,) = self._picked(1)
            self.code.value = export(run, self.history, self.form.value)

    def save(self) -> None:
        """Offer the chosen runs with their pictures as a download, which works with a remote kernel, too."""
        with self._showing_errors(self.message):
            data = self.history.export(*(run.id for run in self._picked()))
            file = f"data:application/zip;base64,{base64.b64encode(data).decode()}"
            label, name = f"Download vlnb-runs.zip, {len(data) / 1e6:,.1f} MB", "vlnb-runs.zip"
            link = element("a", label, href=file, download=name, style="text-decoration:underline")
            self.message.value = live(link)

    def matrix(self) -> list[Run]:
        """Ask every combination of prompts, servers and resolutions, and show each run as it ends."""
        ended: list[Run] = []

        def on_run(run: Run) -> None:
            ended.append(run)
            self.overview.value = overview(ended)

        prompts = [line.strip() for line in self.prompts.value.splitlines() if line.strip()] or [self.prompt.value]
        self.matrix_button.disabled = self.ask_button.disabled = True
        self.stop_button.disabled = False
        with self._showing_errors(self.overview):
            questions = cells(self.question, prompts, self.servers.value, self.sizes.value)
            if not questions:
                raise BadInput("Choose a server and a size first.")
            self.overview.value = live(f"asking {len(questions)} questions …")
            self.asker.matrix(questions, self.parent_id, on_run)
        self.matrix_button.disabled = self.ask_button.disabled = False
        self.stop_button.disabled = True
        self.find()
        return ended

    def _picked(self, count: int = 0) -> list[Run]:
        """Return the chosen runs. Raises `BadInput` unless exactly `count` are chosen (0: one or more)."""
        numbers = self.runs.value
        if len(numbers) != count if count else not numbers:
            raise BadInput(f"Choose {('one run or more', 'one run', 'two runs')[count]} in the history first.")
        self.message.value = ""
        return self.history.get(*numbers)

    def _confirm(self, question: str = "") -> None:
        self.confirm_button.description = question or "Delete for good"
        self.confirm_button.layout.display = "" if question else "none"
