"""An answer on its way: text as it comes, and the whole `Reply` at the end."""

from __future__ import annotations

import asyncio
import queue
import time
from collections.abc import Coroutine, Iterator
from typing import TYPE_CHECKING, Any

from vlnb.endpoint.reply import Reply, text_html
from vlnb.fetch import background

if TYPE_CHECKING:
    from concurrent.futures import Future

_REFRESH_S = 0.1  # how often text is redrawn in a notebook while it comes


class Stream(Iterator[str]):
    """Iterate over it for the pieces of text; `.reply` waits for the end and returns the `Reply`.

    Shown at the end of a notebook cell, the text appears as it comes. The reply's own fields (`text`, `usage`,
    `ttft_s` …) can be asked of the stream too. Leaving the loop early, or Ctrl-C, tells the server to stop.
    """

    def __init__(self, talk: Coroutine[Any, Any, Reply], pieces: queue.SimpleQueue[str | None]) -> None:
        self._pieces = pieces
        self._text: list[str] = []
        self._ended = False
        self._future: Future[Reply] = asyncio.run_coroutine_threadsafe(talk, background())
        self._future.add_done_callback(lambda _: pieces.put(None))

    def __next__(self) -> str:
        if self._ended:
            raise StopIteration
        try:
            piece = self._pieces.get()
        except BaseException:  # Ctrl-C while waiting: hang up, so that the server does not work for nobody
            self.close()
            raise
        if piece is None:
            if self._ended:  # it was hung up on
                raise StopIteration
            self._ended = True
            self._future.result()  # raises what went wrong
            raise StopIteration
        self._text.append(piece)
        return piece

    @property
    def reply(self) -> Reply:
        """The whole answer; waits until it is there. Raises a `VlnbError` where it did not come whole."""
        for _ in self:
            pass
        return self._future.result()

    @property
    def closed(self) -> bool:
        """Whether it was hung up on before its end."""
        return self._future.cancelled()

    def close(self) -> None:
        """Hang up: the server stops working on the answer. A loop over it in another thread ends."""
        self._ended = True
        self._future.cancel()

    def __del__(self) -> None:
        future = getattr(self, "_future", None)
        if future is not None and not future.done():
            future.cancel()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a field of the reply
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.reply, name)

    def __repr__(self) -> str:
        """Return the text so far: asking for it does not wait."""
        state = "" if self._ended else " …"
        return f"<Stream: {''.join(self._text)!r}{state}>"

    def __str__(self) -> str:
        return self.reply.text

    def _ipython_display_(self) -> None:
        """Show the text in the notebook as it comes, and at the end the reply."""
        from IPython.display import DisplayHandle

        handle = DisplayHandle()  # type: ignore[no-untyped-call]
        handle.display({"text/html": text_html("…")}, raw=True)  # type: ignore[no-untyped-call]
        drawn = 0.0
        for _ in self:
            if time.monotonic() - drawn > _REFRESH_S:
                so_far = text_html("".join(self._text) + " ▍")
                handle.update({"text/html": so_far}, raw=True)  # type: ignore[no-untyped-call]
                drawn = time.monotonic()
        handle.update(self.reply)  # type: ignore[no-untyped-call]
