"""One question in MMMU's form."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vlnb.errors import BadInput

LETTERS = "ABCDEFGHI"  # MMMU has options up to I
PICTURES = 7  # image_1 … image_7
_TAG = re.compile(r"<image\s*(\d+)>")


@dataclass(frozen=True)
class Question:
    """One question.

    `answers` are all texts or letters that count as right. An open question has no `options`. `pictures` are the
    numbers of its pictures, which its text calls <image 1>, <image 2> …
    """

    id: str
    subject: str
    text: str
    options: tuple[str, ...]
    answers: tuple[str, ...]
    pictures: tuple[int, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether the answer is text, not a letter."""
        return not self.options

    @property
    def choices(self) -> dict[str, str]:
        """The text of each option by its letter."""
        return dict(zip(LETTERS, self.options, strict=False))

    @property
    def prompt(self) -> str:
        """The prompt of MMMU's own harness (its configuration for LLaVA, which SGLang's harness uses too)."""
        if self.is_open:
            return f"{self.text}\n\nAnswer the question using a single word or phrase."
        options = "".join(f"({letter}) {option}\n" for letter, option in self.choices.items())
        return f"{self.text}\n\n{options}\n\nAnswer with the option's letter from the given choices directly."

    def content(self, pictures: Mapping[int, Any]) -> list[Any]:
        """Return the prompt as texts and pictures in order: each picture where its tag first stands, the rest in front.

        `pictures` maps numbers to pictures.
        """
        pieces = _TAG.split(self.prompt)  # text, number, text, number, … text
        unused = dict(pictures)
        parts: list[Any] = [pieces[0]]
        for number, text in zip(map(int, pieces[1::2]), pieces[2::2], strict=True):
            # A repeated tag stays text: the picture is sent only once.
            parts += [unused.pop(number), text] if number in unused else [f"<image {number}>", text]
        return [part for part in (*unused.values(), *parts) if not (isinstance(part, str) and not part.strip())]


def subject_of(name: str) -> str:
    """Return the subject from a question's id: "validation_Art_Theory_12" belongs to Art_Theory."""
    return "_".join(name.split("_")[1:-1])


def from_row(row: Mapping[str, Any], subject: str, pictures: tuple[int, ...] = ()) -> Question:
    """Make a question from a row of the data set, whose `options` is the text of a Python list.

    Raises `BadInput` for a row that is not in MMMU's form.
    """
    try:
        name, text, answer = str(row["id"]), str(row["question"]), str(row["answer"])
        options = _listed(row["options"])
        is_open = row["question_type"] == "open"
        answers = tuple(_listed(answer)) if answer.startswith("[") else (answer,)
    except (KeyError, TypeError, ValueError, SyntaxError) as error:
        raise BadInput(
            f"A row of {subject} is not in MMMU's form ({error!r}): id {row.get('id', 'unknown')}."
        ) from error
    if not is_open and not 0 < len(options) <= len(LETTERS):
        raise BadInput(f"Question {name} has {len(options)} options; MMMU has 1 to {len(LETTERS)}.")
    return Question(name, subject, text, () if is_open else tuple(options), answers, pictures)


def _listed(value: Any) -> list[str]:  # noqa: ANN401 - a text, or a list from a Parquet reader
    items = ast.literal_eval(value) if isinstance(value, str) else list(value)
    if not isinstance(items, list):
        raise ValueError(f"{value!r} is not a list")  # noqa: TRY004 - from_row explains it
    return [str(item) for item in items]
