"""What went wrong with a server, as a sentence that names the server and the next step."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from vlnb import fetch
from vlnb.endpoint.keys import redacted
from vlnb.errors import BadAnswer, NoServer, ServerRefused, VlnbError

if TYPE_CHECKING:
    from openai import APIError

    from vlnb.fetch import Fetched

_NOT_READY = {502, 503, 504}  # HTTP statuses of a server that is starting, full or being restarted
_MESSAGE_CHARS = 400
_READ_CHARS = 20_000  # of a server's message: it can have as many as an answer


def unreachable(server: str, error: BaseException, *, hint: str = "", secret: str = "") -> NoServer:
    """Return the error for a connection that failed, or broke before any answer."""
    cause, reason = _root(error), _why(error, secret)
    if isinstance(error, TimeoutError):
        what = f"{server} did not answer within {fetch.LOOKUP_S:g} s. It may be starting, full, or stopped."
    elif isinstance(cause, ConnectionRefusedError) or "refused" in reason.lower():
        what = f"Nothing answers at {server}: the connection was refused. Is the server running, and is the port right?"
    elif re.search(r"name or service|nodename|getaddrinfo|name resolution|no address", reason, re.IGNORECASE):
        what = f"The host of {server} is unknown. Check the address for a typo."
    elif "ssl" in reason.lower() or "certificate" in reason.lower():
        what = f"No secure connection to {server} ({reason}). Does it speak http rather than https?"
    elif "disconnected" in reason.lower() or "reset" in reason.lower() or "protocol" in type(cause).__name__.lower():
        what = f"{server} closed the connection without an answer ({reason}). It may have died, or may not speak HTTP."
    else:
        what = f"{server} cannot be reached ({reason})."
    return NoServer(f"{what}{hint and ' ' + hint}")


def too_slow(server: str, *, partial: str, first_token_s: float, total_s: float) -> VlnbError:
    """Return the error for an answer that did not begin, or did not end, in time."""
    if partial:
        return BadAnswer(
            f"{server} had not finished its answer after {total_s:g} s; the {len(partial)} characters received are in"
            " this error's .partial. Pass a larger total_s, or a smaller max_tokens.",
            partial=partial,
        )
    return NoServer(
        f"{server} sent no text within {min(first_token_s, total_s):g} s. It may be loading or full, or the pictures"
        " may be large. Check its log, or pass a larger first_token_s."
    )


def cut(server: str, partial: str, why: str) -> VlnbError:
    """Return the error for a stream that broke off."""
    if not partial:
        return BadAnswer(
            f"{server} answered, but sent no text ({why}). Is it an OpenAI-compatible server? Check its log."
        )
    return BadAnswer(
        f"{server} broke off in the middle of its answer ({why}); the {len(partial)} characters received are in this"
        " error's .partial. Check its log, then ask again.",
        partial=partial,
    )


def refused(
    server: str, status: int, body: object, *, model: str, secret: str = "", retry_after: str | None = None
) -> ServerRefused:
    """Return the error for an HTTP status; `secret` is removed from the server's own message."""
    said = _said(body, secret)
    quoted = f' It says: "{said}"' if said else ""
    if status in {401, 403}:
        what = f"{server} rejected the API key ({status}). Set VLNB_API_KEY or api_key to one it accepts.{quoted}"
    elif status == 404:
        which = f"does not know the model {model!r}, or " if model else ""
        fix = "check the port, and that the address ends in /v1"
        what = f"{server} {which}is not an OpenAI-compatible server (404): {fix}.{quoted}"
    elif status == 413:
        what = f"The request is too large for {server} (413): send smaller or fewer pictures.{quoted}"
    elif status == 429:
        seconds = _seconds(retry_after)
        wait = "in a moment" if seconds is None else f"in {seconds:g} s"
        what = f"{server} is overloaded (429): try again {wait}, or send fewer requests at once.{quoted}"
    elif status in _NOT_READY:
        what = f"{server} is not ready ({status}): it may be loading its model. Wait, then ask again.{quoted}"
    elif status < 500:
        what = f"{server} did not accept the request ({status}): correct it and ask again.{quoted}"
    else:
        what = f"{server} failed on this request ({status}). Its log says why; other requests may work.{quoted}"
    return ServerRefused(what, status=status, retry_after_s=_seconds(retry_after))


def explain_response(server: str, answer: Fetched, *, secret: str = "") -> ServerRefused:
    """Return the error for a look-up that was answered without success."""
    try:
        body: object = json.loads(answer.body)
    except (ValueError, RecursionError):
        body = answer.body.decode(errors="replace")
    return refused(server, answer.status, body, model="", secret=secret, retry_after=answer.headers.get("retry-after"))


def explain(error: Exception, server: str, *, partial: str, model: str, secret: str) -> VlnbError:
    """Return the error for anything that openai or its transport raises during a request."""
    import httpx2
    import openai

    if isinstance(cause := _root(error), VlnbError):  # raised by our own transport; openai wraps it
        return cut(server, partial, str(cause)) if partial else cause
    if isinstance(error, openai.APIStatusError):
        retry_after = error.response.headers.get("retry-after")
        body = error.body if error.body is not None else error.response.text
        return refused(server, error.status_code, body, model=model, secret=secret, retry_after=retry_after)
    if isinstance(error, openai.APIConnectionError | httpx2.TransportError):
        why = _why(error, secret)
        return cut(server, partial, why) if partial else unreachable(server, error, secret=secret)
    if isinstance(error, openai.APIError):  # an error as an event of the stream
        return _refused_in_stream(error, server, partial=partial, model=model, secret=secret)
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return cut(server, partial, "a piece of it is not valid JSON")
    return cut(server, partial, redacted(f"{type(error).__name__}: {error}", secret)[:_MESSAGE_CHARS])


def _refused_in_stream(error: APIError, server: str, *, partial: str, model: str, secret: str) -> VlnbError:
    """SGLang refuses a streamed request with an event, under status 200; midway, such an event is a failure."""
    if partial:
        return cut(server, partial, _said(error.body or error.message, secret))
    code = error.body.get("code") if isinstance(error.body, dict) else None
    status = code if isinstance(code, int) else 400
    return refused(server, status, error.body or error.message, model=model, secret=secret)


def _why(error: BaseException, secret: str) -> str:
    cause = _root(error)
    return redacted(str(cause) or type(cause).__name__, secret)[:_MESSAGE_CHARS]


def _root(error: BaseException) -> BaseException:
    while (cause := error.__cause__ or error.__context__) is not None and cause is not error:
        error = cause
    return error


def _said(body: object, secret: str) -> str:
    """Return the server's own message, in any form that such servers use, on one line and without the key."""
    for _ in range(3):
        if isinstance(body, dict):
            body = body.get("error") or body.get("message") or body.get("detail") or ""
    text = redacted(" ".join(str(body or "")[:_READ_CHARS].split()), secret)
    text = " ".join(re.sub(r"<[^<>]{1,300}>", " ", text).split()) if text.startswith("<") else text
    return text if len(text) <= _MESSAGE_CHARS else text[: _MESSAGE_CHARS - 1] + "…"


def _seconds(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
