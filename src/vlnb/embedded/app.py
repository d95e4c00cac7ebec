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
from vlnb.embedded.queue import Full, Queue
from vlnb.embedded.reader import Reader, Stopped
from vlnb.embedded.request import Chat, Pictures, Refused, parse, pieces
from vlnb.embedded.skills import answer

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

MAX_BODY_BYTES = 48_000_000
MAX_HELD_BYTES = 96_000_000  # of all requests that arrive, wait, or are answered
BODY_S = 30  # for a whole body


def create_app(*, api_key: str | None = None, reader: Reader | None = None) -> Starlette:
    """Return the application. With `api_key`, every endpoint but /health wants it as a bearer token."""
    return Starlette(
        routes=[
            Route("/health", _health),
            Route("/v1/models", _models),
            Route("/v1/models/{name:path}", _models),
            Route("/v1/chat/completions", _Engine(reader or Reader()), methods=["POST"]),
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
    status = getattr(failure, "status_code", 404)
    return error(
        f"The embedded engine has no {request.method} {request.url.path[:100]}:"
        " it answers /v1/chat/completions, /v1/models and /health.",
        status, "not_found",
    )  # fmt: skip


async def _broken(_: Request, failure: Exception) -> Response:
    return error(
        f"The embedded engine failed on this request ({type(failure).__name__}: {failure}). It goes on serving.",
        500,
        "internal_error",
    )


@dataclass(frozen=True)
class _Start:
    """The first item of an answer: what the question costs."""

    prompt_tokens: int
    image_tokens: int


@dataclass(frozen=True)
class _End:
    """The last item of an answer."""

    finish_reason: str
    completion_tokens: int


@dataclass
class _Body:
    """A body that arrives, and how many of its bytes are counted as held."""

    data: bytearray = field(default_factory=bytearray)
    counted: int = 0


class _Engine:
    """The one reader, the queue in front of it, and the way an answer takes from its thread to the socket."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._queue = Queue()
        self._held_bytes = 0
        self._parsing = asyncio.Lock()  # of one body at a time: what it unpacks to lies beside it
        # One thread reads all pictures: each new thread would keep memory of its own for good.
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        threading.Thread(target=self._run_jobs, name="vlnb-read", daemon=True).start()

    def _run_jobs(self) -> None:
        while True:
            self._jobs.get()()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer POST /v1/chat/completions; its bytes count as held until its last byte is sent."""
        request = Request(scope, receive, send)
        body = _Body()
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
            items = self._items(chat, request)
            start = await anext(items)  # its turn has come, its pictures are whole: from here on it is a 200
            assert isinstance(start, _Start)  # noqa: S101 - for the type checker
            if chat.stream:
                return StreamingResponse(_events(chat, start, items), media_type="text/event-stream")
            return JSONResponse(await _whole(start, items))
        except TimeoutError:
            return error(f"The request did not arrive whole within {BODY_S} s. Send it again.", 408, "timeout")
        except Refused as refused:
            return error(str(refused), refused.status, refused.code, refused.param)
        except Full as full:
            return error(str(full), 429, "queue_full", retry_after=str(full.retry_after_s))
        except ClientDisconnect:
            return Response(status_code=499)

    async def _take_in(self, request: Request, body: _Body) -> None:
        """Read the body. Of one that is refused, `Connection` throws the rest away: its sender hears the refusal."""
        async for part in request.stream():
            if len(body.data) + len(part) > MAX_BODY_BYTES:
                raise Refused(
                    f"The request has more than {MAX_BODY_BYTES / 1e6:.0f} MB, which the embedded engine does not take."
                    " Send smaller pictures: Qwen2.5-VL sees at most 12.8 megapixels of each.",
                    status=413, code="request_too_large",
                )  # fmt: skip
            if self._held_bytes + len(part) > MAX_HELD_BYTES:
                raise Refused(
                    f"The embedded engine holds {MAX_HELD_BYTES / 1e6:.0f} MB of requests already. Try again later.",
                    status=429, code="queue_full",
                )  # fmt: skip
            self._held_bytes += len(part)
            body.counted += len(part)
            body.data += part

    async def _items(self, chat: Chat, request: Request) -> AsyncIterator[_Start | str | _End]:
        """Yield the start, the answer token by token, and the end; stop the reader when nobody listens any more."""
        out: asyncio.Queue[Any] = asyncio.Queue()
        work = asyncio.create_task(self._work(chat, out))
        watch = asyncio.create_task(_hung_up(request, out))
        count = 0
        try:
            while (item := await out.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                if isinstance(item, _Start):
                    yield item
                    continue
                for piece in pieces(item):
                    if count == chat.max_tokens:
                        yield _End("length", count)
                        return
                    count += 1
                    yield piece
            yield _End("stop", count)
        finally:
            watch.cancel()
            work.cancel()
            await asyncio.gather(work, watch, return_exceptions=True)

    async def _work(self, chat: Chat, out: asyncio.Queue[Any]) -> None:
        """Wait for the reader and run it in a thread; when cancelled, free the place once the thread has stopped."""
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        stop = threading.Event()

        def send(item: object) -> None:
            with contextlib.suppress(RuntimeError):  # the server was shut down: nobody listens
                loop.call_soon_threadsafe(out.put_nowait, item)

        def read() -> None:
            try:
                pictures = Pictures(chat.files, stop.is_set)
                around = images.DELIMITER_TOKENS * len(pictures)
                send(_Start(chat.text_tokens + pictures.tokens + around, pictures.tokens))
                for text in answer(chat.question, pictures, self._reader, stop.is_set):
                    send(text)
                send(None)
            except Stopped:
                send(None)
            except Exception as failure:  # noqa: BLE001 - told to the client, in place of an answer
                send(failure)
            finally:
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(done.set)

        try:
            async with self._queue.turn():
                self._jobs.put(read)
                try:
                    await done.wait()
                except asyncio.CancelledError:
                    stop.set()
                    await done.wait()
                    raise
        except Full as full:
            out.put_nowait(full)


async def _hung_up(request: Request, out: asyncio.Queue[Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    out.put_nowait(ClientDisconnect())


def _usage(start: _Start, end: _End) -> dict[str, Any]:
    return {
        "prompt_tokens": start.prompt_tokens,
        "completion_tokens": end.completion_tokens,
        "total_tokens": start.prompt_tokens + end.completion_tokens,
        "prompt_tokens_details": {"image_tokens": start.image_tokens},
    }


def _envelope(kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()), "model": MODEL}


async def _whole(start: _Start, items: AsyncIterator[_Start | str | _End]) -> dict[str, Any]:
    text: list[str] = []
    async for item in items:
        if isinstance(item, str):
            text.append(item)
        elif isinstance(item, _End):
            message = {"role": "assistant", "content": "".join(text)}
            choice = {"index": 0, "message": message, "finish_reason": item.finish_reason}
            return {**_envelope("chat.completion"), "choices": [choice], "usage": _usage(start, item)}
    raise ClientDisconnect


async def _events(chat: Chat, start: _Start, items: AsyncIterator[_Start | str | _End]) -> AsyncIterator[str]:
    """Yield the server-sent events of a streamed answer; a failure midway is an event too."""
    envelope = _envelope("chat.completion.chunk")

    def event(delta: dict[str, str], finish: str | None = None) -> str:
        return _sse({**envelope, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    try:
        yield event({"role": "assistant", "content": ""})
        async for item in items:
            if isinstance(item, str):
                yield event({"content": item})
            elif isinstance(item, _End):
                yield event({}, item.finish_reason)
                if chat.include_usage:
                    yield _sse({**envelope, "choices": [], "usage": _usage(start, item)})
        yield "data: [DONE]\n\n"
    except ClientDisconnect:
        return
    except Refused as refused:  # the status is long sent: the client hears of it in the stream
        yield _sse(error_body(str(refused), refused.status, refused.code, refused.param))
    except Exception as failure:  # noqa: BLE001
        yield _sse(error_body(f"The embedded engine failed: {failure}", 500, "internal_error"))


def _sse(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"
