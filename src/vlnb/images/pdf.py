"""PDF pages, each drawn by a separate process with limits on memory and time.

A few kilobytes of PDF can demand any amount of both, and PDFium cannot be interrupted; a process can be killed.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from vlnb.errors import BadInput
from vlnb.images.sizing import check_pixels

if TYPE_CHECKING:
    from PIL import Image

_LOOK_S = 0.05  # between two checks of the process's memory; PDFium allocates about 30 MB in this time
_DAY_S = 86_400
_BASE_BYTES, _BYTES_PER_PIXEL = 200_000_000, 8  # the drawing takes 3 bytes per pixel; the rest is for its contents
_CURE = "Export the page as a picture with a PDF viewer, and load that picture."


@dataclass(frozen=True)
class Document:
    """A PDF, given as the bytes of its file; messages call it `name`.

    `max_pixels` limits the size of a page, and with it the memory of the process that draws the page; `timeout_s`
    limits the time for a page. `watch()` is called regularly while a process works: an exception from it, like Ctrl-C,
    ends the process.

    Every method raises `BadInput` if the PDF is broken or has a password, or if it takes too much memory or time.
    """

    data: bytes
    name: str
    max_pixels: int
    timeout_s: float
    watch: Callable[[], object] = lambda: None

    def count(self) -> int:
        """Return the number of pages."""
        with self._answer(self.name) as (answer, _):
            count: int = answer["count"]
            return count

    def size(self, index: int, dpi: int) -> tuple[int, int]:
        """Return (width, height) in pixels of page `index`, from 0, at `dpi`."""
        with self._answer(self._page(index), page=index, scale=dpi / 72, draw=False) as (answer, _):
            return self._size(index, answer)

    def draw(self, index: int, dpi: int) -> Image.Image:
        """Return page `index`, from 0, as an RGB image."""
        from PIL import Image

        with self._answer(self._page(index), page=index, scale=dpi / 72, draw=True) as (answer, pixels):
            size, stride = self._size(index, answer), answer["stride"]
            return Image.frombuffer("RGB", size, pixels.read(), "raw", "BGR", stride, 1)

    def _page(self, index: int) -> str:
        return f"{self.name}, page {index + 1},"

    def _size(self, index: int, answer: dict[str, Any]) -> tuple[int, int]:
        width, height = answer["size"]
        check_pixels(self._page(index), width, height, self.max_pixels, cure="Choose a smaller dpi.")
        return width, height

    @contextlib.contextmanager
    def _answer(
        self, name: str, *, page: int | None = None, scale: float = 1.0, draw: bool = False
    ) -> Iterator[tuple[dict[str, Any], IO[bytes]]]:
        """Run one process and yield its answer, and the file that holds the pixels after it."""
        memory_bytes = _BASE_BYTES + _BYTES_PER_PIXEL * self.max_pixels
        order = {"page": page, "scale": scale, "draw": draw, "max_pixels": self.max_pixels}
        limits = {"memory_bytes": 2 * memory_bytes, "cpu_s": min(_DAY_S, self.timeout_s)}  # NaN, too
        child = Path(__file__).with_name("pdf_child.py")
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as answers:
            source.write(self.data)
            source.seek(0)
            process = subprocess.Popen(  # noqa: S603 - the arguments are our own file and numbers
                # -P: no file in the folder of the script or of the notebook replaces a module
                [sys.executable, "-P", child, json.dumps(order | limits)],
                stdin=source,
                stdout=answers,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C reaches only the parent, which then ends this process
            )
            try:
                self._wait(process, name, memory_bytes)
            finally:
                process.kill()
                process.wait()
            answers.seek(0)
            answer = json.loads(answers.readline())
            if "error" in answer:
                raise self._refused(name, answer)
            yield answer, answers

    def _wait(self, process: subprocess.Popen[bytes], name: str, memory_bytes: int) -> None:
        """Wait for the process to end; meanwhile check its time, its memory, and `watch`."""
        import psutil

        deadline = time.monotonic() + self.timeout_s
        late = f"{name} was not drawn within {self.timeout_s:g} s. {_CURE} Or pass a larger timeout_s."
        while process.poll() is None:
            self.watch()
            if time.monotonic() > deadline:
                raise BadInput(late)
            with contextlib.suppress(psutil.Error):  # raised if the process has just ended
                if psutil.Process(process.pid).memory_info().rss > memory_bytes:
                    raise BadInput(f"{name} needs more than {memory_bytes / 1e6:.0f} MB of memory to be drawn. {_CURE}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_S)
        if process.returncode == -signal.SIGXCPU:  # on a busy machine, it can notice first
            raise BadInput(late)
        if code := process.returncode:
            how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
            raise BadInput(
                f"{name} ended the process that drew it ({how}): it is damaged, or needs more than"
                f" {2 * memory_bytes / 1e6:.0f} MB of memory. {_CURE}"
            )

    def _refused(self, name: str, answer: dict[str, Any]) -> BadInput:
        if "password" in answer["error"].lower():
            return BadInput(f"{self.name} is protected by a password. Save a copy without one and load that.")
        if "count" not in answer:
            return BadInput(f"{self.name} is a broken PDF ({answer['error']}). Open it in a viewer and save it again.")
        return BadInput(f"{name} cannot be drawn ({answer['error']}). Is the PDF damaged?")
