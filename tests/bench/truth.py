"""A server of known timing: the TTFT and the gaps are fixed, and the server records what it really did.

`python -m tests.bench.truth --ttft 0.1 --gap 0.01` prints its port. Request bodies go into a reused buffer and are
never copied, so that the server does not limit the client. `GET /truth` returns the timestamps, in seconds of the
monotonic clock that all processes of a machine share, and clears them. `--fault NAME` makes the server misbehave;
`--certificate FILE` makes it use TLS.
"""

import argparse
import asyncio
import json
import re
import ssl
import sys
import time
from typing import ClassVar

BUFFER_BYTES = 1 << 18
_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
_TOKENS = re.compile(rb'"max_(?:completion_)?tokens":\s*(\d+)')
FAULTS = ("stall", "die", "429", "500", "half", "early", "flaky", "odd", "picky", "hangup")


class Server(asyncio.BufferedProtocol):
    """One connection."""

    pool = (bytearray(BUFFER_BYTES),)
    stamps: ClassVar = []
    requests = 0

    def __init__(self, options):
        self.options = options

    def connection_made(self, transport):
        self.transport = transport
        self.head, self.left, self.tail = b"", None, b""
        self.answers = 0

    def get_buffer(self, _):
        return self.pool[0]  # shared by all connections: its content is processed before the next read

    def buffer_updated(self, count):
        data = memoryview(self.pool[0])[:count]
        if self.left is None:
            self.head += bytes(data)
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return
            length = _LENGTH.search(self.head[:end])
            self.left = (int(length[1]) if length else 0) - (len(self.head) - end - 4)
            self.tail = self.head[end + 4 :][-600:]
        else:
            self.left -= count
            self.tail = (self.tail + bytes(data[-600:]))[-600:]
        if self.left <= 0:
            head, tail = self.head, self.tail
            self.head, self.left, self.tail = b"", None, b""
            if head.startswith(b"GET /truth"):
                self.respond(json.dumps(self.stamps).encode())
                self.stamps.clear()
            elif b"/models" in head[:40]:
                self.respond(b'{"object": "list", "data": [{"id": "truth", "object": "model"}]}')
            elif head.startswith(b"GET"):
                self.respond(b'{"internal_states": [{}]}')  # bench_serving reads this
            else:
                received_at = time.perf_counter()
                asyncio.get_running_loop().create_task(self.answer(received_at, tail))

    def respond(self, body, status="200 OK"):
        self.transport.write(
            f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()
            + body
        )

    def chunk(self, data):
        if not self.transport.is_closing():
            self.transport.write(b"%x\r\n%s\r\n" % (len(data), data))

    def refused(self, fault, tail):
        """Refuse a request or abort the connection, as the fault demands; return whether it did."""
        self.answers += 1
        refusals = {"429": b'{"error": {"message": "too much"}}', "500": b'{"error": {"message": "too much"}}'}
        if fault == "picky" and b'"ignore_eos"' in tail:
            refusals["picky"] = b'{"detail": "Unexpected fields in the request: {\'ignore_eos\'}"}'
        elif fault == "picky" and b'"stream_options"' in tail:
            refusals["picky"] = b'{"detail": [{"loc": ["stream_options"], "msg": "Extra inputs are not permitted"}]}'
        if fault == "hangup" and self.answers > 1:  # as if it had closed while the request was in transit
            self.transport.abort()
            return True
        if fault in refusals:
            self.respond(refusals[fault], "422 No" if fault == "picky" else f"{fault} Sorry")
        return fault in refusals

    async def answer(self, received_at, tail):
        Server.requests += 1
        fault = self.options.fault
        if fault == "flaky":
            fault = ["", "429", "", "half", "500", "", "early"][Server.requests % 7]
        if self.refused(fault, tail):
            return
        tokens = int(_TOKENS.search(tail)[1]) if _TOKENS.search(tail) else self.options.tokens
        clock = asyncio.get_running_loop().time
        start, sent = clock(), []
        self.transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for i in range(tokens):
            await asyncio.sleep(max(0, start + self.options.ttft + i * self.options.gap - clock()))
            if fault == "stall" and i == 2:
                await asyncio.sleep(3600)
            if fault == "die" and i == 2:
                self.transport.abort()
                return
            if fault == "half" and i == 2:
                self.chunk(b'data: {"choices": [{"delta": {"con\n\n')
                self.chunk(b"")
                return
            if fault == "odd" and i == 2 and Server.requests % 3:
                self.chunk(
                    (b"data: null\n\n", b'data: {"choices": [null], "finish_reason": "stop"}\n\n')[Server.requests % 2]
                )
            if fault == "early" and i == 2:
                self.chunk(b"")
                return
            self.chunk(
                b'data: {"choices": [{"index": 0, "delta": {"content": "w%d "}, "finish_reason": null}]}\n\n' % i
            )
            sent.append(time.perf_counter())
        self.chunk(b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}\n\n')
        if b'"include_usage"' in tail:  # bench_serving does not ask for it, and fails if it is sent
            self.chunk(b'data: {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": %d}}\n\n' % tokens)
        self.chunk(b"data: [DONE]\n\n")
        self.chunk(b"")
        self.stamps.append([received_at, *sent])


async def serve(options):
    loop = asyncio.get_running_loop()
    tls = None
    if options.certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(options.certificate)
    server = await loop.create_server(lambda: Server(options), "127.0.0.1", options.port, backlog=1024, ssl=tls)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ttft", type=float, default=0.02)
    parser.add_argument("--gap", type=float, default=0.002)
    parser.add_argument("--tokens", type=int, default=8)
    parser.add_argument("--certificate")
    parser.add_argument("--fault", choices=FAULTS)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
