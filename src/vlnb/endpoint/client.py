"""Asking a model: the one way in which vlnb talks to a server."""

from __future__ import annotations

import asyncio
import queue
import re
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from vlnb import images
from vlnb.catalog import EMBEDDED_MODEL
from vlnb.endpoint import failures
from vlnb.endpoint.reply import Reply, Usage
from vlnb.endpoint.stream import Stream
from vlnb.errors import BadInput
from vlnb.fetch import background
from vlnb.prompts import Prompt
from vlnb.terminal import printable

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletionChunk

MAX_TOKENS = 2048

Said = str | Prompt | Sequence[str | images.Source]
"""A text, a prompt of `vlnb.prompts`, or texts and pictures in the order in which they are sent."""

_QWEN25VL = re.compile(r"qwen-?2[._]?5-?_?vl", re.IGNORECASE)  # Qwen2.5-VL-7B-Instruct, qwen2.5vl:3b, qwen2_5_vl


@dataclass(frozen=True)
class Endpoint:
    """A model on a server.

    `first_token_s` and `total_s` bound, in seconds, the wait for the first text and for the whole answer.
    `origin` says how the server was found.
    """

    base_url: str
    model: str
    api_key: str = field(default="EMPTY", repr=False)
    origin: str = "argument"
    first_token_s: float = 120.0
    total_s: float = 600.0

    @property
    def is_embedded(self) -> bool:
        """Whether this is vlnb's embedded engine."""
        return self.model == EMBEDDED_MODEL

    @property
    def is_qwen25vl(self) -> bool:
        """Whether the model says by its name that it is Qwen2.5-VL."""
        return _QWEN25VL.search(self.model) is not None

    def describe(self) -> str:
        """Return one line: which server, which model, and whether it is really Qwen2.5-VL."""
        if self.origin == "embedded":
            return (
                "No GPU server found. Using the embedded engine (reads text on this CPU; it is not Qwen2.5-VL)."
                " Set VLNB_BASE_URL to use another."
            )
        if self.is_embedded:
            what = "the embedded engine (reads text on a CPU; it is not Qwen2.5-VL)"
        elif self.is_qwen25vl:
            what = "which is Qwen2.5-VL by its name"
        else:
            what = "which is not Qwen2.5-VL by its name"
        return printable(f"Connected to {self.base_url} (from {self.origin}): model {self.model}, {what}.")

    def ask(self, prompt: Said, *pictures: images.Source, **options: Any) -> Reply:  # noqa: ANN401 - see stream
        """Ask about pictures and return the whole answer. Takes what `stream` takes."""
        return self.stream(prompt, *pictures, **options).reply

    def stream(
        self,
        prompt: Said,
        *pictures: images.Source,
        system: str | None = None,
        max_tokens: int = MAX_TOKENS,
        temperature: float = 0.0,
        max_pixels: int = images.MAX_PIXELS,
        first_token_s: float | None = None,
        total_s: float | None = None,
        **options: Any,  # noqa: ANN401 - what openai's chat.completions.create takes
    ) -> Stream:
        """Ask about pictures (anything that `images.load` takes) and return the answer as it comes.

        `prompt` is a text, or one of `vlnb.prompts`, which may bring a system message of its own. Or it is a list of
        texts and pictures, which are sent in that order: in it a `str` is a text, and anything else a picture.

        Each picture is sent at the size the model sees, at most `max_pixels`. The two time-outs, in seconds, are the
        endpoint's where they are None. `options` go to the server as they are (`seed`, `response_format`, …).
        Raises `BadInput` at once for a bad picture; what the server does wrong is raised when the answer is read.
        """
        if isinstance(prompt, Prompt):
            system = system or prompt.system
            prompt = prompt.text
        said = [prompt] if isinstance(prompt, str) else prompt
        if not isinstance(said, list | tuple):
            raise BadInput(
                f"The prompt must be a text, and it is a {type(prompt).__name__}: ask(prompt, picture, …)."
                " Or give a list of texts and pictures in their order."
            )
        load = partial(images.load, seen_pixels=max_pixels)
        parts = [*map(load, pictures), *(part if isinstance(part, str) else load(part) for part in said)]
        loaded = tuple(part for part in parts if not isinstance(part, str))
        seen = {picture: picture.seen(max_pixels=max_pixels) for picture in loaded}
        content = [_part(part if isinstance(part, str) else seen[part]) for part in parts]
        messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
        messages.append({"role": "user", "content": content})
        request = {
            "model": self.model,
            "messages": messages,
            "max_tokens": max_tokens,
            "temperature": temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
            **options,
        }
        pieces: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        first = self.first_token_s if first_token_s is None else first_token_s
        whole = self.total_s if total_s is None else total_s
        sizes = [seen[picture].size for picture in loaded]
        return Stream(self._talk(request, loaded, sizes, pieces, first, whole), pieces)

    @cached_property
    def _client(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI

        from vlnb.endpoint import transport

        # openai would retry by itself; here the person decides.
        http = transport.client(self.base_url, self.api_key)
        client = AsyncOpenAI(
            base_url=self.base_url, api_key=self.api_key, max_retries=0, timeout=None, http_client=http
        )
        weakref.finalize(self, _close, client).atexit = False  # then the system closes everything anyway
        return client

    async def _talk(
        self,
        request: dict[str, Any],
        pictures: tuple[images.Picture, ...],
        sizes: list[tuple[int, int]],
        pieces: queue.SimpleQueue[str | None],
        first_token_s: float,
        total_s: float,
    ) -> Reply:
        answer = _Answer(pieces)
        chat = self._client.chat.completions  # first: these imports take a second that is not the server's
        start = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(min(first_token_s, total_s)) as deadline:
                answer.started = time.perf_counter()
                stream: AsyncStream[ChatCompletionChunk] = await chat.create(**request)
                async with stream:
                    async for chunk in stream:
                        if answer.add(chunk):
                            deadline.reschedule(start + total_s)
        except TimeoutError as error:
            raise failures.too_slow(
                self.base_url, partial=answer.text, first_token_s=first_token_s, total_s=total_s
            ) from error
        except Exception as error:
            raise failures.explain(
                error, self.base_url, partial=answer.text, model=self.model, secret=self.api_key
            ) from error
        if answer.finish_reason is None:
            raise failures.cut(self.base_url, answer.text, "the stream ended without saying that it was finished")
        ended = time.perf_counter()
        return Reply(
            text=answer.text,
            model=answer.model or self.model,
            server=self.base_url,
            finish_reason=answer.finish_reason,
            ttft_s=(answer.first or ended) - answer.started,
            latency_s=ended - answer.started,
            usage=answer.usage,
            pictures=pictures,
            seen_sizes=tuple(sizes),
        )


def _part(part: str | images.Picture) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    return {"type": "image_url", "image_url": {"url": images.data_uri(part)}}


def _close(client: AsyncOpenAI) -> None:
    """Close the connections that were kept for a next question. Does not wait: this may run on the loop itself."""
    asyncio.run_coroutine_threadsafe(client.close(), background())


class _Answer:
    """What has come of an answer so far."""

    def __init__(self, pieces: queue.SimpleQueue[str | None]) -> None:
        self.text = ""
        self.model = ""
        self.started = 0.0
        self.first: float | None = None
        self.finish_reason: str | None = None
        self.usage: Usage | None = None
        self._pieces = pieces

    def add(self, chunk: ChatCompletionChunk) -> bool:
        """Take in one chunk; return whether it brought the first text."""
        self.model = chunk.model or self.model
        if chunk.usage:
            details = chunk.usage.prompt_tokens_details
            images_part = getattr(details, "image_tokens", None)
            self.usage = Usage(chunk.usage.prompt_tokens, chunk.usage.completion_tokens, images_part)
        if not chunk.choices:
            return False
        choice = chunk.choices[0]
        self.finish_reason = choice.finish_reason or self.finish_reason
        text = choice.delta.content if choice.delta else None
        if not text:
            return False
        self.text += text
        self._pieces.put(text)
        if self.first is not None:
            return False
        self.first = time.perf_counter()
        return True
