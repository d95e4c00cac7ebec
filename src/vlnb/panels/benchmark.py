"""Run a benchmark from a notebook: choose a workload, start, watch, stop and resume it, and compare stored runs.

The panel only displays: `bench.start`, `bench.resume`, `bench.report` and `charts` do the work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING

import ipywidgets as widgets

from vlnb import bench, charts, local
from vlnb.errors import VlnbError
from vlnb.markup import alert, joined, listed, live
from vlnb.panels.parts import WIDE, Panel, alone, button

if TYPE_CHECKING:
    from vlnb.endpoint import Endpoint

_NARROW = widgets.Layout(width="220px")
_NUMBERS = {  # fields of a workload: label and minimum
    "prompts": ("Requests", 1),
    "concurrency": ("Users", 1),
    "images": ("Pictures", 0),
    "output_len": ("Tokens out", 1),
    "seed": ("Seed", 0),
}


class Benchmark(Panel):
    """The benchmark panel. Runs are folders in `local.runs()` / "bench"; `stored` is the last one."""

    def __init__(self, endpoint: Endpoint, *, plan: bench.Workload | None = None) -> None:
        self._endpoint, self._folder = endpoint, local.runs() / "bench"
        self._plan = plan or bench.Workload()
        self.busy, self._stopped = Lock(), False  # `busy` while a run is followed
        self.choices = {
            name: widgets.BoundedIntText(
                description=label, value=getattr(self._plan, name), min=least, max=1_000_000, layout=_NARROW
            )
            for name, (label, least) in _NUMBERS.items()
        }
        self.choices["resolution"] = widgets.Combobox(
            description="Size", value=self._plan.resolution, options=list(bench.workload.RESOLUTIONS), layout=_NARROW
        )
        self.start_button = button("Start", "Begin a new run", alone(self.busy, self.start), button_style="primary")
        self.stop_button = button("Stop", "Stop the run; finished requests are kept", self.stop, disabled=True)
        self.stored_runs = widgets.SelectMultiple(description="Stored", rows=4, layout=widgets.Layout(width="460px"))
        self.resume_button = button("Resume", "Complete the chosen run", alone(self.busy, self.resume))
        self.compare_button = button("Compare", "Show the chosen runs side by side", self.compare)
        self.bar = widgets.FloatProgress(max=1.0, layout=WIDE)
        self.status, self.results = widgets.HTML(), widgets.HTML()
        self.stored: bench.store.Stored | None = None
        self._running: bench.runner.Running | None = None
        self.figure = widgets.VBox()
        super().__init__(
            [
                widgets.HBox(list(self.choices.values())),
                widgets.HBox([self.start_button, self.stop_button]),
                self.bar,
                self.status,
                self.figure,
                widgets.HBox([self.stored_runs, self.resume_button, self.compare_button]),
                self.results,
            ]
        )
        self._list()

    def workload(self) -> bench.Workload:
        """Return the chosen workload. Raises `BadInput` if it is invalid."""
        return replace(self._plan, **{name: choice.value for name, choice in self.choices.items()})

    def start(self) -> bench.store.Stored | None:
        """Begin a run as a click does, and follow it to its end. Errors appear in the panel."""
        return self._follow(lambda: bench.start(self.workload(), self._endpoint))

    def resume(self) -> bench.store.Stored | None:
        """Complete the first of the chosen runs."""
        if not self.stored_runs.value:
            self.status.value = live("Choose a stored run first.")
            return None
        folder = self._folder / self.stored_runs.value[0]
        return self._follow(lambda: bench.resume(folder, self._endpoint))

    def stop(self) -> None:
        """Stop the run. Every finished request is on disk."""
        self._stopped = True
        if self._running:
            self._running.stop()

    def compare(self) -> None:
        """Show the chosen runs side by side: metrics, curves, and a summary of each."""
        try:
            runs = {name: bench.store.read(self._folder / name) for name in self.stored_runs.value}
            if not runs:
                self.status.value = live("Choose one or more stored runs first.")
                return
            self._show(runs)
        except VlnbError as error:
            self.results.value = alert(error)

    def _follow(self, begin: Callable[[], bench.runner.Running]) -> bench.store.Stored | None:
        self._stopped = False
        self.start_button.disabled, self.resume_button.disabled, self.stop_button.disabled = True, True, False
        self.stored, self.bar.value, self.results.value, self.figure.children = None, 0.0, "", ()
        self.status.value = live("starting the load generator …")
        try:
            self._running = running = begin()
            if self._stopped:  # while it started
                running.stop()
            reports = list[bench.runner.LoadProgress]()
            self.stored = running.follow(lambda report: self._show_progress(report, reports))
            self.status.value = live(f"Stored in {running.folder}.")
            self._show({running.folder.name: self.stored})
        except VlnbError as error:
            self.status.value = alert(error)
        finally:
            ended, self._running = self._running, None
            self._list(ended.folder.name if ended else "")
            self.start_button.disabled, self.resume_button.disabled, self.stop_button.disabled = False, False, True
        return self.stored

    def _show(self, runs: dict[str, bench.store.Stored]) -> None:
        several = len(runs) > 1
        sentences = listed(
            f"{name}: {line}" if several else line for name, run in runs.items() for line in bench.report.sentences(run)
        )
        self.results.value = joined([charts.metrics_table(runs), sentences])
        curves = charts.distribution({name: run.records for name, run in runs.items()})
        self.figure.children = (charts.live(curves),)

    def _show_progress(self, report: bench.runner.LoadProgress, reports: list[bench.runner.LoadProgress]) -> None:
        self.status.value = live(bench.runner.format_progress(report))
        self.bar.value = report.get("done", 0) / max(1, report["of"])
        if report.get("ttft_p50_s") is not None:
            reports.append(report)
            figure = charts.progress(reports)
            if self.figure.children:
                charts.redraw(self.figure.children[0], figure)
            else:
                self.figure.children = (charts.live(figure),)

    def _list(self, ended: str = "") -> None:
        """List the stored runs, and select the one that has just ended, else the newest."""
        names = sorted((path.parent.name for path in self._folder.glob("*/manifest.json")), reverse=True)
        self.stored_runs.options, self.stored_runs.value = names, (ended,) if ended in names else tuple(names[:1])
