"""`vlnb check` on the command line."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from vlnb.commands import say, show

if TYPE_CHECKING:
    from vlnb.accuracy.check import Check


def add(commands: Any) -> None:  # noqa: ANN401 - argparse's own class is private
    """Add `check` to the parser."""
    check = commands.add_parser("check", help="does the server really see? some twenty questions", allow_abbrev=False)
    check.add_argument("--url", metavar="URL", help="the server to ask (instead of VLNB_BASE_URL)")
    check.add_argument("--model", metavar="NAME", help="the model to ask (instead of VLNB_MODEL)")
    check.add_argument("--seed", type=int, metavar="N", help="draw the same pictures again (new ones each time)")
    check.add_argument("--json", action="store_true", help="print everything as one JSON object")
    check.set_defaults(command=_check)


def _check(arguments: argparse.Namespace) -> int:
    from vlnb.accuracy.check import vision_check
    from vlnb.endpoint import connect

    endpoint = connect(arguments.url, model=arguments.model, announce=say)
    found = vision_check(endpoint, seed=arguments.seed, watch=_watch)
    show(json.dumps(found.as_dict(), ensure_ascii=False, indent=2) if arguments.json else found)
    return 0 if found.sound else 1


def _watch(so_far: Check) -> None:
    last = so_far.answered[-1]
    verdict = "right" if last.right else last.error or "wrong"
    say(f"{len(so_far.answered):3d} of {so_far.asked_of}  {last.task.id}: {verdict}")
