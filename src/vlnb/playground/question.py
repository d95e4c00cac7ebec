"""One question of the playground: all that an answer depends on but the server, as data that can be kept."""

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

_VARIABLE = re.compile(r"\{([A-Za-z_]\w{0,40})\}")  # braces of JSON hold quotes or spaces


@dataclass(frozen=True)
class Shown:
    """A picture or a video as it was chosen: the file with this `sha256`, and the `page` of a document.

    `region` is (x1, y1, x2, y2) in pixels of the upright original. With `crop` it is all that is sent; otherwise the
    whole picture is, and the prompt names the region.
    """

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    name: str
    page: int = 1
    region: tuple[int, int, int, int] | None = None
    crop: bool = True
    alt: str = ""

    @property
    def is_video(self) -> bool:
        """Whether it is a video, by its name."""
        return video.is_video(self.name)

    @property
    def cut(self) -> tuple[int, int, int, int] | None:
        """The region to which the picture is cropped, if it is."""
        return self.region if self.crop else None

    def __str__(self) -> str:
        return f"{self.name}{f', page {self.page}' * (self.page > 1)}{f' {list(self.region)}' if self.region else ''}"


Load = Callable[[Shown], images.Source]
"""Returns what was kept of a picture: the whole `Picture`, or the path of a video."""


@dataclass(frozen=True)
class Turn:
    """An earlier turn of a conversation: the text as it was sent, its pictures, and the answer."""

    text: str
    pictures: tuple[Shown, ...]
    answer: str


@dataclass(frozen=True)
class Question:
    """What is asked. `prompt` may have `{names}`, whose values `variables` holds; `schema` is JSON, or empty."""

    prompt: str
    pictures: tuple[Shown, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    system: str = ""
    schema: str = ""
    temperature: float = 0.0
    max_tokens: int = MAX_TOKENS
    max_pixels: int = images.MAX_PIXELS
    way: video.Way = "frames"
    before: tuple[Turn, ...] = ()
    thousand: bool = False  # a region is named from 0 to 1000, not in pixels of the picture as the model sees it

    @property
    def form(self) -> typed.Form | None:
        """The form that the answer fills in, if there is one. Raises `BadInput` if the schema cannot be used."""
        try:
            return typed.Form.of(json.loads(self.schema)) if self.schema.strip() else None
        except ValueError as error:
            raise BadInput(f"The schema is not JSON ({error}). Write it as in docs/receipt.json.") from error

    @property
    def filled(self) -> str:
        """The prompt with the values of its variables, as far as they are known."""
        return _VARIABLE.sub(lambda hit: self.variables.get(hit[1], "").strip() or hit[0], self.prompt)

    @property
    def shown(self) -> tuple[Shown, ...]:
        """All pictures that are sent, those of earlier turns first."""
        return (*(one for turn in self.before for one in turn.pictures), *self.pictures)

    def text(self, load: Load) -> str:
        """Return the text as it is sent. Raises `BadInput` if it is empty, or a variable has no value."""
        if missing := [name for name in variables(self.prompt) if not self.variables.get(name, "").strip()]:
            raise BadInput(f"The prompt needs a value for {', '.join(missing)}.")
        if not self.prompt.strip():
            raise BadInput("The prompt is empty. Write a question, or choose a skill.")
        places = (self.place(number, load) for number in range(len(self.pictures)))
        return "\n".join([self.filled, *filter(None, places)])

    def place(self, number: int, load: Load) -> str:
        """Return the words that name the region of a picture (counted from 0), or "" if there is none to name."""
        one = self.pictures[number]
        if not one.region or one.crop:
            return ""
        size = (picture := load(one)).size
        scale = (1000, 1000) if self.thousand else picture.seen_size(max_pixels=self.max_pixels)
        place = [round(side * scale[i % 2] / size[i % 2]) for i, side in enumerate(one.region)]
        unit = "from 0 to 1000" if self.thousand else "in pixels"
        return str(prompts.region(f"{place} of picture {number + 1}, {unit}"))

    def said(self, load: Load) -> tuple[list[Any], dict[str, Any]]:
        """Return the prompt and the options for `Endpoint.stream`, with the pictures loaded.

        Raises:
            BadInput: A picture is no longer there, or something that was typed cannot be used.
        """
        options = {name: getattr(self, name) for name in ("temperature", "max_tokens", "max_pixels", "way")}
        options["system"] = self.system.strip() or None
        options["before"] = [([*sent(one.pictures, load), one.text], one.answer) for one in self.before]
        options |= {"schema": form} if (form := self.form) else {}
        return [*sent(self.pictures, load), self.text(load)], options

    def on_original(self, boxes: Sequence[Box]) -> list[Box]:
        """Return the boxes of an answer on the picture as it was before it was cropped."""
        x, y, *_ = (self.shown[0].cut if len(self.shown) == 1 else None) or (0, 0)
        return [replace(one, x1=one.x1 + x, y1=one.y1 + y, x2=one.x2 + x, y2=one.y2 + y) for one in boxes]


def variables(prompt: str) -> list[str]:
    """Return the names in braces in a prompt, each once.

    >>> variables('Find the {thing} and the {colour} {thing}: {"label": ""}')
    ['thing', 'colour']
    """
    return list(dict.fromkeys(_VARIABLE.findall(prompt)))


def sent(pictures: Sequence[Shown], load: Load) -> list[images.Source]:
    """Return the pictures as they are sent: cropped to their regions, where these are to be cropped."""
    return [load(one).crop(one.cut) if one.cut else load(one) for one in pictures]


def changes(before: Question, after: Question) -> list[str]:
    """Return what differs between two questions, and numbers with their values.

    >>> changes(Question("Read"), Question("Spell", temperature=0.7))
    ['prompt', 'temperature 0.0 → 0.7']
    """
    pairs: list[tuple[str, Any, Any]] = [
        (one.name, getattr(before, one.name), getattr(after, one.name)) for one in fields(Question)
    ]
    if [one.sha256 for one in before.pictures] == [one.sha256 for one in after.pictures]:
        pairs = [("regions" if name == "pictures" else name, a, b) for name, a, b in pairs]
    return [f"{name} {a} → {b}" if isinstance(b, float | int) else name for name, a, b in pairs if a != b]
