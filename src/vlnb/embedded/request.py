"""Parses and checks a chat request; a refusal is a sentence that names the field."""

from __future__ import annotations

import contextlib
import ctypes
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from vlnb import images
from vlnb.catalog import EMBEDDED_MODEL as MODEL
from vlnb.embedded.reader import Stopped
from vlnb.errors import BadInput, VlnbError
from vlnb.images.decode import peek
from vlnb.images.sources import from_data_uri

if TYPE_CHECKING:
    from PIL.Image import Image

    from vlnb.images import Picture

MAX_PICTURES = 64
MAX_PICTURE_PIXELS = 25_000_000  # twice what Qwen2.5-VL sees; decoding takes up to 24 bytes a pixel
MAX_PIXELS = 100_000_000  # of all pictures of a request: about half a minute of reading
MAX_TEXT_CHARS = 50_000  # a question of this length takes some seconds
PDF_S = 10.0
_MAX_MARKS = 100_000  # brackets and commas: 48 MB of brackets would become a gigabyte of lists
_LARGE_PIXELS = 4_000_000
TEMPLATE_TOKENS = 21  # that Qwen2.5-VL's chat template adds around one short user message
_TIME = re.compile(r"\s{0,9}t = (\d{1,6}(?:\.\d{1,6})?) s:?\s{0,9}")  # the label before a frame
_PIECE = re.compile(r"\s*(?:\d|[^\W\d_]{1,5}|[^\w\s]|_)|\s+")
_SYSTEM = ("system", "developer")  # roles: newer clients send the second
_UNSUPPORTED = ("tools", "functions", "logprobs", "audio")


