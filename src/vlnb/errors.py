"""The errors of vlnb.

    VlnbError
    ├── BadInput        what you passed cannot be used: a path, a picture, a setting
    ├── NoServer        nothing usable answers at the address
    ├── ServerRefused   a server refused the request (`status` is the HTTP status)
    ├── BadAnswer       an answer is broken or incomplete (`partial` is the text that arrived)
    └── LaunchFailed    a server did not come up

A message is a sentence or two for the user: what happened, where, and what to do next. In a notebook it appears
without a traceback.

>>> try:
...     raise ServerRefused("http://host/v1 is overloaded (429): try again in 7 s.", status=429, retry_after_s=7)
... except VlnbError as error:
...     print(error.retry_after_s, error)
7 http://host/v1 is overloaded (429): try again in 7 s.
"""

from __future__ import annotations

from vlnb.terminal import printable


class VlnbError(Exception):
    """The base class of all errors of vlnb."""

    def __str__(self) -> str:
        """Return the message without control characters, because it may quote a server."""
        return printable(super().__str__())

    def _render_traceback_(self) -> list[str]:
        """Show only the message in IPython (its hook for custom tracebacks)."""
        return [str(self)]


class BadInput(VlnbError):  # noqa: N818 - the tree reads as words
    """An argument or input cannot be used; the message says why, and what can."""


class NoServer(VlnbError):  # noqa: N818
    """No server answers at the address, or none in time."""


class ServerRefused(VlnbError):  # noqa: N818
    """A server answered and refused.

    `status` is the HTTP status; `retry_after_s` is the pause, in seconds, that the server asks for, if any.
    """

    def __init__(self, message: str, *, status: int, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class BadAnswer(VlnbError):  # noqa: N818
    """An answer is broken or incomplete; `partial` is the text that arrived."""

    def __init__(self, message: str, *, partial: str = "") -> None:
        super().__init__(message)
        self.partial = partial


class LaunchFailed(VlnbError):  # noqa: N818
    """A server was started, but did not come up."""
