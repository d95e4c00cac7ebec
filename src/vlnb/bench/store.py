"""A speed run on disk: one line for each request, and one for each segment (a start or resumption of the run)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from vlnb.bench.gauges import GAUGES, Gauge
from vlnb.bench.workload import Limits, Workload
from vlnb.records import Count, Number, Server, Signed, keyed, line, lines, manifest

NO_CONNECTION = "no connection"  # the beginning of the error of a request that never reached the server
RECORDS, SEGMENTS = "requests.jsonl", "segments.jsonl"


@dataclass(frozen=True)
class Record:
    """One request. Times are in seconds; `scheduled_s` and `started_s` count from the start of the segment.

    The phases of a request are `queue_s` (due, but waiting in this client), `connect_s`, `upload_s` (first byte sent to
    last byte sent), `server_s` (last byte sent to first token), and the stream. `ttft_s` and `e2e_s` count from its
    start, so they include all phases but the queue. `itl_s` holds the gaps between chunks with text. `error` is a
    sentence or None. `segment` is the number of the segment, from 0.
    """

    id: int
    scheduled_s: Number
    started_s: Number
    queue_s: Number
    connect_s: Number | None
    upload_s: Number | None
    server_s: Signed | None
    ttft_s: Number | None
    e2e_s: Number
    itl_s: tuple[Number, ...]
    output_tokens: Count
    finish_reason: str | None
    error: str | None
    input_tokens: Count | None = None
    segment: Count = 0

    @property
    def unreached(self) -> bool:
        """Whether the request never reached the server, for lack of a connection."""
        return (self.error or "").startswith(NO_CONNECTION)

    def line(self) -> bytes:
        """Return the record as a line of JSON, with times to the microsecond."""
        data = {key: round(value, 6) if isinstance(value, float) else value for key, value in asdict(self).items()}
        data["itl_s"] = [round(gap, 6) for gap in self.itl_s]
        return line(data)


@dataclass(frozen=True)
class Segment:
    """One part of a run: its duration, how late and how busy the client was, and why it stopped early (or "").

    `dropped` names the fields that the server refused, which vlnb then left out; `resent` counts the requests that were
    sent again because the server had closed the connection it had promised to keep. `sent_bytes` is the size of all
    bodies sent; 0 if it was not counted.
    """

    segment: Count
    started_at: float  # seconds since 1970
    duration_s: Number
    cpu_share: float  # of a core
    lag_mean_s: Signed
    lag_p99_s: Signed
    stopped: str
    dropped: tuple[str, ...] = ()
    resent: Count = 0
    sent_bytes: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True)
class Manifest:
    """The description of a speed run: all but its records."""

    created: str
    server: Server
    workload: Workload
    limits: Limits = field(default_factory=Limits)
    client: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stored:
    """A run read from disk. `notes` are sentences about damaged files; `gauges` come from the server's own metrics."""

    folder: Path
    manifest: Manifest
    records: tuple[Record, ...]
    segments: tuple[Segment, ...]
    notes: tuple[str, ...]
    gauges: tuple[Gauge, ...] = ()

    @property
    def good(self) -> list[Record]:
        """The requests that succeeded."""
        return [record for record in self.records if record.error is None]

    @property
    def missing(self) -> list[int]:
        """The ids of the requests that are not on disk."""
        done = {record.id for record in self.records}
        return [i for i in range(self.manifest.workload.prompts) if i not in done]

    @property
    def todo(self) -> list[int]:
        """The ids of the requests that `resume` sends: the missing ones, and those that did not reach the server."""
        return sorted([*self.missing, *(record.id for record in self.records if record.unreached)])


def read(folder: str | Path) -> Stored:
    """Read a run. Damaged lines count as missing, and a note names them.

    Raises:
        BadInput: the folder holds no speed run, its manifest is damaged, or a file cannot be read.
    """
    folder = Path(folder)
    stored = manifest(folder, Manifest)
    notes: list[str] = []
    ids = range(stored.workload.prompts)
    records = keyed(
        lines(Record, folder / RECORDS, notes), ids, RECORDS, notes, replaceable=lambda record: record.unreached
    )
    segments = tuple(lines(Segment, folder / SEGMENTS, notes))
    gauges = tuple(lines(Gauge, folder / GAUGES, notes))
    return Stored(folder, stored, tuple(records[i] for i in sorted(records)), segments, tuple(notes), gauges)
