"""The error messages about servers: each is a sentence that names the server and the next step."""

from __future__ import annotations

import contextlib
import email.utils
import html
import json
import math
import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from vlnb import fetch, tables
from vlnb.endpoint.answer import Answer, Refusal
from vlnb.endpoint.keys import redacted
from vlnb.errors import BadAnswer, NoServer, ServerRefused, VlnbError

if TYPE_CHECKING:
    from vlnb.endpoint.client import Endpoint
    from vlnb.fetch import Fetched

_SENTENCES: dict[str, list[dict[str, str]]] = tables.read("endpoint/failures.toml")
_MESSAGE_CHARS = 400
_LONG_S = 3600.0
_PIECE_CHARS = 60
_OPTIONAL = re.compile(r"\b(stream_options|include_usage|ignore_eos)\b")
_REFUSES = re.compile(
    r"extra|disallow|forbid|unexpected|unknown|unrecogni[sz]ed|unsupported|additional|invalid|no such"
    r"|(?:not|n't) (?:\w{1,20} )?(?:support|permit|allow|recogni|know|expect|accept|valid|exist|implement|used|set\b)",
    re.IGNORECASE,
)
_BROKEN = re.compile(r"reading a body from connection|unexpected EOF", re.IGNORECASE)
_INVISIBLE = re.compile(r"<(style|script)\b[^<>]{0,300}>.{0,20000}?(?:</\1>|$)", re.IGNORECASE | re.DOTALL)
_READ_CHARS = 20_000  # of a server's message, which can be as long as an answer


def unreachable(server: str, error: BaseException, *, hint: str = "", secret: str = "") -> NoServer:
    """Return the error for a connection that failed, or broke before any text arrived."""
    reason = _reason(error, secret)
    facts = f"{type(error).__name__} {type(_root(error)).__name__} {reason}"
    sentence = _sentence("unreachable", facts, server=server, reason=reason, within=fetch.LOOKUP_S)
    return NoServer(f"{sentence}{hint and ' ' + hint}")


def cut(server: str, partial: str, reason: str) -> BadAnswer:
    """Return the error for a stream that broke off."""
    if not partial:
        return BadAnswer(
            f"{server} answered, but sent no text ({reason}). Is it an OpenAI-compatible server? Check its log."
        )
    return BadAnswer(
        f"{server} broke off in the middle of its answer ({reason}); the {len(partial)} characters received are in this"
        " error's .partial. Check its log, then ask again.",
        partial=partial,
    )


def refused(server: str, answer: Fetched, *, model: str = "", secret: str = "") -> ServerRefused:
    """Return the error for an HTTP status other than success. It quotes the server's message, without `secret`."""
    status, message = answer.status, _message(answer.body, secret)
    if _BROKEN.search(message):  # smg answers 400 when a server behind it ends in the middle of an answer
        status = HTTPStatus.BAD_GATEWAY.value
    retry_after_s = _seconds(answer.headers.get("retry-after"))
    target = urlsplit(server)
    with contextlib.suppress(ValueError):  # the address of a redirect may be invalid
        target = urlsplit(urljoin(server, answer.headers.get("location", "") if status < 400 else ""))
    sentence = _sentence(
        "refused",
        f"{status} {message}",
        server=server,
        status=status,
        there=redacted(re.sub("(/chat/completions|/models)?/?$", "", fetch.shown_url(target.geturl())), secret)[:200],
        unknown=f"does not know the model {model!r}, or " if model else "",
        wait=_when(retry_after_s),
        quoted=f' It says: "{message}"' if message else "",
    )
    return ServerRefused(sentence, status=status, retry_after_s=retry_after_s)


def _when(seconds: float | None) -> str:
    if seconds is None:
        return "in a moment"
    return f"in {seconds:g} s" if seconds <= _LONG_S else "much later"


def _sentence(table: str, facts: str, **values: object) -> str:
    rows = (row for row in _SENTENCES[table] if re.search(row["when"], facts, re.IGNORECASE))
    return next(rows)["sentence"].format(**values)


def refused_field(text: str) -> str | None:
    """Return the optional field that a server's message refuses: "stream_options", "ignore_eos", or None.

    >>> refused_field('{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}')
    'stream_options'
    >>> refused_field("stream_options.include_usage must be a boolean")
    """
    field = _OPTIONAL.search(text)
    if not field or not _REFUSES.search(text):
        return None
    return "stream_options" if field[1] == "include_usage" else field[1]


