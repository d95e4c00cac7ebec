"""How far a server has come, read from its log."""

from __future__ import annotations

import re
from dataclasses import dataclass

# In the order in which they happen: name, what begins it, what counts within it, what ends it.
_PHASES = (
    ("weights", r"Load weight begin", r"checkpoint shards:\s+\d+% Completed \| (\d+)/(\d+)", r"Load weight end"),
    ("KV cache", r"Load weight end", r"(?!)", r"max_total_num_tokens=|KV Cache is allocated|Memory pool end"),
    ("graphs", r"Capture \w+ graph begin", r"Capturing batches.*?(\d+)/(\d+)", r"Capture \w+ graph end"),
    ("ready", r"Uvicorn running on|Application startup complete", r"(?!)", r"fired up and ready to roll"),
)  # fmt: skip
_KERNELS = re.compile(r"start build \[(module_\w+)\]")
_BUILT = re.compile(r"finish build \[(module_\w+)\]")


@dataclass(frozen=True)
class Phase:
    """One phase of a start: "done", "running" or "waiting"; `count` of `of` where the log counts."""

    name: str
    state: str
    count: int = 0
    of: int = 0

    def __str__(self) -> str:
        sign = {"done": "✓", "running": "…", "waiting": "·"}[self.state]
        return f"{sign} {self.name}" + (f" {self.count}/{self.of}" if self.of else "")


@dataclass(frozen=True)
class Progress:
    """All phases of a start, and the share of the whole that is done, 0 to 1. `note` names what takes long."""

    phases: tuple[Phase, ...]
    note: str

    @property
    def share(self) -> float:
        """How much is done, each phase counted alike."""
        done = sum(
            1.0 if phase.state == "done" else phase.count / phase.of if phase.of else 0.0 for phase in self.phases
        )
        return done / len(self.phases)

    def __str__(self) -> str:
        return " · ".join(str(phase) for phase in self.phases) + (f" ({self.note})" if self.note else "")


def progress(log: str) -> Progress:
    """Return how far the server whose `log` this is has come."""
    phases, later_begun = [], False
    for name, begins, counts, ends in reversed(_PHASES):
        begun, ended = re.search(begins, log) is not None, re.search(ends, log) is not None
        counted = re.findall(counts, log)
        state = "done" if ended or (later_begun and name != "ready") else "running" if begun else "waiting"
        count, of = (int(counted[-1][0]), int(counted[-1][1])) if counted and state == "running" else (0, 0)
        phases.append(Phase(name, state, count, of))
        later_begun = later_begun or begun or ended
    building = set(_KERNELS.findall(log)) - set(_BUILT.findall(log))
    note = f"building {min(building)} for the first time: up to ten minutes" if building else ""
    return Progress(tuple(reversed(phases)), note)
