"""What is wrong with a server, by name, judged by the answers that it gave."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vlnb import images
from vlnb.accuracy.check.tasks import SKILLS

if TYPE_CHECKING:
    from vlnb.accuracy.check.asking import Answered

_LOOP = re.compile(r"(.{1,80}?)\1{5,}\s*\S{0,80}$", re.DOTALL)  # six times the same text at the end
_OFF = 0.05  # of the expected tokens: a larger difference is another way of counting
_READINGS = ("seen", "fine print")
_CODES = (*_READINGS, "twice", "usage")  # skills whose truth is a code
_LOST = 0.1  # of the expected tokens: with fewer, a picture was replaced by a few words
_SOME = 2  # answers that make a pattern
_DROWNED = 30  # characters of white space at the end of an answer: it would have gone on


@dataclass(frozen=True)
class Fault:
    """A fault of a server: its `name`, the evidence, and what to try.

    Faults that are not `grave` may be accepted. One that is `decisive` explains everything else that went wrong.
    """

    name: str
    sentence: str
    cure: str
    grave: bool = True
    decisive: bool = False

    def __str__(self) -> str:
        return f"{self.name}: {self.sentence}\n  Try: {self.cure}"


def faults(answered: Sequence[Answered], owner: str = "") -> tuple[Fault, ...]:
    """Return the faults of a server, the gravest first; empty if it is sound. `owner` names its maker, for the advice.

    A low score in a skill is no fault by itself. If the server sees nothing, or answers what another question asked,
    that is the only fault: everything else would follow from it.

    >>> faults([])[0].sentence
    'Nothing was asked.'
    """
    heard = [one for one in answered if not one.error]
    if not heard:
        why = answered[0].error if answered else "Nothing was asked."
        return (Fault("no answer", why, "See 02_launch.", decisive=True),)
    read = any(one.right for one in heard if one.task.skill in _READINGS)
    for root in (_mixed,) if read else (_silent, _blind, _mixed):
        if found := root(heard, owner):
            return (replace(found, decisive=True),)
    loop = _loops(heard, owner)
    return (*_order(heard), *_places(heard, owner), *([loop] if loop else ()), *_single(heard, owner))


def _picture_tokens(heard: Sequence[Answered]) -> tuple[int, int] | None:
    """Return (tokens counted for a picture, tokens expected) without delimiters, or None if there is no count."""
    for one in heard:
        if one.picture_tokens is not None:
            return one.picture_tokens, images.tokens(*one.task.pictures[0].size)
    return None


def _silent(heard: Sequence[Answered], _: str) -> Fault | None:
    empty = [one for one in heard if not (one.text if one.cut else one.text.strip())]
    if len(empty) <= len(heard) / 2:
        return None
    why = f" ({empty[0].note})" if empty[0].note else ""
    cure = "A model that thinks may spend all of max_tokens on it: turn its thinking off. Or check the chat template."
    return Fault("empty answers", f"{len(empty)} of {len(heard)} answers hold no text{why}.", cure)


def _blind(heard: Sequence[Answered], owner: str) -> Fault | None:
    readings = sum(one.task.skill in _READINGS for one in heard)
    if not readings:
        return None
    unread, cure = f"None of {readings} codes was read", SKILLS["seen"].cure(owner)
    counts = _picture_tokens(heard)
    if counts is None:
        return Fault("blind", f"{unread}, and this server counts no tokens.", cure)
    counted, due = counts
    if counted < _LOST * due:
        adds = f"{counted} tokens" if counted else "no tokens"
        sentence = f"{unread}, and a picture adds {adds} to the prompt (expected: {due}), so no picture arrives."
        cure = f"Is it a vision model, and started as one? A proxy may drop image_url parts. {cure}"
        return Fault("pictures dropped", sentence, cure)
    sentence = f"{unread}, although a picture is counted ({counted} tokens): the model cannot see what it gets."
    return Fault("blind", sentence, f"Are the weights complete, including the vision tower? {cure}")


def _mixed(heard: Sequence[Answered], owner: str) -> Fault | None:
    reading = [one for one in heard if one.task.skill in _CODES]
    strangers = sum(
        not one.right and any(other.task.truth in one.text for other in reading if other is not one) for one in reading
    )
    if strangers < _SOME:
        return None
    sentence = f"{strangers} answers contain a code from another question's picture."
    return Fault("answers mixed up", sentence, SKILLS["cache"].cure(owner))


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


def _places(heard: Sequence[Answered], owner: str) -> Iterator[Fault]:
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
        yield Fault("pictures resized again", sentence, SKILLS["usage"].cure(owner))
    elif counted > (1 + _OFF) * due + images.DELIMITER_TOKENS:
        yield Fault(
            "tokens counted otherwise", costs, "Is it a Qwen2.5-VL? Other models split pictures into other patches."
        )


def _loops(heard: Sequence[Answered], _: str) -> Fault | None:
    caught = [one for one in heard if one.cut and _LOOP.search(one.text)]
    if len(caught) < _SOME:
        return None
    return Fault(
        "answers repeat themselves",
        f"{len(caught)} of {len(heard)} answers repeat a text up to max_tokens, such as {caught[0].text[-40:]!r}.",
        "Check the chat template and its stop tokens; a quantised checkpoint may be damaged.",
    )


def _single(heard: Sequence[Answered], owner: str) -> Iterator[Fault]:
    """Find the faults that a single answer proves."""
    for one in heard:
        skill = SKILLS[one.task.skill]
        if skill.name == "schema" and one.note and one.text and not one.text[-_DROWNED:].strip():
            spaces = SKILLS["spaces"]
            yield Fault("JSON drowns in white space", f"{spaces.low} It wrote {one.text[:40]!r}.", spaces.cure(owner))
        elif skill.name == "schema" and one.note and not one.cut:
            yield Fault("schema ignored", f"With a JSON schema, the answer was {one.text[:60]!r}.", skill.cure(owner))
        elif skill.name == "twice" and one.note:
            yield Fault("answers differ", f"Asked twice at temperature 0: {one.note}.", skill.cure(owner), grave=False)
        elif skill.name == "usage" and one.picture_tokens is None:
            sentence = "This server counts no tokens, so what a picture costs is unknown."
            yield Fault("tokens not counted", sentence, "Another server, if you need the counts.", grave=False)
