"""`vlnb check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlnb.commands import say, server, show

if TYPE_CHECKING:
    from vlnb.accuracy.check import Check


def check(*, url: str | None = None, model: str | None = None, seed: int | None = None) -> int:
    """Check that the server really uses the pictures, with 24 questions whose answers are known.

    Parameters
    ----------
    url
        The server to ask (instead of VLNB_BASE_URL).
    model
        The model to ask (instead of VLNB_MODEL).
    seed
        Seed of the pictures (default: new pictures each time).
    """
    from vlnb.accuracy.check import vision_check

    result = vision_check(server(url, model), seed=seed, watch=_watch)
    show(result)
    return 0 if result.sound else 1


def _watch(so_far: Check) -> None:
    last = so_far.answered[-1]
    verdict = "right" if last.right else last.error or "wrong"
    say(f"{len(so_far.answered):3d} of {so_far.asked_of}  {last.task.id}: {verdict}")
