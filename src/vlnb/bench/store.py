"""A speed run on disk: one line for each request, and one for each time the run was started or resumed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vlnb.bench.workload import Limits, Workload
from vlnb.records import Server, keyed, line, lines, manifest, plausible

KEY_VARIABLE = "VLNB_BENCH_KEY"  # passes the key to the load generator; the key is never stored
RECORDS, SEGMENTS = "requests.jsonl", "segments.jsonl"


@dataclass(frozen=True)
class Record:
    """One request. Times are in seconds; `scheduled_s` and `started_s` count from the start of the segment.

    A request passes through `queue_s` (due, but waiting in this client), `connect_s`, `upload_s` (first byte sent to
    last byte sent), `server_s` (last byte sent to first token), and the stream. `ttft_s` and `e2e_s` count from its
    start, so they include everything but the queue. `itl_s` holds the gaps between chunks with text. `error` is a
    sentence or None. `segment` counts how often the run was started or resumed, from 0.
    """

    id: int
    scheduled_s: float
    started_s: float
    queue_s: float
    connect_s: float | None
    upload_s: float | None
    server_s: float | None
    ttft_s: float | None
    e2e_s: float
    itl_s: tuple[float, ...]
    output_tokens: int
    finish_reason: str | None
    error: str | None
    input_tokens: int | None = None
    segment: int = 0

    def __post_init__(self) -> None:
        plausible(
            self.scheduled_s, self.started_s, self.queue_s, self.connect_s, self.upload_s, abs(self.server_s or 0),
            self.ttft_s, self.e2e_s, min(self.itl_s, default=0), sum(self.itl_s), self.output_tokens,
            self.input_tokens, self.segment,
        )  # fmt: skip

    def line(self) -> bytes:
        """Return the record as a line of JSON, with times to the microsecond."""
        data = {key: round(value, 6) if isinstance(value, float) else value for key, value in asdict(self).items()}
        data["itl_s"] = [round(gap, 6) for gap in self.itl_s]
        return line(data)


@dataclass(frozen=True)
class Segment:
    """One part of a run: how long it took, how late and how busy the client was, and why it stopped early (or "")."""

    segment: int
    started_at: float  # seconds since 1970
    prepared_s: float
    duration_s: float
    cpu_share: float  # of a core
    lag_mean_s: float
    lag_p99_s: float
    stopped: str

    def __post_init__(self) -> None:
        plausible(
            self.segment, self.prepared_s, self.duration_s, self.cpu_share, abs(self.lag_mean_s), abs(self.lag_p99_s)
        )  # fmt: skip


@dataclass(frozen=True)
class Manifest:
    """The fields that the manifest of a speed run must have."""

    created: str
    server: Server
    workload: Workload
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Stored:
    """A run as it is on disk. `notes` describe damaged files, in sentences."""

    folder: Path
    manifest: dict[str, Any]
    records: tuple[Record, ...]
    segments: tuple[Segment, ...]
    notes: tuple[str, ...]

    @property
    def missing(self) -> list[int]:
        """The ids of the requests that are not on disk."""
        done = {record.id for record in self.records}
        return [i for i in range(self.manifest["workload"]["prompts"]) if i not in done]


def read(folder: str | Path) -> Stored:
    """Read a run. Damaged lines count as missing, and a note names them.

    Raises `BadInput` if the folder holds no speed run, its manifest is damaged, or a file cannot be read.
    """
    folder = Path(folder)
    stored = manifest(folder, Manifest)
    notes: list[str] = []
    asked = range(stored["workload"]["prompts"])
    records = keyed(lines(Record, folder / RECORDS, notes), asked, RECORDS, notes)
    segments = tuple(lines(Segment, folder / SEGMENTS, notes))
    return Stored(folder, stored, tuple(records[i] for i in sorted(records)), segments, tuple(notes))
