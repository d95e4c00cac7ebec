"""Ask about pictures: choose them, see at once what the model will see, ask, and read the answer as it arrives.

The panels decide nothing: `images`, `prompts`, `resolution` and `endpoint` do.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import ipywidgets as widgets

from vlnb import draw, images, prompts
from vlnb.accuracy import resolution
from vlnb.errors import BadInput, VlnbError
from vlnb.images.picture import to_html
from vlnb.markup import Html, alert, element, joined, live, row, words
from vlnb.panels.parts import WIDE, WRAPPED, Panel, aside, button, upload

if TYPE_CHECKING:
    from vlnb.endpoint import Endpoint, Reply, Stream

_SHOWN_PX = 300  # of each chosen picture, beside the others
_PREVIEW_PX, _PREVIEWS = 110, 12  # of a document's pages


class _Asking(Panel):
    """Pictures, a question and its answer. `reply` is the last answer.

    An upload is taken before an address, and an address before the pictures of `default()`. Of a document, the first
    page is taken until other pages are chosen. `question()` and `max_pixels()` are read when the panel asks; the
    controls behind them are `asked`, and `beside` stands beside the upload. With `multiple`, there is an address too.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        default: Callable[[], Sequence[images.Source]],
        question: Callable[[], str | prompts.Prompt],
        asked: Sequence[widgets.Widget],
        beside: Sequence[widgets.Widget] = (),
        max_pixels: Callable[[], int] = lambda: images.MAX_PIXELS,
        multiple: bool = False,
    ) -> None:
        self._endpoint, self._default, self._question, self._max_pixels = endpoint, default, question, max_pixels
        self.upload = upload("Choose pictures" if multiple else "Choose a picture", multiple=multiple)
        self.address = widgets.Text(description="or URL", placeholder="https://…", layout=WIDE, continuous_update=False)
        self.pages = widgets.SelectMultiple(description="Pages", rows=4, layout=widgets.Layout(width="460px"))
        self.previews, self.shown, self.answer = widgets.HTML(), widgets.HTML(), widgets.HTML(layout=WIDE)
        self.ask_button = button("Ask", "Send pictures and question", lambda: aside(self.ask), button_style="primary")
        self.stop_button = button("Stop", "Hang up; what has arrived stays", self.stop, disabled=True)
        self.reply: Reply | None = None
        self._stream: Stream | None = None
        self._pages: list[tuple[Sequence[images.Picture], int]] = []
        self._pictures: list[images.Picture] = []
        self._problem: VlnbError | None = None
        for control in (self.upload, self.address):
            control.observe(lambda _: self._choose(), "value")
        self.pages.observe(lambda _: self._load(), "value")
        source = [widgets.HBox([*beside, self.upload], layout=WRAPPED), *([self.address] if multiple else [])]
        buttons = widgets.HBox([self.ask_button, self.stop_button])
        super().__init__([*source, self.pages, self.previews, self.shown, *asked, buttons, self.answer])
        self._choose()

    def pictures(self) -> list[images.Picture]:
        """Return the chosen pictures. Raises `BadInput` if one is not a picture, or if none is chosen."""
        if self._problem:
            raise self._problem
        return self._pictures

    def ask(self) -> Reply | None:
        """Ask as a click does, and show what arrives. Returns the reply, or None after an error or a stop."""
        self.ask_button.disabled, self.stop_button.disabled, self.reply = True, False, None
        self.answer.remove_class("vlnb-outdated")
        text = ""
        try:
            self.answer.value = live(element("em", "waiting for the first word …"))
            self._stream = self._endpoint.stream(self._question(), *self.pictures(), max_pixels=self._max_pixels())
            for piece in self._stream:
                text += piece
                self.answer.value = live(words(text))
            if self._stream.closed:
                self.answer.value = live(words(text), element("small", "Stopped. This is what had arrived."))
                return None
            self.reply = self._stream.reply
            self.answer.value = live(answer_html(self.reply))
        except VlnbError as error:
            self.answer.value = live(words(text), alert(error))
        finally:
            self._stream = None
            self.ask_button.disabled, self.stop_button.disabled = False, True
        return self.reply

    def stop(self) -> None:
        """Hang up, so that the server stops working."""
        if self._stream is not None:
            self._stream.close()

    def _choose(self) -> None:
        """Open what is chosen, and offer the pages if there are several."""
        address = self.address.value.strip()
        sources = list(self.upload.value) or ([address] if address else self._default())
        self._pages, names, first = [], [], []
        self.previews.value = ""
        try:
            for document in map(images.pages, sources):
                first.append(len(self._pages))
                self._pages += [(document, place) for place in range(len(document))]
                names += [f"{document.name}, page {n + 1}" for n in range(len(document))]
                if len(document) > 1:
                    self.previews.value = _previews(document)
            if not sources:
                raise BadInput("No picture is chosen. Pick one in the list, upload one, or give an address.")
            self._problem = None
        except VlnbError as error:
            self._pages, self._problem = [], error
        self.pages.layout.display = "none" if len(self._pages) == len(first) else ""
        with self.hold_trait_notifications():
            self.pages.options = [(name, place) for place, name in enumerate(names)] if self._pages else []
            self.pages.value = tuple(first) if self._pages else ()
        self._load()

    def _load(self) -> None:
        """Load the chosen pages, and show them with their cost; an answer on the page belongs to what was before."""
        self.answer.add_class("vlnb-outdated")
        try:
            if self._problem:
                raise self._problem
            chosen = [self._pages[place] for place in self.pages.value]
            self._pictures = [document[place] for document, place in chosen]
            budget = self._max_pixels()
            total = sum(images.tokens(*picture.size, max_pixels=budget) for picture in self._pictures)
            said = [element("small", f"together {total:,} tokens")] if len(self._pictures) > 1 else []
            self.shown.value = joined([row(*(_figure(picture, budget) for picture in self._pictures)), *said])
        except VlnbError as error:
            self._pictures = []
            self.shown.value = alert(error)


