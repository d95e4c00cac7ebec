"""The embedded engine as an OpenAI-compatible HTTP server (a Starlette application)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from vlnb import images
from vlnb.catalog import EMBEDDED_MODEL as MODEL
from vlnb.embedded.gate import Gate, error, error_body
from vlnb.embedded.reader import Reader, Stopped
from vlnb.embedded.request import Chat, Pictures, Refused, parse, pieces
from vlnb.embedded.skills import answer

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

MAX_BODY_BYTES = 48_000_000
MAX_HELD_BYTES = 96_000_000  # of all requests that arrive, wait, or are being answered
MAX_WAITING = 8  # besides the request that is being read: about ten seconds of receipts
BODY_S = 30  # for a whole body


def create_app(*, api_key: str | None, reader: Reader) -> Starlette:
    """Return the application. With `api_key`, every endpoint but /health requires it as a bearer token."""
    return Starlette(
        routes=[
            Route("/health", _health),
            Route("/v1/models", _models),
            Route("/v1/models/{name:path}", _models),
            Route("/v1/chat/completions", _Engine(reader), methods=["POST"]),
        ],
        middleware=[Middleware(Gate, api_key=api_key)],
        exception_handlers={404: _not_found, 405: _not_found, Exception: _broken},
    )


async def _health(_: Request) -> Response:
    return Response(status_code=200)


async def _models(request: Request) -> Response:
    model = {"id": MODEL, "object": "model", "created": 0, "owned_by": "vlnb", "root": MODEL}
    name = request.path_params.get("name")
    if name is None:
        return JSONResponse({"object": "list", "data": [model]})
    if name == MODEL:
        return JSONResponse(model)
    return error(f"There is no model {name[:100]!r} here, only {MODEL!r}.", 404, "model_not_found")


async def _not_found(request: Request, failure: Exception) -> Response:
    here = f"{request.method} {request.url.path[:100]}"
    message = f"The embedded engine has no {here}: it answers /v1/chat/completions, /v1/models and /health."
    return error(message, getattr(failure, "status_code", 404), "not_found")


async def _broken(_: Request, failure: Exception) -> Response:
    message = f"The embedded engine failed on this request ({type(failure).__name__}: {failure}). It is still running."
    return error(message, 500, "internal_error")


@dataclass
class _Body:
    """A body that arrives, and how many of its bytes count as held."""

    data: bytearray = field(default_factory=bytearray)
    counted: int = 0


@dataclass
class _Cost:
    """What an answer costs so far, and why it ended."""

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
    """The one reader, the requests that wait for it, and the path of an answer from its thread to the socket."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._inside = 0  # requests that wait or are being read
        self._turn = asyncio.Lock()
        self._last_s = 1.0  # how long the last request took
        self._held_bytes = 0
        self._parsing = asyncio.Lock()  # one body at a time: parsing it takes as much memory again
        # One thread reads all pictures, because each new thread would keep memory of its own for good.
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        threading.Thread(target=self._run_jobs, name="vlnb-read", daemon=True).start()

    def _run_jobs(self) -> None:
        while True:
            self._jobs.get()()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer POST /v1/chat/completions; its bytes count as held until its last byte is sent."""
        request, body = Request(scope, receive, send), _Body()
        try:
            await (await self._chat(request, body))(scope, receive, send)
        finally:
            self._held_bytes -= body.counted

    async def _chat(self, request: Request, body: _Body) -> Response:
        try:
            async with asyncio.timeout(BODY_S):
                await self._take_in(request, body)
            async with self._parsing:
                chat = await asyncio.to_thread(parse, body.data)
            body.data = bytearray()
            cost = _Cost()
            tokens = self._tokens(chat, request, cost)
            await anext(tokens)  # its turn has come and its pictures are whole: the status is 200
            if chat.stream:
                return StreamingResponse(_events(chat, cost, tokens), media_type="text/event-stream")
            message = {"role": "assistant", "content": "".join([token async for token in tokens])}
            choice = {"index": 0, "message": message, "finish_reason": cost.finish_reason}
            return JSONResponse({**_envelope("chat.completion"), "choices": [choice], "usage": cost.usage()})
        except TimeoutError:
            return error(f"The request did not arrive completely within {BODY_S} s. Send it again.", 408, "timeout")
        except Refused as refused:
            return error(str(refused), refused.status, refused.code, refused.param, refused.retry_s)
        except ClientDisconnect:
            return Response(status_code=499)

    async def _take_in(self, request: Request, body: _Body) -> None:
        """Read the body. After a refusal `Connection` discards the rest, so that the client receives the refusal."""
        async for part in request.stream():
            if len(body.data) + len(part) > MAX_BODY_BYTES:
                message = f"The request has more than {MAX_BODY_BYTES / 1e6:.0f} MB. Send smaller or fewer pictures."
                raise Refused(message, 413, "request_too_large")
            if self._held_bytes + len(part) > MAX_HELD_BYTES:
                message = (
                    f"The embedded engine already holds {MAX_HELD_BYTES / 1e6:.0f} MB of requests. Try again later."
                )
                raise Refused(message, 429, "queue_full")
            self._held_bytes += len(part)
            body.counted += len(part)
            body.data += part

    async def _tokens(self, chat: Chat, request: Request, cost: _Cost) -> AsyncIterator[str]:
        """Yield "" when the reading begins, then the answer token by token; stop the reader if the client hangs up."""
        out: asyncio.Queue[Any] = asyncio.Queue()
        tasks = [asyncio.create_task(self._work(chat, cost, out)), asyncio.create_task(_hung_up(request, out))]
        try:
            while (item := await out.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                for token in pieces(item) or [""]:
                    if cost.completion_tokens == chat.max_tokens:
                        cost.finish_reason = "length"
                        return
                    cost.completion_tokens += bool(token)
                    yield token
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, chat: Chat, cost: _Cost, out: asyncio.Queue[Any]) -> None:
        """Wait for the reader and run it; when cancelled, free the place once the reader has stopped.

        Puts "", the texts of the answer, and None into `out`, or the exception that ended it.
        """
        loop = asyncio.get_running_loop()
        done, stop = asyncio.Event(), threading.Event()

        def call(function: Callable[..., object], *arguments: object) -> None:
            with contextlib.suppress(RuntimeError):  # the server was shut down
                loop.call_soon_threadsafe(function, *arguments)

        def read() -> None:
            try:
                pictures = Pictures(chat.files, stop.is_set)
                cost.image_tokens = pictures.tokens
                cost.prompt_tokens = chat.text_tokens + pictures.tokens + images.DELIMITER_TOKENS * len(pictures)
                call(out.put_nowait, "")
                for text in filter(None, answer(chat.question, pictures, self._reader, stop.is_set)):
                    call(out.put_nowait, text)
                call(out.put_nowait, None)
            except Stopped:
                call(out.put_nowait, None)
            except Exception as failure:  # noqa: BLE001 - the client gets it in place of an answer
                call(out.put_nowait, failure)
            finally:
                call(done.set)

        if self._inside > MAX_WAITING:
            wait_s = max(1, round(self._last_s))
            message = f"{MAX_WAITING} requests are waiting for the embedded engine already. Try again in {wait_s} s."
            out.put_nowait(Refused(message, 429, "queue_full", retry_s=wait_s))
            return
        self._inside += 1
        try:
            async with self._turn:
                begun = loop.time()
                self._jobs.put(read)
                try:
                    await done.wait()
                finally:
                    stop.set()
                    await done.wait()
                self._last_s = loop.time() - begun
        finally:
            self._inside -= 1


async def _hung_up(request: Request, out: asyncio.Queue[Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    out.put_nowait(ClientDisconnect())


def _envelope(kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()), "model": MODEL}


async def _events(chat: Chat, cost: _Cost, tokens: AsyncIterator[str]) -> AsyncIterator[str]:
    """Yield the server-sent events of a streamed answer; a failure midway is an event too."""
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
    except ClientDisconnect:
        return
    except Refused as refused:  # the status was sent long ago, so the refusal goes into the stream
        yield _sse(error_body(str(refused), refused.status, refused.code, refused.param))
    except Exception as failure:  # noqa: BLE001
        yield _sse(error_body(f"The embedded engine failed: {failure}", 500, "internal_error"))


def _sse(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"
