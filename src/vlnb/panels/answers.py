"""Look through the answers of a run: the question with its pictures, the model's words, and how they were graded.

The panel decides nothing: `mmmu.grades` and the run's own question set do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, get_args

import ipywidgets as widgets

from vlnb import images
from vlnb.accuracy import mmmu
from vlnb.errors import VlnbError
from vlnb.images.picture import to_html
from vlnb.markup import Html, alert, element, live, row, table, words
from vlnb.panels.parts import Panel, button

if TYPE_CHECKING:
    from vlnb.accuracy.mmmu import Grade, Question, QuestionSet, Run

_ALL = "all subjects"
_SHOWN_PX, _SHOWN_CHARS = 320, 60
_LOOK: Mapping[str, Callable[[Mapping[str, Grade]], bool]] = {
    "all": lambda _: True,
    "wrong": lambda one: not one["official"].correct,
    "guessed or not parsed": lambda one: one["official"].how in ("guessed", "no answer"),
    "graders disagree": lambda one: len({grade.correct for grade in one.values()}) > 1,
}


class Answers(Panel):
    """The answers of a run, one at a time, by mouse or keyboard (arrows in the list, or the buttons).

    `chosen` holds the questions that pass the filters. Without `questions`, the panel opens the run's own set.
    """

    def __init__(self, run: Run, questions: QuestionSet | None = None) -> None:
        self._run = run
        self._set: QuestionSet | None = questions
        by_rules = {rules: mmmu.grades(run, rules) for rules in get_args(mmmu.Rules)}
        self._grades = {q.id: {rules: found[q.id] for rules, found in by_rules.items()} for q in run.questions}
        subjects = list(dict.fromkeys(question.subject for question in run.questions))
        self.subject = widgets.Dropdown(description="Subject", options=[_ALL, *subjects])
        self.look = widgets.Dropdown(description="Show", options=list(_LOOK), value="wrong")
        self.known = widgets.Select(description="Questions", rows=12, layout=widgets.Layout(width="330px"))
        self.count, self.shown = widgets.HTML(), widgets.HTML(layout=widgets.Layout(flex="1 1 380px"))
        self.back_button = button("Previous", "The previous question", lambda: self.step(-1))
        self.next_button = button("Next", "The next question", lambda: self.step(1))
        self.chosen: list[Question] = []
        for control in (self.subject, self.look):
            control.observe(lambda _: self._filter(), "value")
        self.known.observe(lambda _: self._show(), "value")
        super().__init__(
            [
                widgets.HBox([self.subject, self.look, self.count]),
                widgets.HBox([self.back_button, self.next_button]),
                widgets.HBox([self.known, self.shown]),
            ]
        )
        self._filter()

    def step(self, by: int) -> None:
        """Go `by` questions forward (or back), at most to the last or the first."""
        ids = [question.id for question in self.chosen]
        if ids:
            self.known.value = ids[max(0, min(len(ids) - 1, ids.index(self.known.value) + by))]

    def _filter(self) -> None:
        """List the questions that pass the filters, and show the first."""
        keep = _LOOK[self.look.value]
        self.chosen = [
            question for question in self._run.questions
            if self.subject.value in (_ALL, question.subject) and keep(self._grades[question.id])
        ]  # fmt: skip
        self.known.options = [
            (f"{'✓' if self._grades[question.id]['official'].correct else '✗'} {question.id}", question.id)
            for question in self.chosen
        ]
        self.known.value = self.chosen[0].id if self.chosen else None
        self.count.value = live(f"{len(self.chosen)} of {len(self._run.questions)} questions")
        self._show()

    def _show(self) -> None:
        """Show the chosen question."""
        question = next((one for one in self.chosen if one.id == self.known.value), None)
        if question is None:
            self.shown.value = live("No question passes these filters.")
            return
        answer = self._run.answers.get(question.id)
        if answer and answer.text is not None:
            shown = words(answer.text)
        else:
            shown = element("em", (answer and answer.error) or "It was not asked yet: resume the run.")
        options = (element("li", f"{letter}: {option}") for letter, option in question.choices.items())
        grades = [
            (rules, one.parsed[:_SHOWN_CHARS], "right" if one.correct else "wrong", one.how)
            for rules, one in self._grades[question.id].items()
        ]
        truth = element("strong", " or ".join(question.answers))
        self.shown.value = live(
            element(
                "div",
                words(question.text),
                element("ul", *options, style="list-style:none"),
                self._pictures(question),
                element("p", "The right answer is ", truth, ". The model said:"),
                shown,
                table(("rules", "read as", "", "how"), grades),
            )
        )

    def _pictures(self, question: Question) -> Html:
        try:
            if self._set is None:
                self._set = self._run.question_set()
            figures = [
                element("div", element("small", f"picture {n}"), to_html(images.load(data), shown_px=_SHOWN_PX))
                for n, data in self._set.pictures(question).items()
            ]
            return row(*figures)
        except VlnbError as error:  # the data set has moved, or a picture is broken: words can be read all the same
            return alert(error)
