"""The HTTP client for questions: it sends the key to one server only, and limits the size of the answer."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import httpx2

from vlnb import fetch
from vlnb.endpoint.answer import Refusal
from vlnb.endpoint.keys import bearer
from vlnb.errors import BadAnswer, BadInput

CONNECT_S = 10.0
MAX_ANSWER_BYTES = 64_000_000  # an answer of 128,000 tokens, one chunk each, is smaller
_MAX_LINE_BYTES = 4_000_000
_ALIVE = ("connect_tcp.started", "receive_response_headers.complete")  # events of httpx2, also of its proxies


class Stale(Exception):  # noqa: N818 - no failure: the request can be sent again
    """The server had closed a kept connection before the request arrived."""


def client(base_url: str, api_key: str) -> httpx2.AsyncClient:
    """Return the HTTP client for one server. It follows no redirect: key and pictures go to this server alone."""
    # `Endpoint` has exact deadlines for the first text and for the whole answer: httpx2's would only get in their way.
    return fetch.client(
        httpx2.URL(base_url).host,
        headers={"accept-encoding": "identity", **bearer(api_key)},
        timeout=httpx2.Timeout(None, connect=CONNECT_S),
        limits=httpx2.Limits(),  # the default keeps only 20 connections, and makes the 101st question of a batch wait
    )


@contextlib.asynccontextmanager
async def stream(http: httpx2.AsyncClient, url: str, body: dict[str, object]) -> AsyncIterator[httpx2.Response]:
    """Send a request, and give the response once its headers have arrived. Raises `Stale`, and httpx2's errors."""
    alive = False

    async def watch(event: str, _: object) -> None:
        nonlocal alive
        alive = alive or event.endswith(_ALIVE)

    try:
        request = http.build_request("POST", url, json=body, extensions={"trace": watch})
    except (TypeError, ValueError) as error:
        raise BadInput(f"The request cannot be sent as JSON ({error}). Check the text and the options.") from error
    try:
        response = await http.send(request, stream=True)
        async with contextlib.aclosing(response):
            yield response
    except (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError):
        if alive:
            raise
        raise Stale from None


async def lines(response: httpx2.Response, server: str) -> AsyncIterator[bytes]:
    """Yield the lines of an answer as they arrive, without line ends.

    Raises:
        Refusal: The HTTP status is an error or a redirect.
        BadAnswer: The answer is compressed, or it or one of its lines is longer than its limit.
    """
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise BadAnswer(  # a megabyte can unpack to a gigabyte, which no limit below would see
            f"{server} sent a compressed answer, although it was asked not to. Switch compression off on the server,"
            " or on the proxy in front of it."
        )
    if not response.is_success:
        raise Refusal(await fetch.received(response, MAX_ANSWER_BYTES))
    total, rest = 0, b""
    async for chunk in response.aiter_raw():
        total += len(chunk)
        *complete, rest = (rest + chunk).split(b"\n")
        if total > MAX_ANSWER_BYTES or len(rest) > _MAX_LINE_BYTES:
            raise BadAnswer(
                f"{server} sent over {total / 1e6:.0f} MB without an end, so reading was stopped. Check its log, and"
                " ask with a smaller max_tokens."
            )
        for line in complete:
            yield line
    yield rest
