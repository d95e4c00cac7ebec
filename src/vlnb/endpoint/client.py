"""The client that asks a model one question at a time (`bench.wire` generates load, `fetch` makes short requests)."""

from __future__ import annotations

import asyncio
import queue
import re
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

from vlnb import images, typed, video
from vlnb.catalog import EMBEDDED_MODEL
from vlnb.endpoint import failures
from vlnb.endpoint.answer import WHITE_SPACE, Answer, Refusal
from vlnb.endpoint.keys import redacted
from vlnb.endpoint.reply import Reply
from vlnb.endpoint.stream import Stream
from vlnb.endpoint.typed import TypedReply, enforces, typed_reply
from vlnb.errors import BadInput
from vlnb.fetch import background
from vlnb.prompts import Prompt
from vlnb.terminal import printable

if TYPE_CHECKING:
    import httpx2

MAX_TOKENS = 2048

Content = str | Prompt | Sequence[str | images.Source]
"""A text, a prompt from `vlnb.prompts`, or texts and pictures in the order in which they go into the message."""

SeenPicture = tuple[images.Picture, images.Picture]
"""A picture, and the same picture at the size at which the model sees it."""

Part = str | SeenPicture | video.Header
"""A text, a picture, or a video that is sent as a whole."""


@dataclass(frozen=True)
class Request:
    """One question: the request `body`, and the `parts` (texts, pictures, videos) that its messages are made of.

    `form` describes the answer in JSON, if the question has a schema.
    """

    body: dict[str, Any]
    parts: tuple[Part, ...]
    form: typed.Form | None = None


_QWEN25VL = re.compile(r"qwen-?2[._]?5-?_?vl", re.IGNORECASE)  # Qwen2.5-VL-7B-Instruct, qwen2.5vl:3b, qwen2_5_vl


