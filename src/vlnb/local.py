"""This machine: its own addresses, ports to listen on, and the folders where vlnb keeps its files."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
from pathlib import Path

from platformdirs import user_cache_path

from vlnb.errors import LaunchFailed


def is_loopback(host: str) -> bool:
    """Return whether `host` (a name or an address, brackets allowed) is one of this machine's loopback addresses.

    >>> is_loopback("localhost"), is_loopback("[::1]"), is_loopback("10.0.0.7")
    (True, True, False)
    """
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_local(host: str) -> bool:
    """Return whether a connection to `host` stays on this machine, and so needs no proxy.

    True for loopback addresses, also in short form or as IPv4-mapped IPv6, for the unspecified ones (0.0.0.0, ::), and
    for names below localhost.

    >>> is_local("127.1"), is_local("app.localhost"), is_local("example.com")
    (True, True, False)
    """
    name = host.strip("[]").lower().rstrip(".")
    if is_loopback(name) or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        try:
            address = ipaddress.ip_address(socket.inet_aton(name))
        except (OSError, UnicodeError):
            return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)


def expanded(path: str | Path) -> Path:
    """Return a path with its ~ replaced. If there is no such user, it stays; pathlib would raise an error."""
    return Path(os.path.expanduser(path))  # noqa: PTH111


def cache() -> Path:
    """Return the folder for vlnb's files: VLNB_CACHE, or a folder in the user's cache."""
    return Path(os.environ.get("VLNB_CACHE") or user_cache_path("vlnb"))


def models() -> tuple[Path, int]:
    """Return the folder for models (HF_HOME, or the hub's default), and the free bytes on its disk."""
    folder = expanded(os.environ.get("HF_HOME") or "~/.cache/huggingface")
    existing = next(path for path in (folder, *folder.parents) if os.path.exists(path))  # noqa: PTH110 - or forbidden
    return folder, shutil.disk_usage(existing).free


def runs() -> Path:
    """Return the folder for runs: VLNB_RUNS, or `runs` in the working directory."""
    return Path(os.environ.get("VLNB_RUNS") or "runs")


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on `host` and `port`; port 0 means any free one.

    Raises `LaunchFailed` if the address cannot be used.

    >>> with listen("127.0.0.1", 0) as listener:
    ...     listener.getsockname()[0]
    '127.0.0.1'
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        dual = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
        return socket.create_server(address, family=family, backlog=128, dualstack_ipv6=dual)
    except (OSError, OverflowError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).partition(" (while")[0]
        raise LaunchFailed(
            f"Port {port} of {host} cannot be used ({reason})."
            " Another program may be listening on it: choose another with --port."
        ) from error
