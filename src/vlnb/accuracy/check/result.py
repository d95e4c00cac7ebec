"""The result of a vision check: every answer, a score for each skill, and the faults by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from vlnb.accuracy.check.faults import Fault, faults
from vlnb.accuracy.check.tasks import SKILLS, Skill
from vlnb.images.picture import to_html
from vlnb.markup import BAD, GOOD, Html, bar, element, joined, row, table
from vlnb.terminal import printable

if TYPE_CHECKING:
    from vlnb.accuracy.check.asking import Answered

_SHOWN_CHARS = 160
_SHOWN_PX = 140


@dataclass(frozen=True)
class Check:
    """The answers of one server to the questions of one `seed`.

    `stopped` says why some were not asked; `owner` who made the server ("sglang", "vllm" …; "" if unknown); `skipped`
    which skills an engine that only reads text was not asked for; `clock` what its sense of time in a video is.
    """

    model: str
    seed: int
    answered: tuple[Answered, ...]
    asked_of: int
    seconds: float
    stopped: str = ""
    owner: str = ""
    skipped: tuple[str, ...] = ()
    clock: str = ""

    @property
    def right(self) -> int:
        """How many answers are right."""
        return sum(one.right for one in self.answered)

    @cached_property
    def findings(self) -> tuple[Fault, ...]:
        """The faults of the server; empty if it is sound."""
        return faults(self.answered, self.owner)

    @property
    def sound(self) -> bool:
        """Whether the check was complete and found nothing grave."""
        return not self.stopped and not any(found.grave for found in self.findings)

    def skills(self) -> Iterator[tuple[Skill, int, int, str, str]]:
        """Yield (skill, right answers, answers, what the low score means, what to try) for each skill that was tested.

        The last two are empty if all answers are right, or one fault explains everything.
        """
        explained = any(found.decisive for found in self.findings)
        for skill in SKILLS.values():
            mine = [one for one in self.answered if one.task.skill == skill.name]
            right, errors = sum(one.right for one in mine), [one.error for one in mine if one.error]
            low, cure = (skill.low, skill.cure(self.owner)) if right < len(mine) and not explained else ("", "")
            if low and errors:
                low, cure = f"{len(errors)} of {len(mine)} questions failed: {errors[0]}", ""
            if mine:
                yield skill, right, len(mine), low, cure

    @property
    def summary(self) -> str:
        """The score, what guessing would give, and how the check ended."""
        # A server that sees nothing would guess so many right on average.
        guessed = sum(1 / len(one.task.choices) for one in self.answered if one.task.choices)
        chance = f"(guessing: about {guessed:.0f}; seed {self.seed})"
        score = f"{self.right} of {self.asked_of} right in {self.seconds:.0f} s {chance}."
        end = self.stopped or ("" if self.findings else "The check found no fault.")
        titles = ", ".join(SKILLS[name].title for name in self.skipped)
        skipped = f" This engine reads text only; questions that need eyes were skipped: {titles}." if titles else ""
        return f"{self.model}: {score} {end}".rstrip() + skipped

    def __str__(self) -> str:
        lines = [self.summary, *map(str, self.findings), ""]
        lines += [f"  {skill.title:<38} {right} of {of}" for skill, right, of, *_ in self.skills()]
        for skill, _, _, low, cure in self.skills():
            lines += ["", f"{skill.title}: {low}"] * bool(low) + [f"  Try: {cure}"] * bool(cure)
        return "\n".join([*lines, *["", self.clock] * bool(self.clock)])

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:  # noqa: ARG002
        return {"text/plain": printable(str(self)), "text/html": self.as_html()}

    def as_html(self) -> Html:
        """Return the faults, a row for each skill, and every question with its picture in a section to open."""
        rows = (
            (skill.title, joined([f"{right} of {of}", bar(right / of, GOOD if right == of else BAD)]), low, cure)
            for skill, right, of, low, cure in self.skills()
        )
        return joined(
            [
                element("p", self.summary),
                *map(_fault, self.findings),
                *[element("p", self.clock)] * bool(self.clock),
                table(("skill", "right", "what a low score means", "what to try"), rows),
                element(
                    "details", element("summary", "All questions, pictures and answers"), *map(_question, self.answered)
                ),
            ]
        )


def _fault(found: Fault) -> Html:
    said = (element("strong", found.name), f": {found.sentence} ", element("em", "Try:"), f" {found.cure}")
    return element("p", *said, role="alert") if found.grave else element("p", *said)


def _question(one: Answered) -> Html:
    answer = one.error or one.text or "(nothing)"
    answer = answer if len(answer) <= _SHOWN_CHARS else answer[:_SHOWN_CHARS] + " …"
    verdict = element("strong", "right" if one.right else f"wrong: it is {one.task.truth}")
    note = [f" · {one.note}"] if one.note else []
    br = element("br")
    said = element("div", element("small", one.task.question), br, answer, br, verdict, *note, style="flex:1 1 260px")
    return row(*(to_html(picture, shown_px=_SHOWN_PX) for picture in one.task.pictures), said)
