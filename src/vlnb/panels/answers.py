"""Browse the answers of a run: each question with its pictures, the model's answer, and its grades.

The panel only displays: `mmmu.grades` grades, and the run's question set provides the pictures.
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
_FILTERS: Mapping[str, Callable[[Mapping[str, Grade]], bool]] = {
    "all": lambda _: True,
    "wrong": lambda grades: not grades["official"].correct,
    "guessed or not parsed": lambda grades: grades["official"].how in ("guessed", "no answer"),
    "graders disagree": lambda grades: len({grade.correct for grade in grades.values()}) > 1,
}


class Answers(Panel):
    """Shows one answer of a run at a time; mouse or keyboard (arrow keys in the list, or the buttons) select it.

    `chosen` holds the questions that pass the filters. Without `question_set`, the panel opens the run's own set.
    """

    def __init__(self, run: Run, question_set: QuestionSet | None = None) -> None:
        self._run = run
        self._set = question_set
        by_rules = {rules: mmmu.grades(run, rules) for rules in get_args(mmmu.Rules)}
        self._grades = {q.id: {rules: grades[q.id] for rules, grades in by_rules.items()} for q in run.questions}
        subjects = list(dict.fromkeys(question.subject for question in run.questions))
        self.subject = widgets.Dropdown(description="Subject", options=[_ALL, *subjects])
        self.show_only = widgets.Dropdown(description="Show", options=list(_FILTERS), value="wrong")
        self.questions = widgets.Select(description="Questions", rows=12, layout=widgets.Layout(width="330px"))
        self.count, self.detail = widgets.HTML(), widgets.HTML(layout=widgets.Layout(flex="1 1 380px"))
        self.back_button = button("Previous", "The previous question", lambda: self.step(-1))
        self.next_button = button("Next", "The next question", lambda: self.step(1))
        self.chosen: list[Question] = []
        for control in (self.subject, self.show_only):
            control.observe(lambda _: self._filter(), "value")
        self.questions.observe(lambda _: self._show(), "value")
        super().__init__(
            [
                widgets.HBox([self.subject, self.show_only, self.count]),
                widgets.HBox([self.back_button, self.next_button]),
                widgets.HBox([self.questions, self.detail]),
            ]
        )
        self._filter()

    def step(self, by: int) -> None:
        """Go `by` questions forward (or back if negative), at most to the last or the first."""
        if self.chosen:
            self.questions.index = max(0, min(len(self.chosen) - 1, self.questions.index + by))

    def _filter(self) -> None:
        """List the questions that pass the filters, and show the first."""
        keep = _FILTERS[self.show_only.value]
        self.chosen = [
            question for question in self._run.questions
            if self.subject.value in (_ALL, question.subject) and keep(self._grades[question.id])
        ]  # fmt: skip
        self.questions.options = [
            (f"{'✓' if self._grades[question.id]['official'].correct else '✗'} {question.id}", question.id)
            for question in self.chosen
        ]
        self.questions.index = 0 if self.chosen else None
        self.count.value = live(f"{len(self.chosen)} of {len(self._run.questions)} questions")
        self._show()

    def _show(self) -> None:
        """Show the chosen question."""
        if self.questions.index is None:
            self.detail.value = live("No question passes these filters.")
            return
        question = self.chosen[self.questions.index]
        answer = self._run.answers.get(question.id)
        if answer and answer.text is not None:
            text = words(answer.text)
        else:
            text = element("em", (answer and answer.error) or "Not asked yet: resume the run.")
        options = (element("li", f"{letter}: {option}") for letter, option in question.choices.items())
        grades = [
            (rules, grade.parsed[:_SHOWN_CHARS], "right" if grade.correct else "wrong", grade.how)
            for rules, grade in self._grades[question.id].items()
        ]
        truth = element("strong", " or ".join(question.answers))
        self.detail.value = live(
            element(
                "div",
                words(question.text),
                element("ul", *options, style="list-style:none"),
                self._pictures(question),
                element("p", "The right answer is ", truth, ". The model said:"),
                text,
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
        except VlnbError as error:  # the data set has moved, or a picture is broken: the text can still be read
            return alert(error)
