"""What is wrong with a server, by name, from the answers that it gave."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from vlnb import images
from vlnb.accuracy.check.skills import SKILLS
from vlnb.accuracy.check.tasks import named

if TYPE_CHECKING:
    from vlnb.accuracy.check.grading import Answered

_LOOP = re.compile(r"(.{1,80}?)\1{5,}\s*\S{0,80}$", re.DOTALL)  # six times the same at the end
_OFF = 0.05  # of the tokens expected: less is another way of counting
_READING = ("seen", "fine print", "transparency", "twice", "usage")  # their truth is a code
_SOME = 2  # answers that make a pattern


@dataclass(frozen=True)
class Finding:
    """Something that is wrong: its `name`, what was seen, what to try. One that is not `grave` vlnb itself avoids."""

    name: str
    sentence: str
    cure: str
    grave: bool = True

    def as_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.name}: {self.sentence}\n  Try: {self.cure}"


def findings(answered: Sequence[Answered]) -> tuple[Finding, ...]:
    """Return what is wrong, the gravest first. Low skills alone are no finding: they have a row of their own."""
    heard = [one for one in answered if not one.error]
    if not heard:
        return (Finding("no answer", f"{answered[0].error if answered else 'Nothing was asked.'}", "See 02_launch."),)
    for first in (_blind, _mixed):  # where these hold, all that follows would only be their consequence
        if found := tuple(first(heard)):
            return found
    rules = (_order, _places, _loops, _schema, _twice, _files)
    return tuple(one for rule in rules for one in rule(heard))


def picture_tokens(answered: Sequence[Answered]) -> tuple[int, int] | None:
    """Return (tokens counted for a picture, tokens expected), delimiters left out; None where it was not measured."""
    for one in answered:
        if one.task.skill == "usage" and one.picture_tokens is not None:
            expected = images.tokens(*one.task.pictures[0].size)
            return one.picture_tokens, expected
    return None


def _blind(heard: Sequence[Answered]) -> Iterator[Finding]:
    """Find a server to which nothing is to be seen: then all other answers are guesses."""
    readings = [one for one in heard if one.task.skill in ("seen", "fine print")]
    if not readings or any(one.right for one in readings):
        return
    counted = picture_tokens(heard)
    cure = SKILLS["seen"].cure
    if counted and counted[0] == 0:
        yield Finding(
            "pictures dropped",
            f"None of {len(readings)} codes was read, and a picture adds {counted[0]} tokens to the prompt, where it"
            f" should add {counted[1]}: the pictures never reach the model.",
            f"Is it a vision model, and started as one? A proxy may drop image_url parts. {cure}",
        )
    elif counted:
        yield Finding(
            "blind",
            f"None of {len(readings)} codes was read, although a picture is counted ({counted[0]} tokens): the model"
            " gets something that it cannot see.",
            f"Are the weights whole, those of the vision tower too? {cure}",
        )
    else:
        yield Finding("blind", f"None of {len(readings)} codes was read, and the server counts no tokens.", cure)


def _mixed(heard: Sequence[Answered]) -> Iterator[Finding]:
    reading = [one for one in heard if one.task.skill in _READING]
    strangers = [
        one for one in reading
        if not one.right and any(other.task.truth in one.text for other in reading if other is not one)
    ]  # fmt: skip
    if len(strangers) >= _SOME:
        yield Finding(
            "answers mixed up",
            f"{len(strangers)} answers hold a code that stands on another question's picture.",
            "A cache takes pictures for each other: --disable-radix-cache, and SGLANG_VLM_CACHE_SIZE_MB=0.",
        )


def _order(heard: Sequence[Answered]) -> Iterator[Finding]:
    asked = [one for one in heard if one.task.skill == "order"]
    turned = [
        one for one in asked
        if (numbers := re.findall(r"\d+", one.text))
        and int(numbers[-1]) == len(one.task.pictures) + 1 - int(one.task.truth)
    ]  # fmt: skip
    if len(turned) >= _SOME and len(turned) == len(asked):
        yield Finding(
            "pictures swapped",
            f"In all {len(asked)} questions about several pictures the answer is right when counted from the end: they"
            " reach the model in the reverse order.",
            "Look at what stands between you and the server (proxy, router), and at its chat template.",
        )


def _places(heard: Sequence[Answered]) -> Iterator[Finding]:
    boxes = [one for one in heard if one.task.box and not one.task.raw]
    spaces = [one.space for one in boxes]
    counted = picture_tokens(heard)
    if "thousand" in spaces and "seen" not in spaces:
        yield Finding(
            "coordinates from 0 to 1000",
            "Boxes fit when read as thousandths of the picture: Qwen2-VL and Qwen3-VL answer so, Qwen2.5-VL does not.",
            'Is another model served? Read its boxes with regions.parse(…, space="thousand").',
        )
    shrunk = [one for one in boxes if one.space == "resized"]
    short = counted and counted[0] < (1 - _OFF) * counted[1]
    if shrunk or short:
        parts = []
        if shrunk:
            sizes = ", ".join(f"{one.factor:.2f} on the {one.task.pictures[0].width} px wide one" for one in shrunk)
            parts.append(f"Boxes fit in a picture of another size than the one sent (factor {sizes}).")
        if counted and short:
            parts.append(f"A picture costs {counted[0]} tokens where {counted[1]} are due.")
        yield Finding("pictures resized again", " ".join(parts), SKILLS["usage"].cure)
    elif counted and counted[0] > (1 + _OFF) * counted[1] + images.DELIMITER_TOKENS:
        yield Finding(
            "tokens counted otherwise",
            f"A picture costs {counted[0]} tokens where {counted[1]} are due.",
            "Is it a Qwen2.5-VL? Other models cut pictures into other patches.",
        )
    if any(one.space == "original" for one in heard):
        yield Finding(
            "coordinates of the file",
            "On a picture that the model sees at another size, boxes came in pixels of the file, not of what is seen.",
            "Nothing, with vlnb: it sends each picture at the size at which it is seen.",
            grave=False,
        )


def _loops(heard: Sequence[Answered]) -> Iterator[Finding]:
    caught = [one for one in heard if one.cut and _LOOP.search(one.text)]
    if len(caught) >= _SOME:
        yield Finding(
            "answers repeat themselves",
            f"{len(caught)} of {len(heard)} answers say the same again and again until max_tokens, such as"
            f" {caught[0].text[-40:]!r}.",
            "Look at the chat template and its stop tokens; a quantised checkpoint may be damaged.",
        )


def _schema(heard: Sequence[Answered]) -> Iterator[Finding]:
    for one in heard:
        if one.task.skill == "schema" and one.note and not one.cut:
            skill = SKILLS["schema"]
            yield Finding(
                "schema ignored", f"A JSON schema was given, and the answer is {one.text[:60]!r}.", skill.cure
            )


def _twice(heard: Sequence[Answered]) -> Iterator[Finding]:
    for one in heard:
        if one.task.skill == "twice" and one.note:
            skill = SKILLS["twice"]
            yield Finding("answers differ", f"Asked twice at temperature 0: {one.note}.", skill.cure, grave=False)


def _files(heard: Sequence[Answered]) -> Iterator[Finding]:
    for one in heard:
        if one.task.misread and named(one.text, one.task.choices) == {one.task.misread}:
            skill = SKILLS["upright"]
            yield Finding("orientation ignored", skill.low, skill.cure, grave=False)
        if one.task.skill == "transparency" and not one.right:
            skill = SKILLS["transparency"]
            yield Finding("transparency ignored", skill.low, skill.cure, grave=False)
