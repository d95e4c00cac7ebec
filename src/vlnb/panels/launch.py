"""Choose hardware and model size, see the command and the memory, start and stop the server.

The panel only displays: `launch.plan`, `memory`, `render`, `start` and `find` do the work.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence

import ipywidgets as widgets

from vlnb import catalog, launch
from vlnb.errors import VlnbError
from vlnb.launch.memory import bar_html
from vlnb.markup import Html, alert, element, joined, listed
from vlnb.panels.parts import WIDE, Panel, button, in_thread

_AS_COOKBOOK = "as the cookbook"
_CONTEXTS = (128_000, 64_000, 32_000, 16_000, 8_000)
_NARROW = widgets.Layout(width="260px")
_NOT_RUNNING = "No server that was launched from here is running."
_COPY = "navigator.clipboard.writeText(this.dataset.text);this.innerText='Copied'"
_PRE = "padding:8px;border:1px solid var(--jp-border-color1, #888);overflow-x:auto;line-height:1.4"
_CHANGED = "background:none;color:inherit;font-weight:bold"
_LINK = "color:var(--jp-content-link-color, LinkText);text-decoration:underline"


class Launch(Panel):
    """The launch panel. `command` and `environment` replace the planned command (by a server on the CPU, say)."""

    def __init__(
        self,
        *,
        gpu: str = "MI300X",
        size: str = "7B",
        port: int = 30000,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._command, self._environment, self._port = command, environment, port
        self.gpu = _choice("GPU", list(catalog.GPUS), gpu)
        self.size = _choice("Model size", list(catalog.MODELS), size)
        self.gpus = _choice("GPUs", [(_AS_COOKBOOK, 0), *((str(n), n) for n in range(1, 9))], 0)
        self.context = _choice("Context", [(f"{n:,} tokens", n) for n in _CONTEXTS], _CONTEXTS[0])
        self.goal = _choice("Goal", ["latency", "throughput"], "latency")
        self.form = _choice("Route", ["shell", "docker", "compose", "kubernetes"], "shell")
        self.plan_view, self.status, self.command = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.bar = widgets.FloatProgress(max=1.0, layout=WIDE)
        self.start_button = button("Start", "Start the server on this machine", self.start, button_style="primary")
        self.stop_button = button("Stop", "Stop the server and everything it started", self.stop)
        self._idle = (_NOT_RUNNING, 0.0)  # message and progress when no start is in progress
        self.plan: launch.Plan | None = None
        self.server: launch.Server | None = launch.find()
        self._watcher: threading.Thread | None = None
        controls = [self.gpu, self.size, self.gpus, self.context, self.goal, self.form]
        for control in controls:
            control.observe(lambda _: self.refresh(), "value")
        buttons = widgets.HBox([self.start_button, self.stop_button])
        super().__init__([widgets.HBox(controls), self.plan_view, buttons, self.bar, self.status, self.command])
        self.refresh()
        if self.server:
            self._watch(self.server)

    def refresh(self) -> None:
        """Show the chosen plan, or why it cannot work. Clears the message about an earlier choice."""
        if self._watcher is None or not self._watcher.is_alive():
            self._show_status(*self._idle)
        try:
            self.plan = launch.plan(
                self.gpu.value,
                self.size.value,
                gpus=self.gpus.value or None,
                context_length=self.context.value if self.context.value != _CONTEXTS[0] else None,
                goal=self.goal.value,
            )
            self.plan_view.value = plan_html(self.plan)
            self.command.value = command_html(self.plan, launch.render(self.plan, self.form.value, port=self._port))
        except VlnbError as error:
            self.plan, self.command.value = None, ""
            self.plan_view.value = alert(error)

    def start(self) -> None:
        """Start the plan (or the given command) on this machine, or show what prevents it."""
        try:
            command = self._command
            if command is None:
                if self.plan is None:
                    return
                if problems := launch.preflight(self.plan):
                    self._show_status("Not started. " + " ".join(problems), 0.0)
                    return
                command = self.plan.argv(python=sys.executable, port=self._port)
            self.server = launch.start(command, port=self._port, environment=self._environment)
        except VlnbError as error:
            self._show_status(str(error), 0.0)
            return
        self._watch(self.server)

    def stop(self) -> None:
        """Stop the server and everything it started."""
        if self.server is None:
            self._show_status(_NOT_RUNNING, 0.0)
            return
        self._show_status("stopping …", 0.0)
        server, self.server, self._idle = self.server, None, (_NOT_RUNNING, 0.0)
        try:
            server.stop()
        except VlnbError as error:
            self.server = server
            self._show_status(str(error), 0.0)
            return
        self._show_status(f"Stopped {server.base_url}; nothing is left running.", 0.0)

    def _watch(self, server: launch.Server) -> None:
        """Follow the start in a thread, so that the notebook stays free."""

        def on_status(status: launch.Status, elapsed_s: float) -> None:
            if self.server is server:
                self._show_status(f"{status.state}, {elapsed_s:.0f} s: {status.progress}", status.progress.share)

        def follow() -> None:
            try:
                server.wait(watch=on_status)
            except VlnbError as error:
                if self.server is server:
                    self._show_status(str(error), 0.0)
                return
            if self.server is server:
                self._idle = (f"ready at {server.base_url}; vlnb.connect() finds it.", 1.0)
                self._show_status(*self._idle)

        self._watcher = in_thread(follow, name="vlnb-watch")

    def _show_status(self, text: str, share: float) -> None:
        self.bar.value = share
        self.status.value = element("div", text, role="status", aria_live="polite", style="white-space:pre-wrap")


def plan_html(plan: launch.Plan) -> Html:
    """Return a plan as HTML: whether it is verified, the memory bar, the reason for each flag."""
    mark = [element("strong", f"{'✓ ' if plan.verified else ''}{plan.mark}"), " · "]
    link = element("a", "the cookbook's page", href=catalog.COOKBOOK_URL, target="_blank", rel="noopener", style=_LINK)
    reasons = (joined([element("code", " ".join(flag.words)), f": {flag.reason}"]) for flag in plan.flags)
    warnings = (element("span", warning, role="note") for warning in plan.warnings)
    return element(
        "div",
        element("p", *mark, link),
        bar_html(launch.memory(plan)),
        listed([*reasons, *warnings]),
        style="max-width:820px",
    )


def command_html(plan: launch.Plan, command: str) -> Html:
    """Return a command with a button to copy it; flags that differ from the cookbook are bold."""
    lines: list[str] = []
    for line in command.splitlines():
        flag = next((flag for flag in plan.flags if flag.name in line.replace('"', " ").split()), None)
        changed = flag and any(flag.name in change for change in plan.differs)
        lines.append(element("mark", line, title=flag.reason, style=_CHANGED) if flag and changed else line)
    copy = element(
        "button", "Copy", style="float:right", aria_label="Copy the command", data_text=command, onclick=_COPY
    )
    return element("div", copy, element("pre", joined(lines, "\n"), style=_PRE), style="max-width:820px")


def _choice(name: str, options: Sequence[object], value: object) -> widgets.Dropdown:
    return widgets.Dropdown(description=name, options=options, value=value, layout=_NARROW)
