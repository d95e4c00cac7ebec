"""A picture to draw a region on; files can be chosen, dropped or pasted into it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from vlnb import images
from vlnb.images.picture import shown_uri

_SHOWN_PX = 1000  # the browser gets twice as many pixels, for zooming in


class PictureInput(anywidget.AnyWidget):
    """Shows one picture; `region` is (x1, y1, x2, y2) in pixels of the original, or empty.

    Calls `on_file(name, data)` for each file that a person adds.
    """

    _esm = Path(__file__).with_name("picture.js")
    _css = Path(__file__).with_name("picture.css")
    uri, alt = traitlets.Unicode().tag(sync=True), traitlets.Unicode().tag(sync=True)
    size = traitlets.List([1, 1]).tag(sync=True)
    region: traitlets.List[int] = traitlets.List().tag(sync=True)

    def __init__(self, on_file: Callable[[str, bytes], object]) -> None:
        super().__init__()
        self._on_file, self._received = on_file, bytearray()
        self.on_msg(self._receive)

    def show(self, picture: images.Picture | None, region: tuple[int, ...] = ()) -> None:
        """Show a picture with its region; without a picture, show nothing."""
        with self.hold_sync():
            self.size = list(picture.original_size) if picture else [1, 1]
            self.alt = (picture.alt or picture.source) if picture else ""
            self.region, self.uri = list(region), shown_uri(picture, _SHOWN_PX) if picture else ""

    def _receive(self, _: object, content: dict[str, Any], buffers: list[memoryview]) -> None:
        """Reassemble a file from its chunks: one message cannot carry a large file."""
        if content["start"] == 0:
            self._received.clear()
        if (
            len(self._received) <= images.MAX_FILE_BYTES
        ):  # the rest of a larger file is dropped: its size is refused anyway
            self._received += buffers[0]
        if content["start"] + len(buffers[0]) == content["size"]:
            self._on_file(str(content["name"]), bytes(self._received))
