"""A speed run on disk: one line for each request, and one for each time that the run was begun or resumed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vlnb.bench.workload import Limits, Workload
from vlnb.records import Server, keyed, line, lines, manifest, plausible

KEY_VARIABLE = "VLNB_BENCH_KEY"  # in which the load generator gets the key, which is stored nowhere
RECORDS, SEGMENTS = "requests.jsonl", "segments.jsonl"


@dataclass(frozen=True)
class Record:
    """One request; times in seconds, `scheduled_s` and `started_s` since the start of its segment.

    A request passes through `queue_s` (due, and waiting in this client), `connect_s`, `upload_s` (first byte sent to
    last), `server_s` (last byte sent to first token), and the stream. `ttft_s` and `e2e_s` count from its start, so
    they hold everything but the queue. `itl_s` are the gaps between chunks with text. `error` is a sentence, or None.
    `segment` counts the times a run was begun or resumed, from 0.
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
        """Return it as a line of JSON, times to the microsecond."""
        data = {key: round(value, 6) if isinstance(value, float) else value for key, value in asdict(self).items()}
        data["itl_s"] = [round(gap, 6) for gap in self.itl_s]
        return line(data)


@dataclass(frozen=True)
class Segment:
    """One part of a run: how long it took, how late and how busy the client was.

    `stopped` says why it stopped before its end; it is empty where it did not.
    """

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
    """What the manifest of a speed run must hold."""

    created: str
    server: Server
    workload: Workload
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Stored:
    """A run as it lies on disk. `notes` say in sentences what was odd about the files."""

    folder: Path
    manifest: dict[str, Any]
    records: tuple[Record, ...]
    segments: tuple[Segment, ...]
    notes: tuple[str, ...]

    @property
    def missing(self) -> list[int]:
        """The ids of requests that are not on disk."""
        done = {record.id for record in self.records}
        return [i for i in range(self.manifest["workload"]["prompts"]) if i not in done]


def read(folder: str | Path) -> Stored:
    """Read a run. Damaged lines count as missing, and a note says which they are.

    Raises `BadInput` where the folder is none of a run, its manifest is damaged, or a file cannot be read.
    """
    folder = Path(folder)
    told = manifest(folder, Manifest)
    notes: list[str] = []
    asked = range(told["workload"]["prompts"])
    records = keyed(lines(Record, folder / RECORDS, notes), asked, RECORDS, notes)
    segments = tuple(lines(Segment, folder / SEGMENTS, notes))
    return Stored(folder, told, tuple(records[i] for i in sorted(records)), segments, tuple(notes))
