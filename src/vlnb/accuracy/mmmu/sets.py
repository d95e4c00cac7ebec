"""Sets of questions: MMMU from the hub or from a folder of Parquet files, and a small set drawn by code.

The texts are in memory, the pictures stay where they are until they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlnb import catalog
from vlnb.accuracy.mmmu.question import PICTURES, Question, from_row, subject_of
from vlnb.errors import BadInput

if TYPE_CHECKING:
    from datasets import Dataset

HUB = "MMMU/MMMU"
SUBJECTS = tuple(sorted(subject for subjects in catalog.MMMU_DOMAINS.values() for subject in subjects))
_COLUMNS = [f"image_{number}" for number in range(1, PICTURES + 1)]


@dataclass(frozen=True)
class QuestionSet:
    """Questions in their order. `origin` says how to open the set again (`reopen`)."""

    name: str
    questions: tuple[Question, ...]
    origin: Mapping[str, Any]
    _picture: Callable[[int, int], bytes] = field(repr=False)

    def __len__(self) -> int:
        return len(self.questions)

    def pictures(self, question: Question) -> dict[int, bytes]:
        """Return the pictures of a question by their number, as the files that they are."""
        place = self._places[question.id]
        return {number: self._picture(place, number) for number in question.pictures}

    @cached_property
    def _places(self) -> dict[str, int]:
        return {question.id: place for place, question in enumerate(self.questions)}


def load(subjects: Sequence[str] | None = None, *, folder: str | Path | None = None) -> QuestionSet:
    """Return MMMU's validation questions, of all subjects or of some: from the hub, or from `folder`.

    The folder holds Parquet files as the hub has them, at any depth. Needs `datasets` (pip install datasets).
    Raises `BadInput` where it is missing, where a subject is none of MMMU's, or where the questions cannot be had.
    """
    for subject in subjects or ():
        if subject not in SUBJECTS:
            raise BadInput(f"{subject!r} is no subject of MMMU. There are: {', '.join(SUBJECTS)}.")
    try:
        import datasets
    except ImportError as error:
        raise BadInput(
            "MMMU is read with the package datasets: pip install datasets. The set drawn by code"
            " (mmmu.drawn()) needs nothing."
        ) from error
    rows = _from_folder(Path(folder)) if folder else _from_hub(subjects or SUBJECTS)
    if subjects:
        ids = rows["id"]
        rows = rows.select([i for i in range(len(rows)) if subject_of(ids[i]) in subjects]).flatten_indices()
    if not len(rows):
        raise BadInput(f"No question of {', '.join(subjects or SUBJECTS)} was found in {folder or HUB}.")
    for column in _COLUMNS:
        rows = rows.cast_column(column, datasets.Image(decode=False))
    origin = {"kind": "mmmu", "folder": str(Path(folder).resolve()) if folder else None, "subjects": subjects}
    name = "MMMU validation" if not subjects else f"MMMU validation: {', '.join(subjects)}"
    return QuestionSet(name, _questions(rows), origin, lambda place, number: rows[place][f"image_{number}"]["bytes"])


def drawn() -> QuestionSet:
    """Return 24 questions in MMMU's form, made by code: charts, tables, diagrams and pictures. They are not MMMU's."""
    from vlnb.accuracy.mmmu.drawing import rows

    made = rows()
    questions = tuple(from_row(row, subject_of(row["id"]), _numbers(row)) for row in made)
    origin = {"kind": "drawn"}
    return QuestionSet(
        "questions drawn by code, in MMMU's form", questions, origin,
        lambda place, number: made[place][f"image_{number}"]["bytes"],
    )  # fmt: skip


def reopen(origin: Mapping[str, Any]) -> QuestionSet:
    """Open a set again by its `origin`, as a run's manifest keeps it."""
    if origin.get("kind") == "drawn":
        return drawn()
    if origin.get("kind") == "mmmu":
        return load(origin.get("subjects"), folder=origin.get("folder"))
    raise BadInput(f"The run's questions are of a kind that this version does not know: {origin.get('kind')!r}.")


def _from_hub(subjects: Iterable[str]) -> Dataset:
    import datasets

    try:
        return datasets.concatenate_datasets(
            [datasets.load_dataset(HUB, subject, split="validation") for subject in subjects]
        )
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        said = " ".join(str(error).split())[:200]
        raise BadInput(
            f"{HUB} could not be loaded from the hub ({said}). Without a network: on a machine that has one, run"
            f" hf download {HUB} --repo-type dataset --include '*/validation-*' --local-dir mmmu"
            " and copy the folder here; then load(folder='mmmu')."
        ) from error


def _from_folder(folder: Path) -> Dataset:
    """Read Parquet files through a copy that is mapped into memory, in vlnb's cache."""
    import datasets

    from vlnb.local import cache

    every = sorted(folder.rglob("*.parquet"))
    files = [path for path in every if path.name.startswith("validation")] or every
    if not files:
        raise BadInput(
            f"{folder.resolve()} holds no Parquet file. It should hold those of {HUB}, such as"
            " Accounting/validation-00000-of-00001.parquet."
        )
    try:
        return datasets.load_dataset(
            "parquet", data_files=[str(path) for path in files], split="train", cache_dir=str(cache() / "datasets")
        )
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        said = " ".join(str(error.__cause__ or error).split())[:200]
        raise BadInput(f"The Parquet files in {folder} cannot be read ({said}). Download them anew.") from error


def _questions(rows: Dataset) -> tuple[Question, ...]:
    """Read all texts; of the pictures only whether they are there."""
    there = [rows.data.column(column).is_valid().to_pylist() for column in _COLUMNS]
    texts = rows.remove_columns(_COLUMNS)
    return tuple(
        from_row(row, subject_of(row["id"]), tuple(n for n, valid in enumerate(there, 1) if valid[place]))
        for place, row in enumerate(texts)
    )


def _numbers(row: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(number for number, column in enumerate(_COLUMNS, 1) if row[column])
