"""What is wrong with a server, by name, judged by the answers that it gave. Their words are in `faults.toml`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vlnb import images, tables
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
_FAULTS = tables.read("accuracy/check/faults.toml")

Found = Iterator[tuple[str, Mapping[str, Any]]]
"""Faults by their place in `faults.toml`, each with the facts that its sentence names."""


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
    found = []
    for place, facts in _found(answered):
        row = {"name": place, **_FAULTS[place]}
        cures = (row.pop("cure", ""), SKILLS[row.pop("skill")].cure(owner) if "skill" in row else "")
        sentence = row.pop("sentence").format(**facts)
        found.append(Fault(sentence=sentence, cure=" ".join(filter(None, cures)), **row))
    return tuple(found)


def _found(answered: Sequence[Answered]) -> Found:
    heard = [one for one in answered if not one.error]
    if not heard:
        yield "no answer", {"why": answered[0].error if answered else "Nothing was asked."}
        return
    read = any(one.right for one in heard if one.task.skill in _READINGS)
    for root in (_mixed,) if read else (_silent, _blind, _mixed):
        if found := list(root(heard)):
            yield from found
            return
    for other in (_order, _places, _loops, _single):
        yield from other(heard)


def _picture_tokens(heard: Sequence[Answered]) -> tuple[int, int] | None:
    """Return (tokens counted for a picture, tokens expected) without delimiters, or None if there is no count."""
    for one in heard:
        if one.picture_tokens is not None:
            return one.picture_tokens, images.tokens(*one.task.pictures[0].size)
    return None


def _silent(heard: Sequence[Answered]) -> Found:
    empty = [one for one in heard if not (one.text if one.cut else one.text.strip())]
    if len(empty) > len(heard) / 2:
        why = f" ({empty[0].note})" if empty[0].note else ""
        yield "empty answers", {"count": len(empty), "of": len(heard), "why": why}


def _blind(heard: Sequence[Answered]) -> Found:
    if codes := sum(one.task.skill in _READINGS for one in heard):
        if not (counts := _picture_tokens(heard)):
            yield "blind", {"codes": codes}
        elif counts[0] < _LOST * counts[1]:
            yield "pictures dropped", {"codes": codes, "counted": counts[0] or "no", "due": counts[1]}
        else:
            yield "blind to what it counts", {"codes": codes, "counted": counts[0]}


def _mixed(heard: Sequence[Answered]) -> Found:
    reading = [one for one in heard if one.task.skill in _CODES]
    strangers = sum(
        not one.right and any(other.task.truth in one.text for other in reading if other is not one) for one in reading
    )
    if strangers >= _SOME:
        yield "answers mixed up", {"count": strangers}


def _order(heard: Sequence[Answered]) -> Found:
    asked = [one for one in heard if one.task.skill == "order"]
    mirrored = [str(len(one.task.pictures) + 1 - int(one.task.truth)) for one in asked]  # counted from the end
    reverse = [re.findall(r"\d+", one.text)[-1:] == [number] for one, number in zip(asked, mirrored, strict=True)]
    if len(reverse) >= _SOME and all(reverse):
        yield "pictures swapped", {"count": len(asked)}


def _places(heard: Sequence[Answered]) -> Found:
    boxes = [one for one in heard if one.task.box]
    spaces = [one.space for one in boxes]
    counted, due = _picture_tokens(heard) or (0, 0)
    if "thousand" in spaces and "seen" not in spaces:
        yield "coordinates from 0 to 1000", {}
    costs = f"A picture costs {counted} tokens; {due} are expected."
    resized = [one for one in boxes if one.space == "resized"]
    factors = [f"{one.factor:.2f} on the {one.task.pictures[0].width} px wide one" for one in resized]
    short = counted < (1 - _OFF) * due
    if factors or short:
        moved = f"Boxes fit in a picture of another size than the one sent (factor {', '.join(factors)})."
        yield "pictures resized again", {"why": " ".join([moved] * bool(factors) + [costs] * short)}
    elif counted > (1 + _OFF) * due + images.DELIMITER_TOKENS:
        yield "tokens counted otherwise", {"why": costs}


def _loops(heard: Sequence[Answered]) -> Found:
    caught = [one for one in heard if one.cut and _LOOP.search(one.text)]
    if len(caught) >= _SOME:
        yield "answers repeat themselves", {"count": len(caught), "of": len(heard), "text": caught[0].text[-40:]}


def _single(heard: Sequence[Answered]) -> Found:
    """Find the faults that a single answer proves."""
    for one in heard:
        skill = one.task.skill
        if skill == "schema" and one.note and one.text and not one.text[-_DROWNED:].strip():
            yield "JSON drowns in white space", {"text": one.text[:40]}
        elif skill == "schema" and one.note and not one.cut:
            yield "schema ignored", {"text": one.text[:60]}
        elif skill == "twice" and one.note:
            yield "answers differ", {"why": one.note}
        elif skill == "usage" and one.picture_tokens is None:
            yield "tokens not counted", {}
