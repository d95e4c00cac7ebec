"""Ask about pictures: choose them, draw a region, preview the request and its cost, and watch the answer stream in.

The panel only displays: `playground` asks and stores, `images` and `prompts` do the rest.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, get_args

import ipywidgets as widgets

from vlnb import draw, images, prompts, video
from vlnb.accuracy import resolution
from vlnb.errors import BadInput, VlnbError
from vlnb.images.picture import to_html
from vlnb.markup import Html, alert, element, joined, live, row, words
from vlnb.panels.parts import WIDE, Panel, alone, button, folded
from vlnb.panels.picture import PictureInput
from vlnb.playground import Asker, Attachment, History, Question, Run, Turn
from vlnb.playground.question import variables

if TYPE_CHECKING:
    from vlnb.endpoint import Endpoint, Reply

_SHOWN_PX = 200  # of a region that is sent cropped
_URL_S = 20.0
_OWN = "your own words"
_REGION = {"alone, cropped": True, "named in pixels": False}
_MOST_ERRORS = 5  # that are shown
_SETTINGS = ("prompt", "system", "schema", "temperature", "max_tokens", "max_pixels", "way")


class Ask(Panel):
    """Pictures, a question and its answer. `history` stores every run; `run` is the last one, `reply` its reply.

    `samples` can be added by name; the panel opens with those in `chosen`, or with the first one.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        samples: Mapping[str, images.Source],
        *,
        chosen: Sequence[str] = (),
        prompt: str = "",
        skill: str = _OWN,
        what: str = "",
        history: History | None = None,
    ) -> None:
        self.history = history or History()
        self.run: Run | None = None
        self.reply: Reply | None = None
        self.busy = Lock()  # while a question is asked
        self._asked: Question | None = None  # the question whose answer arrives now, and is shown
        self.endpoint, self.asker, self._samples = endpoint, Asker(self.history), samples
        self._chosen: list[Attachment] = []
        self._refused: list[VlnbError] = []  # why files were not added, since the last question
        self._before: tuple[Turn, ...] = ()
        self._values = {"what": what}
        self._loaded = lru_cache(8)(self.history.load)
        self.sample = widgets.Dropdown(description="Add sample", options=["", *samples])
        self.address = widgets.Text(description="Add URL", placeholder="https://…", continuous_update=False)
        self.picture = PictureInput(self.add)
        self.pictures = widgets.Select(description="Pictures", rows=2)
        self.page = widgets.BoundedIntText(description="Page", min=1, max=1)
        self.region_as = widgets.Dropdown(description="Region", options=_REGION)
        self.skill = widgets.Dropdown(description="Skill", options=[_OWN, *prompts.SKILLS])
        self.prompt = widgets.Textarea(description="Prompt", value=prompt, rows=3, layout=WIDE)
        self.variables = widgets.VBox()
        self.system = widgets.Textarea(description="System", rows=2, layout=WIDE)
        self.schema = widgets.Textarea(description="Schema", rows=2, placeholder="JSON, or nothing", layout=WIDE)
        self.temperature = widgets.BoundedFloatText(description="Temperature", max=2.0, step=0.1)
        self.max_tokens = widgets.BoundedIntText(description="Max tokens", value=2048, min=1, max=131_072)
        sizes = [(f"{budget:,} tokens", budget * images.UNIT_PX**2) for budget in resolution.BUDGETS]
        self.max_pixels = widgets.Dropdown(
            description="At most", options=[*sizes, ("full size", images.MAX_PIXELS)], value=images.MAX_PIXELS
        )
        self.way = widgets.Dropdown(description="Video", options=get_args(video.Way))
        self.preview, self.answer = widgets.HTML(layout=WIDE), widgets.HTML(layout=widgets.Layout(width="100%"))
        self.ask_button = button("Ask", "Ctrl+Enter", alone(self.busy, self.ask), button_style="primary")
        self.ask_button.add_class("vlnb-ask")
        self.stop_button = button("Stop", "Stop the answer; the text so far stays", self.asker.stop, disabled=True)
        self.retry_button = button("Retry", "Ask the same question again", alone(self.busy, self.retry), disabled=True)
        self.go_on_button = button("Go on", "Ask a follow-up question", self.go_on, disabled=True)
        self.clear_button = button("New", "Start over; the question is stored as a draft", self.clear)
        remove = button("Remove", "Remove this picture from the question", self._remove)
        settings = (self.system, self.schema, self.temperature, self.max_tokens, self.max_pixels, self.way)
        buttons = (self.ask_button, self.stop_button, self.retry_button, self.go_on_button, self.clear_button)
        super().__init__(
            [
                widgets.HBox([self.sample, self.address]),
                self.picture,
                widgets.HBox([self.pictures, self.page, self.region_as, remove]),
                self.skill,
                self.prompt,
                self.variables,
                folded("Settings", *settings),
                self.preview,
                widgets.HBox(buttons),
                self.answer,
            ]
        )
        self.skill.observe(lambda _: self._write_prompt(), "value")
        self.prompt.observe(lambda _: self._show_skill(), "value")
        self.sample.observe(lambda _: self._add_sample(self.sample.value), "value")
        self.address.observe(lambda _: self._add_url(), "value")
        self.pictures.observe(lambda _: self._show(), "index")
        self.picture.observe(lambda change: self._change(region=tuple(change["new"]) or None), "region")
        self.page.observe(lambda change: self._change(page=change["new"], region=None), "value")
        for control in (self.region_as, self.max_pixels, self.way):
            control.observe(lambda _: self._update_preview(), "value")
        for control in (self.system, self.schema, self.temperature, self.max_tokens):
            control.observe(lambda _: self.answer.add_class("vlnb-outdated"), "value")
        self.skill.value = skill
        self._show_skill()
        for name in chosen or tuple(samples)[:1]:
            self._add_sample(name)

    @property
    def question(self) -> Question:
        """The question that the controls describe."""
        return Question(
            **{name: getattr(self, name).value for name in _SETTINGS},
            pictures=tuple(replace(picture, crop=self.region_as.value) for picture in self._chosen),
            variables={name: self._values.get(name, "") for name in variables(self.prompt.value)},
            before=self._before,
        )

    @property
    def parent_id(self) -> int | None:
        """The run from which the next one is derived."""
        return self.run.id if self.run else None

    def add(self, name: str, data: bytes, alt: str = "") -> None:
        """Add a picture, a document or a video, or show why it cannot be used."""
        with self._adding():
            ending = Path(name).suffix.lower() if video.is_video(name) else ""
            (video.header if ending else images.load)({"name": Path(name).name, "content": data})
            path = self.history.keep(data, ending)
            self._chosen.append(Attachment(path.name.partition(".")[0], Path(name).name, alt=alt))
            self._list(len(self._chosen) - 1)

    def ask(self, question: Question | None = None) -> Reply | None:
        """Ask `question` (default: the one in the controls), as a click does, and show the answer as it arrives.

        Returns the reply, or None after an error or a stop.
        """
        self.ask_button.disabled = self.retry_button.disabled = True
        self.stop_button.disabled = False
        if self._refused:
            self._refused.clear()
            self._update_preview()
        self.answer.remove_class("vlnb-outdated")
        self.answer.value = live(element("em", "waiting for the first token …"))
        reply: Reply | None = None
        self.reply = None
        try:
            with self._showing_errors(self.answer):
                self._asked = asked = question or self.question
                run = self.asker.ask(self.endpoint, asked, self.parent_id, lambda text: self._show_text(asked, text))
                reply = run.reply
                if self._asked is asked:
                    self._end(run)
        finally:
            self._asked = None
            self.ask_button.disabled, self.stop_button.disabled = False, True
            self.retry_button.disabled = self.run is None or self.run.state == "done"
            self.find()
        return reply

    def retry(self) -> Reply | None:
        """Ask the last question again."""
        return self.ask(self.run.question) if self.run else None

    def go_on(self) -> None:
        """Begin the next turn: its request repeats the last question with its pictures and answer."""
        if self.run and self.run.state == "done":
            last = self.run.question
            with self._showing_errors():
                self._before = (*last.before, Turn(last.text(self._load), last.pictures, self.run.answer))
                self._chosen = []
                self._list()

    def clear(self) -> None:
        """Start over with the same settings. A question that was not asked yet is stored as a draft."""
        with self._showing_errors(self.answer):
            self._draft()
            self._before, self._chosen, self.run, self.reply, self._asked = (), [], None, None, None
            self.retry_button.disabled = self.go_on_button.disabled = True
            for control in (self.system, self.prompt, self.schema, self.answer):
                control.value = ""
            self._list()
            self.find()

    def restore(self, run: Run) -> None:
        """Show a run with its question, pictures and answer. The next run is derived from it."""
        question, self._asked = run.question, None
        self._values, self._before = dict(question.variables), question.before
        sizes = self.max_pixels.options
        if question.max_pixels not in dict(sizes).values():  # it was asked by a script
            self.max_pixels.options = [*sizes, (f"{question.max_pixels:,}", question.max_pixels)]
        for name in _SETTINGS:
            getattr(self, name).value = getattr(question, name)
        self._chosen = list(question.pictures)
        self.region_as.value = all(picture.crop for picture in question.pictures)
        self._list(0)
        self._show_skill()
        self._end(run)
        self.find()

    def find(self) -> None:
        """List the runs, in a panel that shows the history: called whenever one was stored."""

    def _show_text(self, asked: Question, text: str) -> None:
        """Show the text so far, unless the panel shows another question by now."""
        if self._asked is asked:
            self.answer.value = live(words(text))

    def _end(self, run: Run) -> None:
        """Show a run that has ended."""
        self.run, self.reply = run, run.reply
        self.retry_button.disabled, self.go_on_button.disabled = run.state == "done", run.state != "done"
        if self.question == run.question:  # else the question was changed while the answer arrived
            self.answer.remove_class("vlnb-outdated")
        if run.state != "done":
            state = "Not asked yet." if run.state == "draft" else "Stopped. The text so far is above."
            reason = alert(BadInput(run.error)) if run.error else element("small", state)
            self.answer.value = live(words(run.answer), reason)
            return
        try:
            self.reply = run.reply or self.history.reply(run)
            clip = next((self.history.path(one) for one in run.question.attachments if one.is_video), None)
            self.answer.value = live(answer_html(self.reply, clip))
        except VlnbError as error:
            self.answer.value = live(words(run.answer), alert(error))

    def _draft(self) -> None:
        """Store the question in the controls, unless it was asked, so that it can be restored."""
        if self.prompt.value.strip() and self.question not in (self._asked, self.run and self.run.question):
            self.history.add(self.question, self.endpoint, self.parent_id, "draft")

    def _load(self, attachment: Attachment) -> images.Source:
        return self._loaded(replace(attachment, region=None, crop=True))

    @contextmanager
    def _showing_errors(self, output: widgets.HTML | None = None) -> Iterator[None]:
        """Show an error in `output` (default: the preview)."""
        try:
            yield
        except VlnbError as error:
            (output or self.preview).value = alert(error)

    @contextmanager
    def _adding(self) -> Iterator[None]:
        """Show why a file cannot be used, also after others were added, until the next question."""
        try:
            yield
        except VlnbError as error:
            self._refused.append(error)
            self._update_preview()

    def _add_sample(self, name: str) -> None:
        if name:
            picture, buffer = images.load(self._samples[name]), io.BytesIO()
            picture.image.save(buffer, "PNG", compress_level=1)
            self.add(f"{name}.png", buffer.getvalue(), picture.alt)
            self.sample.value = ""

    def _add_url(self) -> None:
        url = self.address.value.strip()
        if not url:
            return
        with self._adding():
            if not url.startswith(("http://", "https://")):  # a web page must not read files of this machine
                raise BadInput(f"{url:.80} is not a web address. Add a file with the button, or drop it.")
            data, name = images.as_bytes(url, timeout_s=_URL_S)
            self.address.value = ""
            self.add(name.rpartition("/")[2].partition("?")[0] or "picture", data)

    def _remove(self) -> None:
        if self._chosen:
            del self._chosen[self.pictures.index or 0]
            self._list(0)

    def _change(self, **changes: Any) -> None:  # noqa: ANN401 - fields of `Attachment`
        index = self.pictures.index
        if index is not None and replace(self._chosen[index], **changes) != self._chosen[index]:
            self._chosen[index] = replace(self._chosen[index], **changes)
            if "page" in changes:
                self._show()
            self._update_preview()

    def _list(self, index: int = 0) -> None:
        """List the chosen pictures and show one of them."""
        self.pictures.options = [(f"{n}: {one.name}", one.sha256 + str(n)) for n, one in enumerate(self._chosen, 1)]
        self.pictures.index = index if self._chosen else None
        self._show()

    def _show(self) -> None:
        chosen = self._chosen[self.pictures.index] if self._chosen and self.pictures.index is not None else None
        picture = None if chosen and chosen.is_video else chosen
        with self._showing_errors():
            if picture:
                self.page.max = max(picture.page, len(images.pages(self.history.path(picture))))
                self.page.value = picture.page
            self.page.layout.display = "" if picture and self.page.max > 1 else "none"
            self.picture.show(self._load(picture) if picture else None, (chosen and chosen.region) or ())
            self._update_preview()

    def _update_preview(self) -> None:
        """Preview what will be sent and its cost. The answer on the page is outdated from now on."""
        self.answer.add_class("vlnb-outdated")
        with self._showing_errors():
            question = self.question
            previews = [self._preview_of(number, question) for number in range(len(question.pictures))]
            if question.before:
                previews.append(element("small", f"Turn {len(question.before) + 1}: earlier turns are sent again."))
            self.preview.value = live(*map(alert, self._refused[-_MOST_ERRORS:]), row(*previews))

    def _preview_of(self, number: int, question: Question) -> Html:
        chosen = question.pictures[number]
        if chosen.is_video:
            return element("small", f"{chosen.name}: {video.cost(self.history.path(chosen), question.way)}")
        picture = self._load(chosen)
        picture = picture.crop(chosen.cut) if chosen.cut else picture
        cost = element("small", f"{chosen}: {draw.cost(picture, max_pixels=question.max_pixels)}")
        place = question.place(number, self._load)
        return element(
            "div",
            *([to_html(picture, shown_px=_SHOWN_PX)] if chosen.cut else []),
            cost,
            *([element("div", element("small", f"The prompt ends with: {place}"))] if place else []),
        )

    def _write_prompt(self) -> None:
        """Write the prompt of the chosen skill, with {what} to fill in."""
        if self.skill.value != _OWN:
            prompt = _prompt_of(self.skill.value)
            self.system.value, self.prompt.value = prompt.system or "", prompt.text

    def _show_skill(self) -> None:
        """Select the skill that the prompt belongs to, and show a text field for each variable."""
        self.skill.value = next((name for name in prompts.SKILLS if _prompt_of(name).text == self.prompt.value), _OWN)
        fields = []
        for name in variables(self.prompt.value):
            field = widgets.Text(description=name, value=self._values.get(name, ""), layout=WIDE)
            field.observe(lambda change, name=name: self._fill_in(name, change["new"]), "value")
            fields.append(field)
        old, new = ([(field.description, field.value) for field in some] for some in (self.variables.children, fields))
        if old != new:
            self.variables.children = fields
        self.answer.add_class("vlnb-outdated")

    def _fill_in(self, name: str, value: str) -> None:
        self._values[name] = value
        self.answer.add_class("vlnb-outdated")


def answer_html(reply: Reply, clip: Path | None = None) -> Html:
    """Return an answer with its picture and regions, how the regions were parsed, and the timeline of a video."""
    notes = (element("div", element("small", note)) for note in _notes(reply))
    events = [video.timeline(video.events(reply.text, video.header(clip).duration_s), clip)] if clip else []
    return joined([reply.as_html(), *notes, *events])


def _notes(reply: Reply) -> Iterator[str]:
    regions = reply.regions
    if regions is None:
        return
    yield f"Places: {regions.summary}"
    for word, changes in (("repaired", regions.repairs), ("left out", regions.dropped)):
        yield from (f"{word}: {change}" for change in changes[:5])
        if len(changes) > 5:
            yield f"{word}: {len(changes) - 5} more, in reply.regions"


def _prompt_of(skill: str) -> prompts.Prompt:
    return prompts.SKILLS[skill]("{what}")
