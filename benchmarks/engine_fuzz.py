"""The embedded engine under bad input: broken pictures, bombs, odd JSON, slow clients, and clients that leave.

    .venv/bin/python benchmarks/engine_fuzz.py [REQUESTS]        (20 or more)

The engine runs as a process of its own (`vlnb serve`). Exits with status 1 if it answered with a 500, if it and its
children held more than 1 GB, or if a normal request had to wait for more than 5 s afterwards.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import json
import random
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.bombs import blank, pdf_bomb, png_that_promises
from vlnb import samples

REQUESTS, CLIENTS = 500, 8
MEMORY_MB, WAIT_S = 1000, 5
SMALL = {
    form: blank(60, 40, form, "RGB")
    for form in ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "JPEG2000", "ICO", "TGA", "PPM", "PDF")
}


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def lying_icon() -> bytes:
    """Return an icon whose directory says 16 x 16, around a PNG of 49 megapixels."""
    inner = blank(7000, 7000)
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(inner), 22) + inner


def large() -> dict[str, bytes]:
    """Return pictures of 25 megapixels, the most that the engine takes, that need much memory on the way in."""
    return {
        "RGBA": blank(5000, 5000, "PNG", "RGBA"),
        "16 bit": blank(5000, 5000, "PNG", "I;16"),
        "float": blank(5000, 5000, "TIFF", "F", compression="tiff_deflate"),
        "JPEG 2000": blank(5000, 5000, "JPEG2000", "RGBA"),
        "WebP": blank(5000, 5000, "WEBP", "RGBA"),
        "AVIF": blank(5000, 5000, "AVIF", "RGB", speed=10),
        "progressive JPEG": blank(5000, 5000, "JPEG", "RGB", progressive=True),
    }


class _Fuzz:
    """The requests: each method is named after what it sends, and returns the outcome."""

    def __init__(self, host: str, port: int, seed: int) -> None:
        self.host, self.port = host, port
        self.random = random.Random(seed)
        self.receipt = samples.receipt().picture.encoded[1]
        self.large = large()
        self.bombs = {"deep": pdf_bomb(), "wide": pdf_bomb(3, 3000), "page": encoded(Image.new("1", (9, 9)), "PDF")}

    def post(self, body: bytes, headers: dict[str, str] | None = None) -> str:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=120)
        with contextlib.closing(connection):
            connection.request(
                "POST", "/v1/chat/completions", body, {"content-type": "application/json", **(headers or {})}
            )
            response = connection.getresponse()
            answer = response.read()
            if response.status >= 500:
                print("  ", response.status, answer[:300])
            return "error in the stream" if b'data: {"error"' in answer else str(response.status)

    def body(self, *files: bytes, **options: object) -> bytes:
        uris = ["data:image/png;base64," + base64.b64encode(file).decode() for file in files]
        parts = [{"type": "image_url", "image_url": {"url": uri}} for uri in uris]
        parts.append(
            {"type": "text", "text": self.random.choice(["Read all the text.", "What is the total?", "Compare"])}
        )
        messages = [{"role": "user", "content": parts}]
        return json.dumps({"model": "vlnb-embedded-ocr", "messages": messages, **options}).encode()

    def a_receipt(self) -> str:
        return self.post(self.body(self.receipt))

    def a_damaged_picture(self) -> str:
        data = bytearray(self.random.choice(list(SMALL.values())))
        for _ in range(self.random.randint(1, 6)):
            data[self.random.randrange(len(data))] = self.random.randrange(256)
        cut = data[: self.random.choice([len(data), self.random.randrange(len(data))])]
        return self.post(self.body(bytes(cut), stream=self.random.random() < 0.5))

    def a_large_picture(self) -> str:
        return self.post(self.body(self.random.choice(list(self.large.values()))))

    def many_pictures(self) -> str:
        count, side = self.random.choice([(16, 7000), (16, 4900), (4, 5000), (65, 8), (60, 300)])
        return self.post(self.body(*[blank(side, side)] * count))

    def a_bomb(self) -> str:
        return self.post(self.body(self.random.choice([png_that_promises(60_000, 60_000), lying_icon()])))

    def a_pdf_bomb(self) -> str:
        return self.post(self.body(self.random.choice(list(self.bombs.values()))))

    def odd_json(self) -> str:
        pieces = [
            b"[",
            b"]",
            b"{",
            b"}",
            b'"',
            b":",
            b",",
            b"null",
            b"1e999",
            b"-0",
            b'"\\ud800"',
            b"\xff",
            b"NaN",
            b" ",
        ]
        if self.random.random() < 0.2:
            return self.post(self.random.choice(pieces) * self.random.choice([10**5, 10**7]))
        return self.post(b"".join(self.random.choices(pieces, k=40)))

    def odd_fields(self) -> str:
        odd = [None, True, -1, 1e300, "", "\udc00", "x" * 10**6, [], {}, [[]], {"url": 7}, 2**70, {"role": "user"}]
        request = json.loads(self.body(SMALL["PNG"]))
        place = request
        for _ in range(self.random.randint(1, 5)):
            keys = (
                list(place) if isinstance(place, dict) else list(range(len(place))) if isinstance(place, list) else []
            )
            if not keys:
                break
            key = self.random.choice(keys)
            if self.random.random() < 0.4:
                place[key] = self.random.choice(odd)
                break
            place = place[key]
        extra = self.random.choice(["max_tokens", "n", "stream_options", "tools", "stream", "temperature"])
        return self.post(json.dumps(request | {extra: self.random.choice(odd)}).encode())

    def a_long_question(self) -> str:
        text = "".join(self.random.choices("abcdefgh 12.", k=1000)) * self.random.choice([40, 20_000])
        return self.post(self.body(self.receipt).replace(b"Read all the text", text.encode()))

    def a_web_page(self) -> str:
        odd = [{"host": "evil.example"}, {"origin": "https://evil.example"}, {"content-type": "text/plain"}]
        return self.post(self.body(SMALL["PNG"]), self.random.choice(odd))

    def head(self, length: int) -> bytes:
        return (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n"
            f"content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        ).encode()

    def a_client_that_leaves(self) -> str:
        body = self.body(*[self.receipt] * 8, stream=self.random.random() < 0.5)
        if self.random.random() < 0.3:
            body = self.body(self.bombs["deep"])
        wire = self.head(len(body)) + body
        with socket.create_connection((self.host, self.port)) as connection:
            with contextlib.suppress(OSError):
                connection.sendall(wire[: self.random.choice([10, len(wire) // 2, len(wire)])])
            time.sleep(self.random.random())
        return "left"

    def a_client_that_stalls(self) -> str:
        """Send half of 40 MB, or half a head, and then nothing, until the engine closes the connection."""
        start = self.random.choice([self.head(40_000_000) + b" " * 20_000_000, b"POST /v1/chat", b""])
        with socket.create_connection((self.host, self.port), timeout=60) as connection:
            try:
                connection.sendall(start)
                answer = connection.recv(1000)
            except OSError:
                return "hung up"
            return answer[9:12].decode() or "hung up"


SHARES: dict[str, int] = {
    "a_damaged_picture": 34, "odd_json": 15, "odd_fields": 15, "a_client_that_leaves": 10, "a_client_that_stalls": 3,
    "a_web_page": 5, "a_receipt": 5, "many_pictures": 4, "a_large_picture": 3, "a_pdf_bomb": 2, "a_bomb": 1,
    "a_long_question": 1,
}  # fmt: skip


class Memory(threading.Thread):
    """Samples the memory of a process and its children fifty times a second."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._process = psutil.Process(pid)
        self.peak_mb = 0.0

    def run(self) -> None:
        """Sample until the process ends."""
        while self._process.is_running():
            with contextlib.suppress(psutil.Error):
                family = [self._process, *self._process.children()]
                self.peak_mb = max(self.peak_mb, sum(process.memory_info().rss for process in family) / 1e6)
            time.sleep(0.02)


