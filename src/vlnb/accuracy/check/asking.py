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
_CLIP_S = 20.0  # length of the clip that tests the sense of time
_TEXT = ("seen", "fine print", "places", "tables", "twice", "usage")  # skills of an engine that only reads
_LOST = 2  # questions in a row without a server
_SAME = 0.5  # IoU from which two boxes are the same place


@dataclass(frozen=True)
class Answered:
    """The answer to one task, and whether it is right. `note` explains a verdict that is not obvious.

    `space` is the coordinate space of a box: "seen", "thousand", "resized" (then `factor` is the size relative to the
    picture sent), or "" if it fits none. `picture_tokens` are the tokens that the picture adds to the prompt by the
    server's count, without its delimiters.
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
    """Ask 24 questions about pictures drawn for this check, and return the answers with their verdicts.

    The embedded engine only reads text, so it gets only the questions about text.

    Each `seed` gives new pictures (None chooses one), so no server can know them. A question that fails counts as
    wrong, with its error; when the server stops answering, the check ends with the answers so far. `watch` is called
    with the check so far after every question. Finally, `video.check` tests the server's sense of time.
    """
    seed = int.from_bytes(os.urandom(3), "big") if seed is None else seed
    questions = tasks(seed)
    skipped = dict.fromkeys(task.skill for task in questions if endpoint.is_embedded and task.skill not in _TEXT)
    todo = [task for task in questions if task.skill not in skipped]
    owner = _owner(endpoint)
    so_far = Check(endpoint.model, seed, (), len(todo), 0.0, owner=owner, skipped=tuple(skipped))
    began, lost = time.perf_counter(), 0
    for task in todo:
        try:
            answer = _answer(endpoint, task)
            lost = 0
        except VlnbError as error:
            answer = Answered(task, "", right=False, error=str(error))
            lost = lost + 1 if isinstance(error, NoServer) else 0
        answered = (*so_far.answered, answer)
        so_far = replace(so_far, answered=answered, seconds=time.perf_counter() - began)
        watch(so_far)
        if lost == _LOST:
            return replace(so_far, stopped=f"Stopped after {len(answered)} questions: {answer.error}")
    return replace(so_far, clock=_clock(endpoint, seed))


def _clock(endpoint: Endpoint, seed: int) -> str:
    """Return the result of `video.check` as text; "" for the embedded engine, which decodes no video."""
    if endpoint.is_embedded:
        return ""
    try:
        return str(video.check(endpoint, seconds=_CLIP_S, seed=seed))
    except VlnbError as error:
        return f"Video was not checked: {error}"


def _owner(endpoint: Endpoint) -> str:
    """Return the server's maker from `owned_by` of its models: "sglang", "vllm", "llamacpp", or "" if it is missing."""
    try:
        models = json.loads(look_up(endpoint.base_url, "/models", key=endpoint.api_key).body)["data"]
        return str(models[0]["owned_by"]).lower()
    except (VlnbError, ValueError, LookupError, TypeError, RecursionError):
        return ""


def _answer(endpoint: Endpoint, task: Task) -> Answered:
    reply = _ask(endpoint, task)
    note = "" if reply.text.strip() else reply.note
    answered = Answered(task, reply.text, task.right(reply.text), note, cut=reply.finish_reason == "length")
    if task.box:
        space, overlap, factor = place(task, reply.text)
        note = f"IoU {overlap:.2f}, in pixels: {space or 'of no size that fits'}"
        answered = replace(answered, right=space == "seen", space=space, factor=factor, note=note)
    elif task.skill == "schema":
        if not obeys(reply.text):
            answered = replace(answered, note="does not match the schema")
        elif not endpoint.enforces_schemas:
            answered = replace(answered, right=False, note="this server does not enforce schemas")
    elif task.skill == "twice":
        again = _ask(endpoint, task)
        same = again.text == reply.text
        note = "" if same else f"first {reply.text[:60]!r}, then {again.text[:60]!r}"
        answered = replace(answered, right=same and bool(reply.text), note=note)
    elif task.skill == "usage":
        answered = _counted(endpoint, task, answered, reply)
    return answered


def _counted(endpoint: Endpoint, task: Task, answered: Answered, reply: Reply) -> Answered:
    """Judge how many tokens the picture adds to the prompt: ask the same question without it, and compare."""
    alone = endpoint.ask(task.question, max_tokens=1, **_LIMITS).usage
    if reply.usage is None or alone is None:
        return replace(answered, right=False, note="this server counts no tokens")
    added = max(0, reply.usage.prompt_tokens - alone.prompt_tokens - images.DELIMITER_TOKENS)
    expected = images.tokens(*task.pictures[0].size)
    right = abs(added - expected) <= images.DELIMITER_TOKENS
    return replace(answered, right=right, picture_tokens=added, note=f"{added} tokens counted, {expected} expected")


def _ask(endpoint: Endpoint, task: Task) -> Reply:
    options = {**task.options, **_LIMITS, "max_tokens": _MAX_TOKENS}
    return endpoint.stream(task.question, *task.pictures, **options).reply


def place(task: Task, text: str) -> tuple[str, float, float]:
    """Return (space, IoU, factor) of the coordinate space in which an answer's first box fits the true one best.

    The space is "" if the box fits in none.
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
    # If two spaces fit equally well, the first wins: a factor near 1 is no resizing.
    best = max(spaces, key=lambda row: round(row[1], 1))
    return best if best[1] >= _SAME else ("", *best[1:])
