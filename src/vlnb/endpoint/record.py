"""The record of a server that was launched, so that every notebook and shell of this user finds it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from platformdirs import user_cache_path


@dataclass(frozen=True)
class Record:
    """A launched server: where it answers, and the process it runs in. Never its key."""

    base_url: str
    pid: int


def path() -> Path:
    """Return where the record lies."""
    return user_cache_path("vlnb") / "server.json"


def read() -> Record | None:
    """Return the record, or None where there is none that can be read."""
    try:
        data = json.loads(path().read_text("utf-8"))
        return Record(str(data["base_url"]), int(data["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(record: Record) -> None:
    """Keep the record for others to find."""
    path().parent.mkdir(parents=True, exist_ok=True)
    path().write_text(json.dumps(asdict(record)), "utf-8")
