"""Asking the questions of the vision check, one after the other."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vlnb import images
from vlnb.accuracy.check.grading import Answered, place
from vlnb.accuracy.check.result import Check
from vlnb.accuracy.check.tasks import Task, obeys, tasks
from vlnb.errors import NoServer, VlnbError

if TYPE_CHECKING:
    from vlnb.endpoint import Endpoint, Reply

_MAX_TOKENS = 160
_FIRST_S, _TOTAL_S = 60.0, 120.0
_GONE = 2  # questions in a row to which no server answers


def vision_check(
    endpoint: Endpoint, *, seed: int | None = None, watch: Callable[[Check], object] = lambda _: None
) -> Check:
    """Ask some twenty questions about pictures drawn for this check, and return how they were answered.

    The pictures are new with every `seed` (None draws one), so no server can know them. A question that fails counts
    as wrong, with its error; when no server answers any more the check ends, with what it has. `watch` is told the
    check so far after every question.
    """
    seed = int.from_bytes(os.urandom(3), "big") if seed is None else seed
    asked = tasks(seed)
    so_far = Check(endpoint.model, endpoint.base_url, seed, (), len(asked), 0.0)
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
    return so_far


def _answer(endpoint: Endpoint, task: Task) -> Answered:
    began = time.perf_counter()
    reply = _ask(endpoint, task)
    found = Answered(
        task, reply.text, task.right(reply.text), cut=reply.finish_reason == "length", seconds=reply.latency_s
    )
    if task.box:
        where = place(task, reply.text)
        note = f"IoU {where.overlap:.2f}, in pixels: {where.space or 'of no size that fits'}"
        found = replace(found, right=where.space == "seen", space=where.space, factor=where.factor, note=note)
    elif task.skill == "schema" and not obeys(reply.text):
        found = replace(found, note="not by the schema")
    elif task.skill == "twice":
        again = _ask(endpoint, task)
        same = again.text == reply.text
        note = "" if same else f"first {reply.text[:60]!r}, then {again.text[:60]!r}"
        found = replace(found, right=same and bool(reply.text), note=note)
    elif task.skill == "usage":
        found = _counted(endpoint, task, found, reply)
    return replace(found, seconds=time.perf_counter() - began)


def _counted(endpoint: Endpoint, task: Task, found: Answered, reply: Reply) -> Answered:
    """Judge what a picture adds to the prompt: the same question without it costs so many tokens fewer."""
    alone = endpoint.ask(task.question, max_tokens=1, first_token_s=_FIRST_S, total_s=_TOTAL_S).usage
    if reply.usage is None or alone is None:
        return replace(found, right=False, note="this server counts no tokens")
    added = max(0, reply.usage.prompt_tokens - alone.prompt_tokens - images.DELIMITER_TOKENS)
    expected = images.tokens(*task.pictures[0].size)
    return replace(
        found,
        right=abs(added - expected) <= images.DELIMITER_TOKENS,
        picture_tokens=added,
        note=f"{added} tokens counted, {expected} expected",
    )


def _ask(endpoint: Endpoint, task: Task) -> Reply:
    options: dict[str, Any] = {
        **task.options, "max_tokens": _MAX_TOKENS, "first_token_s": _FIRST_S, "total_s": _TOTAL_S
    }  # fmt: skip
    if not task.raw:
        return endpoint.ask(task.question, *task.pictures, **options)
    # The file as it is: vlnb would turn it upright, put it on white, and bring it to the size that is seen.
    content = [
        {"type": "image_url", "image_url": {"url": task.raw}},
        {"type": "text", "text": task.question},
    ]
    return endpoint.ask(task.question, messages=[{"role": "user", "content": content}], **options)
