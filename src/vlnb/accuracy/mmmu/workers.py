"""Asking questions from several threads, of one server or several: who takes the next, and what a failure means."""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vlnb import images, records
from vlnb.errors import NoServer, ServerRefused, VlnbError

if TYPE_CHECKING:
    from vlnb.accuracy.mmmu.question import Question
    from vlnb.accuracy.mmmu.sets import QuestionSet
    from vlnb.endpoint import Endpoint

_TRIES, _WAIT_S, _LONGEST_S = 6, 1.0, 30.0  # of a server that has too much to do
_PATIENCE_S = 600.0  # for a first token: with many questions at once they wait for each other
_LOOK_S = 0.05
_GONE = 3  # questions in a row that no server answered
_BUSY = {429, 502, 503, 504}


@dataclass(frozen=True)
class Answer:
    """What a model said to one question: `text` is None where it failed, and then `error` says why in a sentence."""

    id: str
    text: str | None
    error: str | None = None
    finish_reason: str = ""
    seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    server: str = ""

    def __post_init__(self) -> None:
        records.plausible(self.seconds, self.prompt_tokens, self.completion_tokens)


class Work:
    """The questions to ask, the threads that ask them, and what they bring."""

    def __init__(self, questions: QuestionSet, missing: Iterable[Question], max_tokens: int) -> None:
        self._questions, self._max_tokens = questions, max_tokens
        self._todo = deque(missing)
        self._left = len(self._todo)  # questions without an answer, those on their way too
        self._came: queue.SimpleQueue[Answer | None] = queue.SimpleQueue()
        self._stopped, self._lock = threading.Event(), threading.Lock()
        # Pictures are decoded by few threads: each thread that ever did so keeps the memory that one takes.
        self._preparing = ThreadPoolExecutor(os.cpu_count() or 1, "vlnb-mmmu-pictures")
        self._silent: dict[str, int] = {}
        self._asking = 0
        self._silence = ""

    @property
    def gone(self) -> str:
        """Why questions are left although nobody stopped: no server answers any more."""
        return self._silence if self._left and not self._stopped.is_set() else ""

    def begin(self, endpoints: Sequence[Endpoint], each: int) -> None:
        """Start `each` threads a server."""
        self._asking = each * len(endpoints)
        for endpoint in endpoints:
            for _ in range(each):
                threading.Thread(target=self._ask_all, args=(endpoint,), name="vlnb-mmmu", daemon=True).start()

    def next(self) -> Answer | None:
        """Return the next answer, waiting for it; None when all threads have ended."""
        while self._asking:
            answer = self._came.get()
            if answer is not None:
                return answer
            self._asking -= 1
        return None

    def stop(self) -> None:
        """Have the threads end after the question that they are at."""
        self._stopped.set()
        self._preparing.shutdown(wait=False, cancel_futures=True)

    def _ask_all(self, endpoint: Endpoint) -> None:
        try:
            while self._left and not self._stopped.is_set() and self._silent.get(endpoint.base_url, 0) < _GONE:
                try:
                    question = self._todo.popleft()
                except IndexError:  # another server may go, and give its question back
                    self._stopped.wait(_LOOK_S)
                    continue
                try:
                    answer = self._ask(endpoint, question)
                except Exception as error:  # noqa: BLE001 - a disk that fails under the pictures, say: others go on
                    why = f"The question could not be asked: {error!r}. Look at where its pictures are read from."
                    answer = Answer(question.id, None, why, server=endpoint.base_url)
                if answer is None:  # for another server, or for a later run
                    self._todo.appendleft(question)
                else:
                    with self._lock:
                        self._left -= 1
                    self._came.put(answer)
        finally:
            self._came.put(None)

    def _pause(self, seconds: float) -> None:
        self._stopped.wait(seconds)

    def _messages(self, question: Question) -> list[dict[str, Any]]:
        """Return what is said of a question. Of its pictures nothing but their text is kept while it waits."""
        content: list[dict[str, Any]] = []
        for part in question.said(self._questions.pictures(question)):
            if isinstance(part, str):
                content.append({"type": "text", "text": part})
            else:
                seen = images.load(part, seen_pixels=images.MAX_PIXELS).seen()
                content.append({"type": "image_url", "image_url": {"url": images.data_uri(seen)}})
        return [{"role": "user", "content": content}]

    def _ask(self, endpoint: Endpoint, question: Question) -> Answer | None:
        """Ask one question; a failure is an answer too. None where the server is not there any more."""
        failed = Answer(question.id, None, server=endpoint.base_url)
        wait = _WAIT_S
        for last in (False,) * (_TRIES - 1) + (True,):
            try:
                messages = self._preparing.submit(self._messages, question).result()
                reply = endpoint.ask(
                    "", messages=messages, max_tokens=self._max_tokens,
                    first_token_s=_PATIENCE_S, total_s=2 * _PATIENCE_S,
                )  # fmt: skip
            except NoServer as error:
                self._silent[endpoint.base_url] = self._silent.get(endpoint.base_url, 0) + 1
                self._silence = str(error)
                return None
            except ServerRefused as error:
                if last or error.status not in _BUSY or self._stopped.is_set():
                    return replace(failed, error=str(error))
                # Busy: wait as long as it asks for, else a little longer each time.
                self._pause(min(_LONGEST_S, error.retry_after_s or wait))
                wait *= 2
            except VlnbError as error:
                return replace(failed, error=str(error))
            else:
                break
        self._silent[endpoint.base_url] = 0
        usage = reply.usage
        return Answer(
            id=question.id,
            text=reply.text,
            finish_reason=reply.finish_reason,
            seconds=round(reply.latency_s, 4),
            prompt_tokens=usage.prompt_tokens if usage else 0,
            completion_tokens=usage.completion_tokens if usage else 0,
            server=endpoint.base_url,
        )
