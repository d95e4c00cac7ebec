"""Render a plan as a shell command, or for Docker, Compose or Kubernetes; for several nodes, for SLURM, too.

Safe by default: only this machine can reach the server, unless you choose another host, which requires an API key.
Secrets are referenced, never written: HF_TOKEN and the API key come from the environment, or a Kubernetes secret.
"""

from __future__ import annotations

import json
import shlex
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, Literal, get_args

from vlnb.errors import BadInput
from vlnb.launch.planning import HOST, PORT
from vlnb.launch.router import SETTINGS
from vlnb.local import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable

    from vlnb.launch.planning import Plan

Form = Literal["shell", "docker", "compose", "kubernetes", "slurm", "replicas", "nodes", "leaderworkerset"]

SPREAD = frozenset(("nodes", "leaderworkerset"))
"""The forms in which several nodes hold one model."""
_COPIES = frozenset(("slurm", "replicas"))
_ROUTER_PORT = 30100
_PEERS_PORT = 20000  # on which the nodes of one model meet
_NEEDED_KEY = "${VLNB_API_KEY:?set it to a secret of your choice}"


def render(
    plan: Plan, form: Form = "shell", *, nodes: int = 1, host: str = HOST, port: int = PORT, image: str | None = None
) -> str:
    """Return `plan` in one of eight forms, ready to paste.

    "slurm" and "replicas" (Kubernetes) run a copy on each of `nodes` nodes, behind the router smg; "nodes" (a command
    for each) and "leaderworkerset" (Kubernetes) spread one model over them.

    `image` replaces the image with the SGLang that the cookbook verified. With a `host` other than this machine, the
    form requires an API key in $VLNB_API_KEY. With "slurm", `port` is the router's; if it is left at 30000, where each
    node's server listens, the router takes 30100. Raises `BadInput` for invalid arguments.
    """
    if form not in get_args(Form):
        raise BadInput(f"Unknown form {form!r}. Choose {', '.join(get_args(Form))}.")
    if not 1 <= port <= 65535:
        raise BadInput(f"Port {port} does not exist. Ports are 1 to 65535.")
    if (nodes > 1) != (form in SPREAD) and form not in _COPIES:
        raise BadInput(
            f"nodes={nodes} does not go with the form {form!r}: for one node use shell, docker, compose or kubernetes;"
            " for several slurm or replicas (a copy on each), or as nodes or leaderworkerset (one model over all)."
        )
    key = [] if is_loopback(host) and form != "nodes" else ["--api-key", _NEEDED_KEY]
    if form == "shell":
        return _shell(plan.argv(host=host, port=port), key) + "\n"
    served = plan.over(nodes) if form in SPREAD else plan
    words = served.argv(host="0.0.0.0", port=port if form == "nodes" else PORT)  # noqa: S104 - in a container, or with a key
    published = f"[{host}]:{port}:{PORT}" if ":" in host else f"{host}:{port}:{PORT}"
    suffix = "sh" if form in {"docker", "nodes", "slurm"} else "yaml"
    quoted: Callable[[str], str] = shlex.quote if suffix == "sh" else json.dumps
    text = resources.files("vlnb.launch").joinpath("forms", f"{form}.{suffix}").read_text("utf-8")
    return Template(text).safe_substitute(
        IMAGE=quoted(image or plan.gpu.image),
        COMMAND=_shell(words, key),
        LINE=shlex.join(words),
        WORDS=_listed(words),
        KEY="".join(f", {json.dumps(word)}" for word in key),
        PUBLISHED=quoted(published),
        PORT=_ROUTER_PORT if (form, port) == ("slurm", PORT) else port,
        GPUS=plan.tensor_parallel * plan.replicas,
        NODES=nodes,
        PEERS=_PEERS_PORT + (port == _PEERS_PORT),
        ROUTER=shlex.join(SETTINGS),
        STORAGE=f"{round(1.5 * plan.model.weight_bytes / 1e9) + 20}Gi",
    )


def _shell(words: list[str], key: list[str]) -> str:
    """Return a command over several lines: the program, then each flag with its value. The shell inserts the key."""
    flags = [shlex.join(words[i : i + 2]) for i in range(3, len(words), 2)]
    key_flag = [f'{key[0]} "{key[1]}"'] if key else []
    return " \\\n  ".join([shlex.join(words[:3]), *flags, *key_flag])


def _listed(words: list[str]) -> str:
    """Return a command as the items of a YAML flow list: the program, then each flag with its value."""
    pairs = [words[:3], *(words[i : i + 2] for i in range(3, len(words), 2))]
    return ",\n                ".join(json.dumps(pair)[1:-1] for pair in pairs)
