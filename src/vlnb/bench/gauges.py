"""What a server says of itself while it is measured: its Prometheus page `/metrics`, where it offers one.

SGLang does with `--enable-metrics`, vLLM always. The names are theirs; a real SGLang 0.5.23 is read in `tests/engine`.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from vlnb import records
from vlnb.endpoint.resolve import look_up
from vlnb.errors import VlnbError

GAUGES = "server.jsonl"
_EVERY_S = 1.0
_LINE = re.compile(
    r"^(?:sglang|vllm)[:_](\w{1,80})(?:\{[^\n]{0,2000}\})? (\d{1,20}(?:\.\d{1,20})?(?:[eE][-+]?\d{1,3})?)\b",
    re.ASCII | re.MULTILINE,
)
_NAMES = {
    "num_running_reqs": "running",
    "num_requests_running": "running",
    "num_queue_reqs": "queued",
    "num_requests_waiting": "queued",
    "cache_hit_rate": "cache_hit_rate",
}


@dataclass(frozen=True)
class Gauge:
    """A server at one moment, in seconds since 1970: requests running and queued, and its cache hit rate (0 to 1)."""

    at: float
    running: records.Number
    queued: records.Number
    cache_hit_rate: records.Number | None = None


def read(server: str, key: str) -> Gauge | None:
    """Return the gauges of a server now; None if it offers none. Several ranks or engines are added up.

    Raises:
        VlnbError: The server does not answer.
    """
    page = look_up(server.rstrip("/").removesuffix("/v1"), "/metrics", key=key)
    found: dict[str, list[float]] = {}
    for hit in _LINE.finditer(page.body.decode(errors="replace") if page.status == 200 else ""):
        if hit[1] in _NAMES:
            found.setdefault(_NAMES[hit[1]], []).append(float(hit[2]))
    if "running" not in found:
        return None
    rates = found.get("cache_hit_rate")
    return Gauge(time.time(), sum(found["running"]), sum(found.get("queued", [])), max(rates) if rates else None)


class Watch:
    """Reads a server's gauges each second until `stop`, and writes them to the run's folder."""

    def __init__(self, folder: Path, server: str, key: str) -> None:
        self._folder, self._server, self._key = folder, server, key
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go, name="vlnb-gauges", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Read once more and end."""
        self._ended.set()
        self._thread.join()

    def _go(self) -> None:
        try:
            first = read(self._server, self._key)
            if first is None:
                return
            with records.Journal(self._folder / GAUGES) as journal:
                journal.write(records.line(asdict(first)))
                ended = False
                while not ended:
                    ended = self._ended.wait(_EVERY_S)
                    if one := read(self._server, self._key):
                        journal.write(records.line(asdict(one)))
        except (VlnbError, ValueError):  # without its gauges the run counts all the same
            return


def sentence(gauges: Sequence[Gauge]) -> str:
    """Return what the gauges say of a run: before, at most, and after."""
    if not gauges:
        return ""
    before, after = gauges[0], gauges[-1]
    most = max(one.running for one in gauges), max(one.queued for one in gauges)
    said = (
        f"By its own metrics the server had {before.running:.0f} requests running and {before.queued:.0f} queued before"
        f" the run, at most {most[0]:.0f} and {most[1]:.0f} during it,"
        f" and {after.running:.0f} and {after.queued:.0f} after it"
    )
    rates = [one.cache_hit_rate for one in gauges if one.cache_hit_rate is not None]
    return said + (f"; its cache hit rate was {max(rates):.0%} at most." if rates else ".")
