"""`vlnb mmmu run | resume | grade | compare`."""

from __future__ import annotations

from collections import Counter
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
class ServerOptions:
    """The server or servers to ask, and how.

    Parameters
    ----------
    url
        The server, or several (instead of VLNB_BASE_URL).
    model
        Its model (instead of VLNB_MODEL).
    concurrency
        Questions in flight at once at each server.
    """

    url: list[str] | None = None
    model: str | None = None
    concurrency: Count = 8

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that `mmmu.run` and `mmmu.resume` have in common."""
        return {
            "servers": [server(url, self.model) for url in self.url or (None,)],
            "concurrency": self.concurrency,
            "watch": progress,
        }


_DEFAULTS = ServerOptions()


@app.command
def run(
    *,
    folder: str | None = None,
    drawn: bool = False,
    subjects: list[str] | None = None,
    max_tokens: Count = 1024,
    out: str | None = None,
    options: ServerOptions = _DEFAULTS,
) -> int:
    """Ask all questions, and store the answers.

    Parameters
    ----------
    folder
        Folder with MMMU's Parquet files (default: from the hub).
    drawn
        Use 24 generated questions, which are not from MMMU.
    subjects
        Only these subjects, such as Art Physics (default: all 30).
    max_tokens
        Longest answer, in tokens.
    out
        Folder to store the run in (default: a new one in runs/mmmu).
    """
    from vlnb.accuracy import mmmu

    if drawn and (subjects or folder):
        raise BadInput("--drawn has questions of its own: leave --subjects and --folder out.")
    questions = mmmu.drawn() if drawn else mmmu.load(subjects, folder=folder)
    return _finish(mmmu.run(questions, out=out, max_tokens=max_tokens, **options.arguments()))


@app.command
def resume(folder: str, /, *, options: ServerOptions = _DEFAULTS) -> int:
    """Ask the questions of a run that are missing or failed.

    For example: vlnb mmmu resume runs/mmmu/20260101-120000-ab12

    Parameters
    ----------
    folder
        The run's folder.
    """
    from vlnb.accuracy import mmmu

    return _finish(mmmu.resume(folder, **options.arguments()))


@app.command
def grade(folder: str, /, *, rules: Rules = "official", seed: int = 42) -> int:
    """Grade a stored run, or the printed result of SGLang's harness.

    For example: vlnb mmmu grade runs/mmmu/20260101-120000-ab12 --rules strict

    Parameters
    ----------
    folder
        A run's folder, or a file with the harness's result.
    rules
        Grading rules: official (MMMU's), strict (bare letter only) or lenient (letter within a sentence).
    seed
        Seed for the guesses that MMMU's rules make if an answer has no letter.
    """
    from vlnb.accuracy import mmmu

    if not Path(folder).is_dir():
        show(mmmu.harness.read(folder))
        return 0
    stored = mmmu.read(folder)
    show(mmmu.scores(stored, rules, seed=seed))
    return status({folder: stored})


@app.command
def compare(*folders: str, rules: Rules = "official") -> int:
    """Compare a run with the published scores, or runs with each other.

    Parameters
    ----------
    folders
        The runs' folders.
    rules
        Grading rules: official (MMMU's), strict (bare letter only) or lenient (letter within a sentence).
    """
    from vlnb.accuracy import mmmu

    if not folders:
        raise BadInput("Name the folder of a run, such as runs/mmmu/20260101-120000-ab12.")
    runs = {folder: mmmu.read(folder) for folder in folders}
    scores = {name: mmmu.scores(run, rules) for name, run in runs.items()}
    if len(runs) == 1:
        published = mmmu.published()
        if len(next(iter(scores.values())).rows.keys() & published.rows.keys()) > 1:
            scores["published"] = published
        else:
            say(f"{folders[0]} holds no questions of MMMU, so there is no published score to compare it with.")
    show(mmmu.table(scores).to_string(float_format="{:.3f}".format, na_rep="–"))
    for (first, one), (second, other) in zip(list(runs.items()), list(runs.items())[1:], strict=False):
        show(f"{first} and {second}: {mmmu.compare(one, other, rules)}")
    return status(runs)


def _finish(done: Run) -> int:
    from vlnb.accuracy import mmmu

    say(f"stored in {done.folder}")
    show(mmmu.scores(done))
    errors = Counter(answer.error for answer in done.answers.values() if answer.text is None)
    for error, _ in errors.most_common(1):
        say(f"{errors.total()} questions failed, most often: {error}")
    return status({str(done.folder): done})