class Refused(VlnbError):  # noqa: N818
    """A request that gets an HTTP error; `code` and `param` go into the error body, as in OpenAI's API."""

    def __init__(
        self, message: str, status: int = 400, code: str | None = None, param: str | None = None, retry_s: int = 0
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.param, self.retry_s = status, code, param, retry_s


class _Url(BaseModel):
    url: str


class _Text(BaseModel):
    type: Literal["text"]
    text: str


class _Video(BaseModel):
    type: Literal["video_url"]


class _Picture(BaseModel):
    type: Literal["image_url"]
    image_url: Annotated[_Url, BeforeValidator(lambda value: {"url": value} if isinstance(value, str) else value)]


def _as_parts(content: Any) -> Any:  # noqa: ANN401
    return [{"type": "text", "text": content}] if isinstance(content, str) else content or []


class _Message(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Annotated[
        list[Annotated[_Text | _Picture | _Video, Field(discriminator="type")]], BeforeValidator(_as_parts)
    ] = []


class _Options(BaseModel):
    include_usage: bool = False


class _Schema(BaseModel):
    schema_: Annotated[dict[str, Any], Field(alias="schema")]


class _Format(BaseModel):
    type: Literal["text", "json_schema"] = "text"
    json_schema: _Schema | None = None


class _Request(BaseModel):
    model_config = ConfigDict(extra="allow")

    model: Annotated[str, Field(min_length=1)]
    messages: Annotated[list[_Message], Field(min_length=1)]
    n: Literal[1] | None = None
    max_tokens: Annotated[int, Field(ge=1, strict=True)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, strict=True)] | None = None
    stream: bool | None = None
    stream_options: _Options | None = None
    response_format: _Format | None = None


@dataclass(frozen=True)
class Chat:
    """One request: its system prompt, the last question, the files of all pictures in order, and the options.

    `schema` is the JSON schema that the answer must follow, if any. `times` are the seconds of the pictures, if each of
    them is a frame of a clip, after a text such as "t = 1.50 s:".
    """

    system: str
    question: str
    schema: dict[str, Any] | None
    files: tuple[bytes, ...]
    times: tuple[float, ...]
    text_tokens: int
    max_tokens: int | None
    stream: bool
    include_usage: bool


def pieces(text: str) -> list[str]:
    """Split text approximately into the tokens of Qwen's tokenizer: a digit, a mark, or up to five letters each.

    The count is accurate to about 15 % on English text and on receipts. Joined, the pieces are the text.
    """
    return _PIECE.findall(text)


def parse(body: bytes | bytearray) -> Chat:
    """Return the request in `body`, its pictures still encoded. Raises `Refused`."""
    if sum(body.count(mark) for mark in b"[{,") > _MAX_MARKS:
        raise Refused(f"The JSON has more than {_MAX_MARKS:,} brackets and commas: too many.", code="invalid_json")
    try:
        request = _Request.model_validate(from_json(body))
    except ValidationError as error:
        detail = max(error.errors(include_url=False, include_input=False), key=lambda error: len(error["loc"]))
        field = ".".join(map(str, detail["loc"])) or "the JSON"
        message = f"The request cannot be used. {field}: {detail['msg']}."
        raise Refused(message, code=None if detail["loc"] else "invalid_json", param=field) from error
    except ValueError as error:
        raise Refused(f"The body is not valid JSON: {error}. Was the request cut off?", code="invalid_json") from error
    if request.model != MODEL:
        raise Refused(
            f"There is no model {request.model[:100]!r} here: this is vlnb's embedded engine, and its only model is"
            f" {MODEL!r}. For Qwen2.5-VL, connect to a server that runs it (VLNB_BASE_URL).",
            404,
            "model_not_found",
            "model",
        )
    for field, value in (request.model_extra or {}).items():
        if value and field in _UNSUPPORTED:
            message = f"The embedded engine does not support {field!r}: leave it out, or use a Qwen2.5-VL server."
            raise Refused(message, param=field)
    form = request.response_format or _Format()
    if form.type == "json_schema" and not form.json_schema:
        raise Refused("response_format has no json_schema: give one, with its schema.", param="response_format")
    parts = [part for message in request.messages for part in message.content]
    if any(isinstance(part, _Video) for part in parts):
        message = (
            'The embedded engine takes no video_url. Send frames as pictures, each after a text such as "t = 1.5 s:".'
        )
        raise Refused(message, param="messages")
    urls = [part.image_url.url for part in parts if isinstance(part, _Picture)]
    text = "\n".join(part.text for part in parts if isinstance(part, _Text))
    _limit(len(urls), MAX_PICTURES, "pictures", "too_many_pictures")
    _limit(len(text), MAX_TEXT_CHARS, "characters of text", "text_too_long")
    last = [message.content for message in request.messages if message.role == "user"][-1:]
    system = [part for message in request.messages if message.role in _SYSTEM for part in message.content]
    texts = [part.text for content in last for part in content if isinstance(part, _Text)]
    times = [float(hit[1]) for text in texts if (hit := _TIME.fullmatch(text))]
    return Chat(
        system="\n".join(part.text for part in system if isinstance(part, _Text)),
        question="\n".join(text for text in texts if not _TIME.fullmatch(text)),
        schema=form.json_schema.schema_ if form.json_schema else None,
        files=tuple(_file(number, url) for number, url in enumerate(urls, 1)),
        times=tuple(times) if len(times) == len(urls) else (),
        text_tokens=TEMPLATE_TOKENS + len(pieces(text)),
        max_tokens=request.max_completion_tokens or request.max_tokens,
        stream=bool(request.stream),
        include_usage=(request.stream_options or _Options()).include_usage,
    )


def _limit(count: float, most: float, what: str, code: str) -> None:
    if count > most:
        message = (
            f"The request has {count:,.0f} {what}; the embedded engine takes {most:,.0f}. Ask in several requests."
        )
        raise Refused(message, 413, code, "messages")


def _file(number: int, url: str) -> bytes:
    scheme = url.lstrip()[:5].lower()
    if scheme != "data:":
        kind = "files of this machine" if scheme == "file:" else "other addresses"
        raise Refused(
            f"The embedded engine does not open {kind}, because a request could come from anyone. Send the picture"
            " itself, as data:image/png;base64,… (vlnb's own client does so).",
            code="invalid_image_url",
            param="messages",
        )
    with _refusing(number):
        return from_data_uri(url, max_bytes=images.MAX_FILE_BYTES)


@contextlib.contextmanager
def _refusing(number: int) -> Iterator[None]:
    try:
        yield
    except BadInput as error:
        raise Refused(f"Picture {number} of the request: {error}", code="invalid_image", param="messages") from error


class Pictures:
    """The pictures of a request, each decoded on access; only the last one is kept.

    `tokens` is their cost according to their headers, without delimiters. Once `stop()` is true, `Stopped` is raised
    before the next picture and while a PDF is drawn.
    """

    def __init__(self, files: Sequence[bytes], stop: Callable[[], bool]) -> None:
        """Read all headers and the first picture. Raises `Refused` for a broken picture or too many pixels."""
        self._stop = stop
        self._last: tuple[int, Image] | None = None
        self._peeked: list[tuple[tuple[int, int], Callable[[], Picture]]] = []
        self.tokens = 0
        options: dict[str, Any] = {"dpi": images.DPI, "max_pixels": MAX_PICTURE_PIXELS, "timeout_s": PDF_S}
        for number, file in enumerate(files, 1):
            self._check_stop()
            with _refusing(number):
                self._peeked.append(peek(file, "it", watch=self._check_stop, **options))
                self.tokens += images.tokens(*self._peeked[-1][0])
        pixels = sum(width * height for (width, height), _ in self._peeked)
        _limit(pixels / 1e6, MAX_PIXELS / 1e6, "megapixels", "too_many_pixels")
        if files:
            self[0]  # refuses a broken picture before the answer begins

    def _check_stop(self) -> None:
        if self._stop():
            raise Stopped

    def __len__(self) -> int:
        return len(self._peeked)

    def __getitem__(self, index: int) -> Image:
        """Return a picture, upright. Raises `Refused` if it is broken. Drop each reference before you get the next."""
        if self._last is None or self._last[0] != index:
            self._last = None
            self._check_stop()
            (width, height), draw = self._peeked[index]
            if width * height > _LARGE_PIXELS:
                with contextlib.suppress(AttributeError):  # only glibc has it
                    ctypes.CDLL(None).malloc_trim(0)  # else 200 MB of the last large picture stay allocated
            with _refusing(index + 1):
                self._last = index, draw().image
        return self._last[1]
