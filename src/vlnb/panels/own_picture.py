"""Try your own picture: choose a file, type a question, read the answer as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from vlnb import images
from vlnb.errors import VlnbError
from vlnb.markup import alert, element, live, words
from vlnb.panels.parts import WIDE, upload

if TYPE_CHECKING:
    from vlnb.endpoint import Endpoint, Reply


class OwnPicture(widgets.VBox):  # type: ignore[misc]
    """An upload, a question and its answer. Until a file is chosen it asks about `sample`."""

    def __init__(self, endpoint: Endpoint, *, sample: images.Source, question: str) -> None:
        self._endpoint, self._sample = endpoint, sample
        self.upload = upload("Choose a picture")
        self.question = widgets.Text(value=question, description="Question", layout=WIDE)
        self.button = widgets.Button(description="Ask", button_style="primary", tooltip="Send picture and question")
        self.answer = widgets.HTML(layout=WIDE)
        self.reply: Reply | None = None
        self.button.on_click(lambda _: self.ask())
        super().__init__([widgets.HBox([self.upload, self.button]), self.question, self.answer])

    def ask(self) -> Reply | None:
        """Ask as a click does; show the answer, or what was wrong, and return the reply (None where there is none)."""
        self.button.disabled = True
        self.reply = None
        try:
            self._show(element("em", "reading …"))
            source: Any = self.upload.value[0] if self.upload.value else self._sample
            text = ""
            stream = self._endpoint.stream(self.question.value, images.load(source))
            for piece in stream:
                text += piece
                self._show(words(text))
            self.reply = stream.reply
            self._show(self.reply.as_html())
        except VlnbError as error:
            self._show(alert(error))
        finally:
            self.button.disabled = False
        return self.reply

    def _show(self, content: str) -> None:
        self.answer.value = live(content)
