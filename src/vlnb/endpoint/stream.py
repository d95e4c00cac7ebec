"""A streamed answer: the text as it arrives, and the whole `Reply` at the end."""

from __future__ import annotations

import asyncio
import queue
import time
from collections.abc import Coroutine, Generator, Iterator
from typing import TYPE_CHECKING, Any

from vlnb.errors import BadAnswer
from vlnb.fetch import background
from vlnb.markup import words

if TYPE_CHECKING:
    from concurrent.futures import Future

    from vlnb.endpoint.reply import Reply

_REFRESH_S = 0.1  # between two redraws of the text in a notebook


class Stream(Iterator[str]):
    """An iterator over the pieces of text; `.reply` waits for the end and returns the `Reply`.

    As the last value of a notebook cell it shows the text as it arrives. `.text` is short for `.reply.text`. `close`,
    or Ctrl-C in the loop, tells the server to stop.
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
        except BaseException:  # Ctrl-C while waiting: hang up, so that the server stops generating
            self.close()
            raise
        if piece is None:
            if self._ended:  # by `close`
                raise StopIteration
            self._ended = True
            self._future.result()  # raises the error, if the request failed
            raise StopIteration
        self._text.append(piece)
        return piece

    @property
    def reply(self) -> Reply:
        """The whole answer; waits for its end. Raises a `VlnbError` if it does not arrive completely."""
        for _ in self:
            pass
        if self.closed:
            raise BadAnswer("The answer was stopped before its end: ask again.", partial="".join(self._text))
        return self._future.result()

    @property
    def text(self) -> str:
        """The text of the whole answer; waits for its end. Raises what `reply` raises."""
        return self.reply.text

    def __await__(self) -> Generator[Any, None, Reply]:
        """Wait for the whole answer on the caller's event loop: `reply = await stream`. Cancelling it hangs up."""
        # `yield from` keeps `self` alive while waiting: `__del__` would hang up.
        return (yield from asyncio.wrap_future(self._future))

    @property
    def closed(self) -> bool:
        """Whether `close` ended the answer early."""
        return self._future.cancelled()

    def close(self) -> None:
        """Hang up: the server stops generating, and a loop over the answer in another thread ends."""
        self._ended = True
        self._future.cancel()

    def __del__(self) -> None:
        self.close()

    def __repr__(self) -> str:
        """Return the text so far, without waiting."""
        state = "" if self._ended else " …"
        return f"<Stream: {''.join(self._text)!r}{state}>"

    def __str__(self) -> str:
        return self.text

    def _ipython_display_(self) -> None:
        """Show the text in the notebook as it arrives, and the reply at the end."""
        from IPython.display import DisplayHandle

        handle = DisplayHandle()  # type: ignore[no-untyped-call]
        handle.display({"text/html": words("…")}, raw=True)  # type: ignore[no-untyped-call]
        drawn = 0.0
        for _ in self:
            if time.monotonic() - drawn > _REFRESH_S:
                so_far = words("".join(self._text) + " ▍")
                handle.update({"text/html": so_far}, raw=True)  # type: ignore[no-untyped-call]
                drawn = time.monotonic()
        handle.update(self.reply)  # type: ignore[no-untyped-call]
