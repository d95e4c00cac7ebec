"""`vlnb router`."""

from __future__ import annotations

from vlnb.commands import ServerPort, say, show


def router(*servers: str, port: ServerPort = 30100) -> int:
    """Start a router in front of several servers, and wait until it is ready.

    For example: vlnb router http://127.0.0.1:30000 http://127.0.0.1:30001. `vlnb stop` stops it.

    Parameters
    ----------
    servers
        Addresses of the servers, which all serve the same model.
    port
        Port of the router.
    """
    from vlnb.launch.router import DROPPED, Router

    started = Router.start(servers, port=port)
    say(f"ready; its log is {started.log}. It does not forward the request fields {' and '.join(DROPPED)}.")
    show(started.base_url)
    return 0
