"""`vlnb bench run | resume | compare | report | sweep`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from vlnb.bench.workload import USERS, Workload
from vlnb.commands import Count, Seconds, progress, say, server, show, show_json, status, write
from vlnb.errors import BadInput

if TYPE_CHECKING:
    from vlnb.bench.runner import LoadProgress, Running
    from vlnb.bench.store import Stored

app = App(name="bench", help="Measure how fast a server is.")
Load = Annotated[Workload, Parameter(name="*")]
_PUBLISHED = Workload()
_LONG_S, _SURE = 120, 3  # a run longer than this is announced, after so many requests


@app.command
def run(
    *, workload: Load = _PUBLISHED, url: str | None = None, model: str | None = None, out: str | None = None
) -> int:
    """Run a benchmark and store the results.

    Parameters
    ----------
    url
        The server to measure (instead of VLNB_BASE_URL).
    model
        Its model (instead of VLNB_MODEL).
    out
        Folder to store the run in (default: a new one in runs/bench).
    """
    from vlnb import bench

    return _finish(bench.start(workload, server(url, model), out))


@app.command
def resume(folder: str, /) -> int:
    """Resume an interrupted run.

    For example: vlnb bench resume runs/bench/20260101-120000-ab12

    Parameters
    ----------
    folder
        The run's folder.
    """
    from vlnb import bench
    from vlnb.endpoint.keys import withheld

    running = bench.resume(folder)
    if note := withheld(running.server):
        say(note)
    return _finish(running)


@app.command
def compare(*runs: str) -> int:
    """Print runs side by side, also with results that SGLang's or vLLM's own benchmark printed.

    Parameters
    ----------
    runs
        The runs' folders; or files with the output of bench_serving, printed or as JSON.
    """
    from vlnb.bench import printed
    from vlnb.bench import report as tables

    files = {name: printed.read(name) for name in runs if Path(name).is_file()}
    ours = _read(tuple(name for name in runs if name not in files)) if files.keys() != {*runs} or not runs else {}
    columns: dict[str, Stored | Mapping[str, float]] = dict(ours)
    for name, found in files.items():
        for note in found.notes:
            say(f"{name}: {note}")
        columns |= {f"{name} {number}" if number > 1 else name: row for number, row in enumerate(found.rows, 1)}
    if columns:
        show(tables.side_by_side(columns))
    return 1 if status(ours) or not all(found.rows for found in files.values()) else 0


@app.command
def report(*folders: str, to: str | None = None, json: bool = False) -> int:
    """Write runs as an HTML page that opens without a network, and the script of its charts to the same folder.

    Parameters
    ----------
    folders
        The runs' folders.
    to
        The page to write (report.html in the first folder). It needs plotly.min.js in the same folder: share both.
    json
        Print the metrics and the warnings as JSON, for scripts, and write no file.
    """
    from vlnb import bench, charts

    runs = _read(folders)
    if json:
        show_json(
            {
                name: {
                    "metrics": bench.metrics.table(run),
                    "verdicts": [asdict(verdict) for verdict in bench.verdict.verdicts(run)],
                }
                for name, run in runs.items()
            }
        )
        return status(runs)
    path = Path(to) if to else Path(folders[0]) / "report.html"
    write(path, charts.page(runs))
    write(path.with_name(charts.SCRIPT), charts.script())
    show(path)
    return status(runs)


@app.command
def sweep(
    *,
    workload: Load = _PUBLISHED,
    url: str | None = None,
    model: str | None = None,
    users: tuple[Count, ...] = USERS,
    ttft: Seconds = 2.0,
    tpot: Seconds = 0.05,
    out: str | None = None,
) -> int:
    """Measure growing loads: throughput, latency, and goodput (requests that meet a latency target).

    Parameters
    ----------
    url
        The server to measure (instead of VLNB_BASE_URL).
    model
        Its model (instead of VLNB_MODEL).
    users
        Numbers of users to try, in order; it ends early once goodput collapses.
    ttft
        Target for the time to first token of a request, in seconds.
    tpot
        Target for the time per output token of a request, in seconds.
    out
        Folder for the runs (default: a new one in runs/bench).
    """
    from vlnb.bench.metrics import Objective
    from vlnb.bench.sweep import largest
    from vlnb.bench.sweep import sweep as measure

    if workload.concurrency != _PUBLISHED.concurrency or workload.rate:
        raise BadInput("--users says how many requests are in flight in each load: leave --concurrency and --rate out.")
    head = f"{'users':>5}{'tokens/s':>11}{'requests/s':>12}{'goodput':>10}{'P95 TTFT, ms':>13}{'of it server':>13}"
    loads = []
    endpoint = server(url, model)
    for number, one in enumerate(measure(workload, endpoint, out, objective=Objective(ttft, tpot), users=users)):
        if not number:  # not before: the sweep may be refused
            show(f"{head}{'P95 TPOT, ms':>13}")
        loads.append(one)
        if [load for load in loads if load.failure] == [one]:  # only for the first load that has failures
            say(f"{one.metrics['failed']} requests failed with {one.users} in flight, most often: {one.failure}.")
        show(
            f"{one.users:5d}{one.metrics['output_throughput']:11.1f}{one.metrics['request_throughput']:12.2f}"
            f"{one.goodput:10.2f}{one.metrics['p95_ttft_ms']:13.0f}{one.metrics.get('p95_server_ms', math.nan):13.0f}"
            f"{one.metrics['p95_tpot_ms']:13.1f}"
        )
    best = largest(loads)
    kept = "The largest load that keeps the target for 95 % of the requests has {} in flight."
    say(kept.format(best.users) if best else "No load keeps the target for 95 % of the requests.")
    say(f"stored in {loads[-1].folder.parent}")
    return 0 if best else 1


def _finish(running: Running) -> int:
    from vlnb.bench import report as tables
    from vlnb.bench.runner import format_progress, left_s

    say(f"storing in {running.folder}")
    announced: list[float] = []

    def watch(report: LoadProgress) -> None:
        if not announced and report.get("done", 0) >= _SURE and (left := left_s(report)) > _LONG_S:
            announced.append(left)
            say(f"This takes about {left / 60:.0f} more minutes. Ctrl-C stops it; finished requests are kept.")
        progress(format_progress(report))

    try:
        stored = running.follow(watch)
    except KeyboardInterrupt:
        say(f"Finished requests are on disk. To continue: vlnb bench resume {running.folder}")
        raise
    show(tables.text(stored))
    return 1 if stored.missing or any(record.error for record in stored.records) else 0


def _read(folders: tuple[str, ...]) -> dict[str, Stored]:
    from vlnb.bench import store

    if not folders:
        raise BadInput("Name the folder of a run, such as runs/bench/20260101-120000-ab12.")
    return {folder.rstrip("/"): store.read(folder) for folder in folders}
