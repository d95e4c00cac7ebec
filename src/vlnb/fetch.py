"""A bounded GET: every look-up of vlnb has a limit in bytes and a single deadline.

A time-out for each read does not stop a server that sends one byte a second, and a limit on the bytes received does not
stop gzip, which unpacks a thousandfold. `get` limits both, from name resolution to the last redirect.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from vlnb.errors import BadInput
from vlnb.local import is_local, is_loopback

if TYPE_CHECKING:
    import httpx2

LOOKUP_BYTES = 1_000_000  # more than any list of models or flags needs
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
LOOKUP_S = 5.0  # a server lists its models quickly, and a dead address should fail soon


class TooLarge(Exception):  # noqa: N818 - a signal to the caller, which raises the proper error
    """The answer has too many bytes."""


class BadRedirect(Exception):  # noqa: N818
    """A redirect that must not be followed, with the reason."""


@dataclass(frozen=True)
class Fetched:
    """An answer: HTTP status and reason, headers (looked up in any case), and the unpacked body."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


def get(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    max_bytes: int = LOOKUP_BYTES,
    total_s: float = LOOKUP_S,
    redirects: int = 0,
) -> Fetched:
    """Send a GET request and return the answer. Blocks until it is complete; Ctrl-C hangs up.

    Follows at most `redirects` redirects, and never sends a key in `headers` to another server.

    Raises:
        TimeoutError: the whole exchange takes longer than `total_s` seconds.
        TooLarge: the body, packed or unpacked, has more than `max_bytes`.
        BadRedirect: a redirect leads from a public address to a private one, or there are too many.
        httpx2.HTTPError, httpx2.InvalidURL: there is no connection, or no valid answer.
    """
    work = asyncio.run_coroutine_threadsafe(_get(url, dict(headers or {}), max_bytes, total_s, redirects), background())
    try:
        return work.result()
    except BaseException:
        work.cancel()
        raise


def shown_url(address: str) -> str:
    """Return an address, valid or not, without user, password, query and fragment, which may contain secrets.

    >>> shown_url("https://user:secret@example.com/a.png?sig=secret")
    'https://example.com/a.png'
    """
    shown, *hidden = re.split("[?#]", address.strip(), maxsplit=1)
    scheme, mark, rest = shown.partition("://") if "://" in shown else ("", "", shown)
    host, slash, path = rest.partition("/")
    if "@" in "".join(hidden) and (":" in host or not slash):  # a password may contain ? and #
        return f"{scheme}{mark}…"
    if "@" in host or not re.fullmatch(r"(\[[^\]]*\]|[^:]*)(:\d*)?", host):
        host, slash, path = rest.rpartition("@")[2].partition("/")  # a password may contain a slash
    return f"{scheme}{mark}{host}{slash}{path}"


@cache
def background() -> asyncio.AbstractEventLoop:
    """Return the event loop for all requests of this process; it runs in its own thread."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="vlnb-requests", daemon=True).start()
    return loop


def client(host: str, **options: Any) -> httpx2.AsyncClient:  # noqa: ANN401 - what httpx2 takes
    """Return an HTTP client for one host. Requests to this machine never go through a proxy.

    Raises:
        BadInput: The environment names a proxy or a file of certificates that cannot be used.
    """
    import httpx2

    try:
        return httpx2.AsyncClient(trust_env=not is_local(host), **options)
    except (ImportError, ValueError, OSError) as error:
        variables = {"SSL_CERT_FILE", "SSL_CERT_DIR"}
        if not isinstance(error, OSError):
            variables = {"ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY"}
        names = " or ".join(name for name in os.environ if name.upper() in variables)
        if not names:
            raise
        raise BadInput(f"{names} in the environment cannot be used ({error}). Correct it, or unset it.") from error


async def _get(address: str, headers: dict[str, str], max_bytes: int, total_s: float, redirects: int) -> Fetched:
    import httpx2

    async with asyncio.timeout(total_s):
        url = httpx2.URL(address)
        from_public = redirects > 0 and await _is_public(url.host)
        for _ in range(redirects + 1):
            if (url.port or 0) > 65535:
                raise httpx2.InvalidURL(f"port {url.port} does not exist")
            async with (
                client(url.host, timeout=None) as http,
                http.stream("GET", url, headers={"accept-encoding": "identity", **headers}) as response,
            ):
                if not (redirects and response.has_redirect_location):
                    return await received(response, max_bytes)
                target = url.join(response.headers["location"])
            if from_public and not await _is_public(target.host):
                raise BadRedirect("it redirects to an address inside this network, which a public site must not choose")
            if (target.scheme, target.host, target.port) != (url.scheme, url.host, url.port):
                headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
            url = target
    raise BadRedirect(f"it redirects more than {redirects} times")


async def received(response: httpx2.Response, max_bytes: int) -> Fetched:
    """Read the body of an answer; unpack it if the server compressed it in spite of the request headers.

    Raises:
        TooLarge: The body, packed or unpacked, exceeds `max_bytes`.
        httpx2.HTTPError: It does not arrive completely, or its encoding is broken.
    """
    import httpx2

    packed = response.headers.get("content-encoding", "identity").lower()
    unpack = zlib.decompressobj(wbits=47) if packed in {"gzip", "x-gzip", "deflate"} else None
    body = bytearray()
    received = 0
    async for chunk in response.aiter_raw():
        received += len(chunk)
        try:
            body += unpack.decompress(chunk, max_bytes + 1 - len(body)) if unpack else chunk
        except zlib.error as error:
            raise httpx2.DecodingError(f"its {packed} encoding is broken: {error}") from error
        if max(received, len(body)) > max_bytes:
            raise TooLarge(f"more than {max_bytes:,} bytes")
    return Fetched(response.status_code, response.reason_phrase, response.headers, bytes(body))


async def _is_public(host: str) -> bool:
    """Return whether every address of `host` is on the public internet; an unknown name counts as public."""
    try:
        addresses = await asyncio.get_running_loop().getaddrinfo(host, None)
    except OSError:  # behind a proxy, often only the proxy can resolve names
        return not is_loopback(host)
    return all(_is_public_address(str(address[0])) for *_, address in addresses)


def _is_public_address(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):  # traffic goes to the IPv4 address embedded in it
        wrapped = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            wrapped = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        address = wrapped or address
    return address.is_global and not address.is_multicast
