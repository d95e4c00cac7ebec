"""`vlnb router`."""

from __future__ import annotations

from vlnb.commands import Port, say, show


def router(*servers: str, port: Port = 30100) -> int:
    """Start a router before several servers, and wait until it is ready. `vlnb stop` stops it.

    For example: vlnb router http://127.0.0.1:30000 http://127.0.0.1:30001

    Parameters
    ----------
    servers
        Addresses of the servers, which serve one model.
    port
        Port of the router.
    """
    from vlnb.launch.router import DROPPED, Router

    started = Router.start(servers, port=port)
    say(f"ready; its log is {started.log}. Of a request it does not pass on the fields {' and '.join(DROPPED)}.")
    show(started.base_url)
    return 0
