"""The embedded engine as an OpenAI-compatible HTTP server (a Starlette application)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from vlnb import images
from vlnb.catalog import EMBEDDED_MODEL as MODEL
from vlnb.embedded.gate import Gate, error, error_body
from vlnb.embedded.request import Chat, Pictures, Refused, parse, pieces
from vlnb.embedded.skills import answer

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from vlnb.embedded.reader import Reader

MAX_BODY_BYTES = 48_000_000
MAX_HELD_BYTES = 96_000_000  # of all requests that arrive, wait, or are being answered
MAX_WAITING = 8  # besides the request that is being answered: about ten seconds for receipts
BODY_S = 30  # timeout for a whole body
_LISTED = {"id": MODEL, "object": "model", "created": 0, "owned_by": "vlnb", "root": MODEL}


def create_app(*, api_key: str | None, reader: Reader) -> Starlette:
    """Return the application. With `api_key`, every endpoint but /health requires it as a bearer token."""
    return Starlette(
        routes=[
            Route("/health", Response(), methods=["GET"]),
            Route("/v1/models", JSONResponse({"object": "list", "data": [_LISTED]}), methods=["GET"]),
            Route("/v1/chat/completions", _Engine(reader), methods=["POST"]),
        ],
        middleware=[Middleware(Gate, api_key=api_key)],
        exception_handlers={
            404: _not_found, 405: _not_found, Refused: _refused, TimeoutError: _late, Exception: _broken,
        },
    )  # fmt: skip


async def _not_found(request: Request, failure: Exception) -> Response:
    route = f"{request.method} {request.url.path[:100]}"
    message = f"The embedded engine has no {route}: it answers /v1/chat/completions, /v1/models and /health."
    return error(message, getattr(failure, "status_code", 404), "not_found")


async def _refused(_: Request, refused: Any) -> Response:  # noqa: ANN401 - a `Refused`, as the table says
    return error(str(refused), refused.status, refused.code, refused.param, refused.retry_s)


async def _late(_: Request, __: Exception) -> Response:
    return error(f"The request did not arrive completely within {BODY_S} s. Send it again.", 408, "timeout")


async def _broken(_: Request, failure: Exception) -> Response:
    message = f"The embedded engine failed on this request ({type(failure).__name__}: {failure}). It is still running."
    return error(message, 500, "internal_error")


@dataclass
class _Cost:
    """Token usage of an answer so far, and its finish reason."""

    prompt_tokens: int = 0
    image_tokens: int = 0
    completion_tokens: int = 0
    finish_reason: str = "stop"

    def usage(self) -> dict[str, Any]:
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
            "prompt_tokens_details": {"image_tokens": self.image_tokens},
        }


class _Engine:
    """POST /v1/chat/completions: one reader, the queue of requests for it, and the bytes that they hold."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._inside = 0  # requests that wait or are being answered
        self._turn = asyncio.Lock()
        self._last_s = 1.0  # how long the last request took
        self._held_bytes = 0
        self._parsing = asyncio.Lock()  # one body at a time, because parsing doubles its memory
        # One thread reads all pictures, because each new thread would keep memory of its own forever.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vlnb-read")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; its bytes count as held until the last byte of the answer is sent."""
        request, held = Request(scope, receive), 0
        try:
            async with asyncio.timeout(BODY_S):
                body = bytearray()
                # After a refusal `Connection` discards the rest, so that the client receives the refusal.
                async for part in request.stream():
                    self._admit(len(body), len(part))
                    body += part
                    self._held_bytes += len(part)
                    held += len(part)
            async with self._parsing:
                chat = await asyncio.to_thread(parse, body)
            del body
            await _unless_gone(request, self._respond(chat, scope, receive, send))
        finally:
            self._held_bytes -= held

    def _admit(self, size: int, chunk: int) -> None:
        if size + chunk > MAX_BODY_BYTES:
            message = f"The request has more than {MAX_BODY_BYTES / 1e6:.0f} MB. Send smaller or fewer pictures."
            raise Refused(message, 413, "request_too_large")
        if self._held_bytes + chunk > MAX_HELD_BYTES:
            message = f"The embedded engine already holds {MAX_HELD_BYTES / 1e6:.0f} MB of requests. Try again later."
            raise Refused(message, 429, "queue_full")

    async def _respond(self, chat: Chat, scope: Scope, receive: Receive, send: Send) -> None:
        cost = _Cost()
        async with contextlib.aclosing(self._tokens(chat, cost)) as tokens:
            await anext(tokens)  # waits for the turn and checks the pictures; from here on the status is 200
            response: Response
            if chat.stream:
                response = StreamingResponse(_events(chat, cost, tokens), media_type="text/event-stream")
            else:
                message = {"role": "assistant", "content": "".join([token async for token in tokens])}
                choice = {"index": 0, "message": message, "finish_reason": cost.finish_reason}
                answered = {**_envelope("chat.completion"), "choices": [choice], "usage": cost.usage()}
                response = JSONResponse(answered)
            await response(scope, receive, send)

    async def _tokens(self, chat: Chat, cost: _Cost) -> AsyncGenerator[str]:
        """Yield "" when the reader starts, then the answer token by token. Closing the generator stops the reader."""
        if self._inside > MAX_WAITING:
            wait_s = max(1, round(self._last_s))
            message = f"{MAX_WAITING} requests are already waiting for the embedded engine. Try again in {wait_s} s."
            raise Refused(message, 429, "queue_full", retry_s=wait_s)
        loop, stop = asyncio.get_running_loop(), threading.Event()
        self._inside += 1
        try:
            async with self._turn:
                begun = loop.time()
                texts = self._texts(chat, cost, stop.is_set)
                try:
                    while (text := await loop.run_in_executor(self._thread, next, texts, None)) is not None:
                        for token in pieces(text) or [""]:
                            if cost.completion_tokens == chat.max_tokens:
                                cost.finish_reason = "length"
                                return
                            cost.completion_tokens += bool(token)
                            yield token
                finally:
                    stop.set()
                    self._thread.submit(texts.close)  # before the next request's turn: it frees the reader
                    self._last_s = loop.time() - begun
        finally:
            self._inside -= 1

    def _texts(self, chat: Chat, cost: _Cost, stop: Callable[[], bool]) -> Generator[str]:
        """Yield "", then the parts of the answer. Runs in the reader's thread."""
        pictures = Pictures(chat.files, stop)
        cost.image_tokens = pictures.tokens
        cost.prompt_tokens = chat.text_tokens + pictures.tokens + images.DELIMITER_TOKENS * len(pictures)
        yield ""
        yield from filter(None, answer(chat, pictures, self._reader, stop))


async def _unless_gone(request: Request, work: Coroutine[Any, Any, None]) -> None:
    """Await the work, but cancel it if the client disconnects."""

    async def hung_up() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    tasks = [asyncio.create_task(work), asyncio.create_task(hung_up())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if tasks[0].done():
            tasks[0].result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _envelope(kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()), "model": MODEL}


async def _events(chat: Chat, cost: _Cost, tokens: AsyncIterator[str]) -> AsyncIterator[str]:
    """Yield the server-sent events of a streamed answer. The status is already sent, so a failure is an event too."""
    envelope = _envelope("chat.completion.chunk")

    def event(delta: dict[str, str], finish: str | None = None) -> str:
        return _sse({**envelope, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    try:
        yield event({"role": "assistant", "content": ""})
        async for token in tokens:
            yield event({"content": token})
        yield event({}, cost.finish_reason)
        if chat.include_usage:
            yield _sse({**envelope, "choices": [], "usage": cost.usage()})
        yield "data: [DONE]\n\n"
    except Refused as refused:
        yield _sse(error_body(str(refused), refused.status, refused.code, refused.param))
    except Exception as failure:  # noqa: BLE001
        yield _sse(error_body(f"The embedded engine failed: {failure}", 500, "internal_error"))


def _sse(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"
