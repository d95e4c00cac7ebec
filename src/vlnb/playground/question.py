"""One question of the playground: everything but the server that an answer depends on, as data that can be stored."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from vlnb import images, prompts, typed, video
from vlnb.endpoint.client import MAX_TOKENS
from vlnb.errors import BadInput

if TYPE_CHECKING:
    from vlnb.regions.shapes import Box

# A name in braces. Not those of JSON, which hold quotes or spaces, doubled ones, or the arguments of a LaTeX command.
_VARIABLE = re.compile(r"\\[A-Za-z]+(?:\{(?:[^{}]|\{[^{}]*\})*\})*|(?<![{^])\{([A-Za-z_]\w{0,40})\}(?!\})")


@dataclass(frozen=True)
class Attachment:
    """A picture or a video of a question: the stored file with this `sha256`, and the `page` of a document.

    `region` is (x1, y1, x2, y2) in pixels of the upright original. With `crop`, only the region is sent; otherwise the
    whole picture is sent, and the prompt names the region.
    """

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    name: str
    page: int = 1
    region: tuple[int, int, int, int] | None = None
    crop: bool = True
    alt: str = ""

    @property
    def is_video(self) -> bool:
        """Whether it is a video, judging by its name."""
        return video.is_video(self.name)

    @property
    def cut(self) -> tuple[int, int, int, int] | None:
        """The region to which the picture is cropped, or None."""
        return self.region if self.crop else None

    def __str__(self) -> str:
        return f"{self.name}{f', page {self.page}' * (self.page > 1)}{f' {list(self.region)}' if self.region else ''}"


Load = Callable[[Attachment], images.Source]
"""Loads an attachment: returns the whole `Picture`, or the path of a video."""


@dataclass(frozen=True)
class Turn:
    """An earlier turn of a conversation: the text that was sent, its pictures, and the answer."""

    text: str
    pictures: tuple[Attachment, ...]
    answer: str


@dataclass(frozen=True)
class Question:
    """What to ask. `prompt` may contain `{names}`, whose values are in `variables`; `schema` is JSON, or empty."""

    prompt: str
    pictures: tuple[Attachment, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    system: str = ""
    schema: str = ""
    temperature: float = 0.0
    max_tokens: int = MAX_TOKENS
    max_pixels: int = images.MAX_PIXELS
    way: video.Way = "frames"
    before: tuple[Turn, ...] = ()

    @property
    def form(self) -> typed.Form | None:
        """The form that the answer fills in, or None without a schema. Raises `BadInput` if the schema is invalid."""
        try:
            return typed.Form.of(json.loads(self.schema)) if self.schema.strip() else None
        except ValueError as error:
            raise BadInput(f"The schema is not JSON ({error}). Write it as in docs/receipt.json.") from error

    @property
    def filled(self) -> str:
        """The prompt with the values of its variables; a variable without a value stays as it is."""
        return _VARIABLE.sub(lambda match: self.variables.get(match[1] or "", "").strip() or match[0], self.prompt)

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """All pictures of the conversation, those of earlier turns first."""
        return (*(picture for turn in self.before for picture in turn.pictures), *self.pictures)

    def text(self, load: Load) -> str:
        """Return the text to send. Raises `BadInput` if it is empty, or a variable has no value."""
        if missing := [name for name in variables(self.prompt) if not self.variables.get(name, "").strip()]:
            raise BadInput(f"The prompt needs a value for {', '.join(missing)}.")
        if not self.prompt.strip():
            raise BadInput("The prompt is empty. Write a question, or choose a skill.")
        places = (self.place(number, load) for number in range(len(self.pictures)))
        return "\n".join([self.filled, *filter(None, places)])

    def place(self, number: int, load: Load) -> str:
        """Return the text that names the region of a picture (counted from 0), or "" if the text need not name one."""
        chosen = self.pictures[number]
        if not chosen.region or chosen.crop:
            return ""
        picture = load(chosen)
        seen = picture.seen_size(max_pixels=self.max_pixels)
        place = [round(side * seen[i % 2] / picture.size[i % 2]) for i, side in enumerate(chosen.region)]
        return str(prompts.region(f"{place} of picture {number + 1}, in pixels"))

    def arguments(self, load: Load) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments of `Endpoint.stream`: the prompt with its pictures, and the options.

        Raises:
            BadInput: A picture is missing, or the prompt, a variable or the schema is invalid.
        """
        options = {name: getattr(self, name) for name in ("temperature", "max_tokens", "max_pixels", "way")}
        options["system"] = self.system.strip() or None
        options["before"] = [([*cropped(turn.pictures, load), turn.text], turn.answer) for turn in self.before]
        options |= {"schema": form} if (form := self.form) else {}
        return [*cropped(self.pictures, load), self.text(load)], options

    def on_original(self, boxes: Sequence[Box]) -> list[Box]:
        """Return the boxes of an answer in pixels of the uncropped picture."""
        x, y, *_ = (self.attachments[0].cut if len(self.attachments) == 1 else None) or (0, 0)
        return [replace(box, x1=box.x1 + x, y1=box.y1 + y, x2=box.x2 + x, y2=box.y2 + y) for box in boxes]


def variables(prompt: str) -> list[str]:
    """Return the names in braces in a prompt, each once.

    >>> variables('Find the {thing} and the {colour} {thing}: {"label": ""}')
    ['thing', 'colour']
    """
    return list(dict.fromkeys(filter(None, _VARIABLE.findall(prompt))))


def cropped(pictures: Sequence[Attachment], load: Load) -> list[images.Source]:
    """Load the pictures, and crop those that are to be cropped to their regions."""
    return [load(picture).crop(picture.cut) if picture.cut else load(picture) for picture in pictures]


def changes(before: Question, after: Question) -> list[str]:
    """Return the names of the fields that differ between two questions, numbers with both values.

    >>> changes(Question("Read"), Question("Spell", temperature=0.7))
    ['prompt', 'temperature 0.0 → 0.7']
    """
    pairs: list[tuple[str, Any, Any]] = [
        (one.name, getattr(before, one.name), getattr(after, one.name)) for one in fields(Question)
    ]
    if [picture.sha256 for picture in before.pictures] == [picture.sha256 for picture in after.pictures]:
        pairs = [("regions" if name == "pictures" else name, a, b) for name, a, b in pairs]
    return [f"{name} {a} → {b}" if isinstance(b, float | int) else name for name, a, b in pairs if a != b]
