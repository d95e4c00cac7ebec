"""A chat request as it came over the wire, checked: what is wrong is refused with a sentence that names the field."""

from __future__ import annotations

import contextlib
import ctypes
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from vlnb import images
from vlnb.catalog import EMBEDDED_MODEL as MODEL
from vlnb.embedded.reader import Stopped
from vlnb.errors import BadInput, VlnbError
from vlnb.images.decode import peek
from vlnb.images.sources import from_data_uri

MAX_PICTURES = 64
MAX_PICTURE_PIXELS = 25_000_000  # twice what Qwen2.5-VL sees; decoding takes up to 24 bytes a pixel
MAX_PIXELS = 100_000_000  # of all pictures of a request: about half a minute of reading
MAX_TEXT_CHARS = 50_000  # a question so long takes some seconds to look up
PDF_S = 10.0
_MAX_MARKS = 100_000  # in JSON: 48 MB of brackets would become a gigabyte of lists
_LARGE_PIXELS = 4_000_000
_HEAD_CHARS = 200  # of a data URI: its media type
TEMPLATE_TOKENS = 21  # what Qwen2.5-VL's chat template adds around one short user message

if TYPE_CHECKING:
    from PIL.Image import Image

    from vlnb.images import Picture

_PIECE = re.compile(r"\s*(?:\d|[^\W\d_]{1,5}|[^\w\s]|_)|\s+")
_ROLES = ("system", "developer", "user", "assistant", "tool")  # no set: what comes may be unhashable
_UNSUPPORTED = {
    "tools": "calling tools",
    "functions": "calling functions",
    "response_format": "answers by a schema",
    "logprobs": "token probabilities",
    "audio": "sound",
}