class OwnPicture(_Asking):
    """An upload, a question and its answer. Until a file is chosen it asks about `sample`."""

    def __init__(self, endpoint: Endpoint, *, sample: images.Source, question: str) -> None:
        self.question = widgets.Text(value=question, description="Question", layout=WIDE)
        super().__init__(
            endpoint, default=lambda: [sample], question=lambda: str(self.question.value), asked=[self.question]
        )


class Prompt(_Asking):
    """Pictures (of `samples`, by name; uploaded; or from an address), a skill with its prompt, and the answer."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        samples: Mapping[str, images.Source],
        skill: str = "spot text: lines",
        what: str = "",
        chosen: tuple[str, ...] = (),
    ) -> None:
        self._samples = samples
        self.samples = widgets.SelectMultiple(
            description="Pictures", options=list(samples), value=chosen or tuple(samples)[:1], rows=min(5, len(samples))
        )
        self.skill = widgets.Dropdown(description="Skill", options=list(prompts.SKILLS), value=skill)
        self.what = widgets.Text(description="of what", value=what, placeholder="taxi, the grand total", layout=WIDE)
        self.prompt = widgets.Textarea(description="Prompt", rows=4, layout=WIDE)
        sizes = [(f"{budget:,} tokens", budget * images.UNIT_PX**2) for budget in resolution.BUDGETS]
        self.resolution = widgets.SelectionSlider(
            description="At most", options=[*sizes, ("full size", images.MAX_PIXELS)], value=images.MAX_PIXELS
        )
        super().__init__(
            endpoint,
            default=lambda: [self._samples[name] for name in self.samples.value],
            question=self._prompt,
            asked=[self.skill, self.what, self.prompt, self.resolution],
            beside=[self.samples],
            max_pixels=lambda: int(self.resolution.value),
            multiple=True,
        )
        for control in (self.skill, self.what):
            control.observe(lambda _: self._write(), "value")
        self.samples.observe(lambda _: self._choose(), "value")
        self.resolution.observe(lambda _: self._load(), "value")
        self._write()

    def _prompt(self) -> str | prompts.Prompt:
        """Return the skill's own prompt, with its system message, unless its words were changed."""
        with contextlib.suppress(BadInput):
            own = prompts.SKILLS[self.skill.value](self.what.value)
            if own.text == self.prompt.value:
                return own
        return str(self.prompt.value)

    def _write(self) -> None:
        """Write the prompt of the skill, or what it still needs, as the placeholder."""
        try:
            self.prompt.value = prompts.SKILLS[self.skill.value](self.what.value).text
        except BadInput as error:
            self.prompt.value, self.prompt.placeholder = "", str(error)


def _previews(document: Sequence[images.Picture]) -> Html:
    """Return the first pages of a document, small and numbered."""
    figures = []
    for number, page in enumerate(list(document[:_PREVIEWS]), 1):
        small = page.resized((_PREVIEW_PX, max(1, round(_PREVIEW_PX * page.height / page.width))))
        figures.append(element("div", to_html(small), element("small", f"page {number} of {len(document)}")))
    return row(*figures)


def answer_html(reply: Reply) -> Html:
    """Return an answer with its picture and places, and in words how the places were read."""
    notes = (element("div", element("small", note)) for note in _notes(reply))
    return joined([reply.as_html(), *notes])


def _notes(reply: Reply) -> Iterator[str]:
    found = reply.regions
    if found is None:
        return
    yield f"Places: {found.summary}"
    for word, changes in (("repaired", found.repairs), ("left out", found.dropped)):
        yield from (f"{word}: {change}" for change in changes[:5])
        if len(changes) > 5:
            yield f"{word}: {len(changes) - 5} more, in reply.regions"


def _figure(picture: images.Picture, max_pixels: int) -> Html:
    said = element("small", f"{picture.source}: {draw.cost(picture, max_pixels=max_pixels)}")
    return element("div", to_html(picture, shown_px=_SHOWN_PX), said, style=f"flex:0 1 {_SHOWN_PX}px")
