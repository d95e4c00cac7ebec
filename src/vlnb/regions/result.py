"""What an answer says of places, and everything that was done to it on the way."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vlnb.regions.shapes import Box, Point, Polygon


@dataclass(frozen=True)
class Change:
    """Something that was done to an answer, or lost of it: `what` in words, and `at`, its place in the text."""

    what: str
    at: int
    excerpt: str = ""

    def __str__(self) -> str:
        return f"{self.what} (at character {self.at}: {self.excerpt!r})"


class Log:
    """What was repaired and what was lost of `text` so far; `cut` says that max_tokens ended it."""

    def __init__(self, text: str, *, cut: bool = False) -> None:
        self.text, self.cut = text, cut
        self.repairs: list[Change] = []
        self.drops: list[Change] = []

    def repair(self, what: str, at: int) -> None:
        """Note a repair."""
        self.repairs.append(Change(what, at, excerpt(self.text, at)))

    def drop(self, what: str, at: int) -> None:
        """Note a loss."""
        if self.cut and "cut off" in what:
            what += " by max_tokens"
        self.drops.append(Change(what, at, excerpt(self.text, at)))

    def take_over(self, other: Log) -> None:
        """Keep what another one noted."""
        self.repairs += other.repairs
        self.drops += other.drops


def excerpt(text: str, at: int, chars: int = 40) -> str:
    """Return the words of `text` around the place `at`."""
    start = max(0, min(at, len(text)) - 8)
    return " ".join(text[start : start + chars].split())


@dataclass(frozen=True)
class Regions:
    """What an answer says of places: in pixels of the original picture, in the order in which they were written.

    `space` is how its numbers were taken ("pixels" of the picture as seen, "thousand": 0 to 1000, "unit": 0 to 1), and
    `space_reason` why. `repairs` and `dropped` list everything that was mended or could not be used; `raw` is the text.
    """

    boxes: tuple[Box, ...]
    points: tuple[Point, ...]
    polygons: tuple[Polygon, ...]
    repairs: tuple[Change, ...]
    dropped: tuple[Change, ...]
    raw: str
    space: str
    space_reason: str

    def __len__(self) -> int:
        return len(self.boxes) + len(self.points) + len(self.polygons)

    @property
    def summary(self) -> str:
        """One line: what was read, what was repaired, what was lost, and in which space."""
        kinds = ((self.boxes, "box", "boxes"), (self.points, "point", "points"), (self.polygons, "polygon", "polygons"))
        read = ", ".join(f"{len(some)} {one if len(some) == 1 else many}" for some, one, many in kinds if some)
        parts = [f"{read or 'nothing'} read"]
        for word, changes in (("repaired", self.repairs), ("left out", self.dropped)):
            if changes:
                counted = Counter(change.what for change in changes)
                parts.append(
                    f"{word}: " + ", ".join(what + (f" ({n})" if n > 1 else "") for what, n in counted.items())
                )
        return "; ".join(parts) + f". Numbers taken as {self.space}: {self.space_reason}."