class Refused(VlnbError):  # noqa: N818
    """A request that is answered with an HTTP error; `code` and `param` go into the error body of OpenAI."""

    def __init__(self, message: str, *, status: int = 400, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param


@dataclass(frozen=True)
class Chat:
    """One request: the last question, the files of all pictures in the order they came, and how to answer."""

    question: str
    files: tuple[bytes, ...]
    text_tokens: int
    max_tokens: int | None
    stream: bool
    include_usage: bool


def pieces(text: str) -> list[str]:
    """Part text into about the tokens that Qwen's tokenizer makes: a digit, a mark, or up to five letters each.

    An approximation (within about 15 % on English and on receipts); the pieces joined are the text.
    """
    return _PIECE.findall(text)


def parse(body: bytes | bytearray) -> Chat:
    """Return the request in `body`, its pictures still encoded. Raises `Refused` with a sentence."""
    if sum(body.count(mark) for mark in b"[{,") > _MAX_MARKS:
        raise Refused(f"The body has more than {_MAX_MARKS:,} brackets and commas: too many.", code="invalid_json")
    try:
        data = from_json(body)
    except ValueError as error:
        raise Refused(f"The body is not valid JSON: {error}. Was the request cut off?", code="invalid_json") from error
    if not isinstance(data, dict):
        raise Refused(f"The body must be a JSON object, and it is a {type(data).__name__}.", code="invalid_json")
    _check_model(data.get("model"))
    for field, what in _UNSUPPORTED.items():
        value = data.get(field)
        if value and not (field == "response_format" and value == {"type": "text"}):
            raise Refused(
                f"The embedded engine cannot do {what}: leave out {field!r}, or use a real Qwen2.5-VL server.",
                param=field,
            )
    if data.get("n") not in (None, 1):
        raise Refused("The embedded engine gives one answer to a request: leave out 'n'.", param="n")
    question, uris, text = _messages(data.get("messages"))
    if len(uris) > MAX_PICTURES:
        raise Refused(
            f"The request has {len(uris)} pictures; the embedded engine takes {MAX_PICTURES}. Ask in several requests.",
            status=413, code="too_many_pictures", param="messages",
        )  # fmt: skip
    if len(text) > MAX_TEXT_CHARS:
        raise Refused(
            f"The messages have {len(text):,} characters of text; the embedded engine takes {MAX_TEXT_CHARS:,}.",
            status=413, code="text_too_long", param="messages",
        )  # fmt: skip
    options = data.get("stream_options") or {}
    return Chat(
        question=question,
        files=tuple(_file(number, uri) for number, uri in enumerate(uris, 1)),
        text_tokens=TEMPLATE_TOKENS + len(pieces(text)),
        max_tokens=_max_tokens(data),
        stream=bool(data.get("stream")),
        include_usage=isinstance(options, dict) and bool(options.get("include_usage")),
    )


class Pictures:
    """The pictures of a request, each decoded when it is asked for, and only the last one kept.

    `tokens` is what they cost by their headers, delimiters not counted. Between them, and while a PDF is drawn,
    `stop()` turning true raises `Stopped`.
    """

    def __init__(self, files: Sequence[bytes], stop: Callable[[], bool]) -> None:
        """Read all headers, and the first picture. Raises `Refused` for a broken one, or for too many pixels."""
        self._stop = stop
        self._last: tuple[int, Image] | None = None
        self._draw: list[Callable[[], Picture]] = []
        self._sizes: list[tuple[int, int]] = []
        self.tokens = 0
        for number, file in enumerate(files, 1):
            self._watch()
            with _about(number):
                size, draw = peek(
                    file, "it", dpi=images.DPI, max_pixels=MAX_PICTURE_PIXELS, timeout_s=PDF_S, watch=self._watch
                )
                self.tokens += images.tokens(*size)
            self._sizes.append(size)
            self._draw.append(draw)
        pixels = sum(width * height for width, height in self._sizes)
        if pixels > MAX_PIXELS:
            raise Refused(
                f"The pictures of the request have {pixels / 1e6:.0f} megapixels together; the embedded engine takes"
                f" {MAX_PIXELS / 1e6:.0f}. Send smaller ones, or fewer at once.",
                status=413, code="too_many_pixels", param="messages",
            )  # fmt: skip
        if files:
            self[0]  # one that is broken is told before the answer begins

    def _watch(self) -> None:
        if self._stop():
            raise Stopped

    def __len__(self) -> int:
        return len(self._draw)

    def __getitem__(self, index: int) -> Image:
        """Return a picture, upright. Raises `Refused` where it is broken. Keep no reference while another is read."""
        if self._last is None or self._last[0] != index:
            self._last = None
            self._watch()
            width, height = self._sizes[index]
            if width * height > _LARGE_PIXELS:
                _give_back_memory()
            with _about(index + 1):
                self._last = index, self._draw[index]().image
        return self._last[1]


def _give_back_memory() -> None:
    """Have the C library give freed memory back to the system; after a large picture it keeps 200 MB."""
    with contextlib.suppress(AttributeError):  # glibc alone can
        ctypes.CDLL(None).malloc_trim(0)


@contextlib.contextmanager
def _about(number: int) -> Iterator[None]:
    try:
        yield
    except BadInput as error:
        raise Refused(f"Picture {number} of the request: {error}", code="invalid_image", param="messages") from error


def _file(number: int, uri: str) -> bytes:
    with _about(number):
        return from_data_uri(uri, max_bytes=images.MAX_FILE_BYTES)


def _check_model(model: Any) -> None:  # noqa: ANN401
    if not isinstance(model, str) or not model:
        raise Refused(f"The field 'model' is missing; this server has one: {MODEL!r}.", param="model")
    if model != MODEL:
        raise Refused(
            f"There is no model {model[:100]!r} here: this is vlnb's embedded engine, and its only model is {MODEL!r}."
            " For Qwen2.5-VL, connect to a server that runs it (VLNB_BASE_URL).",
            status=404, code="model_not_found", param="model",
        )  # fmt: skip


def _max_tokens(data: dict[str, Any]) -> int | None:
    for field in ("max_completion_tokens", "max_tokens"):
        value = data.get(field)
        if value is not None:
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise Refused(f"{field!r} must be a whole number of at least 1, not {value!r:.50}.", param=field)
            return value
    return None


def _messages(messages: Any) -> tuple[str, list[str], str]:  # noqa: ANN401
    """Return (the last user's question, all picture addresses, all text)."""
    if not isinstance(messages, list) or not messages:
        raise Refused("'messages' must be a list of at least one message.", param="messages")
    question, uris, every = "", [], []
    for number, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise Refused(
                f"messages[{number}] must be an object with a role (system, user or assistant).", param="messages"
            )
        content = message.get("content")
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        if not isinstance(parts, list):
            raise Refused(f"messages[{number}].content must be a text or a list of parts.", param="messages")
        texts = []
        for part in parts:
            kind = part.get("type") if isinstance(part, dict) else None
            if kind == "text" and isinstance(part.get("text"), str):
                texts.append(part["text"])
            elif kind == "image_url":
                uris.append(_address(part.get("image_url"), number))
            else:
                raise Refused(
                    f"messages[{number}] has a part of type {kind!r:.40}; this engine takes text and image_url.",
                    param="messages",
                )
        every += texts
        if message["role"] == "user":
            question = "\n".join(texts)
    return question, uris, "\n".join(every)


def _address(value: Any, number: int) -> str:  # noqa: ANN401
    url = value.get("url") if isinstance(value, dict) else value
    if not isinstance(url, str):
        raise Refused(f"messages[{number}] has an image_url without a url.", param="messages")
    if url[:5].lower() != "data:" or ";base64," not in url[:_HEAD_CHARS]:
        kind = "files of this machine" if url[:5].lower() == "file:" else "other addresses"
        raise Refused(
            f"The embedded engine does not open {kind} for a client, which could be anyone's: send the picture itself,"
            " as data:image/png;base64,… (vlnb's own client does so).",
            code="invalid_image_url", param="messages",
        )  # fmt: skip
    return url
