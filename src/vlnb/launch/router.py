"""A router before several servers: the real `smg`, watched, recorded and stopped like a server.

Every setting is there for a reason. Round robin: smg's own choice, by cached prefixes, does not look at pictures, so
questions with one prompt all go to one server. No breaker: requests that fail everywhere would close all servers to
every client for a minute, and the health checks already leave out a server that is gone.
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
"""The fields of a request that smg 1.13 does not pass on; a test measures them."""


@dataclass(frozen=True)
class Router(Server):
    """A router process: `base_url` is what clients ask. Start one with `Router.start`."""

    health: ClassVar[str] = "/readiness"  # its /health is fine with every server gone

    @classmethod
    def start(cls, servers: Sequence[str], *, port: int, wait_s: float = 60.0) -> Router:
        """Start a router on this machine before the servers at these addresses, and wait until one of them answers.

        Raises:
            BadInput: There are fewer than two servers.
            NoServer, BadAnswer: One of them does not answer.
            LaunchFailed: The router does not come up.
        """
        extras.require("router", "A router before several servers")
        addresses = dict.fromkeys(map(normalise, servers))
        if len(addresses) <= 1:
            raise BadInput("A router needs the addresses of at least two servers, such as http://127.0.0.1:30000.")
        for one in addresses:
            with contextlib.suppress(ServerRefused):  # it answers; the key is the client's
                models(Endpoint(one, "", origin="a router"))
        with listen(HOST, 0) as free:
            metrics = str(free.getsockname()[1])
        listening = ["--host", HOST, "--port", str(port), "--prometheus-host", HOST, "--prometheus-port", metrics]
        # Its control plane, which could add and remove servers, gets a key that nobody keeps.
        key = ["--control-plane-api-keys", f"vlnb:vlnb:admin:{secrets.token_hex(16)}"]
        smg = str(Path(sys.executable).with_name("smg"))
        urls = [one.removesuffix("/v1") for one in addresses]
        begun = start([smg, "launch", *listening, "--worker-urls", *urls, *SETTINGS, *key], port=port)
        router = cls(begun.record, begun._process)  # noqa: SLF001 - the same process
        try:
            router.wait(wait_s)
        except BaseException:  # nobody would know of it
            router.stop()
            raise
        return router
