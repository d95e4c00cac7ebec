"""From hardware and model size to a running server, or to the reason why not.

`plan` decides, `memory` says whether it fits, `render` writes the command for a shell, Docker, Compose, Kubernetes or
SLURM, `gpus` finds what this machine has, `diagnose` reads a failed log. For more than one machine, `Router` stands
before several servers, and `capacity` says what a number of pictures a day asks for.
"""

from __future__ import annotations

from vlnb.launch.capacity import ASSUMED, capacity
from vlnb.launch.diagnose import diagnose
from vlnb.launch.gpus import gpus
from vlnb.launch.memory import memory
from vlnb.launch.planning import Plan, plan
from vlnb.launch.render import render
from vlnb.launch.router import Router
from vlnb.launch.server import Server, Status, find, preflight, servers, start

__all__ = [
    "ASSUMED", "Plan", "Router", "Server", "Status", "capacity", "diagnose", "find", "gpus", "memory", "plan",
    "preflight", "render", "servers", "start",
]  # fmt: skip
