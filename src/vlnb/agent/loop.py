"""The agent's loop: screenshot, prompt, answer, check, action, until the run ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from vlnb import extras
from vlnb.agent.actions import WORDS, Action, Point, Size, parse
from vlnb.agent.film import Deed, Run, Step
from vlnb.endpoint.reply import THOUSAND
from vlnb.prompts import Prompt

if TYPE_CHECKING:
    from vlnb.agent.browser import Browser, Rect
    from vlnb.endpoint import Endpoint

_MAX_PIXELS = 1_003_520  # of a picture for the model: more pixels do not help
_LEAST_ZOOM = 0.05  # of the page: smaller parts are enlarged to this
_TOKENS, _NOTES = 1024, 8  # most tokens of an answer, most notes of a step


def run(
    endpoint: Endpoint,
    page: str | Path | Browser,
    goal: str,
    *,
    steps: int = 15,
    confirm: Callable[[str], bool] | None = None,
    watch: Callable[[Run], object] = lambda _: None,
    **browser: Any,  # noqa: ANN401 - options of `Browser`
) -> Run:
    """Pursue a goal on a page and return the run: how it ended, and every step with its picture.

    `page` is an address, an HTML file, or an open `Browser`; `allow` and the other options of `Browser` say what it may
    reach. `confirm` is called with a question before anything that submits or sends data; without it, all of that is
    refused. `watch` is called with the run after every step. `steps` limits the number of answers. Ctrl-C closes the
    browser too.

    Raises:
        BadInput: A package or Chromium is missing, the page does not open, or it can no longer be shown.
        NoServer, ServerRefused, BadAnswer: The model gives no usable answer.
    """
    extras.require("agent", "The agent")
    from vlnb.agent.browser import Browser

    if not isinstance(page, Browser):
        try:
            with Browser(page, **browser) as opened:
                return run(endpoint, opened, goal, steps=steps, confirm=confirm, watch=watch)
        except KeyboardInterrupt:  # without the browser's traceback, which would fill the notebook
            raise KeyboardInterrupt("The agent was stopped, and its browser has ended.") from None
    page.confirm = confirm
    so_far, view = Run(goal, endpoint.model), page.whole
    while not so_far.status:
        picture, seen = page.picture(view), view
        screen = (1000, 1000) if THOUSAND.search(endpoint.model) else picture.seen_size(max_pixels=_MAX_PIXELS)
        question = prompt(so_far, screen, touch=page.touch, zoomed=view != page.whole)
        turn = parse(endpoint.ask(question, picture, max_pixels=_MAX_PIXELS, max_tokens=_TOKENS).text, screen)
        deeds, view = list[Deed](), page.whole
        for action in turn.actions:
            points = [_to_page(point, screen, seen) for point in action.points]
            deeds.append(_perform(page, action, points))
            view = _zoomed(points, page.whole) if action.kind == "zoom" else page.whole
            if deeds[-1].status != "done":
                break
        else:
            deeds += [Deed("", turn.problem, "failed")] if turn.problem else []
        step = Step(picture.encoded[1], screen, turn.thought, tuple(deeds), tuple(dict.fromkeys(page.notes))[:_NOTES])
        ended = "out of steps" if len(so_far.steps) + 1 >= steps else ""
        status = ended if deeds[-1].status in ("done", "failed") else deeds[-1].status
        so_far = replace(so_far, steps=(*so_far.steps, step), status=status)
        page.notes.clear()
        watch(so_far)
    return so_far


def prompt(so_far: Run, screen: Size, *, touch: bool, zoomed: bool) -> Prompt:
    """Return the next prompt: the schema with the size of the picture, the goal, and the actions so far.

    All text from a page or a model is JSON on its own line, so that it cannot pass for anything else.
    """
    name = "mobile_use" if touch else "computer_use"
    usage = "\n".join(f"- {action}: {what}" for action, what in WORDS["actions"][name].items())
    values = {"name": name, "device": WORDS["devices"][name], "width": screen[0], "height": screen[1], "actions": usage}
    lines = [f"Goal: {json.dumps(so_far.goal, ensure_ascii=False)}"]
    for number, step in enumerate(so_far.steps, 1):
        outcomes = [f"{deed.said} -> {deed.status}: {deed.came}" for deed in step.deeds]
        lines += [f"Step {number}: {json.dumps(outcomes, ensure_ascii=False)}"]
        lines += [f"Note: {json.dumps(note, ensure_ascii=False)}" for note in step.notes]
    text = "\n".join([*lines, *[WORDS["zoomed"]] * zoomed, WORDS["next"]])
    return Prompt(text, Template(WORDS["system"]).substitute(values))


def _perform(page: Browser, action: Action, points: list[Point]) -> Deed:
    """Perform one action, and return it with its outcome."""
    page.decisions.clear()
    status, message = WORDS["ends"].get(f"{action.kind} {action.status}", "done"), action.text
    if status == "done" and action.kind not in ("zoom", "look"):
        status, message = page.act(action, points)
    return Deed(str(action), message or status, status, action.points, tuple(points), tuple(page.decisions))


def _to_page(point: Point, screen: Size, view: Rect) -> Point:
    """Map a point of the picture that the model saw to pixels of the page."""
    return view[0] + point[0] / screen[0] * view[2], view[1] + point[1] / screen[1] * view[3]


def _zoomed(corners: list[Point], whole: Rect) -> Rect:
    """Return the part of the page between two corners, enlarged to the aspect ratio of the page."""
    (x1, x2), (y1, y2) = (sorted(axis) for axis in zip(*corners, strict=True))
    share = min(1.0, max((x2 - x1) / whole[2], (y2 - y1) / whole[3], _LEAST_ZOOM))
    width, height = whole[2] * share, whole[3] * share
    x, y = (x1 + x2 - width) / 2, (y1 + y2 - height) / 2
    return min(max(0.0, x), whole[2] - width), min(max(0.0, y), whole[3] - height), width, height
