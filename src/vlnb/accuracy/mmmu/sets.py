"""Question sets: MMMU from the hub or from a folder of Parquet files, and 24 questions with generated pictures.

The texts are in memory. Pictures are loaded when they are needed.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vlnb import catalog, extras
from vlnb.accuracy import drawn as d
from vlnb.accuracy.mmmu.question import LETTERS, PICTURES, Question, from_row, subject_of
from vlnb.errors import BadInput

if TYPE_CHECKING:
    from datasets import Dataset

HUB = "MMMU/MMMU"
SUBJECTS = tuple(sorted(subject for subjects in catalog.MMMU_DOMAINS.values() for subject in subjects))
_COLUMNS = [f"image_{number}" for number in range(1, PICTURES + 1)]


@dataclass(frozen=True)
class Origin:
    """Where a set of so many `questions` comes from, as stored in the manifest of a run."""

    kind: Literal["drawn", "mmmu"]
    questions: int
    folder: str | None = None
    subjects: tuple[str, ...] | None = None


@dataclass(frozen=True)
class QuestionSet:
    """Questions in order. `reopen(origin)` opens the set again."""

    questions: tuple[Question, ...]
    origin: Origin
    _picture: Callable[[int, int], bytes] = field(repr=False)

    def __len__(self) -> int:
        return len(self.questions)

    def pictures(self, question: Question) -> dict[int, bytes]:
        """Return the pictures of a question by number, as the bytes of the original files."""
        index = self.questions.index(question)
        return {number: self._picture(index, number) for number in question.pictures}


def load(subjects: Sequence[str] | None = None, *, folder: str | Path | None = None) -> QuestionSet:
    """Return MMMU's validation questions, of all subjects or of some, from the hub or from `folder`.

    The folder contains Parquet files as on the hub, at any depth. Raises `BadInput` if the package `datasets`
    is missing, a subject is unknown, or the questions cannot be loaded.
    """
    for subject in subjects or ():
        if subject not in SUBJECTS:
            raise BadInput(f"Unknown subject {subject!r}. MMMU has {', '.join(SUBJECTS)}.")
    extras.require("mmmu", "MMMU")
    import datasets

    subjects = tuple(dict.fromkeys(subjects or ())) or None
    rows = _rows(subjects or SUBJECTS, Path(folder) if folder else None)
    if absent := sorted({"id", *_COLUMNS} - {*rows.column_names}):
        raise BadInput(f"{folder or HUB} does not hold MMMU alone: its rows have no {', '.join(absent)}.")
    if subjects:
        ids = rows["id"]
        rows = rows.select([i for i in range(len(rows)) if subject_of(ids[i]) in subjects]).flatten_indices()
    if not len(rows):
        raise BadInput(f"{folder or HUB} has no question of {', '.join(subjects or SUBJECTS)}.")
    if repeated := [name for name, count in Counter(rows["id"]).items() if count > 1]:
        names = ", ".join(repeated[:3])
        raise BadInput(f"{folder or HUB} repeats {len(repeated)} questions, such as {names}. Keep one copy of each.")
    for column in _COLUMNS:
        rows = rows.cast_column(column, datasets.Image(decode=False))
    present = [rows.data.column(column).is_valid().to_pylist() for column in _COLUMNS]
    questions = tuple(
        from_row(row, subject_of(row["id"]), tuple(n for n, valid in enumerate(present, 1) if valid[index]))
        for index, row in enumerate(rows.remove_columns(_COLUMNS))
    )
    origin = Origin("mmmu", len(questions), str(Path(folder).resolve()) if folder else None, subjects)
    return QuestionSet(questions, origin, lambda index, number: rows[index][f"image_{number}"]["bytes"])


def drawn() -> QuestionSet:
    """Return 24 generated questions in MMMU's form, not its own: about charts, tables, pictures and letters.

    >>> questions = drawn()
    >>> len(questions), questions.questions[0].subject
    (24, 'Charts')
    """
    rng = random.Random(13)  # noqa: S311 - the same questions again; with this seed, no two have the same text
    by_subject = {
        "Charts": (
            d.pick_bar(rng, "highest", max), d.read_bar(rng), d.read_bar(rng), d.read_bar(rng),
            d.compare_bars(rng), d.pick_bar(rng, "lowest", min),
        ),
        "Tables": tuple(make(rng) for make in (d.read_cell, d.pick_row, d.sum_row) * 2),
        "Pictures": (
            d.most_discs(rng), d.count_discs(rng, 6), d.which_code(rng, 4, 3, (448, 280), 56),
            d.name_colour(rng, "green"), d.sum_discs(rng), d.name_side(rng, "left"),
        ),
        "Letters": (
            d.which_code(rng, 2, 1, (448, 280), 56),
            *(d.which_code(rng, count, 2, (448, 280), 56) for count in range(2, 6)), d.read_code(rng),
        ),
    }  # fmt: skip
    named = {f"drawn_{subject}_{n}": one for subject, group in by_subject.items() for n, one in enumerate(group, 1)}
    questions = tuple(_question(name, question) for name, question in named.items())
    pictures = [question.pictures for question in named.values()]
    return QuestionSet(
        questions, Origin("drawn", len(questions)), lambda index, number: pictures[index][number - 1].encoded[1]
    )


def _question(name: str, drawn: d.Drawn) -> Question:
    options = drawn.choices if len(drawn.choices) <= len(LETTERS) else ()  # a question with more choices is open
    numbers = tuple(range(1, len(drawn.pictures) + 1))
    tags = (f"<image {number}>" for number in numbers)
    text = " ".join([*(tag for tag in tags if tag not in options), drawn.text])
    answers = (LETTERS[options.index(drawn.answers[0])],) if options else drawn.answers
    return Question(name, subject_of(name), text, options, answers, numbers)


def reopen(origin: Origin) -> QuestionSet:
    """Open a set again by its `origin`. Raises `BadInput` as `load` does."""
    return drawn() if origin.kind == "drawn" else load(origin.subjects, folder=origin.folder)


def _rows(subjects: Sequence[str], folder: Path | None) -> Dataset:
    """Read MMMU from the hub, or Parquet files through a memory-mapped copy in vlnb's cache."""
    import datasets

    from vlnb.local import cache

    parquet = sorted(folder.rglob("*.parquet")) if folder else []
    files = [str(path) for path in parquet if path.name.startswith("validation")] or list(map(str, parquet))
    if folder and not files:
        raise BadInput(
            f"{folder.resolve()} contains no Parquet file. Put those of {HUB} there, such as"
            " Accounting/validation-00000-of-00001.parquet."
        )
    try:
        if folder:
            return datasets.load_dataset(
                "parquet", data_files=files, split="train", cache_dir=str(cache() / "datasets")
            )
        return datasets.concatenate_datasets(
            [datasets.load_dataset(HUB, subject, split="validation") for subject in subjects]
        )
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        reason = " ".join(str(error.__cause__ or error).split())[:200]
        if folder:
            raise BadInput(f"The Parquet files in {folder} cannot be read ({reason}). Download them again.") from error
        raise BadInput(
            f"{HUB} could not be loaded from the hub ({reason}). Without a network, run this on a machine that has one:"
            f" hf download {HUB} --repo-type dataset --include '*/validation-*' --local-dir mmmu"
            " and copy the folder here; then load(folder='mmmu')."
        ) from error
