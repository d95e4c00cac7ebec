"""The HTTP client under `openai`: what may leave with a request, where it may go, and how much may come back.

`openai` adds headers from the environment (`OPENAI_ORG_ID`, `OPENAI_PROJECT_ID`, `OPENAI_CUSTOM_HEADERS`) to every
request, follows redirects, and reads an answer of any length. Those headers are meant for OpenAI, not for this server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2

from vlnb.endpoint.keys import bearer, same_server
from vlnb.errors import BadAnswer, ServerRefused
from vlnb.local import is_here

CONNECT_S = 10.0
MAX_ANSWER_BYTES = 64_000_000  # an answer of 128,000 tokens, a chunk each, has less
_MAX_LINE_BYTES = 4_000_000
_HEADERS = frozenset("host accept content-type content-length transfer-encoding user-agent connection".split())


def client(base_url: str, api_key: str) -> httpx2.AsyncClient:
    """Return the HTTP client for one server."""

    async def before(request: httpx2.Request) -> None:
        if not same_server(str(request.url), base_url):
            raise ServerRefused(
                f"{base_url} redirects to {request.url.scheme}://{request.url.netloc.decode()}: not followed, so that"
                " neither key nor picture goes to another server. Use that one as the address if you trust it.",
                status=307,
            )
        for name in [name for name in request.headers if name.lower() not in _HEADERS]:
            del request.headers[name]
        request.headers.update({"accept-encoding": "identity", **bearer(api_key)})

    async def after(response: httpx2.Response) -> None:
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise BadAnswer(  # unpacked, a megabyte can have a gigabyte, and no bound below would see it
                f"{base_url} sent a compressed answer, although it was asked not to. Switch compression off on the"
                " server, or on the proxy before it."
            )
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _Bounded(response.stream, base_url)

    # The deadlines of `Endpoint` are exact and separate the first text from the whole; httpx2's would only add to them.
    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(None, connect=CONNECT_S),
        follow_redirects=True,
        trust_env=not is_here(httpx2.URL(base_url).host),
        event_hooks={"request": [before], "response": [after]},
    )


class _Bounded(httpx2.AsyncByteStream):
    """An answer that ends in `BadAnswer` once it, or one line of it, exceeds its limit."""

    def __init__(self, stream: httpx2.AsyncByteStream, server: str) -> None:
        self._stream, self._server = stream, server

    async def __aiter__(self) -> AsyncIterator[bytes]:
        total = line = 0
        async for chunk in self._stream:
            total += len(chunk)
            newline = chunk.rfind(b"\n")
            line = line + len(chunk) if newline < 0 else len(chunk) - newline - 1
            if total > MAX_ANSWER_BYTES or line > _MAX_LINE_BYTES:
                raise BadAnswer(
                    f"{self._server} sent over {total / 1e6:.0f} MB without an end, so reading was stopped."
                    " Check its log, and ask with a smaller max_tokens."
                )
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