@dataclass(frozen=True)
class Endpoint:
    """A model on a server.

    `first_token_s` and `total_s` limit the wait, in seconds, for the first text and for the whole answer. `origin` says
    how the server was found.
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
        """Whether the model is Qwen2.5-VL by its name."""
        return _QWEN25VL.search(self.model) is not None

    def describe(self) -> str:
        """Return one line: which server, which model, and whether it is Qwen2.5-VL."""
        if self.origin == "embedded":
            return (
                "No GPU server found. Using the embedded engine (reads text on this CPU; it is not Qwen2.5-VL)."
                " Set VLNB_BASE_URL to use another."
            )
        if self.is_embedded:
            kind = "the embedded engine (reads text on a CPU; it is not Qwen2.5-VL)"
        elif self.is_qwen25vl:
            kind = "which is Qwen2.5-VL by its name"
        else:
            kind = "which is not Qwen2.5-VL by its name"
        return printable(f"Connected to {self.base_url} (from {self.origin}): model {self.model}, {kind}.")

    @cached_property
    def enforces_schemas(self) -> bool:
        """Whether the server enforces a JSON schema. The first use sends a tiny request to find out (see `enforces`).

        Raises what `ask` raises.
        """
        return enforces(self)

    @overload
    def ask(self, prompt: Content, *pictures: images.Source, schema: None = None, **options: Any) -> Reply: ...  # noqa: ANN401
    @overload
    def ask(self, prompt: Content, *pictures: images.Source, schema: object, **options: Any) -> TypedReply: ...  # noqa: ANN401
    def ask(self, prompt: Content, *pictures: images.Source, schema: object = None, **options: Any) -> Reply:
        """Ask about pictures and return the whole answer. Same arguments and errors as `stream`."""
        return self.stream(prompt, *pictures, schema=schema, **options).reply

    def stream(
        self,
        prompt: Content,
        *pictures: images.Source,
        first_token_s: float | None = None,
        total_s: float | None = None,
        **options: Any,  # noqa: ANN401 - of `request`
    ) -> Stream:
        """Ask about pictures (anything that `images.load` takes) and return the answer as it arrives.

        Takes the options of `request`. Both time-outs, in seconds, default to the endpoint's.

        Raises:
            BadInput: At once, if a picture or the prompt cannot be used.
            NoServer, ServerRefused, BadAnswer: When the answer is read.
        """
        request = self.request(prompt, *pictures, **options)
        return self.send(request.body, request.parts, request.form, first_token_s=first_token_s, total_s=total_s)

    def request(
        self,
        prompt: Content,
        *pictures: images.Source,
        system: str | None = None,
        before: Sequence[tuple[Content, str]] = (),
        max_tokens: int = MAX_TOKENS,
        temperature: float = 0.0,
        max_pixels: int = images.MAX_PIXELS,
        extra_body: Mapping[str, Any] | None = None,
        way: video.Way = "frames",
        schema: object = None,
        **options: Any,  # noqa: ANN401 - any options of the server's API
    ) -> Request:
        """Return the request that `stream` sends.

        `prompt` is a text, or one of `vlnb.prompts`, which may have its own system message, or a list of texts (`str`)
        and pictures (anything else), which are sent in that order. `before` holds the earlier turns of a conversation,
        as pairs of prompt and answer.

        Each picture is sent at the size that the model sees, at most `max_pixels`. A video (from `video.frames`, or its
        path) is sent as frames with their times as text; with `way="video_url"` the server samples the frames, and the
        reply's note warns of wrong times. `options` and `extra_body` are added to the request body (`seed`,
        `response_format`, …).

        With `schema` (a JSON schema as a dictionary, a Pydantic model, or a type such as `list[Model]`), the reply is a
        `TypedReply`: its `data` follows the schema, and its `issues` list what does not. The schema is appended to the
        prompt.

        Raises:
            BadInput: A picture, the prompt or the schema cannot be used.
        """
        if way not in {"frames", "video_url"}:
            raise BadInput(f"Unknown way {way!r}. Choose frames or video_url.")
        if isinstance(prompt, Prompt):
            system = system or prompt.system
        form = None if schema is None else typed.Form.of(schema)
        if form:
            prompt, options = [*_content(prompt), form.prompt], {"response_format": form.response_format, **options}

        def parts_of(source: images.Source) -> list[Part]:
            if not video.is_video(source):
                picture = images.load(source, seen_pixels=max_pixels)
                return [(picture, picture.seen(max_pixels=max_pixels))]
            if way == "video_url":
                return [video.header(source)]
            clip = source if isinstance(source, video.Clip) else video.frames(source)
            return [part for piece in clip.parts for part in ([piece] if isinstance(piece, str) else parts_of(piece))]

        def user(content: Content, pictures: Sequence[images.Source] = ()) -> tuple[dict[str, Any], list[Part]]:
            pieces = _content(content)
            parts = [part for picture in pictures for part in parts_of(picture)]
            parts += (part for piece in pieces for part in ([piece] if isinstance(piece, str) else parts_of(piece)))
            return {"role": "user", "content": [_part(part) for part in parts]}, parts

        messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
        all_parts: list[Part] = []
        for question, answer in before:
            message, parts = user(question)
            messages += message, {"role": "assistant", "content": answer}
            all_parts += parts
        message, parts = user(prompt, pictures)
        body = {"messages": [*messages, message], "max_tokens": max_tokens, "temperature": temperature, **options}
        return Request(self._with_defaults(body | dict(extra_body or {})), (*all_parts, *parts), form)

    def send(
        self,
        body: Mapping[str, Any],
        parts: Sequence[Part] = (),
        form: typed.Form | None = None,
        *,
        first_token_s: float | None = None,
        total_s: float | None = None,
    ) -> Stream:
        """Send the body of a chat request and return the answer as it arrives. Adds the model and streaming if missing.

        `parts` are the texts and pictures that the body was made of, `form` describes an answer in JSON. Raises what
        `stream` does, when the answer is read.
        """
        pieces: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        first_s = self.first_token_s if first_token_s is None else first_token_s
        most_s = self.total_s if total_s is None else total_s
        return Stream(self._talk(self._with_defaults(body), parts, form, pieces, first_s, most_s), pieces)

    def _with_defaults(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return {"model": self.model, "stream": True, "stream_options": {"include_usage": True}, **body}

    @cached_property
    def _client(self) -> httpx2.AsyncClient:
        from vlnb.endpoint import transport

        client = transport.client(self.base_url, self.api_key)
        weakref.finalize(self, _close, client).atexit = False  # at exit the system closes all connections anyway
        return client

    async def _talk(
        self,
        request: dict[str, Any],
        parts: Sequence[Part],
        form: typed.Form | None,
        pieces: queue.SimpleQueue[str | None],
        first_token_s: float,
        total_s: float,
    ) -> Reply:
        pictures = [part for part in parts if isinstance(part, tuple)]
        warnings = [video.cost(part, "video_url").warning for part in parts if isinstance(part, video.Header)]
        newest = "if this server is like the newest SGLang: {}: see vlnb.video.check"
        answer, notes = Answer(pieces), [newest.format(warning) for warning in warnings if warning]
        http = self._client  # first: the import of httpx2 must not count as the server's time
        start = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(min(first_token_s, total_s)) as deadline:
                while not answer.ended:
                    try:
                        await self._receive(http, request, answer, lambda: deadline.reschedule(start + total_s))
                    except Refusal as error:
                        refused = failures.refused_field(error.answer.body.decode(errors="replace"))
                        if answer.text or refused is None or request.pop(refused, None) is None:
                            raise
                        answer.other_lines.clear()
                        notes.append(f"this server refuses {refused}, so it counts no tokens")
        except Exception as error:  # noqa: BLE001 - `explain` turns any of them into a sentence
            endpoint = replace(self, model=str(request["model"]))  # a body can name another model
            # Not `from error`: a traceback would show the server's raw message, which may contain the key.
            raise failures.explain(error, endpoint, answer, first_token_s=first_token_s, total_s=total_s) from None
        ended = time.perf_counter()
        reply = Reply(
            text=answer.text,
            model=redacted(answer.model, self.api_key) or self.model,
            server=self.base_url,
            finish_reason=redacted(answer.finish_reason or "unknown", self.api_key),
            ttft_s=(answer.first or ended) - answer.started,
            latency_s=ended - answer.started,
            usage=answer.usage,
            pictures=tuple(picture for picture, _ in pictures),
            seen_sizes=tuple(seen.size for _, seen in pictures),
            note="; ".join(filter(None, [*notes, answer.remark])),
        )
        return await asyncio.to_thread(typed_reply, form, reply) if form else reply

    async def _receive(
        self, http: httpx2.AsyncClient, request: dict[str, Any], answer: Answer, on_first_text: Callable[[], None]
    ) -> None:
        """Send the request and read the answer, which has not `ended` if a kept connection turns out to be closed."""
        from vlnb.endpoint import transport

        answer.started = time.perf_counter()
        url = f"{self.base_url}/chat/completions"
        try:
            async with transport.stream(http, url, request) as response:
                async for line in transport.lines(response, self.base_url):
                    if answer.read(line):
                        on_first_text()
                    if "response_format" in request and answer.is_runaway:
                        answer.finish_reason = WHITE_SPACE
                    if answer.done or answer.finish_reason == WHITE_SPACE:  # some servers leave the connection open
                        break
        except transport.Stale:
            return
        answer.end()


def _content(prompt: Content) -> Sequence[str | images.Source]:
    """Return a prompt as a sequence of texts and pictures."""
    if isinstance(prompt, str | Prompt):
        return [str(prompt)]
    if not isinstance(prompt, list | tuple):
        raise BadInput(
            f"The prompt must be a text, not a {type(prompt).__name__}: ask(prompt, picture, …)."
            " Or pass a list of texts and pictures in their order."
        )
    return prompt


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if isinstance(part, video.Header):
        return {"type": "video_url", "video_url": {"url": video.data_uri(part)}}
    return {"type": "image_url", "image_url": {"url": images.data_uri(part[1])}}


def _close(client: httpx2.AsyncClient) -> None:
    """Close the kept-alive connections without waiting: this may run on the event loop itself."""
    asyncio.run_coroutine_threadsafe(client.aclose(), background())
