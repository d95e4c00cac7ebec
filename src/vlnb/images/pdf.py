"""PDF pages, drawn by a process with limits for memory and time.

A few kilobytes of PDF can need any amount of both, and PDFium cannot be interrupted, but a process can be killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlnb.errors import BadInput
from vlnb.images.sizing import check_pixels

if TYPE_CHECKING:
    from PIL import Image

_LOOK_S = 0.05  # between two looks at its memory; PDFium allocates about 30 MB in this time
_BASE_BYTES, _BYTES_PER_PIXEL = 200_000_000, 8  # the drawing takes 3 bytes a pixel; the rest is for what is drawn
_STRIP_BYTES = 1 << 20
_CURE = "Export the page as a picture with a PDF viewer, and load that picture."


class Document:
    """A PDF, open in a process of its own that starts when it is needed and ends with `close`.

    `max_pixels` limits the size of a page and so the memory of the process; `timeout_s` limits the time for each page.
    `watch()` is called while the process works: an exception from it ends the process, as Ctrl-C does.
    """

    def __init__(
        self, data: bytes, name: str, *, max_pixels: int, timeout_s: float, watch: Callable[[], object] = lambda: None
    ) -> None:
        """Open the PDF. Raises `BadInput` if it is broken, has a password, or takes too much memory or time."""
        self._data, self._name, self._watch = data, name, watch
        self._max_pixels, self._timeout_s = max_pixels, timeout_s
        self._memory_bytes = _BASE_BYTES + _BYTES_PER_PIXEL * max_pixels
        self._lock = threading.Lock()
        self._process: Any = None  # a Popen while it runs, with pipes
        self._end: Callable[[], object] = lambda: None
        with self._working(name):
            pass

    def size(self, index: int, dpi: int) -> tuple[int, int]:
        """Return (width, height) in pixels of page `index`, from 0, at `dpi`. Raises `BadInput` as `draw` does."""
        with self._working(f"{self._name}, page {index + 1},"):
            return self._page(index, dpi)

    def draw(self, index: int, dpi: int) -> Image.Image:
        """Return page `index`, from 0, as an RGB image. Raises `BadInput` as opening does, or for too many pixels."""
        from PIL import Image

        with self._working(f"{self._name}, page {index + 1},"):
            self._page(index, dpi)
            answer = self._ask(scale=dpi / 72)
            (width, height), stride = answer["size"], answer["stride"]
            image = Image.new("RGB", (width, height))
            rows = max(1, _STRIP_BYTES // stride)
            for top in range(0, height, rows):  # in strips: a large page is not in memory twice
                here = min(rows, height - top)
                strip = Image.frombuffer("RGB", (width, here), self._receive(here * stride), "raw", "BGR", stride, 1)
                image.paste(strip, (0, top))
            return image

    def close(self) -> None:
        """End the process; the next page starts another one."""
        self._end()
        self._process = None

    @contextlib.contextmanager
    def _working(self, what: str) -> Iterator[None]:
        """Start the process if necessary, and the clock. A failure ends the process; its message names `what`."""
        with self._lock:
            self._what, self._deadline = what, time.monotonic() + self._timeout_s
            try:
                if self._process is None:
                    self._start()
                yield
            except BaseException:
                self.close()
                raise

    def _start(self) -> None:
        child = Path(__file__).with_name("pdf_child.py")
        self._process = subprocess.Popen(  # noqa: S603 - our own file and two numbers
            # -P: no file in the folder of the script or of the notebook replaces a module
            [sys.executable, "-P", str(child), str(2 * self._memory_bytes), str(len(self._data))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches this process alone, which then ends the other one
        )
        self._end = weakref.finalize(self, _end, self._process)
        self._send(self._data)
        self.count: int = self._answer()["count"]

    def _page(self, index: int, dpi: int) -> tuple[int, int]:
        sides = self._ask(page=index, cpu_s=self._timeout_s)["size"]
        width, height = (round(side * dpi / 72) for side in sides)
        check_pixels(self._what, width, height, self._max_pixels, cure="Choose a smaller dpi.")
        return width, height

    def _ask(self, **command: float) -> dict[str, Any]:
        self._send(json.dumps(command).encode() + b"\n")
        return self._answer()

    def _send(self, data: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):  # the missing answer is reported
            self._process.stdin.write(data)
            self._process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        line = bytearray()
        while not line.endswith(b"\n"):
            line += self._receive(1)
        answer: dict[str, Any] = json.loads(line)
        if "error" not in answer:
            return answer
        if "password" in answer["error"].lower():
            raise BadInput(f"{self._name} is protected by a password. Save a copy without one and load that.")
        if self._what == self._name:
            raise BadInput(f"{self._name} is a broken PDF ({answer['error']}). Open it in a viewer and save it again.")
        raise BadInput(f"{self._what} cannot be drawn ({answer['error']}). Is the PDF damaged?")

    def _receive(self, size: int) -> bytes:
        """Return the next `size` bytes from the process; meanwhile check its memory, its time, and `watch`."""
        import psutil

        pipe, data = self._process.stdout.fileno(), bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while len(data) < size:
                if selector.select(_LOOK_S):
                    chunk = os.read(pipe, size - len(data))
                    if not chunk:
                        raise self._died()
                    data += chunk
                    continue
                self._watch()
                if time.monotonic() > self._deadline:
                    raise BadInput(
                        f"{self._what} was not drawn within {self._timeout_s:g} s. {_CURE} Or pass a larger timeout_s."
                    )
                with contextlib.suppress(psutil.Error):  # it has just died, which the next read reports
                    if psutil.Process(self._process.pid).memory_info().rss > self._memory_bytes:
                        raise BadInput(
                            f"{self._what} needs more than {self._memory_bytes / 1e6:.0f} MB of memory to be drawn."
                            f" {_CURE}"
                        )
        return bytes(data)

    def _died(self) -> BadInput:
        code = self._process.wait()
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return BadInput(
            f"{self._what} ended the process that drew it ({how}): it is damaged, or needs more than"
            f" {2 * self._memory_bytes / 1e6:.0f} MB of memory. {_CURE}"
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    with contextlib.suppress(BrokenPipeError):
        process.communicate()
