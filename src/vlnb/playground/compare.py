"""Compare two answers: a diff of their words, boxes matched by IoU, fields, tokens and time, and a summary."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from vlnb import regions
from vlnb.draw.overlay import overlay, to_html
from vlnb.errors import VlnbError
from vlnb.markup import Html, element, joined, live, row, table, words
from vlnb.playground.question import changes
from vlnb.regions import Box, Match
from vlnb.typed.answer import leaves

if TYPE_CHECKING:
    from vlnb.playground.history import History, Run

_MOST_EXACT = 2_000  # words that are compared one by one
_MAX_CHARS = 20_000  # the time of a diff grows faster than the text
_SHOWN_PX = 420
_MARK = "text-decoration:underline 2px;background:#0072B233;color:inherit"


@dataclass(frozen=True)
class Comparison:
    """How the answer of the second of two `runs` differs from the first's.

    `text` holds the pieces of both texts in order, each with "both", or 0 or 1 for the only run that has it;
    `similarity` is the share of equal words. `boxes` are those of each run, on the original picture, and `match` pairs
    them (found: the second run's, true: the first's). `fields` are the values that differ, as (path, first, second).
    """

    runs: tuple[Run, Run]
    text: tuple[tuple[str, str | int], ...]
    similarity: float
    boxes: tuple[list[Box], list[Box]]
    match: Match
    fields: tuple[tuple[str, str, str], ...]

    @property
    def summary(self) -> str:
        """The differences in sentences."""
        one, two = self.runs
        sentences = [
            f"Changed: {', '.join(_changed(one, two)) or 'nothing'}.",
            f"{self.similarity:.0%} of the words are the same.",
        ]
        if any(self.boxes):
            pairs, (a, b) = self.match.pairs, self.boxes
            mean = f" (mean IoU {sum(overlap for *_, overlap in pairs) / len(pairs):.2f})" if pairs else ""
            only = f"{len(self.match.missing)} only in run {one.id}, {len(self.match.extra)} only in run {two.id}"
            sentences.append(f"Boxes: {len(a)} against {len(b)}; {len(pairs)} matched{mean}, {only}.")
        if "data" in one.facts or "data" in two.facts:
            sentences.append(f"{len(self.fields)} fields differ.")
        sentences += (
            f"{unit}: {a} → {b}." for unit, a, b in zip(("Tokens", "Seconds"), _cost(one), _cost(two), strict=True)
        )
        return f"Run {two.id} against run {one.id}. {' '.join(sentences)}"

    def as_html(self, history: History) -> Html:
        """Return both answers side by side, with their boxes on the picture."""
        sides = (self._side(number, run, history) for number, run in enumerate(self.runs))
        differing = [table(("field", *(f"run {run.id}" for run in self.runs)), self.fields)] if self.fields else []
        return live(element("p", self.summary), row(*sides), *differing)

    def _side(self, number: int, run: Run, history: History) -> Html:
        pieces = [
            element("mark", text, style=_MARK) if where == number else text
            for text, where in self.text
            if where in ("both", number)
        ]
        numbers = {pair[1 - number]: f"{i} (IoU {pair[2]:.2f})" for i, pair in enumerate(self.match.pairs, 1)}
        boxes = [
            replace(box, label=f"{numbers.get(i, 'only here')}: {box.label or box.text}")
            for i, box in enumerate(self.boxes[number])
        ]
        try:
            picture = run.question.attachments[0] if boxes else None
            drawn = [to_html(overlay(history.load(picture), boxes), shown_px=_SHOWN_PX)] if picture else []
        except VlnbError as error:
            drawn = [element("p", str(error))]
        head = element("strong", f"Run {run.id}: {run.model}")
        return element(
            "section", head, *drawn, words(joined(pieces)), words(run.error), style="flex:1 1 300px;min-width:0"
        )


def compare(one: Run, two: Run) -> Comparison:
    """Return how two runs differ. Raises `BadInput` if the packages that match boxes are missing."""
    left, right = (re.findall(r"\S+\s*", run.answer[:_MAX_CHARS]) for run in (one, two))
    # Its shortcut for long texts ignores frequent words, and finds nothing in common in a table.
    matcher = SequenceMatcher(
        None, [word.strip() for word in left], [word.strip() for word in right],
        autojunk=max(len(left), len(right)) > _MOST_EXACT,
    )  # fmt: skip
    text: list[tuple[str, str | int]] = []
    for kind, a, b, c, d in matcher.get_opcodes():
        pieces: Sequence[tuple[list[str], str | int]] = ((left[a:b], 0), (right[c:d], 1))
        text += (
            ("".join(part), where) for part, where in ([(right[c:d], "both")] if kind == "equal" else pieces) if part
        )
    boxes = _boxes(one), _boxes(two)
    match = regions.match(boxes[1], boxes[0])
    return Comparison((one, two), tuple(text), matcher.ratio(), boxes, match, tuple(_differing(one, two)))


def overview(runs: Sequence[Run]) -> Html:
    """Return a table of runs, and a sentence that says how many answers equal the first one."""
    done = [run for run in runs if run.state == "done"]
    if not done:
        return live(f"{len(runs)} runs, none of them with a whole answer.")
    first, comparisons = done[0], [compare(done[0], run) for run in runs]
    same = sum(one.similarity == 1 and one.runs[1].state == "done" for one in comparisons) - 1
    rows = [
        (f"{run.id} {run.state}", run.question.filled[:80], ", ".join(_changed(first, run)),
         ", ".join(map(str, run.question.pictures)), (run.answer or run.error)[:160],
         f"{comparison.similarity:.0%}", *_cost(run))
        for run, comparison in zip(runs, comparisons, strict=True)
    ]  # fmt: skip
    head = ("run", "prompt", f"changed from {first.id}", "picture", "answer", "same words", "tokens", "seconds")
    summary = f"{len(runs)} runs, {len(done)} of them done; same words as run {first.id}: {same} of the others."
    return live(element("p", summary), element("div", table(head, rows), style="overflow-x:auto"))


def _changed(one: Run, two: Run) -> list[str]:
    pairs = (("server", one.server, two.server), ("model", one.model, two.model))
    return [*changes(one.question, two.question), *(f"{name} {a} → {b}" for name, a, b in pairs if a != b)]


def _boxes(run: Run) -> list[Box]:
    return run.question.on_original([Box(**box) for box in run.facts.get("boxes", ())])


def _differing(one: Run, two: Run) -> Iterator[tuple[str, str, str]]:
    first, second = (dict(leaves(run.facts.get("data", {}), nulls=True)) for run in (one, two))
    for path in dict.fromkeys([*first, *second]):
        if first.get(path) != second.get(path):
            yield path, str(first.get(path)), str(second.get(path))


def _cost(run: Run) -> tuple[str, str]:
    """Return tokens and seconds; "–" stands for an unknown value."""
    usage, seconds = run.facts.get("usage") or {}, run.facts.get("latency_s")
    return str(usage.get("total_tokens", "–")), "–" if seconds is None else f"{seconds:.2f}"
