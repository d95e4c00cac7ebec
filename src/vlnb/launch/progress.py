"""The progress of a starting server, read from its log."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from pathlib import Path

from vlnb.launch import logs
from vlnb.launch.signs import stages

_KERNELS = re.compile(r"(start|finish) build \[(module_\w{1,100})\]")
_MAX_MODULES = 1000  # AITER has some dozens
_LINE_CHARS = 4096


@dataclass(frozen=True)
class Phase:
    """One phase of a start: "done", "running" or "waiting"; `count` of `of` steps, if the log counts them."""

    name: str
    state: str
    count: int = 0
    of: int = 0

    def __str__(self) -> str:
        sign = {"done": "✓", "running": "…", "waiting": "·"}[self.state]
        return f"{sign} {self.name}" + (f" {self.count}/{self.of}" if self.of else "")


@dataclass(frozen=True)
class Progress:
    """All phases of a start; `note` names a slow step."""

    phases: tuple[Phase, ...]
    note: str

    @property
    def share(self) -> float:
        """The share of the start that is done, with equal weight for each phase; 1 once the server is up."""
        done = sum(
            1.0 if phase.state == "done" else phase.count / phase.of if phase.of else 0.0 for phase in self.phases
        )
        return done / len(self.phases)

    def __str__(self) -> str:
        return " · ".join(str(phase) for phase in self.phases) + (f" ({self.note})" if self.note else "")


class Follower:
    """Follows a start in its log: each `update` reads on where the last one ended. Thread-safe."""

    def __init__(self, log: Path) -> None:
        self._log, self._offset, self._lock = log, 0, threading.Lock()
        self._rest = ""  # the last, incomplete line, to be read again with its continuation
        self._begun: set[str] = set()
        self._ended: set[str] = set()
        self._counts: dict[str, tuple[int, int]] = {}
        self._building: set[str] = set()

    def update(self) -> Progress:
        """Read the new part of the log, and return the progress."""
        with self._lock:
            text, self._offset = logs.since(self._log, self._offset)
            self.feed(text)
            return self.progress()

    def feed(self, text: str) -> None:
        """Process the next piece of the log."""
        text = self._rest + text
        self._rest = re.split(r"[\r\n]", text[-_LINE_CHARS:])[-1]
        for stage in stages():
            if stage.begins.search(text):
                self._begun.add(stage.name)
            if stage.ends.search(text):
                self._ended.add(stage.name)
            for match in stage.counts.finditer(text):
                self._counts[stage.name] = int(match[1]), int(match[2])
        for step, module in _KERNELS.findall(text):
            if step == "finish":
                self._building.discard(module)
            elif len(self._building) < _MAX_MODULES:
                self._building.add(module)

    def progress(self) -> Progress:
        """Return the progress, judging by the pieces read so far."""
        phases, later_begun = [], False
        for name in (stage.name for stage in reversed(stages())):
            begun, ended = name in self._begun, name in self._ended
            state = "done" if ended or later_begun else "running" if begun else "waiting"
            phases.append(Phase(name, state, *(self._counts.get(name, ()) if state == "running" else ())))
            later_begun = later_begun or begun or ended
        note = f"building {min(self._building)} for the first time: up to ten minutes" if self._building else ""
        return Progress(tuple(reversed(phases)), note)
