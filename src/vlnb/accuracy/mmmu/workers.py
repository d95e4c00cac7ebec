"""Send questions to one or more servers, several at once, and handle overloaded and lost servers."""

from __future__ import annotations

import os
import queue
import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import sleep
from typing import TYPE_CHECKING

from vlnb.errors import NoServer, ServerRefused, VlnbError
from vlnb.records import Count, Number  # noqa: TC001 - pydantic reads the annotations

if TYPE_CHECKING:
    from vlnb.accuracy.mmmu.question import Question
    from vlnb.accuracy.mmmu.sets import QuestionSet
    from vlnb.endpoint import Endpoint, Reply
    from vlnb.endpoint.stream import Stream

_WAITS_S = (1.0, 2.0, 4.0, 8.0, 16.0)  # before each further try, for an overloaded server
_LONGEST_S = 30.0
_RETRIED = {429, 502, 503, 504}  # HTTP status of an overloaded server
_FIRST_TOKEN_S = 600.0  # long, because many concurrent questions wait for each other
_LOST = 3  # questions in a row without a connection


@dataclass(frozen=True)
class StoredAnswer:
    """A model's answer to one question. If it failed, `text` is None and `error` says why in a sentence."""

    id: str
    text: str | None
    error: str | None = None
    finish_reason: str = ""
    seconds: Number = 0.0
    prompt_tokens: Count = 0
    completion_tokens: Count = 0
    server: str = ""


class Work:
    """The questions left to ask, the threads that ask them, and their answers as they arrive."""

    def __init__(self, questions: QuestionSet, missing: Iterable[Question], max_tokens: int) -> None:
        self._questions, self._max_tokens = questions, max_tokens
        self._todo = deque(missing)
        # Few threads decode pictures, because each of them keeps the memory of one picture afterwards.
        self._preparing = ThreadPoolExecutor(os.cpu_count() or 1, "vlnb-mmmu-pictures")

    def answers(self, endpoints: Sequence[Endpoint], concurrency: int) -> Iterator[StoredAnswer]:
        """Send `concurrency` questions at once to each server, and yield the answers as they arrive.

        A question that a lost server did not answer goes to another one. Raises `NoServer` when all servers are lost.
        """
        free = deque(endpoint for _ in range(concurrency) for endpoint in endpoints)
        results: queue.SimpleQueue[tuple[Endpoint, Question, StoredAnswer | NoServer]] = queue.SimpleQueue()
        lost: Counter[str] = Counter()
        result: StoredAnswer | NoServer | None = None
        asking = 0

        def ask(endpoint: Endpoint, question: Question) -> None:
            results.put((endpoint, question, self._ask(endpoint, question)))

        while True:
            while self._todo and free:
                job = (free.popleft(), self._todo.popleft())
                # Daemon threads, so that Ctrl-C does not wait for answers in flight.
                threading.Thread(target=ask, args=job, name="vlnb-mmmu", daemon=True).start()
                asking += 1
            if isinstance(result, StoredAnswer):
                yield result  # only now: the next question is in flight while the caller grades this answer
            elif result and not asking:
                raise result
            if not asking:
                return
            endpoint, question, result = results.get()
            asking -= 1
            if isinstance(result, NoServer):
                lost[endpoint.base_url] += 1
                self._todo.appendleft(question)
            else:
                lost[endpoint.base_url] = 0
            if lost[endpoint.base_url] < _LOST:
                free.append(endpoint)

    def stop(self) -> None:
        """Send no more questions, and abandon those in flight: the pool refuses to prepare one again."""
        self._preparing.shutdown(wait=False, cancel_futures=True)

    def _ask(self, endpoint: Endpoint, question: Question) -> StoredAnswer | NoServer:
        """Ask one question. A failure becomes an answer with an `error`, unless the server is lost."""
        try:
            reply = self._reply(endpoint, question)
        except NoServer as error:
            return error
        except Exception as error:  # noqa: BLE001 - no error, such as a failing disk, may stop the other questions
            reason = f"The question could not be asked: {error!r}. Check where its pictures are stored."
            reason = str(error) if isinstance(error, VlnbError) else reason
            return StoredAnswer(question.id, None, reason, server=endpoint.base_url)
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

    def _reply(self, endpoint: Endpoint, question: Question) -> Reply:
        """Repeat the request while the server is overloaded, after the wait that it asks for, or doubling the wait."""
        waits = iter(_WAITS_S)
        while True:
            try:
                return self._preparing.submit(self._stream, endpoint, question).result().reply
            except ServerRefused as error:
                wait = next(waits, None)
                if wait is None or error.status not in _RETRIED:
                    raise
                sleep(min(_LONGEST_S, error.retry_after_s or wait))

    def _stream(self, endpoint: Endpoint, question: Question) -> Stream:
        content = question.content(self._questions.pictures(question))
        return endpoint.stream(
            content, max_tokens=self._max_tokens, first_token_s=_FIRST_TOKEN_S, total_s=2 * _FIRST_TOKEN_S
        )
