"""`vlnb plan`, `vlnb launch` and `vlnb stop`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from vlnb.commands import Count, Port, ServerPort, Share, say, show
from vlnb.errors import VlnbError

if TYPE_CHECKING:
    from vlnb.launch import Plan, Status

Form = Literal["shell", "docker", "compose", "kubernetes", "slurm", "replicas", "nodes", "leaderworkerset"]


@Parameter(name="*")
@dataclass(frozen=True)
class PlanArgs:
    """The model size and the hardware.

    Parameters
    ----------
    gpu
        MI300X, MI325X or MI355X.
    size
        3B, 7B, 32B or 72B.
    gpus
        Number of GPUs (default: the cookbook's).
    tp
        Tensor parallel size (default: the cookbook's; otherwise the largest that fits, or with --goal throughput
        the smallest).
    context_length
        Longest request, in tokens (default: 128000).
    mem_fraction
        Share of the GPU's memory for weights and KV cache, 0 to 1 (default: SGLang's).
    goal
        With several GPUs: one wide replica (latency) or many replicas (throughput).
    """

    gpu: str
    size: str
    gpus: Count | None = None
    tp: Count | None = None
    context_length: Count | None = None
    mem_fraction: Share | None = None
    goal: Literal["latency", "throughput"] = "latency"

    def plan(self) -> Plan:
        """Return the plan."""
        from vlnb.launch import plan

        return plan(**asdict(self))


def plan(
    *,
    args: PlanArgs,
    port: ServerPort = 30000,
    as_: Annotated[Form, Parameter(name="--as")] = "shell",
    nodes: Count = 1,
    image: str | None = None,
) -> int:
    """Print the command that serves a model size on a GPU.

    If the model does not fit, it prints why instead, and the exit status is 1.

    For example: vlnb plan --gpu MI300X --size 72B --as docker

    Parameters
    ----------
    port
        Port to serve on; with slurm, the router's (default: 30100).
    as_
        Form of the command. For several nodes: a copy on each behind a router (slurm; replicas for Kubernetes), or one
        model over all (nodes; leaderworkerset for Kubernetes).
    nodes
        Number of nodes, each as planned.
    image
        Container image (default: with the SGLang version that the cookbook verified).
    """
    from vlnb.launch import render
    from vlnb.launch.render import SPREAD

    chosen = args.plan()
    text = render(chosen, as_, nodes=nodes, port=port, image=image)
    fits = _describe(chosen.over(nodes) if as_ in SPREAD else chosen)
    if fits:
        show(text, end="")
    return int(not fits)


def launch(
    *,
    args: PlanArgs,
    port: ServerPort = 30000,
    python: str = "python",
    model_path: str | None = None,
    force: bool = False,
) -> int:
    """Start a server here, and wait until it is ready.

    For example: vlnb launch --gpu MI300X --size 7B

    Parameters
    ----------
    port
        Port to serve on.
    python
        The Python interpreter with SGLang.
    model_path
        A local folder with the model, in place of the hub.
    force
        Start even if the checks find problems.
    """
    from vlnb.launch import preflight, start

    chosen = args.plan()
    _describe(chosen)
    problems = preflight(chosen, model_path)
    for problem in problems:
        say(f"vlnb: {problem}")
    if problems and not force:
        say("vlnb: not started. Solve this first, or start anyway with --force.")
        return 1
    command = chosen.argv(python=python, port=port, model_path=model_path)
    server = start(command, port=port)
    say(f"started; its log is {server.log}")
    last = ""

    def watch(status: Status, elapsed_s: float) -> None:
        nonlocal last
        if str(status.progress) != last:
            last = str(status.progress)
            say(f"{elapsed_s:6.0f} s  {last}")

    server.wait(watch=watch)
    show(server.base_url)
    return 0


def _describe(chosen: Plan) -> bool:
    """Print a plan's flags, warnings and memory, and return whether it fits."""
    from vlnb.launch import memory

    say(chosen.mark)
    for flag in chosen.flags:
        say(f"  {flag.name} {flag.value}: {flag.reason}")
    for warning in chosen.warnings:
        say(f"  note: {warning}")
    usage = memory(chosen)
    say(usage)
    return usage.fits


def stop(*, port: Port | None = None) -> int:
    """Stop the servers that were launched from here.

    The exit status is 1 if none was running.

    Parameters
    ----------
    port
        Stop only the one at this port.
    """
    from vlnb.launch import servers

    chosen = [server for server in servers() if port in {None, server.port}]
    if not chosen:
        say(f"vlnb: no server that was launched from here is running{'' if port is None else f' at port {port}'}.")
        return 1
    status = 0
    for server in chosen:
        try:
            server.stop()
            say(f"stopped {server.base_url}")
        except VlnbError as error:
            say(f"vlnb: {error}")
            status = 1
    return status
