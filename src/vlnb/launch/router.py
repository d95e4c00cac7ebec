"""A router before several servers: the real `smg`, watched, recorded and stopped like a server.

Every setting is there for a reason. Round robin: smg's own choice, by cached prefixes, does not look at pictures, so
questions with one prompt all go to one server. No breaker: requests that fail everywhere would close all servers to
every client for a minute, and the health checks already leave out a server that is gone.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import secrets
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from vlnb import extras
from vlnb.endpoint import Endpoint
from vlnb.endpoint.resolve import normalise
from vlnb.errors import BadInput
from vlnb.launch.planning import HOST
from vlnb.launch.server import Server, start
from vlnb.local import listen

SETTINGS = (
    "--policy round_robin --disable-circuit-breaker --health-check-interval-secs 2 --health-failure-threshold 2"
    " --health-check-timeout-secs 5 --retry-max-retries 3 --shutdown-grace-period-secs 5 --log-level warn"
).split()
_FEW = 2
_READY_S = 60.0
_ANSWER_S = 10.0
_PICTURE = {"url": "data:image/png;base64,AA==", "detail": "high", "max_dynamic_patch": 2}
_VIDEO = {"url": "data:video/mp4;base64,AA==", "fps": 2, "max_frames": 8}
_FIELDS: dict[str, Any] = {
    "top_k": 5, "min_p": 0.1, "repetition_penalty": 1.1, "seed": 1, "ignore_eos": True, "max_tokens": 8,
    "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}},
    "chat_template_kwargs": {"a": 1}, "mm_processor_kwargs": {"max_pixels": 1}, "custom_params": {"a": 1},
}  # fmt: skip


@dataclass(frozen=True)
class Router(Server):
    """A router process: `base_url` is what clients ask. Start one with `Router.start`."""

    health: ClassVar[str] = "/readiness"  # its /health is fine with every server gone

    @classmethod
    def start(cls, servers: Sequence[str], *, port: int, wait_s: float = _READY_S) -> Router:
        """Start a router on this machine before the servers at these addresses, and wait until one of them answers.

        Raises `BadInput` for fewer than two servers, `LaunchFailed` if it does not come up.
        """
        extras.require("router", "A router before several servers")
        urls = [normalise(one).removesuffix("/v1") for one in servers]
        if len(set(urls)) < _FEW:
            raise BadInput("A router needs the addresses of at least two servers.")
        begun = start(command(urls, port=port), port=port)
        router = cls(begun.record, begun._process)  # noqa: SLF001 - the same process
        try:
            router.wait(wait_s)
        except BaseException:
            router.stop()
            raise
        return router

    @staticmethod
    def lost() -> tuple[str, ...]:
        """Return the fields of a request that smg drops on the way: measured here, with a server that echoes.

        Raises `LaunchFailed` if the router for it does not come up.
        """
        extras.require("router", "A router before several servers")
        seen: list[dict[str, Any]] = []
        sent = {"image_url": _PICTURE, "video_url": _VIDEO}
        parts = [{"type": kind, kind: value} for kind, value in sent.items()]
        with _echo(seen) as url:
            port = _free_port()
            begun = start(command([url], port=port), port=port)
            probe = Router(begun.record, begun._process)  # noqa: SLF001 - the same process
            try:
                probe.wait(_READY_S)
                asked = {"messages": [{"role": "user", "content": parts}], **_FIELDS}
                Endpoint(probe.base_url, "echo", first_token_s=_ANSWER_S).send(asked).reply  # noqa: B018 - waits
            finally:
                probe.stop()
        arrived = {one["type"]: one[one["type"]] for one in seen[-1]["messages"][0]["content"]}
        kept = seen[-1].keys() | ({"max_tokens"} if "max_completion_tokens" in seen[-1] else set())
        lost = [f"{kind}.{name}" for kind, part in sent.items() for name in part if name not in arrived[kind]]
        return (*(name for name in _FIELDS if name not in kept), *lost)


def command(urls: Sequence[str], *, port: int) -> list[str]:
    """Return the words of the router's command.

    Its control plane, which could add and remove servers, gets a key that nobody keeps.
    """
    listening = ["--host", HOST, "--port", str(port), "--prometheus-host", HOST, "--prometheus-port", str(_free_port())]
    key = ["--control-plane-api-keys", f"vlnb:vlnb:admin:{secrets.token_hex(16)}"]
    smg = str(Path(sys.executable).with_name("smg"))
    return [smg, "launch", *listening, "--worker-urls", *urls, *SETTINGS, *key]


def _free_port() -> int:
    with listen(HOST, 0) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def _echo(seen: list[dict[str, Any]]) -> Iterator[str]:
    """Run a server that keeps what it is asked, and answers with a word; gives its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            models = b'{"object": "list", "data": [{"id": "echo", "object": "model"}]}'
            self._send("application/json", models if self.path == "/v1/models" else b"{}")

        def do_POST(self) -> None:
            seen.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            choice = {"index": 0, "delta": {"content": "yes"}, "finish_reason": "stop"}
            chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "echo", "choices": [choice]}
            self._send("text/event-stream", f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode())

        def _send(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer((HOST, 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
