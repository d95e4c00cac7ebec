"""Commands with commands of their own: `add(commands)` of each module adds them to the parser.

What a command needs is imported when it runs, so that `vlnb --help` is quick.
"""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """Tell the person something that is not the answer."""
    print(text, file=sys.stderr, flush=True)
