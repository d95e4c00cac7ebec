"""An answer to one question of the vision check, judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vlnb.errors import BadAnswer
from vlnb.regions import iou, parse
from vlnb.regions.shapes import scaled

if TYPE_CHECKING:
    from vlnb.accuracy.check.tasks import Task

_SAME = 0.5  # IoU from which two boxes are the same place
_THOUSAND = 1000


@dataclass(frozen=True)
class Answered:
    """What came for one task, and whether it is right. `note` says how it was judged where that is not plain.

    `space` says in which pixels a box was answered: "seen", "thousand", "original", "resized" (then `factor` is how
    much smaller or larger than what was sent) or "" where it fits none. `picture_tokens` is what the
    picture adds to the prompt, its delimiters left out, as the server counts.
    """

    task: Task
    text: str
    right: bool
    note: str = ""
    error: str = ""
    seconds: float = 0.0
    cut: bool = False
    space: str = ""
    factor: float = 1.0
    picture_tokens: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "id": self.task.id,
            "skill": self.task.skill,
            "question": self.task.question,
            "truth": self.task.truth,
            "text": self.text,
            "right": self.right,
            "note": self.note,
            "error": self.error,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class Place:
    """In which space a box fits the true one, the IoU there, and the factor between the two pictures."""

    space: str
    overlap: float
    factor: float = 1.0


def place(task: Task, text: str) -> Place:
    """Return in which space the first box of an answer stands where it should."""
    assert task.box is not None  # noqa: S101 - for the type checker
    sent, seen = task.pictures[0].size, task.seen
    try:
        boxes = parse(text, seen=(10**6, 10**6), original=(10**6, 10**6), space="pixels").boxes  # as they were written
    except BadAnswer:
        return Place("", 0.0)
    if not boxes:
        return Place("", 0.0)
    answer, truth = boxes[0], scaled(task.box, seen[0] / sent[0], seen[1] / sent[1])
    factor = sum(answer.corners) / sum(truth.corners)
    spaces = [
        Place("seen", iou(answer, truth)),
        Place("thousand", iou(answer, scaled(truth, _THOUSAND / seen[0], _THOUSAND / seen[1]))),
        Place("resized", iou(answer, scaled(truth, factor, factor)), factor),
    ]
    if sent != seen:
        spaces.insert(1, Place("original", iou(answer, task.box)))
    # Of two that fit alike the plainer one comes first: a factor near 1 is no resizing.
    best = max(spaces, key=lambda one: (round(one.overlap, 1), -spaces.index(one)))
    return best if best.overlap >= _SAME else Place("", best.overlap, best.factor)
