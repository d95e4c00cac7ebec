"""Diagnose a server's faults from its answers. Their names and sentences are in `faults.toml`."""

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
_OFF = 0.05  # of the expected tokens: a larger difference means another way of counting
_READINGS = ("seen", "fine print")
_CODES = (*_READINGS, "twice", "usage")  # skills whose true answer is a code
_LOST = 0.1  # of the expected tokens: with fewer, the server has replaced the picture by a few words
_SOME = 2  # answers that make a pattern
_DROWNED = 30  # characters of white space at the end of an answer: it would have continued
_FAULTS = tables.read("accuracy/check/faults.toml")

Findings = Iterator[tuple[str, Mapping[str, Any]]]
"""Faults by their key in `faults.toml`, each with the facts for the placeholders of its sentence."""


@dataclass(frozen=True)
class Fault:
    """A fault of a server: its `name`, a `sentence` with the evidence, and what to try (`cure`).

    Faults that are not `grave` are acceptable. A `decisive` one explains all other failures.
    """

    name: str
    sentence: str
    cure: str
    grave: bool = True
    decisive: bool = False

    def __str__(self) -> str:
        return f"{self.name}: {self.sentence}\n  Try: {self.cure}"


def faults(answered: Sequence[Answered], owner: str = "") -> tuple[Fault, ...]:
    """Return the faults of a server, the gravest first; empty if it is sound. `owner` is its maker, for the advice.

    A low score in a skill is not a fault in itself. If the server sees nothing, or mixes up answers, that is the only
    fault: all others would follow from it.

    >>> faults([])[0].sentence
    'Nothing was asked.'
    """
    result = []
    for key, facts in _findings(answered):
        row = {"name": key, **_FAULTS[key]}
        cures = (row.pop("cure", ""), SKILLS[row.pop("skill")].cure(owner) if "skill" in row else "")
        sentence = row.pop("sentence").format(**facts)
        result.append(Fault(sentence=sentence, cure=" ".join(filter(None, cures)), **row))
    return tuple(result)


def _findings(answered: Sequence[Answered]) -> Findings:
    answers = [answer for answer in answered if not answer.error]
    if not answers:
        yield "no answer", {"why": answered[0].error if answered else "Nothing was asked."}
        return
    read = any(answer.right for answer in answers if answer.task.skill in _READINGS)
    for check in (_mixed,) if read else (_silent, _blind, _mixed):
        if findings := list(check(answers)):
            yield from findings
            return
    for check in (_order, _places, _loops, _single):
        yield from check(answers)


def _picture_tokens(answers: Sequence[Answered]) -> tuple[int, int] | None:
    """Return (counted, expected) tokens of a picture without delimiters, or None if the server counts none."""
    for answer in answers:
        if answer.picture_tokens is not None:
            return answer.picture_tokens, images.tokens(*answer.task.pictures[0].size)
    return None


def _silent(answers: Sequence[Answered]) -> Findings:
    empty = [answer for answer in answers if not (answer.text if answer.cut else answer.text.strip())]
    if len(empty) > len(answers) / 2:
        note = f" ({empty[0].note})" if empty[0].note else ""
        yield "empty answers", {"count": len(empty), "of": len(answers), "why": note}


def _blind(answers: Sequence[Answered]) -> Findings:
    if codes := sum(answer.task.skill in _READINGS for answer in answers):
        if not (counts := _picture_tokens(answers)):
            yield "blind", {"codes": codes}
        elif counts[0] < _LOST * counts[1]:
            yield "pictures dropped", {"codes": codes, "counted": counts[0] or "no", "due": counts[1]}
        else:
            yield "blind to what it counts", {"codes": codes, "counted": counts[0]}


def _mixed(answers: Sequence[Answered]) -> Findings:
    reading = [answer for answer in answers if answer.task.skill in _CODES]
    mixed_up = sum(
        not one.right and any(other.task.truth in one.text for other in reading if other is not one) for one in reading
    )
    if mixed_up >= _SOME:
        yield "answers mixed up", {"count": mixed_up}


def _order(answers: Sequence[Answered]) -> Findings:
    ordered = [answer for answer in answers if answer.task.skill == "order"]
    mirrored = [str(len(a.task.pictures) + 1 - int(a.task.truth)) for a in ordered]  # counted from the end
    reverse = [re.findall(r"\d+", a.text)[-1:] == [number] for a, number in zip(ordered, mirrored, strict=True)]
    if len(reverse) >= _SOME and all(reverse):
        yield "pictures swapped", {"count": len(ordered)}


def _places(answers: Sequence[Answered]) -> Findings:
    boxes = [answer for answer in answers if answer.task.box]
    spaces = [answer.space for answer in boxes]
    counted, due = _picture_tokens(answers) or (0, 0)
    if "thousand" in spaces and "seen" not in spaces:
        yield "coordinates from 0 to 1000", {}
    cost = f"A picture costs {counted} tokens; {due} are expected."
    resized = [answer for answer in boxes if answer.space == "resized"]
    factors = [f"{answer.factor:.2f} on the {answer.task.pictures[0].width} px wide one" for answer in resized]
    short = counted < (1 - _OFF) * due
    if factors or short:
        resized_sentence = f"Boxes fit in a picture of another size than the one sent (factor {', '.join(factors)})."
        yield "pictures resized again", {"why": " ".join([resized_sentence] * bool(factors) + [cost] * short)}
    elif counted > (1 + _OFF) * due + images.DELIMITER_TOKENS:
        yield "tokens counted otherwise", {"why": cost}


def _loops(answers: Sequence[Answered]) -> Findings:
    caught = [answer for answer in answers if answer.cut and _LOOP.search(answer.text)]
    if len(caught) >= _SOME:
        yield "answers repeat themselves", {"count": len(caught), "of": len(answers), "text": caught[0].text[-40:]}


def _single(answers: Sequence[Answered]) -> Findings:
    """Find the faults that a single answer proves."""
    for answer in answers:
        skill = answer.task.skill
        if skill == "schema" and answer.note and answer.text and not answer.text[-_DROWNED:].strip():
            yield "JSON drowns in white space", {"text": answer.text[:40]}
        elif skill == "schema" and answer.note and not answer.cut:
            yield "schema ignored", {"text": answer.text[:60]}
        elif skill == "twice" and answer.note:
            yield "answers differ", {"why": answer.note}
        elif skill == "usage" and answer.picture_tokens is None:
            yield "tokens not counted", {}
