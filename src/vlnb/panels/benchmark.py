"""Run a benchmark from a notebook: choose, start, watch it live, stop, resume, and set stored runs beside each other.

The panel decides nothing: `bench.start`, `resume`, `report` and `charts` do.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import ipywidgets as widgets

from vlnb import bench, charts
from vlnb.errors import VlnbError
from vlnb.launch import telemetry
from vlnb.markup import Html, alert, element, joined, listed, live
from vlnb.panels.parts import Panel

if TYPE_CHECKING:
    from vlnb.endpoint import Endpoint

_DRAWN_S = 2.0  # how often the chart is drawn anew
_GPUS_S = 3.0  # amd-smi takes about a second itself
_NARROW = widgets.Layout(width="220px")


class Benchmark(Panel):
    """The benchmark panel; its runs are folders in `runs`. `stored` is the last run."""

    def __init__(
        self, endpoint: Endpoint, *, runs: str | Path = "runs/bench", plan: bench.Workload | None = None
    ) -> None:
        plan = plan or bench.Workload()
        self._endpoint, self._folder = endpoint, Path(runs)
        self.prompts = _number("Requests", plan.prompts)
        self.users = _number("Users", plan.concurrency)
        self.pictures = _number("Pictures", plan.images, least=0)
        self.resolution = widgets.Combobox(
            description="Size", value=plan.resolution, options=list(bench.workload.RESOLUTIONS), layout=_NARROW
        )
        self.output = _number("Tokens out", plan.output_len)
        self.seed = _number("Seed", plan.seed, least=0)
        self.start_button = widgets.Button(description="Start", button_style="primary", tooltip="Begin a new run")
        self.stop_button = widgets.Button(description="Stop", tooltip="What has ended is kept", disabled=True)
        self.known = widgets.SelectMultiple(description="Stored", rows=4, layout=widgets.Layout(width="460px"))
        self.resume_button = widgets.Button(description="Resume", tooltip="Complete the chosen run")
        self.compare_button = widgets.Button(description="Compare", tooltip="Set the chosen runs beside each other")
        self.bar = widgets.FloatProgress(max=1.0, layout=widgets.Layout(width="min(100%, 640px)"))
        self.status, self.gpus, self.shown = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.chart = charts.live(charts.distribution({}))
        self.stored: bench.store.Stored | None = None
        self._running: bench.runner.Running | None = None
        self.start_button.on_click(lambda _: self._aside(self.start))
        self.resume_button.on_click(lambda _: self._aside(self.resume))
        self.stop_button.on_click(lambda _: self.stop())
        self.compare_button.on_click(lambda _: self.compare())
        choices = [self.prompts, self.users, self.pictures, self.resolution, self.output, self.seed]
        wrap = widgets.Layout(flex_flow="row wrap")
        super().__init__(
            [
                widgets.HBox(choices, layout=wrap),
                widgets.HBox([self.start_button, self.stop_button]),
                self.bar,
                self.status,
                self.gpus,
                self.chart,
                widgets.HBox([self.known, self.resume_button, self.compare_button], layout=wrap),
                self.shown,
            ]
        )
        self._list()

    def workload(self) -> bench.Workload:
        """Return what is chosen. Raises `BadInput` for what cannot be."""
        return bench.Workload(
            prompts=self.prompts.value,
            concurrency=self.users.value,
            images=self.pictures.value,
            resolution=self.resolution.value,
            output_len=self.output.value,
            seed=self.seed.value,
        )

    def start(self) -> bench.store.Stored | None:
        """Begin a run as a click does, and follow it to its end; what is wrong is said."""
        stamp = time.strftime("%Y%m%d-%H%M%S")
        return self._follow(
            lambda: bench.start(self.workload(), self._endpoint, self._folder / f"{stamp}-{time.time_ns() % 1000:03d}")
        )

    def resume(self) -> bench.store.Stored | None:
        """Complete the first of the chosen runs."""
        if not self.known.value:
            self.status.value = live("Choose a stored run first.")
            return None
        folder = self._folder / self.known.value[0]
        return self._follow(lambda: bench.resume(folder, self._endpoint))

    def stop(self) -> None:
        """End the run; what has ended is on disk."""
        if self._running:
            self._running.stop()

    def compare(self) -> None:
        """Show the chosen runs beside each other: table, curves, and what is to be said of each."""
        try:
            runs = {name: bench.store.read(self._folder / name) for name in self.known.value}
            if not runs:
                self.status.value = live("Choose one or more stored runs first.")
                return
            said = listed(f"{name}: {line}" for name, run in runs.items() for line in bench.report.sentences(run))
            table = bench.report.table(dict(runs)).to_html(border=0, float_format="{:,.2f}".format, na_rep="–")
            self.shown.value = joined([Html(table), said])
            self._draw({name: run.records for name, run in runs.items()})
        except VlnbError as error:
            self.shown.value = alert(error)

    def _follow(self, begin: Callable[[], bench.runner.Running]) -> bench.store.Stored | None:
        self.start_button.disabled, self.resume_button.disabled, self.stop_button.disabled = True, True, False
        self.stored = None
        try:
            self._running = running = begin()
            self._aside(lambda: self._watch_gpus(running))
            drawn = 0.0
            for told in running.progress():
                self._tell(told)
                if told.get("done") and time.monotonic() - drawn > _DRAWN_S:
                    self._draw({"so far": running.result().records})
                    drawn = time.monotonic()
            self.stored = running.result()
            self._draw({running.folder.name: self.stored.records})
            self.status.value = live(f"Stored in {running.folder}.", listed(bench.report.sentences(self.stored)))
        except VlnbError as error:
            self.status.value = alert(error)
        finally:
            ended, self._running = self._running, None
            self._list(ended.folder.name if ended else "")
            self.start_button.disabled, self.resume_button.disabled, self.stop_button.disabled = False, False, True
        return self.stored

    def _tell(self, told: bench.runner.LoadProgress) -> None:
        if "preparing" in told:
            self.bar.value = 0.0
            self.status.value = live(f"preparing request {told['preparing']} of {told['of']}")
            return
        half = told["ttft_p50_s"]
        first = (
            f", half of the first tokens within {1000 * half:,.0f} ms, 99 % within {1000 * told['ttft_p99_s']:,.0f} ms"
            if half is not None
            else ""
        )
        self.bar.value = told["done"] / max(1, told["of"])
        self.status.value = live(
            f"{told['done']} of {told['of']} done, {told['running']} on their way, {told['failed']} failed,"
            f" {told['elapsed_s']:.0f} s{first}. {told['stopped']}"
        )

    def _watch_gpus(self, running: bench.runner.Running) -> None:
        """Show how busy the GPUs of this machine are while a run lasts; nothing where there are none."""
        while self._running is running and (found := telemetry.loads()):
            self.gpus.value = joined(["On this machine:", *map(str, found)], element("br"))
            time.sleep(_GPUS_S)
        self.gpus.value = ""

    def _draw(self, runs: dict[str, tuple[bench.store.Record, ...]]) -> None:
        charts.redraw(self.chart, charts.distribution(runs))

    def _list(self, ended: str = "") -> None:
        """List the stored runs, the one that has just ended chosen, else the newest."""
        found = sorted((path.parent.name for path in self._folder.glob("*/manifest.json")), reverse=True)
        self.known.options, self.known.value = found, (ended,) if ended in found else tuple(found[:1])

    def _aside(self, work: Callable[[], object]) -> None:
        threading.Thread(target=work, name="vlnb-bench", daemon=True).start()


def _number(name: str, value: int, *, least: int = 1) -> widgets.BoundedIntText:
    return widgets.BoundedIntText(description=name, value=value, min=least, max=1_000_000, layout=_NARROW)
