"""Compare two answers: a diff of their words, boxes matched by IoU, fields, tokens and time, and a summary."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, zip_longest
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from vlnb import regions
from vlnb.draw.overlay import overlay, to_html
from vlnb.errors import VlnbError
from vlnb.markup import Html, element, joined, live, row, table, words
from vlnb.playground.question import changes
from vlnb.regions import Box, Match

if TYPE_CHECKING:
    from vlnb.playground.history import History, Run

_WORD = re.compile(r"\A\s*|\S+\s*")  # with the white space after it; the first is the white space before all words
_MOST_WORDS = 20_000  # that are compared at once: a diff takes the square of them in bits
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
    def share(self) -> str:
        """The similarity in percent: 100% only if all words are the same."""
        return f"{self.similarity if self.similarity == 1 else min(self.similarity, 0.99):.0%}"

    @property
    def summary(self) -> str:
        """The differences in sentences."""
        one, two = self.runs
        sentences = [
            f"Changed: {', '.join(_changed(one, two)) or 'nothing'}.",
            f"{self.share} of the words are the same.",
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
    boxes = _boxes(one), _boxes(two)
    match = regions.match(boxes[1], boxes[0])
    sides = [_WORD.findall(run.answer) for run in (one, two)]
    starts = range(0, max(map(len, sides)), _MOST_WORDS)
    pieces = (piece for at in starts for piece in _pieces(*(side[at : at + _MOST_WORDS] for side in sides)))
    grouped = groupby(filter(itemgetter(0), pieces), key=itemgetter(1))
    text = tuple(("".join(part for part, _ in group), where) for where, group in grouped)
    same = sum(len(part.split()) for part, where in text if where == "both")
    count = len(one.answer.split()) + len(two.answer.split())
    fields = tuple(_differing(one.facts.get("data", {}), two.facts.get("data", {})))
    return Comparison((one, two), text, 2 * same / count if count else 1.0, boxes, match, fields)


def _pieces(left: list[str], right: list[str]) -> Iterator[tuple[str, str | int]]:
    """Yield the pieces of two texts in order, each with "both", or 0 or 1 for the only text that has it."""
    from rapidfuzz.distance import Indel

    from_left = from_right = 0
    bare = ([word.rstrip() for word in side] for side in (left, right))
    for block in Indel.opcodes(*bare).as_matching_blocks():
        yield "".join(left[from_left : block.a]), 0
        yield "".join(right[from_right : block.b]), 1
        from_left, from_right = block.a + block.size, block.b + block.size
        for first, second in zip(left[block.a : from_left], right[block.b : from_right], strict=True):
            shared = first if first == second else first.rstrip()  # they may differ in the white space after the word
            yield shared, "both"
            yield first.removeprefix(shared), 0
            yield second.removeprefix(shared), 1


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
         comparison.share, *_cost(run))
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


def _differing(one: Any, two: Any, path: str = "") -> Iterator[tuple[str, str, str]]:  # noqa: ANN401 - any JSON value
    """Yield (path, first, second) of the values that differ. A missing value is null."""
    if isinstance(one, dict) and isinstance(two, dict):
        for key in one | two:
            yield from _differing(one.get(key), two.get(key), f"{path}.{key}".removeprefix("."))
    elif isinstance(one, list) and isinstance(two, list):
        for i, pair in enumerate(zip_longest(one, two)):
            yield from _differing(*pair, f"{path}[{i}]")
    elif repr(one) != repr(two) and (one != two or isinstance(one, bool) or isinstance(two, bool)):  # NaN is itself
        yield path, str(one), str(two)


def _cost(run: Run) -> tuple[str, str]:
    """Return tokens and seconds; "–" stands for an unknown value."""
    usage, seconds = run.facts.get("usage") or {}, run.facts.get("latency_s")
    return str(usage.get("total_tokens", "–")), "–" if seconds is None else f"{seconds:.2f}"
