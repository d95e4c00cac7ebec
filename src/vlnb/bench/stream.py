"""Parse a streamed answer: when each text arrived, the server's token counts, and how the stream ended."""

from __future__ import annotations

import bisect
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vlnb.endpoint.answer import error_in

if TYPE_CHECKING:
    from vlnb.bench.wire import Trace

_TEXT = re.compile(rb'"(?:reasoning|reasoning_content|content|text)":\s*"(?!")')
_MORE = re.compile(rb'"(?:usage":\s*\{|finish_reason":\s*"|error")')  # what a chunk may contain besides text
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
    """Parse the pieces of a trace. Never raises: any problem becomes the `error` of the result."""
    try:
        return _parsed(trace)
    except Exception as error:  # noqa: BLE001 - the server's JSON can have any shape and depth
        reason = f"an event is not a chat chunk ({type(error).__name__}: {str(error)[:_MESSAGE_CHARS]})"
        return Parsed((), None, None, None, trace.error or reason)


def _parsed(trace: Trace) -> Parsed:
    text_at: list[float] = []
    output = inputs = None
    finish_reason = error = None
    done = False
    events = list(_events(trace.pieces))
    for at, line in events:
        if line == b"[DONE]":
            done = True
            continue
        if _TEXT.search(line):
            text_at.append(at)
        if _MORE.search(line) or b'"choices"' not in line or not line.endswith(b"}"):
            try:
                chunk = json.loads(line)
            except ValueError:
                error = error or f"an incomplete chunk: {line[:60].decode(errors='replace')!r}"
                continue
            usage = chunk.get("usage") or {}
            output, inputs = _tokens(usage, "completion_tokens", output), _tokens(usage, "prompt_tokens", inputs)
            ends = (c["finish_reason"] for c in chunk.get("choices") or [] if c.get("finish_reason") not in _NO_REASON)
            finish_reason = next(map(str, ends), finish_reason)
            if problem := error_in(chunk):
                error = f"the server reported: {str(problem)[:_MESSAGE_CHARS]}"
    if trace.error is None and error is None and not done and finish_reason is None:
        error = "the stream closed before its end" if trace.pieces else "an empty answer"
        if trace.pieces and not events:
            begin = b"".join(piece for _, piece in trace.pieces)[: 10 * _MESSAGE_CHARS].decode(errors="replace")
            error = f"no stream of events but {' '.join(begin.split())[:_MESSAGE_CHARS]!r}"
    return Parsed(tuple(text_at), output, inputs, finish_reason, trace.error or error)


def _tokens(usage: Any, name: str, previous: int | None) -> int | None:  # noqa: ANN401 - any JSON value
    """Return a token count from `usage`, else the previous one: some servers end with {}, null or text."""
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if type(count) is int and 0 <= count <= _MOST_TOKENS else previous


def _events(pieces: list[tuple[float, bytes]]) -> Iterator[tuple[float, bytes]]:
    """Yield the data of each event with the time of the piece that completed it; the last event may be incomplete."""
    ends = list(itertools.accumulate(len(piece) for _, piece in pieces))
    position = 0
    for line in b"".join(piece for _, piece in pieces).split(b"\n"):
        position += len(line) + 1
        line = line.removeprefix(b"\xef\xbb\xbf")  # noqa: PLW2901 - some servers begin with a byte order mark
        if line.startswith(b"data:") and line[5:].strip():  # some servers send an empty event to stay connected
            yield pieces[min(bisect.bisect_left(ends, position), len(pieces) - 1)][0], line[5:].strip()
