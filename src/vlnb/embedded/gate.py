"""Access control of the embedded engine: no web pages, not too many connections, no idle ones.

A page in a browser on this machine can send requests to 127.0.0.1. Under a domain of its own that resolves to 127.0.0.1
(DNS rebinding), it can read the answers too. `Origin` and `Sec-Fetch-Site` reveal a browser, `Host` reveals a foreign
domain, and no page can send JSON to another origin without a preflight request.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from vlnb.local import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

MAX_CONNECTIONS = 128
IDLE_S = 10  # timeout for the head of a request, since the end of the last one; also for a client that stops reading


def error(message: str, status: int, code: str | None, param: str | None = None, retry_s: int = 0) -> Response:
    """Return an error in the form of OpenAI's API, with the header Retry-After if `retry_s` is not 0."""
    headers = {"retry-after": str(retry_s)} if retry_s else None
    return JSONResponse(error_body(message, status, code, param), status, headers)


def error_body(message: str, status: int, code: str | None, param: str | None = None) -> dict[str, Any]:
    """Return the body of an error, for an answer or for an event of a stream."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


class Gate:
    """Passes allowed requests on to `app`. With `api_key`, every path but /health requires it as a bearer token."""

    def __init__(self, app: ASGIApp, *, api_key: str | None) -> None:
        self._app, self._api_key = app, api_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        headers = Headers(scope=scope)
        if refusal := foreign(scope["method"], headers, *scope["server"]):
            await error(refusal[1], refusal[0], "forbidden")(scope, receive, send)
        elif not self._has_key(headers) and scope["path"] != "/health":
            message = "The API key is missing or wrong: send it as 'Authorization: Bearer …'."
            await error(message, 401, "invalid_api_key")(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _has_key(self, headers: Mapping[str, str]) -> bool:
        token = headers.get("authorization", "").removeprefix("Bearer ").strip()
        return not self._api_key or hmac.compare_digest(token.encode(), self._api_key.encode())


def foreign(method: str, headers: Mapping[str, str], address: str, port: int) -> tuple[int, str] | None:
    """Return (HTTP status, sentence) for a request that a web page may have sent, else None.

    The request arrived at `address` and `port`. The names in `headers` are in lower case.
    """
    host = headers.get("host", "")
    if is_loopback(address) and not _is_this_machine(host, port):
        return 403, (
            f"This engine serves its own machine as 127.0.0.1:{port} or localhost:{port}, but the request is for"
            f" {host[:100]!r}. Use one of these addresses. A tunnel must have the same port at both ends."
        )
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none").lower()
    if (origin is not None and origin != f"http://{host}") or site not in {"none", "same-origin"}:
        return 403, (
            "This engine answers programs, but this request comes from a web page of another site"
            f" ({(origin or site)[:100]}). Send it from a notebook or a script."
        )
    kind = headers.get("content-type", "")
    if method == "POST" and kind.partition(";")[0].strip().lower() != "application/json":
        return 415, f"A request must have the content type application/json, but this one has {kind[:100]!r}."
    return None


def _is_this_machine(host: str, port: int) -> bool:
    """Whether a `Host` header names this machine and `port`."""
    try:
        parts = urlsplit(f"//{host}")
        bare = parts.netloc == host and parts.username is None  # no path, and nothing before an @
        return bare and is_loopback(parts.hostname or "") and (parts.port or 80) == port
    except ValueError:
        return False


class Connection(H11Protocol):
    """uvicorn's connection with two more limits: on the number of connections, and on idle time."""

    _stalled: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Refuse a connection above the limit; give the others `IDLE_S` for the head of their first request."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            body = json.dumps(
                error_body(f"{MAX_CONNECTIONS} connections are open already. Close some of them.", 503, "busy")
            )
            head = f"HTTP/1.1 503 \r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
            transport.write(f"{head}connection: close\r\n\r\n{body}".encode())
            transport.close()
        else:
            self.timeout_keep_alive_task = self.loop.call_later(IDLE_S, self.timeout_keep_alive_handler)

    def data_received(self, data: bytes) -> None:
        """Receive bytes. Only a complete head stops the timer; in uvicorn, any byte would stop it."""
        self.conn.receive_data(data)
        self.handle_events()

    def pause_writing(self) -> None:
        """Disconnect a client that does not read for `IDLE_S`."""
        super().pause_writing()
        self._stalled = self.loop.call_later(IDLE_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop the timer of `pause_writing`."""
        super().resume_writing()
        self._stalled.cancel()
