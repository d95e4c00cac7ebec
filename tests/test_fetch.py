"""The bounded GET over real sockets: limits on received and unpacked bytes, one deadline, safe redirects."""

import asyncio
import gzip
import socket
import threading
import time

import httpx2
import pytest

from vlnb import fetch

ADDRESSES = [
    ("8.8.8.8", True),
    ("1.1.1.1", True),
    ("2606:4700:4700::1111", True),
    ("::ffff:8.8.8.8", True),  # IPv4-mapped IPv6: the inner address counts
    ("64:ff9b::8.8.8.8", True),  # NAT64: how an IPv6-only network reaches IPv4
    ("127.0.0.1", False),
    ("127.9.9.9", False),
    ("2130706433", False),  # 127.0.0.1 as one number
    ("0.0.0.0", False),
    ("10.1.2.3", False),
    ("172.16.0.1", False),
    ("192.168.1.1", False),
    ("169.254.169.254", False),  # the metadata service of clouds, which hands out credentials
    ("100.64.0.1", False),
    ("224.0.0.1", False),
    ("::1", False),
    ("::", False),
    ("fe80::1", False),
    ("fd00::1", False),
    ("::ffff:127.0.0.1", False),
    ("::ffff:169.254.169.254", False),
    ("64:ff9b::10.0.0.1", False),
    ("2002:7f00:1::", False),  # 127.0.0.1 in 6to4
    ("localhost", False),
]


@pytest.mark.parametrize(("host", "public"), ADDRESSES)
def test_public_and_private_addresses_are_distinguished(host, public):
    assert asyncio.run(fetch._is_public(host)) is public


@pytest.fixture
def localhost_is_public(monkeypatch):
    """Treat `localhost` as a public site, and check all other names as usual."""
    real = fetch._is_public

    async def is_public(host):
        return host == "localhost" or await real(host)

    monkeypatch.setattr(fetch, "_is_public", is_public)


def test_a_public_site_cannot_redirect_into_this_network(web, localhost_is_public):
    inside = web.address + "/secret"  # on 127.0.0.1
    public = web.address.replace("127.0.0.1", "localhost")
    web.pages["/secret"] = (200, "text/plain", b"inside")
    web.pages["/in"] = (302, "text/plain", inside.encode())
    web.pages["/hop"] = (302, "text/plain", b"/in")
    web.pages["/same"] = (302, "text/plain", f"{public}/open".encode())
    web.pages["/open"] = (200, "text/plain", b"open")
    for path in ("/in", "/hop"):
        with pytest.raises(fetch.BadRedirect, match="inside this network"):
            fetch.get(public + path, redirects=3)
    assert fetch.get(f"{public}/same", redirects=3).body == b"open"
    assert fetch.get(web.address + "/in", redirects=3).body == b"inside", "a private site may redirect anywhere"


def test_redirects_are_limited_and_the_error_hides_the_query(web):
    web.pages["/loop"] = (302, "text/plain", b"/loop?signature=hunter2")
    web.pages["/loop?signature=hunter2"] = web.pages["/loop"]
    with pytest.raises(fetch.BadRedirect, match="more than 4 times") as caught:
        fetch.get(f"{web.address}/loop", redirects=4)
    assert "hunter2" not in str(caught.value)
    assert fetch.get(f"{web.address}/loop").status == 302, "no redirect is followed by default"


def drip(connection, start=b"HTTP/1.1 200 OK\r\n"):
    connection.sendall(start)
    while True:
        time.sleep(0.05)
        connection.sendall(b"x-a: b\r\n")


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n"])
def test_one_deadline_covers_the_whole_response(raw_server, start):
    """A server that keeps sending a little, in the head or in the body, never triggers the timeout of a single read."""
    address = raw_server(lambda connection: drip(connection, start))
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        fetch.get(address, total_s=0.4)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("body", [bytes(2000), gzip.compress(bytes(10_000_000))], ids=["plain", "gzip"])
def test_received_and_unpacked_bytes_are_limited(raw_server, body):
    packed = b"content-encoding: gzip\r\n" if body[:2] == b"\x1f\x8b" else b""
    address = raw_server(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\n" + packed + b"\r\n" + body))
    with pytest.raises(fetch.TooLarge, match="1,000 bytes"):
        fetch.get(address, max_bytes=1000)


def test_broken_gzip_raises_an_http_error(raw_server):
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n"
    address = raw_server(lambda connection: connection.sendall(head + b"this is no gzip"))
    with pytest.raises(httpx2.HTTPError, match="encoding is broken"):
        fetch.get(address)


def test_a_redirect_to_another_server_drops_the_api_key():
    """A bare socket records the bytes of the request that follows a redirect to another port."""
    requests = []

    def listen(answer):
        listener = socket.create_server(("127.0.0.1", 0))

        def run():
            with listener, listener.accept()[0] as connection:
                requests.append(connection.recv(10_000).lower())
                connection.sendall(answer)

        threading.Thread(target=run, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"

    other = listen(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    first = listen(f"HTTP/1.1 302 Found\r\nlocation: {other}\r\ncontent-length: 0\r\n\r\n".encode())
    fetch.get(first, headers={"Authorization": "Bearer sesame", "x-other": "stays"}, redirects=1)
    assert b"sesame" in requests[0]
    assert b"sesame" not in requests[1]
    assert b"x-other" in requests[1]
