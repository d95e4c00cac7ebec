"""The command line of `vlnb`: one function for each command; its parameters are the command's options.

Commands import what they need when they run, so that `vlnb --help` is fast. They write only through `show`, `say` and
`progress` (ruff forbids `print` elsewhere), which keep control sequences in a server's text from the terminal.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, validators

from vlnb.errors import BadInput
from vlnb.terminal import printable

if TYPE_CHECKING:
    from pathlib import Path

    from vlnb.accuracy.mmmu import Run
    from vlnb.bench.store import Stored
    from vlnb.endpoint import Endpoint

_ARGUMENT = re.compile(r"^([a-z]+(?:_[a-z]+){0,3})=")  # the beginning of a message about an argument
_IN_PYTHON = {
    ", or pass max_pixels to images.load.": ".",
    " If you trust it, set PIL.Image.MAX_IMAGE_PIXELS = None and pass max_pixels to images.load.": "",
    ", or pass max_bytes.": ".",
    " Or pass a larger timeout_s.": "",
    ", or pass a larger timeout_s.": ".",
    "Pass a video as vlnb.video.frames(…)": "Name a video by its path, such as clip.mp4",
}
_OPTIONS = {
    "max_tokens": "--max-tokens",
    "max_pixels": "--max-pixels",
    "first_token_s": "--timeout",
    "total_s": "--timeout",
}
_PIPE_S = 30.0  # between two lines of progress in a file or a pipe

STDIN = "/dev/stdin"  # what `-` becomes: cyclopts takes a lone hyphen for an option
Count = Annotated[int, Parameter(validator=validators.Number(gte=1))]
Port = Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535))]
ServerPort = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=65535))]
Seconds = Annotated[float, Parameter(validator=validators.Number(gt=0, lt=1e9))]
Share = Annotated[float, Parameter(validator=validators.Number(gt=0, lte=1))]


def show(text: object = "", *, end: str = "\n") -> None:
    """Write a part of the result to standard output."""
    _end_line()
    print(printable(str(text)), end=end, flush=True)


def show_json(data: object) -> None:
    """Write data to standard output as one JSON value."""
    show(json.dumps(data, ensure_ascii=False, indent=2))


def say(text: object = "") -> None:
    """Write a message, which is not part of the result, to standard error."""
    _end_line()
    print(printable(str(text)), file=sys.stderr, flush=True)


def plain(message: object) -> str:
    """Return the message of an error with the command line's options instead of Python's arguments."""
    text = _ARGUMENT.sub(lambda name: f"--{name[1].replace('_', '-')} ", str(message))
    for python, typed in _IN_PYTHON.items():
        text = text.replace(python, typed)
    return re.sub(r"\b(" + "|".join(_OPTIONS) + r")\b", lambda name: _OPTIONS[name[1]], text)


def is_file(name: str) -> bool:
    """Return whether a text names a file; a question may be longer than any name, for which `Path` raises."""
    return os.path.isfile(name)  # noqa: PTH113


def server(url: str | None, model: str | None, *, first_token_s: float = 120.0, total_s: float = 600.0) -> Endpoint:
    """Return the server that a command uses, and print which one it is. Raises as `connect` does."""
    from vlnb.endpoint import connect
    from vlnb.endpoint.resolve import resolve

    if url is None and resolve() is None:
        say("starting the embedded engine …")
    return connect(url, model=model, announce=say, first_token_s=first_token_s, total_s=total_s)


def write(path: Path, text: str) -> None:
    """Write a file, or leave it as it is. Raises `BadInput` if that fails."""
    from vlnb import records

    try:
        records.replace(path, text.encode("utf-8", "replace"))  # the name of a file may not be valid Unicode
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}.") from error


_last_line_at = time.monotonic()
_open = False  # whether the cursor is behind a line of progress


def progress(line: object) -> None:
    """Overwrite the last line on standard error; in a file or a pipe, write one line every half minute."""
    global _last_line_at, _open  # noqa: PLW0603 - standard error is global, too
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns - 1  # a longer line could not be overwritten
        print(f"\r{printable(str(line))[:width]:<{width}}", end="", file=sys.stderr, flush=True)
        _open = True
    elif time.monotonic() - _last_line_at > _PIPE_S:
        say(line)
        _last_line_at = time.monotonic()


def _end_line() -> None:
    global _open  # noqa: PLW0603
    if _open:
        _open = False
        print(file=sys.stderr, flush=True)


def status(runs: Mapping[str, Stored | Run]) -> int:
    """Print the notes on stored runs; return the exit status, which is 1 if requests are missing."""
    for name, run in runs.items():
        for note in run.notes:
            say(note)
        if run.missing:
            say(f"vlnb: {len(run.missing)} of the requests of {name} are missing, so its numbers are incomplete.")
    return 1 if any(run.missing for run in runs.values()) else 0
