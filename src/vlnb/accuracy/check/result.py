"""The result of a vision check: every answer, a score for each skill, and the faults by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

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
    which skills an engine that only reads text was not asked for.
    """

    model: str
    server: str
    seed: int
    answered: tuple[Answered, ...]
    asked_of: int
    seconds: float
    stopped: str = ""
    owner: str = ""
    skipped: tuple[str, ...] = ()

    @property
    def right(self) -> int:
        """How many answers are right."""
        return sum(one.right for one in self.answered)

    @property
    def guessed(self) -> float:
        """How many answers a server that sees nothing would guess right on average."""
        return sum(one.task.chance for one in self.answered)

    @cached_property
    def findings(self) -> tuple[Fault, ...]:
        """The faults of the server; empty if it is sound."""
        return faults(self.answered, self.owner)

    @property
    def sound(self) -> bool:
        """Whether the check was complete and found nothing grave."""
        return not self.stopped and not any(found.grave for found in self.findings)

    def skills(self) -> Iterator[tuple[Skill, int, int]]:
        """Yield (skill, right answers, answers) for each skill that was tested."""
        for skill in SKILLS.values():
            mine = [one for one in self.answered if one.task.skill == skill.name]
            if mine:
                yield skill, sum(one.right for one in mine), len(mine)

    def advice(self) -> Iterator[tuple[Skill, str, str]]:
        """Yield (skill, what its low score means, what to try), unless one fault explains them all."""
        if any(found.decisive for found in self.findings):
            return
        for skill, right, of in self.skills():
            errors = [one.error for one in self.answered if one.task.skill == skill.name and one.error]
            if errors:
                yield skill, f"{len(errors)} of {of} questions failed: {errors[0]}", ""
            elif right < of:
                yield skill, skill.low, skill.cure(self.owner)

    @property
    def summary(self) -> str:
        """The score, what guessing would give, and how the check ended."""
        score = f"{self.right} of {self.asked_of} right in {self.seconds:.0f} s (guessing: about {self.guessed:.0f})."
        end = self.stopped or ("" if self.findings else "The check found no fault.")
        titles = ", ".join(SKILLS[name].title for name in self.skipped)
        skipped = f" This engine reads text only; these skills were skipped: {titles}." if titles else ""
        return f"{self.model}: {score} {end}".rstrip() + skipped

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the pictures, ready for JSON."""
        mine = ("model", "server", "owner", "seed", "right", "sound", "stopped", "skipped")
        return {
            **{name: getattr(self, name) for name in mine},
            "of": self.asked_of,
            "findings": [asdict(found) for found in self.findings],
            "skills": {skill.name: {"right": right, "of": of} for skill, right, of in self.skills()},
            "answers": [one.as_dict() for one in self.answered],
        }

    def __str__(self) -> str:
        lines = [self.summary, *map(str, self.findings), ""]
        lines += [f"  {skill.title:<38} {right} of {of}" for skill, right, of in self.skills()]
        for skill, low, cure in self.advice():
            lines += ["", f"{skill.title}: {low}", *([f"  Try: {cure}"] if cure else [])]
        return "\n".join(lines)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:  # noqa: ARG002
        return {"text/plain": printable(str(self)), "text/html": self.as_html()}

    def _rows(self) -> Iterator[tuple[str, ...]]:
        advice = {skill.name: rest for skill, *rest in self.advice()}
        for skill, right, of in self.skills():
            score = joined([f"{right} of {of}", bar(right / of, GOOD if right == of else BAD)])
            yield (skill.title, score, *advice.get(skill.name, ("", "")))

    def as_html(self) -> Html:
        """Return the faults, a row for each skill, and every question with its picture in a section to open."""
        return joined(
            [
                element("p", self.summary),
                *map(_fault, self.findings),
                table(("skill", "right", "what a low score means", "what to try"), self._rows()),
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
