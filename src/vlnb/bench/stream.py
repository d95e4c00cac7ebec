"""What a streamed answer says: when each text arrived, what the server counted, and how it ended."""

from __future__ import annotations

import bisect
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vlnb.bench.wire import Trace

_TEXT = re.compile(rb'"(?:reasoning|reasoning_content|content|text)":\s*"(?!")')
_MORE = re.compile(rb'"(?:usage":\s*\{|finish_reason":\s*"|error")')  # what a chunk may hold besides text
_NO_REASON = (None, "", "null")
_MOST_TOKENS = 10**9
_MESSAGE_CHARS = 200


@dataclass(frozen=True)
class Parsed:
    """A parsed stream of server-sent events: when each text arrived, and how the stream ended."""

    text_at: tuple[float, ...]
    output_tokens: int | None
    input_tokens: int | None
    finish_reason: str | None
    error: str | None


def parse(trace: Trace) -> Parsed:
    """Parse the pieces of a trace. Never raises: whatever is wrong with them becomes the `error` of the result."""
    try:
        return _parsed(trace)
    except Exception as error:  # noqa: BLE001 - JSON of any shape and depth
        why = f"an event is not a chat chunk ({type(error).__name__}: {str(error)[:_MESSAGE_CHARS]})"
        return Parsed((), None, None, None, trace.error or why)


def _parsed(trace: Trace) -> Parsed:
    text_at: list[float] = []
    output = inputs = None
    reason = error = None
    done = False
    events = list(_events(trace.pieces))
    for at, line in events:
        if line == b"[DONE]":
            done = True
            continue
        if _TEXT.search(line):
            text_at.append(at)
        if _MORE.search(line) or not line.endswith(b"}"):
            try:
                said = json.loads(line)
            except ValueError:
                error = error or f"an incomplete chunk: {line[:60].decode(errors='replace')!r}"
                continue
            usage = said.get("usage") or {}
            output, inputs = _tokens(usage, "completion_tokens", output), _tokens(usage, "prompt_tokens", inputs)
            ends = (c["finish_reason"] for c in said.get("choices") or [] if c.get("finish_reason") not in _NO_REASON)
            reason = next(map(str, ends), reason)
            if said.get("error"):
                error = f"the server reported: {str(said['error'])[:_MESSAGE_CHARS]}"
    if trace.error is None and error is None and not done and reason is None:
        error = "the stream closed before its end" if trace.pieces else "an empty answer"
        if trace.pieces and not events:
            begin = b"".join(piece for _, piece in trace.pieces)[: 10 * _MESSAGE_CHARS].decode(errors="replace")
            error = f"no stream of events but {' '.join(begin.split())[:_MESSAGE_CHARS]!r}"
    return Parsed(tuple(text_at), output, inputs, reason, trace.error or error)


def _tokens(usage: Any, name: str, before: int | None) -> int | None:  # noqa: ANN401 - whatever the server sent
    """Return a count of a server's usage, or the one before it: some send {}, null or words in their last chunks."""
    found = usage.get(name) if isinstance(usage, dict) else None
    return found if type(found) is int and 0 <= found <= _MOST_TOKENS else before


def _events(pieces: list[tuple[float, bytes]]) -> Iterator[tuple[float, bytes]]:
    """Yield the data of each event with the time of the piece that completed it; at the end, whatever is left."""
    ends = list(itertools.accumulate(len(piece) for _, piece in pieces))
    position = 0
    for line in b"".join(piece for _, piece in pieces).split(b"\n"):
        position += len(line) + 1
        line = line.removeprefix(b"\xef\xbb\xbf")  # noqa: PLW2901 - some servers begin with a byte order mark
        if line.startswith(b"data:"):
            yield pieces[min(bisect.bisect_left(ends, position), len(pieces) - 1)][0], line[5:].strip()
