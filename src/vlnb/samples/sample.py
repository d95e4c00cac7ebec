"""A sample and its truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vlnb.images import Picture
    from vlnb.regions import Box


@dataclass(frozen=True)
class Truth:
    """What is on a sample: its lines of text, a box around each run of text, and the fields a person would ask for.

    `objects` are the things on it, each with its label. Boxes are tight and in pixels of the sample's picture.
    """

    lines: tuple[str, ...]
    boxes: tuple[Box, ...]
    fields: Mapping[str, Box] = field(default_factory=lambda: MappingProxyType({}))
    objects: tuple[Box, ...] = ()

    def count(self, label: str) -> int:
        """Return how many objects of that label there are."""
        return sum(box.label == label for box in self.objects)


@dataclass(frozen=True)
class Sample:
    """A picture and what is known to be on it."""

    picture: Picture
    truth: Truth

    def _repr_html_(self) -> str:
        return self.picture._repr_html_()
