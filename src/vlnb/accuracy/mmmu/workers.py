"""Ask questions from several threads, of one or more servers: which thread takes which, and what a failure means."""

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

_TRIES, _WAIT_S, _LONGEST_S = 6, 1.0, 30.0  # for an overloaded server
_RETRIED = {429, 502, 503, 504}  # HTTP status of an overloaded server
_FIRST_TOKEN_S = 600.0  # many concurrent questions wait for each other
_POLL_S = 0.05
_GONE = 3  # questions in a row without a connection


@dataclass(frozen=True)
class StoredAnswer:
    """The answer of a model to one question. If it failed, `text` is None and `error` says why in a sentence."""

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
    """The questions to ask, the threads that ask them, and their answers."""

    def __init__(self, questions: QuestionSet, missing: Iterable[Question], max_tokens: int) -> None:
        self._questions, self._max_tokens = questions, max_tokens
        self._todo = deque(missing)
        self._left = len(self._todo)  # questions without an answer, including those in flight
        self._came: queue.SimpleQueue[StoredAnswer | None] = queue.SimpleQueue()
        self._stopped, self._lock = threading.Event(), threading.Lock()
        # Few threads decode pictures, because each thread that has done so keeps the memory of one.
        self._preparing = ThreadPoolExecutor(os.cpu_count() or 1, "vlnb-mmmu-pictures")
        self._silent: dict[str, int] = {}
        self._asking = 0
        self._silence = ""

    @property
    def gone(self) -> str:
        """Why questions are left although nobody stopped the run: no server answers. Otherwise ""."""
        return self._silence if self._left and not self._stopped.is_set() else ""

    def begin(self, endpoints: Sequence[Endpoint], each: int) -> None:
        """Start `each` threads for each server."""
        self._asking = each * len(endpoints)
        for endpoint in endpoints:
            for _ in range(each):
                threading.Thread(target=self._ask_all, args=(endpoint,), name="vlnb-mmmu", daemon=True).start()

    def next(self) -> StoredAnswer | None:
        """Wait for the next answer and return it, or None when all threads have ended."""
        while self._asking:
            answer = self._came.get()
            if answer is not None:
                return answer
            self._asking -= 1
        return None

    def stop(self) -> None:
        """Let each thread end after its current question."""
        self._stopped.set()
        self._preparing.shutdown(wait=False, cancel_futures=True)

    def _ask_all(self, endpoint: Endpoint) -> None:
        try:
            while self._left and not self._stopped.is_set() and self._silent.get(endpoint.base_url, 0) < _GONE:
                try:
                    question = self._todo.popleft()
                except IndexError:  # another server may fail and hand its question back
                    self._stopped.wait(_POLL_S)
                    continue
                try:
                    answer = self._ask(endpoint, question)
                except Exception as error:  # noqa: BLE001 - such as a failing disk: the other questions go on
                    why = f"The question could not be asked: {error!r}. Check the place its pictures are read from."
                    answer = StoredAnswer(question.id, None, why, server=endpoint.base_url)
                if answer is None:  # left to another server, or to a resumed run
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
        """Return the messages of a question. Of its pictures only the encoded text stays in memory."""
        content: list[dict[str, Any]] = []
        for part in question.said(self._questions.pictures(question)):
            if isinstance(part, str):
                content.append({"type": "text", "text": part})
            else:
                seen = images.load(part, seen_pixels=images.MAX_PIXELS).seen()
                content.append({"type": "image_url", "image_url": {"url": images.data_uri(seen)}})
        return [{"role": "user", "content": content}]

    def _ask(self, endpoint: Endpoint, question: Question) -> StoredAnswer | None:
        """Ask one question. A failure is an answer too; None means that the server has gone."""
        failed = StoredAnswer(question.id, None, server=endpoint.base_url)
        wait = _WAIT_S
        for last in (False,) * (_TRIES - 1) + (True,):
            try:
                messages = self._preparing.submit(self._messages, question).result()
                reply = endpoint.ask(
                    "", messages=messages, max_tokens=self._max_tokens,
                    first_token_s=_FIRST_TOKEN_S, total_s=2 * _FIRST_TOKEN_S,
                )  # fmt: skip
            except NoServer as error:
                self._silent[endpoint.base_url] = self._silent.get(endpoint.base_url, 0) + 1
                self._silence = str(error)
                return None
            except ServerRefused as error:
                if last or error.status not in _RETRIED or self._stopped.is_set():
                    return replace(failed, error=str(error))
                # Overloaded: wait as long as the server asks for, or a little longer each time.
                self._pause(min(_LONGEST_S, error.retry_after_s or wait))
                wait *= 2
            except VlnbError as error:
                return replace(failed, error=str(error))
            else:
                break
        self._silent[endpoint.base_url] = 0
        usage = reply.usage
        return StoredAnswer(
            id=question.id,
            text=reply.text,
            finish_reason=reply.finish_reason,
            seconds=round(reply.latency_s, 4),
            prompt_tokens=usage.prompt_tokens if usage else 0,
            completion_tokens=usage.completion_tokens if usage else 0,
            server=endpoint.base_url,
        )
