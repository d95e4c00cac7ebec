"""The result of a vision check: all answers, a score for each skill, and the faults by name."""

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

    `stopped` says why the check ended early, `owner` is the server's maker ("sglang", "vllm" …; "" if unknown),
    `skipped` are the skills that do not apply to an engine that only reads text, and `clock` is the result of
    `video.check`.
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
        """The number of right answers."""
        return sum(answer.right for answer in self.answered)

    @cached_property
    def findings(self) -> tuple[Fault, ...]:
        """The faults of the server; empty if it is sound."""
        return faults(self.answered, self.owner)

    @property
    def sound(self) -> bool:
        """Whether the check was complete and found no grave fault."""
        return not self.stopped and not any(fault.grave for fault in self.findings)

    def skills(self) -> Iterator[tuple[Skill, int, int, str, str]]:
        """Yield (skill, right answers, answers, cause of a low score, what to try) for each tested skill.

        The last two are empty if all answers are right, or if a decisive fault explains all failures.
        """
        explained = any(fault.decisive for fault in self.findings)
        for skill in SKILLS.values():
            answers = [answer for answer in self.answered if answer.task.skill == skill.name]
            right, errors = sum(a.right for a in answers), [a.error for a in answers if a.error]
            low, cure = (skill.low, skill.cure(self.owner)) if right < len(answers) and not explained else ("", "")
            if low and errors:
                low, cure = f"{len(errors)} of {len(answers)} questions failed: {errors[0]}", ""
            if answers:
                yield skill, right, len(answers), low, cure

    @property
    def summary(self) -> str:
        """The score, the score of pure guessing, and how the check ended."""
        # The number that a server without sight guesses right, on average.
        guessed = sum(1 / len(answer.task.choices) for answer in self.answered if answer.task.choices)
        chance = f"(guessing: about {guessed:.0f}; seed {self.seed})"
        score = f"{self.right} of {self.asked_of} right in {self.seconds:.0f} s {chance}."
        end = self.stopped or ("" if self.findings else "The check found no fault.")
        titles = ", ".join(SKILLS[name].title for name in self.skipped)
        skipped = f" This engine reads text only; questions that need vision were skipped: {titles}." if titles else ""
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
        """Return the faults, a row for each skill, and all questions with their pictures in a collapsed section."""
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


def _fault(fault: Fault) -> Html:
    content = (element("strong", fault.name), f": {fault.sentence} ", element("em", "Try:"), f" {fault.cure}")
    return element("p", *content, role="alert") if fault.grave else element("p", *content)


def _question(answer: Answered) -> Html:
    text = answer.error or answer.text or "(nothing)"
    text = text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + " …"
    verdict = element("strong", "right" if answer.right else f"wrong: it is {answer.task.truth}")
    note = [f" · {answer.note}"] if answer.note else []
    br = element("br")
    side = element("div", element("small", answer.task.question), br, text, br, verdict, *note, style="flex:1 1 260px")
    return row(*(to_html(picture, shown_px=_SHOWN_PX) for picture in answer.task.pictures), side)
