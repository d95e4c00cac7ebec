"""Run a question set on one or more servers, several questions at once, and store each answer as it arrives."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vlnb import records
from vlnb.accuracy.mmmu.grading import grade
from vlnb.accuracy.mmmu.question import Question
from vlnb.accuracy.mmmu.results import Interval, wilson
from vlnb.accuracy.mmmu.sets import Origin, QuestionSet, reopen
from vlnb.accuracy.mmmu.workers import StoredAnswer, Work
from vlnb.bench.sglang import server_info
from vlnb.errors import BadInput, NoServer

if TYPE_CHECKING:
    from vlnb.endpoint import Endpoint

MAX_TOKENS = 1024  # room for a model that reasons before it answers; a letter needs two
QUESTIONS, ANSWERS = "questions.jsonl", "answers.jsonl"


@dataclass(frozen=True)
class Manifest:
    """The description of a run, without its questions and answers."""

    set: Origin
    servers: tuple[records.Server, ...]
    max_tokens: int


@dataclass(frozen=True)
class Run:
    """A run read from disk: its questions, and the answers so far by question id.

    `notes` are sentences about damaged files.
    """

    folder: Path
    manifest: Manifest
    questions: tuple[Question, ...]
    answers: dict[str, StoredAnswer]
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> list[Question]:
        """The questions without an answer: not asked yet, or failed."""
        return [q for q in self.questions if q.id not in self.answers or self.answers[q.id].text is None]

    def question_set(self) -> QuestionSet:
        """Open the set with its pictures again. Raises `BadInput` if it has moved."""
        return reopen(self.manifest.set)


@dataclass(frozen=True)
class RunProgress:
    """The progress of a run: the score so far by the official rules, and the seconds elapsed and left."""

    done: int
    of: int
    failed: int
    score: Interval
    elapsed_s: float
    left_s: float

    def __str__(self) -> str:
        return (
            f"{self.done} of {self.of} ({self.failed} failed), score {self.score.accuracy:.3f}"
            f" ({self.score.low:.3f} to {self.score.high:.3f}), {self.elapsed_s:.0f} s, about {self.left_s:.0f} s left"
        )


Watch = Callable[[RunProgress], object]


def run(
    questions: QuestionSet,
    servers: Endpoint | Sequence[Endpoint],
    out: str | Path | None = None,
    *,
    concurrency: int = 8,
    max_tokens: int = MAX_TOKENS,
    watch: Watch = lambda _: None,
) -> Run:
    """Ask all questions at temperature 0, `concurrency` at once on each server, and return the run.

    Each answer is stored as it arrives, in the folder `out` (default: a new one in `runs/mmmu/`); `resume` asks the
    missing questions. Raises `NoServer` when all servers are lost, and `BadInput` if the folder cannot be written.
    Stored answers are kept.
    """
    endpoints = _listed(servers)
    folder = records.folder_for("mmmu", out)
    stored = tuple(records.Server(e.base_url, e.model, server_info(e.base_url)) for e in endpoints)
    manifest = Manifest(questions.origin, stored, max_tokens)
    records.create(folder, asdict(manifest), {QUESTIONS: _lines(questions)})
    with records.held(folder):
        return _complete(folder, questions, endpoints, concurrency, watch)


def resume(
    folder: str | Path,
    servers: Endpoint | Sequence[Endpoint],
    *,
    concurrency: int = 8,
    watch: Watch = lambda _: None,
) -> Run:
    """Ask the questions of a stored run that failed or have no answer, and restore a damaged list of questions.

    Raises as `run` does, and `BadInput` if another process is writing to the run, the run is complete, its set of
    questions has changed, or another model answered it.
    """
    folder, endpoints = Path(folder), _listed(servers)
    manifest = records.manifest(folder, Manifest)  # first: `held` would put a lock file into a folder without a run
    others = {endpoint.model for endpoint in endpoints} - {server.model for server in manifest.servers}
    if others:
        raise BadInput(
            f"Another model answered {folder}, not {', '.join(sorted(others))}. A score of two models means nothing:"
            " connect to the same model, or start a new run."
        )
    with records.held(folder):
        questions = reopen(manifest.set)
        if len(questions) != manifest.set.questions:
            raise BadInput(f"The set of {folder} has {len(questions)} questions now. Start a new run.")
        records.replace(folder / QUESTIONS, _lines(questions))
        return _complete(folder, questions, endpoints, concurrency, watch)


def _lines(questions: QuestionSet) -> bytes:
    return b"".join(records.line(asdict(question)) for question in questions.questions)


def read(folder: str | Path) -> Run:
    """Read a run from disk. Damaged answers count as missing, and a note names them.

    Raises `BadInput` if the folder holds no run of questions, its manifest is damaged, or its questions cannot all be
    read.
    """
    folder = Path(folder)
    manifest = records.manifest(folder, Manifest)
    notes: list[str] = []
    questions = {question.id: question for question in records.lines(Question, folder / QUESTIONS, notes)}
    if len(questions) != (of := manifest.set.questions):
        raise BadInput(
            f"Only {len(questions)} of the {of} questions of this run can be read from {folder / QUESTIONS}, and their"
            " score would not be the score of the run. Resume the run to restore them."
        )
    stored = records.lines(StoredAnswer, folder / ANSWERS, notes)
    answers = records.keyed(stored, questions, ANSWERS, notes, replaceable=lambda answer: answer.text is None)
    return Run(folder, manifest, tuple(questions.values()), answers, tuple(notes))


def _listed(servers: Endpoint | Sequence[Endpoint]) -> list[Endpoint]:
    endpoints = list(servers) if isinstance(servers, Sequence) else [servers]
    if not endpoints:
        raise BadInput("Give at least one server.")
    return endpoints


def _complete(
    folder: Path,
    questions: QuestionSet,
    endpoints: Sequence[Endpoint],
    concurrency: int,
    watch: Watch,
) -> Run:
    """Ask the missing questions, and write the answers. Only this thread writes and counts."""
    if concurrency < 1:
        raise BadInput(f"concurrency={concurrency} must be at least 1.")
    stored = read(folder)
    if not stored.missing:
        raise BadInput(f"{folder} is complete: all {len(stored.questions)} questions are answered.")
    by_id = {question.id: question for question in stored.questions}
    graded = {i: grade(by_id[i], a.text).correct for i, a in stored.answers.items() if a.text is not None}
    began, failed, new = time.monotonic(), 0, 0
    wilson(0, 1)  # imports scipy now, which takes seconds, not while answers wait to be written
    work = Work(questions, stored.missing, stored.manifest.max_tokens)
    try:
        with records.Journal(folder / ANSWERS) as journal:
            for answer in work.answers(endpoints, concurrency):
                journal.write(records.line(asdict(answer)))
                graded[answer.id] = grade(by_id[answer.id], answer.text).correct
                failed, new = failed + (answer.text is None), new + 1
                elapsed = time.monotonic() - began
                left = elapsed / new * (len(by_id) - len(graded))
                score = wilson(sum(graded.values()), len(graded))
                watch(RunProgress(len(graded), len(by_id), failed, score, elapsed, left))
    except NoServer as error:
        raise NoServer(f"{error} {len(graded)} of {len(by_id)} answers are in {folder}; resume the run.") from error
    finally:
        work.stop()
    return read(folder)
