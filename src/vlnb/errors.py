"""Every failure that vlnb explains.

    VlnbError
    ├── BadInput        what you gave cannot be used: a path, a picture, a setting
    ├── NoServer        nothing usable answers at the address
    ├── ServerRefused   a server answered, and said no (it carries the HTTP status)
    ├── BadAnswer       an answer came that is broken or incomplete (it carries what came)
    └── LaunchFailed    a server was started and did not come up

A message is a sentence or two for the person at the keyboard: what happened, where, and what to do next.
In a notebook the message stands alone, without a traceback.
"""

from __future__ import annotations

from vlnb.terminal import printable


class VlnbError(Exception):
    """Base of all errors of vlnb: catch this one to catch them all."""

    def __str__(self) -> str:
        """Return the sentence; it may quote a server, so nothing that a terminal obeys is left in it."""
        return printable(super().__str__())

    def _render_traceback_(self) -> list[str]:
        """Show the sentence alone in IPython (its hook for exceptions that explain themselves)."""
        return [f"{type(self).__name__}: {self}"]


class BadInput(VlnbError):  # noqa: N818 - the tree reads as words
    """What was given cannot be used; the message says why and what would do."""


class NoServer(VlnbError):  # noqa: N818
    """No server answers at the address, or it gave no answer in time."""


class ServerRefused(VlnbError):  # noqa: N818
    """A server answered and refused.

    `status` is its HTTP status; `retry_after_s` the pause it asked for, in seconds, where it named one.
    """

    def __init__(self, message: str, *, status: int, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class BadAnswer(VlnbError):  # noqa: N818
    """An answer that is broken or incomplete; `partial` is the text that came before it broke."""

    def __init__(self, message: str, *, partial: str = "") -> None:
        super().__init__(message)
        self.partial = partial


class LaunchFailed(VlnbError):  # noqa: N818
    """A server was started and did not come up."""
