"""A server that answers at once and always the same way: a letter or a digit derived from the question's text.

`python -m tests.bench.answering` prints its port. `--delay S` waits before each answer. `--busy N` refuses every Nth
request with 429 and `--again S` as its Retry-After, `--fail N` fails every Nth with 500, `--cut N` closes every Nth
stream midway.
"""

import argparse
import http.server
import itertools
import json
import re
import sys
import time
import zlib


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, options):
        super().__init__(("127.0.0.1", options.port), Handler)
        self.options, self.count = options, itertools.count(1)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # sends a response in one piece: no kill can fall between its headers and its body
    disable_nagle_algorithm = True  # else the end of a response waits 40 ms until its beginning is acknowledged

    def do_GET(self):
        self.send(b'{"data": [{"id": "oracle"}]}', "application/json")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        options, count = self.server.options, next(self.server.count)
        time.sleep(options.delay)
        if options.busy and count % options.busy == 0:
            self.send(b'{"error": {"message": "full"}}', "application/json", 429, *options.again)
            return
        if options.fail and count % options.fail == 0:
            self.send(b'{"error": {"message": "out of memory"}}', "application/json", 500)
            return
        content = json.loads(body)["messages"][-1]["content"]
        text = answer("".join(part["text"] for part in content if part["type"] == "text"))
        pictures = sum(part["type"] == "image_url" for part in content)
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "oracle"}
        first = {**chunk, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
        last = {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        usage = {
            **chunk,
            "choices": [],
            "usage": {"prompt_tokens": 100 * pictures, "completion_tokens": 1, "total_tokens": 0},
        }
        lines = [first] if options.cut and count % options.cut == 0 else [first, last, usage]
        self.send("".join(f"data: {json.dumps(line)}\n\n" for line in lines).encode(), "text/event-stream")

    def send(self, body, kind, status=200, *headers):
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def answer(text):
    """Return the server's answer to a question, which the tests compare with."""
    checksum = zlib.crc32(text.encode())
    letters = re.findall(r"^\(([A-I])\)", text, re.MULTILINE)
    return letters[checksum % len(letters)] if letters else str(checksum % 10)


def options(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--again", default="0.05", type=lambda s: [("Retry-After", s)] if s else [])
    for name in ("busy", "fail", "cut"):
        parser.add_argument(f"--{name}", type=int, default=0)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    server = Server(options())
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
