"""A question in MMMU's form."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vlnb.errors import BadInput

LETTERS = "ABCDEFGHI"  # MMMU has options up to I
PICTURES = 7  # image_1 … image_7


@dataclass(frozen=True)
class Question:
    """One question. `answers` holds every text or letter that counts as right; `options` is empty where it is open."""

    id: str
    subject: str
    text: str
    options: tuple[str, ...]
    answers: tuple[str, ...]

    @property
    def is_open(self) -> bool:
        """Whether it is answered in words, not by a letter."""
        return not self.options

    @property
    def choices(self) -> dict[str, str]:
        """Option letter → its text."""
        return dict(zip(LETTERS, self.options, strict=False))

    @property
    def prompt(self) -> str:
        """The prompt as MMMU's own harness puts it (its configuration for LLaVA, which SGLang's takes too)."""
        if self.is_open:
            return f"{self.text}\n\nAnswer the question using a single word or phrase."
        options = "".join(f"({letter}) {option}\n" for letter, option in self.choices.items())
        return f"{self.text}\n\n{options}\n\nAnswer with the option's letter from the given choices directly."


def from_row(row: Mapping[str, Any], subject: str) -> Question:
    """Make a question of a row of the data set, whose `options` is a text that holds a Python list.

    Raises `BadInput` for a row that is none of MMMU.
    """
    try:
        name, text, answer = str(row["id"]), str(row["question"]), str(row["answer"])
        options = _listed(row["options"])
        is_open = row["question_type"] == "open"
    except (KeyError, ValueError, SyntaxError) as error:
        raise BadInput(
            f"A row of {subject} is not in MMMU's form ({error!r}): id {row.get('id', 'unknown')}."
        ) from error
    if not is_open and not 0 < len(options) <= len(LETTERS):
        raise BadInput(f"Question {name} has {len(options)} options; MMMU has 1 to {len(LETTERS)}.")
    answers = tuple(_listed(answer)) if answer.startswith("[") else (answer,)
    return Question(name, subject, text, () if is_open else tuple(options), answers)


def _listed(value: Any) -> list[str]:  # noqa: ANN401 - a text, or what a Parquet reader makes of a list
    found = ast.literal_eval(value) if isinstance(value, str) else list(value)
    if not isinstance(found, list):
        raise ValueError(f"{value!r} holds no list")  # noqa: TRY004 - from_row makes a sentence of it
    return [str(one) for one in found]
