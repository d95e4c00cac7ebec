"""Runs the embedded engine: in a thread of this process, or as its own process (`vlnb serve`)."""

from __future__ import annotations

import atexit
import contextlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlnb.errors import BadInput
from vlnb.local import is_loopback, listen

if TYPE_CHECKING:
    import uvicorn

    from vlnb.embedded.reader import Reader

_running: Running | None = None
_guard = threading.Lock()


@dataclass(frozen=True)
class Running:
    """An engine that serves `base_url` until `stop()`."""

    base_url: str
    _server: uvicorn.Server
    _thread: threading.Thread

    def stop(self) -> None:
        """Stop serving and free the port."""
        self._server.should_exit = True
        self._thread.join(5)


def start() -> Running:
    """Return this process's embedded engine. The first call starts it on a free port of 127.0.0.1."""
    global _running  # noqa: PLW0603 - one engine a process: its models take 300 MB
    with _guard:
        if _running is None or not _running._thread.is_alive():  # noqa: SLF001
            _running = _start()
            atexit.register(_running.stop)
        return _running


def _start(*, api_key: str | None = None) -> Running:
    listener = listen("127.0.0.1", 0)
    server = _server(api_key)
    thread = threading.Thread(target=server.run, args=([listener],), name="vlnb-engine", daemon=True)
    thread.start()
    host, port = listener.getsockname()[:2]
    return Running(f"http://{host}:{port}/v1", server, thread)


def serve(host: str, port: int, *, api_key: str | None) -> None:
    """Serve in this process until interrupted. Prints the address once the port is open.

    Raises `BadInput` for an address that other machines can reach without an API key, `LaunchFailed` for a port in use.
    """
    if not is_loopback(host) and not api_key:
        raise BadInput(
            f"--host {host} would let other machines use this engine. Set VLNB_API_KEY to a secret they must send,"
            " or leave out --host to serve this machine alone."
        )
    listener = listen(host, port)
    name = f"[{host}]" if ":" in host else host
    print(f"embedded engine … http://{name}:{listener.getsockname()[1]}/v1  (Ctrl-C stops it)", flush=True)  # noqa: T201
    _server(api_key).run(sockets=[listener])


def _server(api_key: str | None) -> uvicorn.Server:
    import uvicorn

    from vlnb.embedded.app import create_app
    from vlnb.embedded.gate import IDLE_S, Connection
    from vlnb.embedded.reader import shared

    reader = shared()
    # The models load in the background; an early request waits for them. The end of the process waits, too: Python
    # cannot end a daemon thread within the libraries without an abort.
    threading.Thread(target=_warm_up, args=(reader,), name="vlnb-warm-up").start()
    config = uvicorn.Config(
        create_app(api_key=api_key, reader=reader), http=Connection, log_level="critical", access_log=False,
        lifespan="off", ws="none", timeout_graceful_shutdown=2, timeout_keep_alive=IDLE_S,
    )  # fmt: skip
    return uvicorn.Server(config)


def _warm_up(reader: Reader) -> None:
    # A failure (a missing package, for example) occurs again with the first request, which reports it.
    with contextlib.suppress(Exception):
        reader.warm_up()
