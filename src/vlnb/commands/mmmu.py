"""`vlnb mmmu run | resume | grade | compare`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cyclopts import App, Parameter

from vlnb.commands import Count, progress, say, server, show, status
from vlnb.errors import BadInput

if TYPE_CHECKING:
    from vlnb.accuracy.mmmu import Run

app = App(name="mmmu", help="Measure a model's accuracy on MMMU.")
Rules = Literal["official", "strict", "lenient"]


@Parameter(name="*")
@dataclass(frozen=True)
class Asking:
    """The server or servers to ask, and how.

    Parameters
    ----------
    url
        The server, or several (instead of VLNB_BASE_URL).
    model
        Its model (instead of VLNB_MODEL).
    concurrency
        Questions at once of each server.
    """

    url: list[str] | None = None
    model: str | None = None
    concurrency: Count = 8

    def options(self) -> dict[str, Any]:
        """Return the arguments that `mmmu.run` and `mmmu.resume` have in common."""
        return {
            "servers": [server(url, self.model) for url in self.url or (None,)],
            "concurrency": self.concurrency,
            "watch": progress,
        }


_ALONE = Asking()


@app.command
def run(
    *,
    folder: str | None = None,
    drawn: bool = False,
    subjects: list[str] | None = None,
    max_tokens: Count = 1024,
    out: str | None = None,
    asking: Asking = _ALONE,
) -> int:
    """Ask all questions, and store the answers.

    Parameters
    ----------
    folder
        MMMU's Parquet files (else from the hub).
    drawn
        The 24 questions drawn by code, which are not MMMU's.
    subjects
        These only, such as Art Physics (all 30).
    max_tokens
        Longest answer, in tokens.
    out
        Folder to store the run in (a new one in runs/mmmu).
    """
    from vlnb.accuracy import mmmu

    questions = mmmu.drawn() if drawn else mmmu.load(subjects, folder=folder)
    return _finish(mmmu.run(questions, out=out, max_tokens=max_tokens, **asking.options()))


@app.command
def resume(out: str, /, *, asking: Asking = _ALONE) -> int:
    """Ask what is missing or failed in a run.

    Parameters
    ----------
    out
        The run's folder.
    """
    from vlnb.accuracy import mmmu

    return _finish(mmmu.resume(out, **asking.options()))


@app.command
def grade(out: str, /, *, rules: Rules = "official", seed: int = 42) -> int:
    """Grade a stored run, or what SGLang's harness printed.

    Parameters
    ----------
    out
        A run's folder, or a file with the harness's result.
    rules
        Grading rules: official (MMMU's), strict (bare letter only) or lenient (letter within a sentence).
    seed
        Seed for the guesses that MMMU's rules make when an answer has no letter.
    """
    from vlnb.accuracy import mmmu

    if not Path(out).is_dir():
        show(mmmu.harness.read(out))
        return 0
    found = mmmu.read(out)
    show(mmmu.scores(found, rules, seed=seed))
    return status({out: found})


@app.command
def compare(*out: str, rules: Rules = "official") -> int:
    """Set a run beside the published one, or runs beside each other.

    Parameters
    ----------
    out
        The runs' folders.
    rules
        Grading rules: official (MMMU's), strict (bare letter only) or lenient (letter within a sentence).
    """
    from vlnb.accuracy import mmmu

    if not out:
        raise BadInput("Name the folder of a run, such as runs/mmmu/20260101-120000-ab12.")
    runs = {folder: mmmu.read(folder) for folder in out}
    scores = {name: mmmu.scores(one, rules) for name, one in runs.items()}
    if len(runs) == 1:
        known = mmmu.published()
        if len(next(iter(scores.values())).rows.keys() & known.rows.keys()) > 1:
            scores["published"] = known
        else:
            say(f"{out[0]} holds no questions of MMMU, so there is no published score to set beside it.")
    show(mmmu.table(scores, list(scores)[-1]).to_string(float_format="{:.3f}".format, na_rep="–"))
    for (first, one), (second, other) in zip(list(runs.items()), list(runs.items())[1:], strict=False):
        show(f"{first} and {second}: {mmmu.compare(one, other, rules)}")
    return status(runs)


def _finish(done: Run) -> int:
    from vlnb.accuracy import mmmu

    say(f"stored in {done.folder}")
    show(mmmu.scores(done))
    return status({str(done.folder): done})
