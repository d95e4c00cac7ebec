"""Reading logs of any length: files that grow for weeks, pipes that never end, and binary data.

At most `PART_BYTES` are read of the beginning of a log, which shows the start, and of its end, which shows the failure.
"""

from __future__ import annotations

import io
import os
import select
import time
from pathlib import Path

PART_BYTES = 2 * 2**20  # `diagnose` takes a second of CPU for each MiB
STREAM_BYTES = 64 * 2**20  # read of a pipe at most
STREAM_S = 60.0  # total wait for a pipe
_CHUNK_BYTES = 65_536


def read(source: Path | int) -> tuple[str, str]:
    """Return the text of a log (a file or an open descriptor) and a sentence on what was left out ("" if nothing was).

    The text of a long log is its first and its last 2 MiB. A pipe is read until it ends, for at most 60 s or 64 MiB.
    Raises `OSError` if it cannot be read.
    """
    if isinstance(source, int):
        return _read(io.FileIO(source, closefd=False))
    try:
        # Without O_NONBLOCK, a named pipe that nobody writes to would block here for ever.
        with io.FileIO(os.open(source, os.O_RDONLY | os.O_NONBLOCK)) as file:
            return _read(file)
    except ValueError as error:  # a path that no file can have
        raise FileNotFoundError(str(error)) from error


def since(path: Path, offset: int) -> tuple[str, int]:
    """Return what was written to a file after `offset`, in bytes, and the offset to go on from.

    The middle of more than 4 MiB is skipped. A file that became shorter is read from its beginning, and one that cannot
    be read has nothing new.
    """
    try:
        with path.open("rb", buffering=0) as file:
            text, offset, _ = _new(file, offset)
    except (OSError, ValueError):
        return "", offset
    return text, offset


def _read(file: io.FileIO) -> tuple[str, str]:
    if not file.seekable():
        return _read_stream(file)
    text, _, left_out = _new(file, 0)
    note = f"Only the first and the last 2 MiB were read: {left_out / 2**20:.0f} MiB between them were left out."
    return text, note if left_out else ""


def _new(file: io.FileIO, offset: int) -> tuple[str, int, int]:
    """Return what is new in a file after `offset`, the offset to go on from, and how many bytes were skipped."""
    size = file.seek(0, io.SEEK_END)
    offset = offset if offset <= size else 0
    head = _part(file, offset, min(PART_BYTES, size - offset))
    offset += len(head)
    start = max(offset, size - PART_BYTES)
    tail = _part(file, start, size - start)
    return _joined(head, tail, gap=start > offset), start + len(tail), start - offset


def _read_stream(file: io.FileIO) -> tuple[str, str]:
    head, tail, received, ended = bytearray(), bytearray(), 0, False
    deadline = time.monotonic() + STREAM_S
    while received < STREAM_BYTES and (remaining := deadline - time.monotonic()) > 0:
        if not select.select([file], [], [], remaining)[0]:
            break
        chunk = file.read(_CHUNK_BYTES)
        if chunk is None:  # another reader was quicker
            continue
        if not chunk:
            ended = True
            break
        received += len(chunk)
        room = PART_BYTES - len(head)
        head += chunk[:room]
        tail += chunk[room:] if room < len(chunk) else b""
        del tail[:-PART_BYTES]
    left_out = received - len(head) - len(tail)
    notes = []
    if not ended:
        notes.append(f"The log did not end in {STREAM_S:g} s and {STREAM_BYTES // 2**20} MiB: the rest was not read.")
    if left_out:
        notes.append(f"{left_out / 2**20:.0f} MiB between its first and its last 2 MiB were left out.")
    return _joined(bytes(head), bytes(tail), gap=left_out > 0), " ".join(notes)


def _part(file: io.FileIO, start: int, length: int) -> bytes:
    file.seek(start)
    part = bytearray()
    while len(part) < length and (chunk := file.read(length - len(part))):
        part += chunk
    return bytes(part)


def _joined(head: bytes, tail: bytes, *, gap: bool) -> str:
    return (head + (b"\n" if gap else b"") + tail).decode("utf-8", errors="replace")