def explain(error: Exception, endpoint: Endpoint, answer: Answer, *, first_token_s: float, total_s: float) -> VlnbError:
    """Return the error for any exception raised during a question: `BadAnswer` once text has arrived."""
    import httpx2

    server, secret, partial = endpoint.base_url, endpoint.api_key, answer.text
    if isinstance(error, TimeoutError):
        return _late(server, answer, first_token_s, total_s)
    if isinstance(error, VlnbError):
        return cut(server, partial, str(error)) if partial else error
    if isinstance(error, Refusal) and not partial:
        return refused(server, error.answer, model=endpoint.model, secret=secret)
    if isinstance(error, httpx2.TransportError) and not partial:
        return unreachable(server, error, secret=secret)
    if isinstance(error, Refusal):
        reason = _message(error.answer.body, secret)
    elif isinstance(error, EOFError):
        reason = answer.finish_reason or "the stream ended without a finish_reason"
        if page := "" if partial else _message(answer.page, secret):
            reason = f'it {"is a web page" if answer.page.startswith(b"<") else "says"}: "{page}"'
    elif isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        doc = error.doc if isinstance(error, json.JSONDecodeError) else ""
        piece = " ".join(redacted(doc, secret).split())[:_PIECE_CHARS]  # cut last: half a key is not found
        reason = f"a piece of it is not valid JSON{piece and f': {piece!r}'}"
    else:
        reason = _reason(error, secret)
    return cut(server, partial, reason)


def _late(server: str, answer: Answer, first_token_s: float, total_s: float) -> VlnbError:
    if answer.text:
        return cut(server, answer.text, f"it had not finished after {total_s:g} s: pass a larger total_s")
    if answer.thought:
        return NoServer(f"{server} was still thinking after {total_s:g} s: pass a larger total_s.")
    return NoServer(
        f"{server} sent no text within {min(first_token_s, total_s):g} s. It may be loading or full, or the"
        " pictures may be large. Check its log, or pass a larger first_token_s."
    )


def _reason(error: BaseException, secret: str) -> str:
    cause = _root(error)
    kind = "" if type(cause).__module__.startswith("http") else f"{type(cause).__name__}: "
    return redacted(f"{kind}{cause}" if str(cause) else type(cause).__name__, secret)[:_MESSAGE_CHARS]


def _root(error: BaseException) -> BaseException:
    while (cause := getattr(error, "exceptions", [error.__cause__ or error.__context__])[0]) not in (None, error):
        error = cause
    return error


def _message(body: bytes, secret: str) -> str:
    """Extract the message from an error's body, in any dialect of the API, as one line without the key."""
    data: Any = body.decode(errors="replace")
    with contextlib.suppress(ValueError, RecursionError):
        data = json.loads(data)
    for _ in range(4):
        if isinstance(data, dict):
            keys = ("error_description", "error", "message", "detail", "msg")
            data = next((data[key] for key in keys if data.get(key)), str(data or ""))
        elif isinstance(data, list):
            data = "; ".join(map(_located, data))
    text = redacted(" ".join(str(data or "")[:_READ_CHARS].split()), secret)
    if re.match(r"<|.{0,80}<(?:html|body|style|!doctype)", text, re.IGNORECASE):
        text = " ".join(html.unescape(re.sub(r"<[^<>]{1,300}>", " ", _INVISIBLE.sub(" ", text))).split())
        text = redacted(text, secret)  # a web page may hold it as entities
    return text if len(text) <= _MESSAGE_CHARS else text[: _MESSAGE_CHARS - 1] + "…"


def _located(error: Any) -> str:  # noqa: ANN401 - any JSON value
    """Format one of FastAPI's validation errors: the path in the request, and the message."""
    if isinstance(error, dict) and isinstance(error.get("loc"), list):
        return f"{'.'.join(map(str, error['loc']))}: {error.get('msg')}"
    return str(error)


def _seconds(text: str | None) -> float | None:
    """Return the seconds to wait from a Retry-After header, which is a number or a date."""
    seconds = math.inf
    with contextlib.suppress(ValueError):
        seconds = round(email.utils.parsedate_to_datetime(text or "").timestamp() - time.time())
    with contextlib.suppress(ValueError):
        seconds = float(text or "inf")
    return max(0.0, seconds) if math.isfinite(seconds) else None
