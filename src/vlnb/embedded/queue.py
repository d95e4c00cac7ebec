"""One reader for many clients: a bounded queue whose places are freed when a client hangs up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from vlnb.errors import VlnbError

WAITING = 8  # beside the one that is read: about ten seconds of receipts


class Full(VlnbError):  # noqa: N818
    """All places are taken; `retry_after_s` is when one will probably be free."""

    def __init__(self, waiting: int, retry_after_s: int) -> None:
        super().__init__(
            f"The embedded engine reads one picture at a time, and {waiting} requests wait already."
            f" Try again in {retry_after_s} s."
        )
        self.retry_after_s = retry_after_s


class Queue:
    """First come, first served; at most `waiting` wait."""

    def __init__(self, waiting: int = WAITING) -> None:
        self.waiting = waiting
        self._inside = 0
        self._turn = asyncio.Lock()
        self._last_s = 1.0  # how long the last request took

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for the reader. Raises `Full` at once where too many wait; a cancelled wait frees its place."""
        if self._inside > self.waiting:
            raise Full(self.waiting, max(1, round(self._last_s)))
        self._inside += 1
        try:
            async with self._turn:
                start = asyncio.get_running_loop().time()
                yield
                self._last_s = asyncio.get_running_loop().time() - start
        finally:
            self._inside -= 1
