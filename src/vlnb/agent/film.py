"""A run as a film strip: every step with its picture, the model's answer, its actions and their outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter

from vlnb import images
from vlnb.agent.actions import Point, Size  # noqa: TC001 - pydantic reads these types
from vlnb.draw.overlay import overlay, to_html
from vlnb.errors import BadInput
from vlnb.markup import FAINT, Html, element, joined, listed, page, row, words
from vlnb.regions import Point as Spot

_HERE = Path(str(resources.files("vlnb.agent")))
SHOP = _HERE / "shop.html"
"""A page to try the agent on: a login, an order form with a list, a confirmation. It sends no data."""
_SHOWN_PX = 360


@dataclass(frozen=True)
class Deed:
    """One action (`said`) and its outcome (`came`); its points in pixels of the picture (`model`) and of the `page`.

    `status` is "done", "failed", or how the action ended the run. `asked` holds the questions to the person.
    """

    said: str
    came: str
    status: str
    model: tuple[Point, ...] = ()
    page: tuple[Point, ...] = ()
    asked: tuple[str, ...] = ()

    def __str__(self) -> str:
        places = "".join(f"({x:.1f}, {y:.1f}) of the page: " for x, y in self.page)
        came = f", {self.came}" * (self.came not in f"{self.status} {self.said}")
        return f"{self.said} → {places}{self.status}{came}"


@dataclass(frozen=True)
class Step:
    """One answer of the model and its actions. `shot` is the picture, `screen` the size to which its points refer."""

    __pydantic_config__ = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    shot: bytes
    screen: Size
    thought: str
    deeds: tuple[Deed, ...]
    notes: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """The actions, the questions to the person and the notes, as sentences."""
        questions = [f"Asked: {question}" for deed in self.deeds for question in deed.asked]
        return [*map(str, self.deeds), *questions, *self.notes]

    def as_html(self, number: int) -> Html:
        """Return the picture with the points of the actions marked, and the text beside it."""
        picture = images.load(self.shot)
        across, down = picture.width / self.screen[0], picture.height / self.screen[1]
        spots = [Spot(x * across, y * down, deed.said) for deed in self.deeds for x, y in deed.model]
        figure = to_html(overlay(picture, spots, seen=self.screen), shown_px=_SHOWN_PX)
        beside = [element("b", f"Step {number}"), words(self.thought), listed(self.lines)]
        left = element("div", figure, style=f"flex:0 1 {_SHOWN_PX}px;outline:1px solid {FAINT};margin:0 .5em 1em 1px")
        return row(left, element("div", *beside, style="flex:1 1 300px;padding-bottom:2em"))


@dataclass(frozen=True)
class Run:
    """A goal pursued. `status` is "" while it runs, then "reached", "given up", "asks", "refused" or "out of steps"."""

    goal: str
    model: str
    status: str = ""
    steps: tuple[Step, ...] = ()

    @property
    def answer(self) -> str:
        """The outcome of the last action."""
        return self.steps[-1].deeds[-1].came if self.steps else ""

    def _repr_html_(self) -> str:
        head = element("p", element("b", self.goal), f" · {self.model} · {self.status or 'running …'} · {self.answer}")
        return joined([head, *(step.as_html(number) for number, step in enumerate(self.steps, 1))])

    def save(self, folder: Path) -> None:
        """Save the run in a folder: `run.json`, and the film strip as one file, `film.html`.

        Raises:
            BadInput: The folder is not writable.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "run.json").write_bytes(TypeAdapter(Run).dump_json(self))
            (folder / "film.html").write_text(page("What the agent did", Html(self._repr_html_())), "utf-8")
        except OSError as error:
            raise BadInput(f"{folder} cannot be written: {error.strerror}.") from error


def recorded() -> Run:
    """Return a recorded run of the embedded engine on the page `SHOP`, for machines without Chromium."""
    return TypeAdapter(Run).validate_json((_HERE / "recorded.json").read_bytes())
