"""Read logs of any length: files that grow for weeks, pipes that never end, and binary data.

At most `PART_BYTES` are read from the beginning of a log, which shows the start, and from its end, which shows the
failure.
"""

from __future__ import annotations

import io
import os
import select
import time
from pathlib import Path
from typing import BinaryIO

PART_BYTES = 2 * 2**20  # `diagnose` takes two seconds of CPU time for each MiB
STREAM_BYTES = 64 * 2**20  # at most, from a pipe
STREAM_S = 60.0  # total wait for a pipe
_CHUNK_BYTES = 65_536


def read(source: Path | int) -> tuple[str, str]:
    """Return the text of a log (a file or an open descriptor), and a sentence on what was left out, or "".

    The text of a long log is its first and its last 2 MiB. A pipe is read until it ends, for at most 60 s or 64 MiB.
    Raises `OSError` if it cannot be read.
    """
    try:
        # Without O_NONBLOCK, opening a named pipe without a writer would block forever.
        opened = os.dup(source) if isinstance(source, int) else os.open(source, os.O_RDONLY | os.O_NONBLOCK)
    except ValueError as error:  # a path that no file can have
        raise FileNotFoundError(str(error)) from error
    with os.fdopen(opened, "rb") as file:
        if file.seekable():
            return _ends(file)
        copy, ended = _copied(io.FileIO(opened, closefd=False))
    text, note = _ends(copy)
    limits = f"{STREAM_S:g} s and {STREAM_BYTES // 2**20} MiB"
    return text, note if ended else f"The log did not end in {limits}: the rest was not read. {note}".strip()


def since(path: Path, offset: int) -> tuple[str, int]:
    """Return the text written to a file after the byte `offset`, and the next offset.

    Of more than 4 MiB, the middle is skipped. A file that became shorter is read from its beginning; one that cannot be
    read gives "".
    """
    try:
        with path.open("rb") as file:
            text, offset, _ = _new(file, offset)
    except (OSError, ValueError):
        return "", offset
    return text, offset


def _ends(file: BinaryIO) -> tuple[str, str]:
    text, _, left_out = _new(file, 0)
    note = f"Only the first and the last 2 MiB were read: {left_out / 2**20:.0f} MiB between them were left out."
    return text, note if left_out else ""


def _new(file: BinaryIO, offset: int) -> tuple[str, int, int]:
    """Return the new text of a file after `offset`, the next offset, and the number of bytes skipped."""
    size = file.seek(0, io.SEEK_END)
    offset = offset if offset <= size else 0
    file.seek(offset)
    head = file.read(min(PART_BYTES, size - offset))
    offset += len(head)
    start = max(offset, size - PART_BYTES)
    file.seek(start)
    tail = file.read(size - start)
    text = (head + (b"\n" if start > offset else b"") + tail).decode("utf-8", errors="replace")
    return text, start + len(tail), start - offset


def _copied(pipe: io.FileIO) -> tuple[BinaryIO, bool]:
    """Return a copy of the content of a pipe, within the limits, and whether the pipe ended."""
    copy, deadline = io.BytesIO(), time.monotonic() + STREAM_S
    while copy.tell() < STREAM_BYTES and (remaining := deadline - time.monotonic()) > 0:
        if not select.select([pipe], [], [], remaining)[0]:
            break
        chunk = pipe.read(_CHUNK_BYTES)
        if chunk == b"":
            return copy, True
        copy.write(chunk or b"")  # None: another reader was faster
    return copy, False
