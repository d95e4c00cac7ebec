"""What a picture says, and where: the reader's result, and all that the skills know of a picture."""

from __future__ import annotations

from dataclasses import dataclass

Rect = tuple[int, int, int, int]
"""(left, top, right, bottom) in pixels of the picture that was read."""

APART = "    "  # between segments of one line: a label and its value, two cells of a table


@dataclass(frozen=True)
class Word:
    """One word and the tight box of its ink."""

    text: str
    box: Rect


@dataclass(frozen=True)
class Segment:
    """A run of text without a wide gap. `score` is the recogniser's mean certainty, 0 to 1."""

    text: str
    score: float
    box: Rect
    words: tuple[Word, ...]


@dataclass(frozen=True)
class Line:
    """Segments beside each other, from left to right. `height` is that of its largest segment, in pixels."""

    segments: tuple[Segment, ...]

    @property
    def text(self) -> str:
        """The line as a person would type it, with what is apart kept apart by four spaces."""
        return APART.join(segment.text for segment in self.segments)

    @property
    def height(self) -> int:
        """Height of the tallest segment, in pixels."""
        return max(segment.box[3] - segment.box[1] for segment in self.segments)


@dataclass(frozen=True)
class Page:
    """All lines of one picture of `size` (width, height) in pixels, in reading order."""

    size: tuple[int, int]
    lines: tuple[Line, ...]

    @property
    def text(self) -> str:
        """All lines, one under the other."""
        return "\n".join(line.text for line in self.lines)

    @property
    def segments(self) -> list[Segment]:
        """All segments in reading order."""
        return [segment for line in self.lines for segment in line.segments]
