"""`vlnb mmmu …` on the command line."""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING, Any

from vlnb.commands import progress, say, show

if TYPE_CHECKING:
    from vlnb.accuracy.mmmu import Run, RunProgress
    from vlnb.endpoint import Endpoint

_RULES = ("official", "strict", "lenient")


def add(commands: Any) -> None:  # noqa: ANN401 - argparse's own class is private
    """Add `mmmu` and its own commands to the parser."""
    main = commands.add_parser("mmmu", help="measure how right a model is, by MMMU's rules", allow_abbrev=False)
    own = main.add_subparsers(title="commands", metavar="COMMAND", required=True)
    run = own.add_parser("run", help="ask all questions, and store the answers", allow_abbrev=False)
    run.add_argument("--folder", metavar="DIR", help="MMMU's Parquet files (else from the hub)")
    run.add_argument("--drawn", action="store_true", help="the 24 questions drawn by code, which are not MMMU's")
    run.add_argument("--subjects", nargs="+", metavar="S", help="these only, such as Art Physics (all 30)")
    run.add_argument("--max-tokens", type=int, default=1024, metavar="N", help="longest answer, in tokens (1024)")
    run.add_argument("--out", metavar="DIR", help="folder to store the run in (a new one in runs/mmmu)")
    _asking(run)
    run.set_defaults(command=_run)
    resume = own.add_parser("resume", help="ask what is missing or failed in a run", allow_abbrev=False)
    resume.add_argument("out", metavar="DIR")
    _asking(resume)
    resume.set_defaults(command=_resume)
    grade = own.add_parser("grade", help="grade a stored run, or what SGLang's harness printed", allow_abbrev=False)
    grade.add_argument("out", metavar="DIR", help="a run's folder, or a file with the harness's result")
    grade.add_argument("--rules", choices=_RULES, default="official", help="(official)")
    grade.add_argument("--seed", type=int, default=42, metavar="N", help="of the guesses that MMMU's rules make (42)")
    grade.add_argument("--disagree", action="store_true", help="list the questions on which the rules disagree")
    grade.add_argument("--json", action="store_true", help="print the grade of every question as JSON")
    grade.set_defaults(command=_grade)
    compare = own.add_parser("compare", help="a run beside the published one, or two runs", allow_abbrev=False)
    compare.add_argument("out", nargs="+", metavar="DIR")
    compare.add_argument("--rules", choices=_RULES, default="official", help="(official)")
    compare.set_defaults(command=_compare)


def _asking(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", nargs="+", metavar="URL", help="the server, or several (instead of VLNB_BASE_URL)")
    parser.add_argument("--model", metavar="M", help="its model (instead of VLNB_MODEL)")
    parser.add_argument("--concurrency", type=int, default=8, metavar="N", help="questions at once of each server (8)")
    parser.add_argument("--dollars", type=float, metavar="D", help="price of all servers an hour, to tell the cost")


def _servers(arguments: argparse.Namespace) -> list[Endpoint]:
    from vlnb.endpoint import connect

    return [connect(url, model=arguments.model, announce=say) for url in arguments.url or [None]]


def _run(arguments: argparse.Namespace) -> int:
    from vlnb.accuracy import mmmu

    questions = mmmu.drawn() if arguments.drawn else mmmu.load(arguments.subjects, folder=arguments.folder)
    return _finish(
        mmmu.run(
            questions,
            _servers(arguments),
            arguments.out,
            concurrency=arguments.concurrency,
            max_tokens=arguments.max_tokens,
            dollars_per_hour=arguments.dollars,
            watch=_progress,
        )
    )


def _resume(arguments: argparse.Namespace) -> int:
    from vlnb.accuracy import mmmu

    return _finish(
        mmmu.resume(
            arguments.out,
            _servers(arguments),
            concurrency=arguments.concurrency,
            dollars_per_hour=arguments.dollars,
            watch=_progress,
        )
    )


def _finish(run: Run) -> int:
    from vlnb.accuracy import mmmu

    say(f"\nstored in {run.folder}")
    show(mmmu.scores(run))
    return _status(run)


def _status(*runs: Run) -> int:
    """Say what is odd about runs on disk; return the exit status, which is 1 where a score is not of all questions."""
    for run in runs:
        for note in run.notes:
            say(note)
        if run.lost:
            say(f"vlnb: only {run.lost}")
    return 1 if any(run.lost or run.missing for run in runs) else 0


def _grade(arguments: argparse.Namespace) -> int:
    from vlnb.accuracy import mmmu

    if not os.path.isdir(arguments.out):  # noqa: PTH112 - a text, of which it may be none
        show(mmmu.harness.read(arguments.out))
        return 0
    run = mmmu.read(arguments.out)
    if arguments.json:
        found = mmmu.grades(run, arguments.rules, seed=arguments.seed)
        show(json.dumps({name: vars(one) for name, one in found.items()}, ensure_ascii=False, indent=1))
        return _status(run)
    show(mmmu.scores(run, arguments.rules, seed=arguments.seed))
    if arguments.disagree:
        for name, by_rules in mmmu.differences(run, seed=arguments.seed).items():
            said = ", ".join(f"{rules} {'right' if one.correct else 'wrong'}" for rules, one in by_rules.items())
            show(f"{name}: {said}")
    return _status(run)


def _compare(arguments: argparse.Namespace) -> int:
    from vlnb.accuracy import mmmu

    runs = {folder: mmmu.read(folder) for folder in arguments.out}
    scores = {name: mmmu.scores(run, arguments.rules) for name, run in runs.items()}
    if len(runs) == 1:
        known = mmmu.published()
        if not next(iter(scores.values())).subjects.keys() & known.subjects.keys():
            say(f"{arguments.out[0]} holds no questions of MMMU: nothing published is to be set beside it.")
        else:
            scores["published"] = known
    show(mmmu.table(scores, list(scores)[-1]).to_string(float_format="{:.3f}".format, na_rep="–"))
    for (first, one), (second, other) in zip(list(runs.items()), list(runs.items())[1:], strict=False):
        show(f"{first} and {second}: {mmmu.compare(one, other, arguments.rules)}")
    return _status(*runs.values())


def _progress(told: RunProgress) -> None:
    progress(told, width=120)
