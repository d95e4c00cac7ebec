"""Ask one question or many. Every run is stored before its request is sent, and one `stop` ends them all."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from vlnb.errors import VlnbError

if TYPE_CHECKING:
    from vlnb.endpoint import Endpoint, Stream
    from vlnb.playground.history import History, Run
    from vlnb.playground.question import Attachment, Question

Cell = tuple["Endpoint", "Question"]
OnText = Callable[[str], object]

_SAVE_S = 1.0  # interval at which an answer that is arriving is saved


class Asker:
    """Asks questions and stores every run in `history`, also those that are stopped or fail."""

    def __init__(self, history: History) -> None:
        self.history = history
        self._streams: set[Stream] = set()
        self._stops = 0

    def stop(self) -> None:
        """Stop all questions at once. The text so far is kept."""
        self._stops += 1
        for stream in tuple(self._streams):  # at once: other threads add theirs meanwhile
            stream.close()

    def ask(
        self,
        endpoint: Endpoint,
        question: Question,
        parent_id: int | None = None,
        on_text: OnText = lambda _: None,
        stops: int | None = None,
    ) -> Run:
        """Ask, call `on_text` with the text so far whenever more of it arrives, and return the run.

        `stops` is how often `stop` had been called when the work began (default: until now): any later call ends the
        question. A failure of the server becomes the run's `error`. Raises `BadInput` if the question cannot be asked
        (no run is stored then), or the history cannot be used.
        """
        stops = self._stops if stops is None else stops
        prompt, options = question.arguments(self.history.load)
        run = self.history.add(question, endpoint, parent_id)
        try:
            with contextlib.ExitStack() as stack:
                stream = stack.enter_context(contextlib.closing(endpoint.stream(prompt, **options)))
                self._streams.add(stream)
                stack.callback(self._streams.discard, stream)
                if self._stops != stops:
                    stream.close()
                saved = time.monotonic()
                for piece in stream:
                    run = replace(run, answer=run.answer + piece)
                    on_text(run.answer)
                    if time.monotonic() - saved > _SAVE_S:
                        self.history.save(run, endpoint)
                        saved = time.monotonic()
                reply = None if stream.closed else stream.reply
            facts = reply.as_dict() if reply else {}
            run = replace(run, state="done" if reply else "stopped", facts=facts, reply=reply)
        except VlnbError as error:
            run = replace(run, state="failed", error=str(error))
        except BaseException:  # Ctrl-C
            run = replace(run, state="stopped")
            raise
        finally:
            self.history.save(run, endpoint)
        return run

    def matrix(
        self, cells: Sequence[Cell], parent_id: int | None = None, on_run: Callable[[Run], object] = lambda _: None
    ) -> list[Run]:
        """Ask many questions and return the runs in order. Each server gets one at a time, so times are comparable.

        Calls `on_run` with each run as it ends. After `stop`, no more questions are asked. Raises as `ask` does.
        """
        for _, question in cells:
            question.arguments(self.history.load)  # asks nothing if one of the questions is invalid
        stops = self._stops
        runs: dict[int, Run] = {}

        def work(server: str) -> None:
            for number, (endpoint, question) in enumerate(cells):
                if endpoint.base_url == server and self._stops == stops:
                    runs[number] = self.ask(endpoint, question, parent_id, stops=stops)
                    on_run(runs[number])

        servers = {endpoint.base_url for endpoint, _ in cells}
        with ThreadPoolExecutor(max(1, len(servers))) as pool:
            try:
                list(pool.map(work, servers))
            except BaseException:  # Ctrl-C: the pool would wait for all questions
                self.stop()
                raise
        return [runs[number] for number in sorted(runs)]


def cells(
    question: Question, prompts: Sequence[str], endpoints: Sequence[Endpoint], max_pixels: Sequence[int]
) -> list[Cell]:
    """Return every combination of prompts, servers and resolutions, for each picture of a question separately."""
    pictures: list[tuple[Attachment, ...]] = [(picture,) for picture in question.pictures] or [()]
    return [
        (endpoint, replace(question, pictures=chosen, prompt=prompt, max_pixels=budget))
        for chosen, prompt, endpoint, budget in product(pictures, prompts, endpoints, max_pixels)
    ]
