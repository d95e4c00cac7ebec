"""`vlnb agent`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from vlnb.commands import Count, is_file, say, server, show
from vlnb.errors import BadInput


def agent(
    address: str,
    goal: str,
    /,
    *,
    allow: tuple[str, ...] = (),
    yes: bool = False,
    steps: Count = 15,
    out: Path | None = None,
    url: str | None = None,
    model: str | None = None,
) -> int:
    """Let a model pursue a goal on a web page.

    For example: vlnb agent shop.html 'Type "ada" into Name.'

    Parameters
    ----------
    address
        Address of the page, or path of an HTML file.
    goal
        What to do there.
    allow
        Other hosts that the page may reach: host, host:port, https://host:port, or file:///folder.
    yes
        Confirm every action without asking: submitting, sending, buttons such as Delete.
    steps
        Maximum number of answers of the model.
    out
        Folder to keep the run in, with film.html.
    url
        The server to ask (instead of VLNB_BASE_URL).
    model
        The model to ask (instead of VLNB_MODEL).
    """
    from vlnb import agent as agents

    if is_file(goal) and not is_file(address):
        raise BadInput(f"The address comes first: vlnb agent {shlex.quote(goal)} {shlex.quote(address)}")
    asks = sys.stdin.isatty() and not yes

    def confirm(question: str) -> bool:
        say(f"{question} {'[y/N]' if asks else 'yes' if yes else 'no: there is no terminal to ask at (--yes agrees)'}")
        return yes or (asks and sys.stdin.readline().strip().lower() in ("y", "yes"))

    def watch(run: agents.Run) -> None:
        step = run.steps[-1]
        say("\n  ".join([f"{len(run.steps)}. {step.thought}", *step.lines]))

    endpoint = server(url, model)
    run = agents.run(endpoint, address, goal, steps=steps, confirm=confirm, watch=watch, allow=allow)
    if any("not allowed" in note for step in run.steps for note in step.notes):
        say("--allow https://HOST lets the page reach another host.")
    show(f"{run.status}: {run.answer}")  # before saving, which fails if the folder is not writable
    if out:
        run.save(out)
    return 0 if run.status == "reached" else 1
