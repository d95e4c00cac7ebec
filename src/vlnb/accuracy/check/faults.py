"""What is wrong with a server, by name, judged by the answers that it gave."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlnb import images
from vlnb.accuracy.check.tasks import SKILLS

if TYPE_CHECKING:
    from vlnb.accuracy.check.asking import Answered

_LOOP = re.compile(r"(.{1,80}?)\1{5,}\s*\S{0,80}$", re.DOTALL)  # six times the same text at the end
_OFF = 0.05  # of the expected tokens: a larger difference is another way of counting
_CODES = ("seen", "fine print", "twice", "usage")  # skills whose truth is a code
_SOME = 2  # answers that make a pattern


@dataclass(frozen=True)
class Fault:
    """A fault of a server: its `name`, the evidence, and what to try. Faults that are not `grave` may be accepted."""

    name: str
    sentence: str
    cure: str
    grave: bool = True

    def __str__(self) -> str:
        return f"{self.name}: {self.sentence}\n  Try: {self.cure}"


def faults(answered: Sequence[Answered]) -> tuple[Fault, ...]:
    """Return the faults of a server, the gravest first; empty if it is sound.

    A low score in a skill is no fault by itself. If the server sees nothing, or answers what another question asked,
    that is the only fault: everything else would follow from it.
    """
    heard = [one for one in answered if not one.error]
    if not heard:
        return (Fault("no answer", answered[0].error if answered else "Nothing was asked.", "See 02_launch."),)
    for decisive in (_blind, _mixed):
        if found := tuple(decisive(heard)):
            return found
    return (*_order(heard), *_places(heard), *_loops(heard), *_single(heard))


def _picture_tokens(heard: Sequence[Answered]) -> tuple[int, int] | None:
    """Return (tokens counted for a picture, tokens expected) without delimiters, or None if there is no count."""
    for one in heard:
        if one.picture_tokens is not None:
            return one.picture_tokens, images.tokens(*one.task.pictures[0].size)
    return None


def _blind(heard: Sequence[Answered]) -> Iterator[Fault]:
    readings = [one for one in heard if one.task.skill in ("seen", "fine print")]
    if not readings or any(one.right for one in readings):
        return
    unread, cure = f"None of {len(readings)} codes was read", SKILLS["seen"].cure
    match _picture_tokens(heard):
        case None:
            yield Fault("blind", f"{unread}, and the server counts no tokens.", cure)
        case (0, due):
            sentence = f"{unread}, and a picture adds no tokens to the prompt (expected: {due}), so no picture arrives."
            cure = f"Is it a vision model, and started as one? A proxy may drop image_url parts. {cure}"
            yield Fault("pictures dropped", sentence, cure)
        case (counted, _):
            sentence = f"{unread}, although a picture is counted ({counted} tokens): the model cannot see what it gets."
            yield Fault("blind", sentence, f"Are the weights complete, including the vision tower? {cure}")


def _mixed(heard: Sequence[Answered]) -> Iterator[Fault]:
    reading = [one for one in heard if one.task.skill in _CODES]
    strangers = [
        one for one in reading
        if not one.right and any(other.task.truth in one.text for other in reading if other is not one)
    ]  # fmt: skip
    if len(strangers) >= _SOME:
        yield Fault(
            "answers mixed up",
            f"{len(strangers)} answers contain a code from another question's picture.",
            "A cache confuses pictures: --disable-radix-cache, and SGLANG_VLM_CACHE_SIZE_MB=0.",
        )


def _order(heard: Sequence[Answered]) -> Iterator[Fault]:
    asked = [one for one in heard if one.task.skill == "order"]
    reverse = [re.findall(r"\d+", one.text)[-1:] == [one.task.reversed_truth] for one in asked]
    if len(reverse) >= _SOME and all(reverse):
        yield Fault(
            "pictures swapped",
            f"All {len(asked)} answers about several pictures are right when counted from the end, so the pictures"
            " reach the model in reverse order.",
            "Check the server's chat template, and any proxy or router before the server.",
        )


def _places(heard: Sequence[Answered]) -> Iterator[Fault]:
    boxes = [one for one in heard if one.task.box]
    spaces = [one.space for one in boxes]
    counted, due = _picture_tokens(heard) or (0, 0)
    if "thousand" in spaces and "seen" not in spaces:
        yield Fault(
            "coordinates from 0 to 1000",
            "Boxes fit as thousandths of the picture. Qwen2-VL and Qwen3-VL answer so, Qwen2.5-VL does not.",
            'Is it another model? Read its boxes with regions.parse(…, space="thousand").',
        )
    costs = f"A picture costs {counted} tokens; {due} are expected."
    resized = [one for one in boxes if one.space == "resized"]
    factors = [f"{one.factor:.2f} on the {one.task.pictures[0].width} px wide one" for one in resized]
    short = counted < (1 - _OFF) * due
    if factors or short:
        moved = f"Boxes fit in a picture of another size than the one sent (factor {', '.join(factors)})."
        sentence = " ".join([moved] * bool(factors) + [costs] * short)
        yield Fault("pictures resized again", sentence, SKILLS["usage"].cure)
    elif counted > (1 + _OFF) * due + images.DELIMITER_TOKENS:
        yield Fault(
            "tokens counted otherwise", costs, "Is it a Qwen2.5-VL? Other models split pictures into other patches."
        )


def _loops(heard: Sequence[Answered]) -> Iterator[Fault]:
    caught = [one for one in heard if one.cut and _LOOP.search(one.text)]
    if len(caught) >= _SOME:
        yield Fault(
            "answers repeat themselves",
            f"{len(caught)} of {len(heard)} answers repeat a text up to max_tokens, such as {caught[0].text[-40:]!r}.",
            "Check the chat template and its stop tokens; a quantised checkpoint may be damaged.",
        )


def _single(heard: Sequence[Answered]) -> Iterator[Fault]:
    """Find the faults that a single answer proves."""
    for one in heard:
        skill = SKILLS[one.task.skill]
        if skill.name == "schema" and one.note and not one.cut:
            yield Fault("schema ignored", f"With a JSON schema, the answer was {one.text[:60]!r}.", skill.cure)
        elif skill.name == "twice" and one.note:
            yield Fault("answers differ", f"Asked twice at temperature 0: {one.note}.", skill.cure, grave=False)
