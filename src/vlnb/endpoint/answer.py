"""What a server streams, read event by event into one answer."""

from __future__ import annotations

import json
import queue
import time
from dataclasses import dataclass, field
from typing import Any

from vlnb.endpoint.reply import Usage
from vlnb.fetch import Fetched


class Refusal(Exception):  # noqa: N818 - a signal to the caller, which knows the server
    """The server answers with an error: under an HTTP status of 400 or more, or as an event of the stream."""

    def __init__(self, answer: Fetched) -> None:
        super().__init__(f"{answer.status} {answer.reason}")
        self.answer = answer


@dataclass
class Answer:
    """The part of an answer received so far. Each piece of text goes to `pieces` as it arrives."""

    pieces: queue.SimpleQueue[str | None]
    text: str = ""
    model: str = ""
    started: float = field(default_factory=time.perf_counter)
    first: float | None = None
    finish_reason: str | None = None
    usage: Usage | None = None

    def read(self, line: bytes) -> bool:
        """Read one line of a stream of server-sent events; return whether it brought the first text.

        Raises:
            Refusal: The server reports an error.
            ValueError: The line's data is not JSON.
        """
        name, _, data = line.strip().partition(b":")
        if name != b"data" or data.strip() == b"[DONE]":
            return False
        chunk = json.loads(data)
        if chunk.get("error"):
            code = chunk["error"].get("code") if isinstance(chunk["error"], dict) else None
            raise Refusal(Fetched(code if isinstance(code, int) else 400, "", {}, data))
        self.model = chunk.get("model") or self.model
        if usage := chunk.get("usage"):
            details = usage.get("prompt_tokens_details") or {}
            self.usage = Usage(usage["prompt_tokens"], usage["completion_tokens"], details.get("image_tokens"))
        return any(self._add(choice) for choice in chunk.get("choices") or ())

    def _add(self, choice: dict[str, Any]) -> bool:
        self.finish_reason = choice.get("finish_reason") or self.finish_reason
        text = (choice.get("delta") or {}).get("content")
        if not text:
            return False
        self.text += text
        self.pieces.put(text)
        if self.first is not None:
            return False
        self.first = time.perf_counter()
        return True
