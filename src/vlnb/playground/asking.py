"""Asking: one question or many, each kept from before it is sent until it has ended, and one stop for all."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING
from weakref import WeakSet

from vlnb.errors import VlnbError

if TYPE_CHECKING:
    from vlnb.endpoint import Endpoint, Stream
    from vlnb.playground.history import History, Run
    from vlnb.playground.question import Question, Shown

Cell = tuple["Endpoint", "Question"]

_SAVED_S = 1.0  # between two savings of an answer on its way


class Asker:
    """Asks questions and keeps every run in `history`, also those that are stopped or fail."""

    def __init__(self, history: History) -> None:
        self.history = history
        self._streams: WeakSet[Stream] = WeakSet()
        self._stops = 0

    def stop(self) -> None:
        """Hang up on every question at once; what has arrived is kept."""
        self._stops += 1
        for stream in tuple(self._streams):
            stream.close()

    def ask(
        self, endpoint: Endpoint, question: Question, parent_id: int | None = None, told: Callable[[str], object] = len
    ) -> Run:
        """Ask, call `told` with the text so far whenever there is more, and return the run.

        What fails is in the run's `error`. Raises `BadInput` if the question cannot be asked, which is no run then, or
        the history cannot be used.
        """
        stops = self._stops
        said, options = question.said(self.history.load)
        run = self.history.add(question, endpoint, parent_id)
        try:
            with contextlib.closing(endpoint.stream(said, **options)) as stream:
                self._streams.add(stream)
                if self._stops != stops:
                    stream.close()
                saved = time.monotonic()
                for piece in stream:
                    run = replace(run, answer=run.answer + piece)
                    told(run.answer)
                    if time.monotonic() - saved > _SAVED_S:
                        self.history.save(run, endpoint)
                        saved = time.monotonic()
                reply = None if stream.closed else stream.reply
            facts = reply.as_dict() if reply else {}
            run = replace(run, state="done" if reply else "stopped", facts=facts, reply=reply)
        except VlnbError as error:
            run = replace(run, state="failed", error=str(error))
        except BaseException:  # Ctrl-C: the stream has hung up
            run = replace(run, state="stopped")
            raise
        finally:
            self.history.save(run, endpoint)
        return run

    def matrix(
        self, cells: Sequence[Cell], parent_id: int | None = None, told: Callable[[Run], object] = repr
    ) -> list[Run]:
        """Ask many questions, one at a time on each server so that times can be compared, and return the runs in order.

        `told` gets each run as it ends. After `stop`, no more are asked. Raises what `ask` raises.
        """
        for _, question in cells:
            question.said(self.history.load)  # nothing is asked if one of them cannot be
        stops = self._stops
        found: dict[int, Run] = {}

        def work(server: str) -> None:
            for number, (endpoint, question) in enumerate(cells):
                if endpoint.base_url == server and self._stops == stops:
                    found[number] = self.ask(endpoint, question, parent_id)
                    told(found[number])

        servers = {endpoint.base_url for endpoint, _ in cells}
        with ThreadPoolExecutor(max(1, len(servers))) as pool:
            list(pool.map(work, servers))
        return [found[number] for number in sorted(found)]


def cells(
    question: Question, prompts: Sequence[str], endpoints: Sequence[Endpoint], max_pixels: Sequence[int]
) -> list[Cell]:
    """Return every combination of prompts, servers and resolutions, for each picture of a question by itself."""
    pictures: list[tuple[Shown, ...]] = [(one,) for one in question.pictures] or [()]
    return [
        (endpoint, replace(question, pictures=shown, prompt=prompt, max_pixels=most))
        for shown, prompt, endpoint, most in product(pictures, prompts, endpoints, max_pixels)
    ]
