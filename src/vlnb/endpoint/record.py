"""The record of a server that was launched, so that every notebook and shell of this user finds it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from platformdirs import user_cache_path


@dataclass(frozen=True)
class Record:
    """A launched server: where it answers, the process it runs in, and where it writes its log. Never its key.

    `created` is when the process began, in seconds since 1970: a later process may have the same number.
    """

    base_url: str
    pid: int
    created: float = 0.0
    log: str = ""


def cache() -> Path:
    """Return the folder of what vlnb keeps: the user's cache, or the folder that VLNB_CACHE names."""
    return Path(os.environ.get("VLNB_CACHE") or user_cache_path("vlnb"))


def path() -> Path:
    """Return where the record lies."""
    return cache() / "server.json"


def read() -> Record | None:
    """Return the record, or None where there is none that can be read."""
    try:
        data = json.loads(path().read_text("utf-8"))
        return Record(str(data["base_url"]), int(data["pid"]), float(data.get("created", 0)), str(data.get("log", "")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remove() -> None:
    """Forget the launched server."""
    path().unlink(missing_ok=True)


def write(record: Record) -> None:
    """Keep the record for others to find."""
    path().parent.mkdir(parents=True, exist_ok=True)
    path().write_text(json.dumps(asdict(record)), "utf-8")
