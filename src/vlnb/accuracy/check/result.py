"""What a vision check found: every answer, a score by skill, and what is wrong by name."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from vlnb.accuracy.check.findings import Finding, findings
from vlnb.accuracy.check.skills import SKILLS, Skill
from vlnb.images.picture import to_html

if TYPE_CHECKING:
    from vlnb.accuracy.check.grading import Answered

_GOOD, _POOR = "#009E73", "#D55E00"
_SHOWN_CHARS = 160
_SHOWN_PX = 140


@dataclass(frozen=True)
class Check:
    """The answers of one server to the questions of one `seed`; `stopped` says why some were not asked."""

    model: str
    server: str
    seed: int
    answered: tuple[Answered, ...]
    asked_of: int
    seconds: float
    stopped: str = ""

    @property
    def right(self) -> int:
        """How many answers are right."""
        return sum(one.right for one in self.answered)

    @property
    def guessed(self) -> float:
        """How many a server that sees nothing would have right on average."""
        return sum(one.task.chance for one in self.answered)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong, by name; empty for a sound server."""
        return findings(self.answered)

    @property
    def sound(self) -> bool:
        """Whether nothing grave was found."""
        return not self.stopped and not any(found.grave for found in self.findings)

    def skills(self) -> Iterator[tuple[Skill, int, int]]:
        """Yield each skill with the answers that are right, and all of them."""
        for skill in SKILLS.values():
            mine = [one for one in self.answered if one.task.skill == skill.name]
            if mine:
                yield skill, sum(one.right for one in mine), len(mine)

    @property
    def summary(self) -> str:
        """One or two sentences: the score, what guessing would give, and how it ended."""
        whole = f"{self.right} of {self.asked_of} right in {self.seconds:.0f} s (guessing: about {self.guessed:.0f})."
        known = " No fault that the check knows was found." if not self.findings and not self.stopped else ""
        return f"{self.model}: {whole}{known}{' ' + self.stopped if self.stopped else ''}"

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the pictures, ready for JSON."""
        return {
            "model": self.model,
            "server": self.server,
            "seed": self.seed,
            "right": self.right,
            "of": self.asked_of,
            "sound": self.sound,
            "stopped": self.stopped,
            "findings": [found.as_dict() for found in self.findings],
            "skills": {skill.name: {"right": right, "of": of} for skill, right, of in self.skills()},
            "answers": [one.as_dict() for one in self.answered],
        }

    def __str__(self) -> str:
        lines = [self.summary]
        lines += [f"  {skill.title:<38} {right} of {of}" for skill, right, of in self.skills()]
        for skill, right, of in self.skills():
            if right < of:
                lines += ["", f"{skill.title}: {right} of {of}. {skill.low}", f"  Try: {skill.cure}"]
        lines += [f"\n{found}" for found in self.findings]
        return "\n".join(lines)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:  # noqa: ARG002
        return {"text/plain": str(self), "text/html": self.as_html()}

    def as_html(self) -> str:
        """Return the findings, a row for each skill, and every question with its picture, to be opened."""
        wrong = "".join(map(_finding, self.findings))
        rows = "".join(_row(skill, right, of) for skill, right, of in self.skills())
        head = "".join(
            f'<th style="text-align:left">{name}</th>'
            for name in ("skill", "right", "what a low part means", "what to try")
        )
        asked = "".join(map(_question, self.answered))
        return (
            f"<p>{html.escape(self.summary)}</p>{wrong}"
            f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
            f"<details><summary>All questions, pictures and answers</summary>{asked}</details>"
        )


def _finding(found: Finding) -> str:
    role = ' role="alert"' if found.grave else ""
    return (
        f"<p{role}><strong>{html.escape(found.name)}</strong>: {html.escape(found.sentence)}"
        f" <em>Try:</em> {html.escape(found.cure)}</p>"
    )


def _row(skill: Skill, right: int, of: int) -> str:
    bar = (
        f'<div style="width:90px;height:8px;background:#8884"><div style="width:{90 * right / of:.0f}px;height:8px;'
        f'background:{_GOOD if right == of else _POOR}"></div></div>'
    )
    low = (skill.low, skill.cure) if right < of else ("", "")
    cells = "".join(
        f'<td style="text-align:left;white-space:normal;max-width:320px">{html.escape(text)}</td>' for text in low
    )
    return (
        f'<tr><td style="text-align:left">{html.escape(skill.title)}</td>'
        f'<td style="text-align:left">{right} of {of}{bar}</td>{cells}</tr>'
    )


def _question(one: Answered) -> str:
    shown = "".join(to_html(picture, shown_px=_SHOWN_PX) for picture in one.task.pictures)
    said = one.error or one.text or "(nothing)"
    said = said if len(said) <= _SHOWN_CHARS else said[:_SHOWN_CHARS] + " …"
    mark = "right" if one.right else f"wrong: it is {one.task.truth}"
    return (
        f'<div style="display:flex;gap:12px;flex-wrap:wrap;margin:8px 0;align-items:flex-start">{shown}'
        f'<div style="flex:1 1 260px"><small>{html.escape(one.task.question)}</small><br>'
        f"{html.escape(said)}<br><strong>{html.escape(mark)}</strong>"
        f"{' · ' + html.escape(one.note) if one.note else ''}</div></div>"
    )
