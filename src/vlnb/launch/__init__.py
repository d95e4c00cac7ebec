"""Plan, launch and watch a server, or find out why it does not start.

`plan` chooses the flags, `memory` computes whether the plan fits, `render` writes the command for a shell, Docker,
Compose, Kubernetes or SLURM, `gpus` detects this machine's GPUs, `diagnose` explains the log of a failed start. For
more than one machine, `Router` balances load over several servers, and `capacity` estimates the GPUs that a number of
pictures a day needs.
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