def outcome(call: Callable[[], str]) -> str:
    try:
        return call()
    except (OSError, http.client.HTTPException) as failure:
        return type(failure).__name__


def main(requests: int) -> int:
    """Send the requests, print the table, and return the exit status."""
    command = [sys.executable, "-m", "vlnb", "serve", "--port", "0"]
    engine = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        address = re.search(r"http://([^:]+):(\d+)", engine.stdout.readline())
        fuzz = _Fuzz(address[1], int(address[2]), seed=7)
        memory = Memory(engine.pid)
        memory.start()
        kinds = [kind for kind in SHARES if requests >= 100 or "stalls" not in kind]  # one of these takes half a minute
        names = kinds + fuzz.random.choices(kinds, [SHARES[kind] for kind in kinds], k=requests - len(kinds))
        fuzz.random.shuffle(names)
        began = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as pool:
            results = list(pool.map(lambda name: (name, outcome(getattr(fuzz, name))), names))
        elapsed = time.perf_counter() - began
        waits = []
        for _ in range(5):
            start = time.perf_counter()
            assert fuzz.a_receipt() == "200"
            waits.append(time.perf_counter() - start)
    finally:
        engine.terminate()
        engine.wait()
    table: dict[str, Counter[str]] = {}
    for name, result in results:
        table.setdefault(name, Counter())[result] += 1
    print(f"{len(results)} requests by {CLIENTS} clients in {elapsed:.0f} s")
    for name in kinds:
        print(
            f"  {name.replace('_', ' '):24} {', '.join(f'{status} × {n}' for status, n in table[name].most_common())}"
        )
    broken = sum(result.startswith("5") for _, result in results)
    print(f"answers with a status of 500 and above: {broken} (none is right)")
    print(f"peak memory of the engine with its children: {memory.peak_mb:.0f} MB (below {MEMORY_MB})")
    print(f"longest wait of a normal request afterwards: {max(waits):.1f} s (below {WAIT_S})")
    return int(broken > 0 or memory.peak_mb >= MEMORY_MB or max(waits) >= WAIT_S)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else REQUESTS))
