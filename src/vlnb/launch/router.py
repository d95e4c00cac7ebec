"""A router in front of several servers: the real `smg`, watched, recorded and stopped like a server.

The reasons for its settings: Round robin, because smg's default, by cached prefixes, ignores pictures, so it sends all
questions with the same prompt to one server. No circuit breaker, because requests that fail everywhere would block all
servers for every client for a minute; the health checks already exclude a server that is down.
"""

from __future__ import annotations

import contextlib
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from vlnb import extras
from vlnb.endpoint import Endpoint
from vlnb.endpoint.resolve import models, normalise
from vlnb.errors import BadInput, ServerRefused
from vlnb.launch.planning import HOST
from vlnb.launch.server import Server, start
from vlnb.local import listen

SETTINGS = (
    "--policy round_robin --disable-circuit-breaker --health-check-interval-secs 2 --health-failure-threshold 2"
    " --health-check-timeout-secs 5 --retry-max-retries 3 --shutdown-grace-period-secs 5 --log-level warn"
).split()
DROPPED = ("image_url.max_dynamic_patch", "video_url.max_frames")
"""The fields of a request that smg 1.13 does not forward; a test measures them."""


@dataclass(frozen=True)
class Router(Server):
    """A router process. Clients use its `base_url`. Start one with `Router.start`."""

    health: ClassVar[str] = "/readiness"  # its /health reports success even if all servers are down

    @classmethod
    def start(cls, servers: Sequence[str], *, port: int, wait_s: float = 60.0) -> Router:
        """Start a router on this machine for the servers at these addresses, and wait until one of them answers.

        Raises:
            BadInput: There are fewer than two servers.
            NoServer, BadAnswer: One of them does not answer.
            LaunchFailed: The router does not come up.
        """
        extras.require("router", "A router before several servers")
        addresses = dict.fromkeys(map(normalise, servers))
        if len(addresses) <= 1:
            raise BadInput("A router needs the addresses of at least two servers, such as http://127.0.0.1:30000.")
        for address in addresses:
            with contextlib.suppress(ServerRefused):  # it answers; clients have the key
                models(Endpoint(address, "", origin="a router"))
        with listen(HOST, 0) as free:
            metrics = str(free.getsockname()[1])
        listening = ["--host", HOST, "--port", str(port), "--prometheus-host", HOST, "--prometheus-port", metrics]
        # The control plane, which could add and remove servers, gets a key that is not stored anywhere.
        key = ["--control-plane-api-keys", f"vlnb:vlnb:admin:{secrets.token_hex(16)}"]
        smg = str(Path(sys.executable).with_name("smg"))
        urls = [address.removesuffix("/v1") for address in addresses]
        server = start([smg, "launch", *listening, "--worker-urls", *urls, *SETTINGS, *key], port=port)
        router = cls(server.record, server._process)  # noqa: SLF001 - the same process
        try:
            router.wait(wait_s)
        except BaseException:  # the caller gets no handle to stop it
            router.stop()
            raise
        return router
