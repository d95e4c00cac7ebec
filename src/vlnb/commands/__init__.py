"""Commands with commands of their own: `add(commands)` of each module adds them to the parser.

What a command needs is imported when it runs, so that `vlnb --help` is quick. Commands write through `show`, `say` and
`progress` alone (ruff refuses `print` elsewhere): they keep a server's words from steering the terminal.
"""

from __future__ import annotations

import sys

from vlnb.terminal import printable


def show(text: object = "", *, end: str = "\n") -> None:
    """Write a part of the answer to standard output."""
    print(printable(str(text)), end=end, flush=True)


def say(text: object = "") -> None:
    """Tell the person something that is not the answer, on standard error."""
    print(printable(str(text)), file=sys.stderr, flush=True)


def progress(line: object, *, width: int = 72) -> None:
    """Write a line over the last one on standard error."""
    print(f"\r{printable(str(line)):<{width}}", end="", file=sys.stderr, flush=True)
