"""Gauges that the server reports during a run, from its Prometheus page `/metrics`.

SGLang has the page with `--enable-metrics`, vLLM always. `tests/engine` reads that of a real SGLang 0.5.23.
"""

from __future__ import annotations

import contextlib
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
    r"^(?:sglang|vllm)[:_](\w{1,80})(?:\{[^\n]{0,2000}\})? (\d{1,20}(?:\.\d{1,20})?(?:[eE][-+]?\d{1,2})?)\b",
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
    """A server's running and queued requests and its cache hit rate (0 to 1), `at` a time in seconds since 1970."""

    at: float
    running: records.Number
    queued: records.Number
    cache_hit_rate: records.Number | None = None


def read(server: str, key: str) -> Gauge | None:
    """Return the current gauges of a server; None if it has none. Sums the requests of several ranks or engines.

    Raises:
        VlnbError: The server does not answer.
    """
    page = look_up(server.rstrip("/").removesuffix("/v1"), "/metrics", key=key)
    values: dict[str, list[float]] = {}
    for match in _LINE.finditer(page.body.decode(errors="replace") if page.status == 200 else ""):
        if match[1] in _NAMES:
            values.setdefault(_NAMES[match[1]], []).append(float(match[2]))
    if "running" not in values:
        return None
    rates = values.get("cache_hit_rate")
    return Gauge(time.time(), sum(values["running"]), sum(values.get("queued", [])), max(rates) if rates else None)


class Watch:
    """Reads a server's gauges every second until `stop`, and writes them to the run's folder."""

    def __init__(self, folder: Path, server: str, key: str) -> None:
        self._folder, self._server, self._key = folder, server, key
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vlnb-gauges", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Read once more and end."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        with contextlib.suppress(VlnbError):  # the run is valid without gauges
            first = read(self._server, self._key)
            if first is None:
                return
            with records.Journal(self._folder / GAUGES) as journal:
                journal.write(records.line(asdict(first)))
                ended = False
                while not ended:
                    ended = self._ended.wait(_EVERY_S)
                    with contextlib.suppress(VlnbError):  # a busy server may be late
                        if gauge := read(self._server, self._key):
                            journal.write(records.line(asdict(gauge)))


def sentence(gauges: Sequence[Gauge], ended_at: float = 0.0) -> str:
    """Summarise the gauges of a run in a sentence: before it, the peak, and after it if the last one is from then."""
    if not gauges:
        return ""
    before, after = gauges[0], gauges[-1]
    peak = max(gauge.running for gauge in gauges), max(gauge.queued for gauge in gauges)
    text = (
        f"By its own metrics the server had {before.running:.0f} requests running and {before.queued:.0f} queued before"
        f" the run, at most {peak[0]:.0f} and {peak[1]:.0f} during it"
    )
    if after.at >= ended_at:
        text += f", and {after.running:.0f} and {after.queued:.0f} after it"
    rates = [gauge.cache_hit_rate for gauge in gauges if gauge.cache_hit_rate is not None]
    return text + (f"; its cache hit rate was {max(rates):.0%} at most." if rates else ".")
