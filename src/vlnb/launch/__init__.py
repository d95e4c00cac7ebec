"""From hardware and model size to a running server, or to the reason why not.

`plan` decides, `memory` says whether it fits, `render` writes the command for a shell, Docker, Compose or Kubernetes,
`gpus` finds what this machine has, `diagnose` reads a failed log.
"""

from __future__ import annotations

from vlnb.launch.diagnose import Diagnosis, diagnose
from vlnb.launch.gpus import FoundGpu, Gpus, gpus
from vlnb.launch.memory import Memory, memory
from vlnb.launch.planning import Flag, Plan, plan
from vlnb.launch.progress import Progress, progress
from vlnb.launch.render import render
from vlnb.launch.server import Server, Status, find, preflight, servers, start

__all__ = [
    "Diagnosis",
    "Flag",
    "FoundGpu",
    "Gpus",
    "Memory",
    "Plan",
    "Progress",
    "Server",
    "Status",
    "diagnose",
    "find",
    "gpus",
    "memory",
    "plan",
    "preflight",
    "progress",
    "render",
    "servers",
    "start",
]
