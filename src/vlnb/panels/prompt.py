"""Ask for a skill: choose pictures, what to do with them and how large the model may see them; read and see the answer.

The panel decides nothing: `prompts`, `images`, `dial` and `endpoint` do.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from vlnb import draw, images, prompts
from vlnb.accuracy import resolution
from vlnb.errors import BadInput, VlnbError
from vlnb.images.picture import to_html
from vlnb.markup import Html, alert, element, joined, live, row, words
from vlnb.panels.parts import WIDE, upload

if TYPE_CHECKING:
    from vlnb.endpoint import Endpoint, Reply, Stream

_SHOWN_PX = 300  # of each chosen picture, beside the others


class Prompt(widgets.VBox):  # type: ignore[misc]
    """Pictures (of `samples`, by name; uploaded; or from an address), a skill, its prompt, the answer with its places.

    `reply` is the last answer. What is uploaded is taken before an address, and an address before the samples.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        samples: Mapping[str, images.Source],
        skill: str = "spot text: lines",
        what: str = "",
        chosen: tuple[str, ...] = (),
    ) -> None:
        self._endpoint, self._samples = endpoint, samples
        self.samples = widgets.SelectMultiple(
            description="Pictures", options=list(samples), value=chosen or tuple(samples)[:1], rows=min(5, len(samples))
        )
        self.upload = upload("Choose pictures", multiple=True)
        self.address = widgets.Text(description="or URL", placeholder="https://…", layout=WIDE, continuous_update=False)
        self.skill = widgets.Dropdown(description="Skill", options=list(prompts.SKILLS), value=skill)
        self.what = widgets.Text(description="of what", value=what, placeholder="taxi, the grand total", layout=WIDE)
        self.prompt = widgets.Textarea(description="Prompt", rows=4, layout=WIDE)
        sizes = [(f"{budget:,} tokens", budget * images.UNIT_PX**2) for budget in resolution.BUDGETS]
        self.resolution = widgets.SelectionSlider(
            description="At most", options=[*sizes, ("all there is", images.MAX_PIXELS)], value=images.MAX_PIXELS
        )
        self.ask_button = widgets.Button(description="Ask", button_style="primary", tooltip="Send pictures and prompt")
        self.stop_button = widgets.Button(description="Stop", tooltip="Hang up; what has come stays", disabled=True)
        self.shown, self.answer = widgets.HTML(), widgets.HTML(layout=WIDE)
        self.reply: Reply | None = None
        self._stream: Stream | None = None
        for control in (self.skill, self.what):
            control.observe(lambda _: self._write(), "value")
        for control in (self.samples, self.upload, self.address, self.resolution):
            control.observe(lambda _: self._show(), "value")
        self.ask_button.on_click(lambda _: threading.Thread(target=self.ask, name="vlnb-ask", daemon=True).start())
        self.stop_button.on_click(lambda _: self.stop())
        source = widgets.HBox([self.samples, self.upload], layout=widgets.Layout(flex_flow="row wrap"))
        buttons = widgets.HBox([self.ask_button, self.stop_button])
        rows = [source, self.address, self.skill, self.what, self.prompt, self.resolution, self.shown, buttons]
        super().__init__([*rows, self.answer])
        self._write()
        self._show()

    def pictures(self) -> list[images.Picture]:
        """Return the chosen pictures, loaded. Raises `BadInput` for what is no picture, or where none is chosen."""
        sources: list[Any] = list(self.upload.value) or [address for address in [self.address.value.strip()] if address]
        found = [images.load(source) for source in sources or [self._samples[name] for name in self.samples.value]]
        if not found:
            raise BadInput("No picture is chosen: pick one in the list, upload one, or give an address.")
        return found

    def ask(self) -> Reply | None:
        """Ask as a click does; show what comes, and return the reply (None where something was wrong or stopped)."""
        self.ask_button.disabled, self.stop_button.disabled, self.reply = True, False, None
        text = ""
        try:
            pictures = self.pictures()
            self.answer.value = live(element("em", "waiting for the first word …"))
            self._stream = self._endpoint.stream(self._prompt(), *pictures, max_pixels=self.resolution.value)
            for piece in self._stream:
                text += piece
                self.answer.value = live(words(text))
            if self._stream.closed:
                self.answer.value = live(words(text), element("small", "Stopped: this is what had come."))
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

    def _prompt(self) -> str | prompts.Prompt:
        """Return the skill's own prompt, with its system message, unless its words were changed."""
        try:
            own = prompts.SKILLS[self.skill.value](self.what.value)
        except BadInput:
            return str(self.prompt.value)
        return own if own.text == self.prompt.value else str(self.prompt.value)

    def _write(self) -> None:
        """Write the prompt of the skill; where it lacks what is meant, say so in its place."""
        try:
            self.prompt.value = prompts.SKILLS[self.skill.value](self.what.value).text
        except BadInput as error:
            self.prompt.value, self.prompt.placeholder = "", str(error)

    def _show(self) -> None:
        """Show the chosen pictures, and what each costs."""
        try:
            pictures = self.pictures()
            parts = [_figure(picture, self.resolution.value) for picture in pictures]
            total = sum(images.tokens(*picture.size, max_pixels=self.resolution.value) for picture in pictures)
            said = [element("small", f"together {total:,} tokens")] if len(pictures) > 1 else []
            self.shown.value = joined([row(*parts), *said])
        except VlnbError as error:
            self.shown.value = alert(error)


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
    said = element("small", draw.cost(picture, max_pixels=max_pixels))
    return element("div", to_html(picture), said, style=f"flex:0 1 {_SHOWN_PX}px")
