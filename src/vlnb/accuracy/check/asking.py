"""Ask the questions of the vision check one after the other, and judge the answers."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vlnb import images, video
from vlnb.accuracy.check.result import Check
from vlnb.accuracy.check.tasks import Task, obeys, tasks
from vlnb.endpoint.resolve import look_up
from vlnb.errors import BadAnswer, NoServer, VlnbError
from vlnb.regions import iou, parse
from vlnb.regions.shapes import scaled

if TYPE_CHECKING:
    from vlnb.endpoint import Endpoint, Reply

_LIMITS: dict[str, Any] = {"first_token_s": 60.0, "total_s": 120.0}
_MAX_TOKENS = 160
_TEXT = ("seen", "fine print", "places", "tables", "twice", "usage")  # skills of an engine that only reads
_GONE = 2  # questions in a row without a server
_SAME = 0.5  # IoU from which two boxes are the same place


@dataclass(frozen=True)
class Answered:
    """The answer to one task, and whether it is right. `note` explains the verdict where that is not obvious.

    `space` says in which pixels a box was answered: "seen", "thousand", "resized" (then `factor` is the size relative
    to the picture sent), or "" if it fits none. `picture_tokens` is what the picture adds to the prompt by the server's
    count, without its delimiters.
    """

    task: Task
    text: str
    right: bool
    note: str = ""
    error: str = ""
    cut: bool = False
    space: str = ""
    factor: float = 1.0
    picture_tokens: int | None = None


def vision_check(
    endpoint: Endpoint, *, seed: int | None = None, watch: Callable[[Check], object] = lambda _: None
) -> Check:
    """Ask 24 questions about pictures drawn for this check, and return how they were answered.

    The embedded engine reads text and sees nothing else: it is asked only what a reader can answer.

    Each `seed` gives new pictures (None chooses one), so no server can know them. A question that fails counts as
    wrong, with its error; when the server has gone, the check ends with the answers so far. `watch` is called with the
    check so far after every question. At last the server's sense of time is measured by `video.check`.
    """
    seed = int.from_bytes(os.urandom(3), "big") if seed is None else seed
    questions = tasks(seed)
    skipped = dict.fromkeys(one.skill for one in questions if endpoint.is_embedded and one.skill not in _TEXT)
    asked = [one for one in questions if one.skill not in skipped]
    owner = _owner(endpoint)
    so_far = Check(endpoint.model, seed, (), len(asked), 0.0, owner=owner, skipped=tuple(skipped))
    began, gone = time.perf_counter(), 0
    for task in asked:
        try:
            answer = _answer(endpoint, task)
            gone = 0
        except VlnbError as error:
            answer = Answered(task, "", right=False, error=str(error))
            gone = gone + 1 if isinstance(error, NoServer) else 0
        answered = (*so_far.answered, answer)
        so_far = replace(so_far, answered=answered, seconds=time.perf_counter() - began)
        watch(so_far)
        if gone == _GONE:
            return replace(so_far, stopped=f"Stopped after {len(answered)} questions: {answer.error}")
    return replace(so_far, clock=_clock(endpoint, seed))


def _clock(endpoint: Endpoint, seed: int) -> str:
    """Return what a clip with a clock says about the server's times; the embedded engine decodes no video."""
    if endpoint.is_embedded:
        return ""
    try:
        return str(video.check(endpoint, seconds=20, seed=seed))
    except VlnbError as error:
        return f"Video was not checked: {error}"


def _owner(endpoint: Endpoint) -> str:
    """Return who made the server, as it says of its models: "sglang", "vllm", "llamacpp", or "" if it does not say."""
    try:
        models = json.loads(look_up(endpoint.base_url, "/models", key=endpoint.api_key).body)["data"]
        return str(models[0]["owned_by"]).lower()
    except (VlnbError, ValueError, LookupError, TypeError, RecursionError):
        return ""


def _answer(endpoint: Endpoint, task: Task) -> Answered:
    reply = _ask(endpoint, task)
    note = "" if reply.text.strip() else reply.note
    found = Answered(task, reply.text, task.right(reply.text), note, cut=reply.finish_reason == "length")
    if task.box:
        space, overlap, factor = place(task, reply.text)
        note = f"IoU {overlap:.2f}, in pixels: {space or 'of no size that fits'}"
        found = replace(found, right=space == "seen", space=space, factor=factor, note=note)
    elif task.skill == "schema":
        if not obeys(reply.text):
            found = replace(found, note="does not match the schema")
        elif not endpoint.enforces_schemas:
            found = replace(found, right=False, note="this server does not enforce schemas")
    elif task.skill == "twice":
        again = _ask(endpoint, task)
        same = again.text == reply.text
        note = "" if same else f"first {reply.text[:60]!r}, then {again.text[:60]!r}"
        found = replace(found, right=same and bool(reply.text), note=note)
    elif task.skill == "usage":
        found = _counted(endpoint, task, found, reply)
    return found


def _counted(endpoint: Endpoint, task: Task, found: Answered, reply: Reply) -> Answered:
    """Judge how many tokens a picture adds to the prompt, by asking the same question without it."""
    alone = endpoint.ask(task.question, max_tokens=1, **_LIMITS).usage
    if reply.usage is None or alone is None:
        return replace(found, right=False, note="this server counts no tokens")
    added = max(0, reply.usage.prompt_tokens - alone.prompt_tokens - images.DELIMITER_TOKENS)
    expected = images.tokens(*task.pictures[0].size)
    right = abs(added - expected) <= images.DELIMITER_TOKENS
    return replace(found, right=right, picture_tokens=added, note=f"{added} tokens counted, {expected} expected")


def _ask(endpoint: Endpoint, task: Task) -> Reply:
    options = {**task.options, **_LIMITS, "max_tokens": _MAX_TOKENS}
    return endpoint.stream(task.question, *task.pictures, **options).reply


def place(task: Task, text: str) -> tuple[str, float, float]:
    """Return (space, IoU, factor): in which space the first box of an answer fits the true one best.

    The space is "" if the box fits in none of them.
    """
    assert task.box is not None  # noqa: S101 - for the type checker
    try:
        boxes = parse(text, seen=(10**6, 10**6), original=(10**6, 10**6), space="pixels").boxes  # as written
    except BadAnswer:
        boxes = ()
    if not boxes:
        return "", 0.0, 1.0
    answer, truth, (width, height) = boxes[0], task.box, task.pictures[0].size
    factor = sum(answer.corners) / sum(truth.corners)
    spaces = (
        ("seen", iou(answer, truth), 1.0),
        ("thousand", iou(answer, scaled(truth, 1000 / width, 1000 / height)), 1.0),
        ("resized", iou(answer, scaled(truth, factor, factor)), factor),
    )
    # Of two spaces that fit equally well the earlier one counts: a factor near 1 is no resizing.
    best = max(spaces, key=lambda one: round(one[1], 1))
    return best if best[1] >= _SAME else ("", *best[1:])
