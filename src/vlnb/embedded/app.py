"""The embedded engine as an OpenAI-compatible HTTP server (a Starlette application)."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import queue
import threading
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from vlnb.embedded.identity import MODEL
from vlnb.embedded.queue import Full, Queue
from vlnb.embedded.reader import Reader, Stopped
from vlnb.embedded.request import Chat, Refused, decode, parse, pieces
from vlnb.embedded.skills import answer

MAX_BODY_BYTES = 48_000_000
_DRAIN_BYTES = 512_000_000  # a client that is told "too large" must be able to finish sending, up to here


def create_app(*, api_key: str | None = None, reader: Reader | None = None) -> Starlette:
    """Return the application. With `api_key`, every endpoint but /health wants it as a bearer token."""
    engine = _Engine(reader or Reader())

    def guarded(endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def guard(request: Request) -> Response:
            given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
            if api_key and not hmac.compare_digest(given.encode(), api_key.encode()):
                return _error(
                    "The API key is missing or wrong: send it as 'Authorization: Bearer …'.", 401, "invalid_api_key"
                )
            return await endpoint(request)

        return guard

    return Starlette(
        routes=[
            Route("/health", _health),
            Route("/v1/models", guarded(_models)),
            Route("/v1/models/{name:path}", guarded(_models)),
            Route("/v1/chat/completions", guarded(engine.chat), methods=["POST"]),
        ],
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
    return _error(f"There is no model {name[:100]!r} here, only {MODEL!r}.", 404, "model_not_found")


async def _not_found(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    return _error(
        f"The embedded engine has no {request.method} {request.url.path[:100]}:"
        " it answers /v1/chat/completions, /v1/models and /health.",
        status, "not_found",
    )  # fmt: skip


async def _broken(_: Request, error: Exception) -> Response:
    return _error(
        f"The embedded engine failed on this request ({type(error).__name__}: {error}). It goes on serving.",
        500,
        "internal_error",
    )


def _error(message: str, status: int, code: str | None, param: str | None = None, **headers: str) -> Response:
    kind = "invalid_request_error" if status < 500 else "server_error"  # noqa: PLR2004
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return JSONResponse(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


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


class _Engine:
    """The one reader, the queue in front of it, and the way an answer takes from its thread to the socket."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._queue = Queue()
        # One thread reads all pictures: each new thread would keep memory of its own for good.
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        threading.Thread(target=self._run_jobs, name="vlnb-read", daemon=True).start()

    def _run_jobs(self) -> None:
        while True:
            self._jobs.get()()

    async def chat(self, request: Request) -> Response:
        """Answer POST /v1/chat/completions."""
        try:
            chat = await asyncio.to_thread(parse, await _body(request))
            items = self._items(chat, request)
            start = await anext(items)  # its turn has come, its pictures are whole: from here on it is a 200
            assert isinstance(start, _Start)  # noqa: S101 - for the type checker
            if chat.stream:
                return StreamingResponse(_events(chat, start, items), media_type="text/event-stream")
            return JSONResponse(await _whole(start, items))
        except Refused as error:
            return _error(str(error), error.status, error.code, error.param)
        except Full as error:
            return _error(str(error), 429, "queue_full", retry_after=str(error.retry_after_s))
        except ClientDisconnect:
            return Response(status_code=499)

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
                pictures, image_tokens = decode(chat.uris)
                send(_Start(chat.text_tokens + image_tokens + 2 * len(pictures), image_tokens))
                for text in answer(chat.question, [picture.image for picture in pictures], self._reader, stop.is_set):
                    send(text)
                send(None)
            except Stopped:
                send(None)
            except Exception as error:  # noqa: BLE001 - told to the client, in place of an answer
                send(error)
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
        except Full as error:
            out.put_nowait(error)


async def _hung_up(request: Request, out: asyncio.Queue[Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    out.put_nowait(ClientDisconnect())


async def _body(request: Request) -> bytes:
    """Return the body. One that is too large is taken in and thrown away, so that its sender can hear the refusal."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size <= MAX_BODY_BYTES:
            parts.append(part)
        else:
            parts.clear()
        if size > _DRAIN_BYTES:
            break
    if size > MAX_BODY_BYTES:
        raise Refused(
            f"The request has {size / 1e6:.0f} MB or more; the embedded engine takes {MAX_BODY_BYTES / 1e6:.0f} MB."
            " Send smaller pictures: Qwen2.5-VL sees at most 12.8 megapixels of each.",
            status=413, code="request_too_large",
        )  # fmt: skip
    return b"".join(parts)


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
    except Exception as error:  # noqa: BLE001 - the status is long sent: the client hears of it in the stream
        yield _sse({"error": {"message": f"The embedded engine failed: {error}", "type": "server_error", "code": 500}})


def _sse(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"
