"""`vlnb bench …` on the command line."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlnb import bench
from vlnb.bench import report, runner, store
from vlnb.bench.metrics import Objective
from vlnb.bench.search import largest, search
from vlnb.bench.workload import Workload
from vlnb.commands import progress, say, show
from vlnb.endpoint.keys import withheld
from vlnb.errors import BadInput

if TYPE_CHECKING:
    from vlnb.endpoint import Endpoint

_PLAN = Workload()


def add(commands: Any) -> None:  # noqa: ANN401 - argparse's own class is private
    """Add `bench` and its own commands to the parser."""
    main = commands.add_parser("bench", help="measure how fast a server is", allow_abbrev=False)
    own = main.add_subparsers(title="commands", metavar="COMMAND", required=True)
    run = own.add_parser("run", help="send a workload, and store what came", allow_abbrev=False)
    _workload(run)
    run.add_argument("--out", metavar="DIR", help="folder to store the run in (a new one in runs/bench)")
    run.set_defaults(command=_run)
    resume = own.add_parser("resume", help="complete a run that was cut", allow_abbrev=False)
    resume.add_argument("folder", metavar="DIR")
    resume.set_defaults(command=_resume)
    compare = own.add_parser("compare", help="runs beside each other", allow_abbrev=False)
    compare.add_argument("folders", nargs="+", metavar="DIR")
    compare.set_defaults(command=_compare)
    whole = own.add_parser("report", help="write a run as one HTML file that opens offline", allow_abbrev=False)
    whole.add_argument("folders", nargs="+", metavar="DIR")
    whole.add_argument("--to", metavar="FILE", help="the file to write (report.html in the first folder)")
    whole.set_defaults(command=_report)
    find = own.add_parser("search", help="the largest load that keeps an objective", allow_abbrev=False)
    _workload(find)
    find.add_argument("--out", metavar="DIR", required=True, help="folder for the runs of the search")
    find.add_argument("--ttft", type=float, default=2.0, metavar="S", help="P95 of the first token, in seconds (2)")
    find.add_argument("--tpot", type=float, default=0.05, metavar="S", help="P95 of a further token, in seconds (0.05)")
    find.add_argument("--most", type=int, default=512, metavar="N", help="most users to try (512)")
    find.set_defaults(command=_search)


def _workload(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", metavar="URL", help="the server (instead of VLNB_BASE_URL)")
    parser.add_argument("--model", metavar="M", help="its model (instead of VLNB_MODEL)")
    for name, kind, value, words in (
        ("prompts", int, _PLAN.prompts, "requests"),
        ("concurrency", int, _PLAN.concurrency, "users at once"),
        ("images", int, _PLAN.images, "pictures a request"),
        ("resolution", str, _PLAN.resolution, "of each picture, 720p or 800x600"),
        ("picture", str, _PLAN.picture, "noise, blank, or a path"),
        ("input-len", int, _PLAN.input_len, "longest text, in tokens"),
        ("output-len", int, _PLAN.output_len, "longest answer, in tokens"),
        ("range-ratio", float, _PLAN.range_ratio, "shortest length as a share of the longest"),
        ("seed", int, _PLAN.seed, "of lengths and pictures"),
        ("ramp-s", float, _PLAN.ramp_s, "seconds over which the users start"),
    ):
        parser.add_argument(f"--{name}", type=kind, default=value, metavar=name[0].upper(), help=f"{words} ({value})")
    parser.add_argument(
        "--rate", type=float, metavar="R", help="requests a second, at random moments (users that wait)"
    )


def _chosen(arguments: argparse.Namespace) -> tuple[Workload, Endpoint]:
    from vlnb.endpoint import connect

    names = ("prompts", "concurrency", "images", "resolution", "picture", "input_len", "output_len", "range_ratio")
    options = {name: getattr(arguments, name) for name in (*names, "seed", "ramp_s", "rate")}
    workload = Workload(**options)
    return workload, connect(arguments.url, model=arguments.model, announce=say)


def _run(arguments: argparse.Namespace) -> int:
    workload, endpoint = _chosen(arguments)
    return _finish(bench.start(workload, endpoint, arguments.out))


def _resume(arguments: argparse.Namespace) -> int:
    run = bench.resume(arguments.folder)
    if note := withheld(run.server):
        say(note)
    return _finish(run)


def _finish(run: runner.Running) -> int:
    say(f"stored in {run.folder}")
    stored = bench.follow(run, _progress)
    say("")
    show(report.text(stored))
    return 1 if stored.missing or any(record.error for record in stored.records) else 0


def _compare(arguments: argparse.Namespace) -> int:
    runs = _read(arguments.folders)
    show(report.table(dict(runs)).to_string(float_format="{:,.2f}".format, na_rep="–"))
    return _status(runs)


def _report(arguments: argparse.Namespace) -> int:
    runs = _read(arguments.folders)
    from vlnb import charts

    path = Path(arguments.to) if arguments.to else Path(arguments.folders[0]) / "report.html"
    try:
        path.write_text(charts.page(runs), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}.") from error
    show(path)
    return _status(runs)


def _status(runs: dict[str, store.Stored]) -> int:
    """Say what is odd about runs on disk; return the exit status, which is 1 where requests are missing."""
    for name, run in runs.items():
        for note in run.notes:
            say(note)
        if run.missing:
            say(f"vlnb: {len(run.missing)} of the requests of {name} are missing, so its numbers are not of the run.")
    return 1 if any(run.missing for run in runs.values()) else 0


def _read(folders: list[str]) -> dict[str, store.Stored]:
    return {folder.rstrip("/"): store.read(folder) for folder in folders}


def _search(arguments: argparse.Namespace) -> int:
    workload, endpoint = _chosen(arguments)
    objective = Objective(arguments.ttft, arguments.tpot)
    probes = []
    for one in search(workload, endpoint, arguments.out, objective=objective, most=arguments.most):
        probes.append(one)
        verdict = "keeps it" if one.kept else "misses it"
        say(f"{one.load:5d} users: P95 TTFT {one.ttft_s:.3f} s, TPOT {one.tpot_s:.4f} s: {verdict}")
    best = largest(probes)
    show(f"{best.load} users" if best else "not even one user")
    return 0 if best else 1


def _progress(told: runner.LoadProgress) -> None:
    if "preparing" in told:
        line = f"preparing request {told['preparing']} of {told['of']}"
    else:
        half = told["ttft_p50_s"]
        first = f", TTFT P50 {1000 * half:.0f} ms" if half is not None else ""
        line = f"{told['done']} of {told['of']} done, {told['failed']} failed, {told['elapsed_s']:.0f} s{first}"
    progress(line)
