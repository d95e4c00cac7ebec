"""Run a benchmark from a notebook: choose, start, watch it live, stop, resume, and compare stored runs.

The panel decides nothing: `bench.start`, `resume`, `report` and `charts` do.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import ipywidgets as widgets

from vlnb import bench, charts, local
from vlnb.errors import VlnbError
from vlnb.markup import alert, joined, listed, live
from vlnb.panels.parts import WIDE, Panel, aside, button

if TYPE_CHECKING:
    from vlnb.endpoint import Endpoint

_NARROW = widgets.Layout(width="220px")
_NUMBERS = {  # of a workload: the name of each, and the least one
    "prompts": ("Requests", 1),
    "concurrency": ("Users", 1),
    "images": ("Pictures", 0),
    "output_len": ("Tokens out", 1),
    "seed": ("Seed", 0),
}


class Benchmark(Panel):
    """The benchmark panel. Its runs are folders in `runs` (`local.runs()` / "bench"); `stored` is the last one."""

    def __init__(
        self, endpoint: Endpoint, *, runs: str | Path | None = None, plan: bench.Workload | None = None
    ) -> None:
        self._endpoint, self._folder = endpoint, Path(runs or local.runs() / "bench")
        self._plan = plan or bench.Workload()
        self.choices = {
            name: widgets.BoundedIntText(
                description=label, value=getattr(self._plan, name), min=least, max=1_000_000, layout=_NARROW
            )
            for name, (label, least) in _NUMBERS.items()
        }
        self.choices["resolution"] = widgets.Combobox(
            description="Size", value=self._plan.resolution, options=list(bench.workload.RESOLUTIONS), layout=_NARROW
        )
        self.start_button = button("Start", "Begin a new run", lambda: aside(self.start), button_style="primary")
        self.stop_button = button("Stop", "Stop the run; what has ended is kept", self.stop, disabled=True)
        self.known = widgets.SelectMultiple(description="Stored", rows=4, layout=widgets.Layout(width="460px"))
        self.resume_button = button("Resume", "Complete the chosen run", lambda: aside(self.resume))
        self.compare_button = button("Compare", "Show the chosen runs beside each other", self.compare)
        self.bar = widgets.FloatProgress(max=1.0, layout=WIDE)
        self.status, self.shown = widgets.HTML(), widgets.HTML()
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
                widgets.HBox([self.known, self.resume_button, self.compare_button]),
                self.shown,
            ]
        )
        self._list()

    def workload(self) -> bench.Workload:
        """Return the chosen workload. Raises `BadInput` if it cannot work."""
        return replace(self._plan, **{name: choice.value for name, choice in self.choices.items()})

    def start(self) -> bench.store.Stored | None:
        """Begin a run as a click does, and follow it to its end. Errors are shown in the panel."""
        folder = self._folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 1000:03d}"
        return self._follow(lambda: bench.start(self.workload(), self._endpoint, folder))

    def resume(self) -> bench.store.Stored | None:
        """Complete the first of the chosen runs."""
        if not self.known.value:
            self.status.value = live("Choose a stored run first.")
            return None
        folder = self._folder / self.known.value[0]
        return self._follow(lambda: bench.resume(folder, self._endpoint))

    def stop(self) -> None:
        """Stop the run. Every request that has ended is on disk."""
        if self._running:
            self._running.stop()

    def compare(self) -> None:
        """Show the chosen runs beside each other: table, curves, and what to know about each."""
        try:
            runs = {name: bench.store.read(self._folder / name) for name in self.known.value}
            if not runs:
                self.status.value = live("Choose one or more stored runs first.")
                return
            self._show(runs)
        except VlnbError as error:
            self.shown.value = alert(error)

    def _follow(self, begin: Callable[[], bench.runner.Running]) -> bench.store.Stored | None:
        self.start_button.disabled, self.resume_button.disabled, self.stop_button.disabled = True, True, False
        self.stored, self.bar.value, self.shown.value, self.figure.children = None, 0.0, "", ()
        self.status.value = live("starting the load generator …")
        try:
            self._running = running = begin()
            reports = list[bench.runner.LoadProgress]()
            self.stored = running.follow(lambda report: self._tell(report, reports))
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
        said = listed(
            f"{name}: {line}" if several else line for name, run in runs.items() for line in bench.report.sentences(run)
        )
        self.shown.value = joined([charts.metrics_table(runs), said])
        curves = charts.distribution({name: run.records for name, run in runs.items()})
        self.figure.children = (charts.live(curves),)

    def _tell(self, report: bench.runner.LoadProgress, before: list[bench.runner.LoadProgress]) -> None:
        self.status.value = live(bench.runner.format_progress(report))
        self.bar.value = report.get("done", 0) / max(1, report["of"])
        if report.get("ttft_p50_s") is not None:
            before.append(report)
            figure = charts.progress(before)
            if self.figure.children:
                charts.redraw(self.figure.children[0], figure)
            else:
                self.figure.children = (charts.live(figure),)

    def _list(self, ended: str = "") -> None:
        """List the stored runs, and choose the one that has just ended, else the newest."""
        found = sorted((path.parent.name for path in self._folder.glob("*/manifest.json")), reverse=True)
        self.known.options, self.known.value = found, (ended,) if ended in found else tuple(found[:1])
