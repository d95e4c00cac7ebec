"""The result of a vision check: every answer, a score for each skill, and the faults by name."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from vlnb.accuracy.check.faults import Fault, faults
from vlnb.accuracy.check.tasks import SKILLS, Skill
from vlnb.images.picture import to_html

if TYPE_CHECKING:
    from vlnb.accuracy.check.asking import Answered

_SHOWN_CHARS = 160
_SHOWN_PX = 140
_ALERT = ' role="alert"'
_CELL = "text-align:left;white-space:normal;max-width:320px"


@dataclass(frozen=True)
class Check:
    """The answers of one server to the questions of one `seed`. `stopped` says why some were not asked."""

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
        """How many answers a server that sees nothing would guess right on average."""
        return sum(one.task.chance for one in self.answered)

    @cached_property
    def findings(self) -> tuple[Fault, ...]:
        """The faults of the server; empty if it is sound."""
        return faults(self.answered)

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

    @property
    def summary(self) -> str:
        """The score, what guessing would give, and how the check ended."""
        score = f"{self.right} of {self.asked_of} right in {self.seconds:.0f} s (guessing: about {self.guessed:.0f})."
        end = self.stopped or ("" if self.findings else "The check found no fault.")
        return f"{self.model}: {score} {end}".rstrip()

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the pictures, ready for JSON."""
        return {
            **{name: getattr(self, name) for name in ("model", "server", "seed", "right", "sound", "stopped")},
            "of": self.asked_of,
            "findings": [asdict(found) for found in self.findings],
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
        """Return the faults, a row for each skill, and every question with its picture in a section to open."""
        wrong = "".join(
            f"<p{_ALERT * found.grave}><strong>{html.escape(found.name)}</strong>:"
            f" {html.escape(found.sentence)} <em>Try:</em> {html.escape(found.cure)}</p>"
            for found in self.findings
        )
        return (
            f"<p>{html.escape(self.summary)}</p>{wrong}<table><thead>"
            f"{_cells('th', 'skill', 'right', 'what a low score means', 'what to try')}</thead><tbody>"
            f"{''.join(_row(*row) for row in self.skills())}</tbody></table>"
            f"<details><summary>All questions, pictures and answers</summary>"
            f"{''.join(map(_question, self.answered))}</details>"
        )


def _row(skill: Skill, right: int, of: int) -> str:
    bar = f'{right} of {of}<br><meter min="0" max="{of}" low="{of}" optimum="{of}" value="{right}"></meter>'
    low = (skill.low, skill.cure) if right < of else ("", "")
    return _cells("td", html.escape(skill.title), bar, *map(html.escape, low))


def _cells(kind: str, *cells: str) -> str:
    return "<tr>" + "".join(f'<{kind} style="{_CELL}">{cell}</{kind}>' for cell in cells) + "</tr>"


def _question(one: Answered) -> str:
    shown = "".join(to_html(picture, shown_px=_SHOWN_PX) for picture in one.task.pictures)
    answer = one.error or one.text or "(nothing)"
    answer = answer if len(answer) <= _SHOWN_CHARS else answer[:_SHOWN_CHARS] + " …"
    verdict = "right" if one.right else f"wrong: it is {one.task.truth}"
    return (
        f'<div style="display:flex;gap:12px;flex-wrap:wrap;margin:8px 0;align-items:flex-start">{shown}'
        f'<div style="flex:1 1 260px"><small>{html.escape(one.task.question)}</small><br>'
        f"{html.escape(answer)}<br><strong>{html.escape(verdict)}</strong>"
        f"{' · ' + html.escape(one.note) if one.note else ''}</div></div>"
    )
