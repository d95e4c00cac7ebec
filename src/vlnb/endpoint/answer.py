"""The parser of a streamed answer: it reads the events, in any dialect of the OpenAI API, into one `Answer`."""

from __future__ import annotations

import json
import queue
import re
import time
from dataclasses import dataclass, field
from typing import Any

from vlnb.endpoint.reply import Usage
from vlnb.fetch import Fetched
from vlnb.terminal import joined

WHITE_SPACE = "white space"
"""The finish reason of an answer that vlnb stopped because it consisted of white space without end."""

_BOM = b"\xef\xbb\xbf"
_CALL = '<tool_call>\n{{"name": {}, "arguments": {}}}\n</tool_call>\n'
_REFUSAL_CHARS = 300
_RUNAWAY = 400  # characters of white space in a row: no JSON is indented that far


class Refusal(Exception):  # noqa: N818 - a signal to the caller, which knows the server
    """The server answers with an error: as an HTTP status of 400 or more, or as an event of the stream."""

    def __init__(self, answer: Fetched) -> None:
        super().__init__(f"{answer.status} {answer.reason}")
        self.answer = answer


def error_in(chunk: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON value
    """Return the error that a chunk reports, in any dialect of the API; None or "" if it reports none."""
    message = None if {"choices", "usage"} & chunk.keys() else chunk.get("message") or chunk.get("detail")
    return chunk.get("error") or message or (chunk if chunk.get("object") == "error" else None)


@dataclass
class Answer:
    """The part of an answer received so far. Each piece of text goes to `pieces` as it arrives.

    `done` says whether [DONE] arrived. `calls` are the model's tool calls: they become text at the end, in Qwen's own
    notation. `other_lines` are those that belong to no event: a web page, plain text, or one JSON object. `started` and
    `first` (the first text) are times of `time.perf_counter`.
    """

    pieces: queue.SimpleQueue[str | None]
    text: str = ""
    model: str = ""
    started: float = 0.0
    first: float | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    done: bool = False
    ended: bool = False
    thought: bool = False
    refusal: str = ""
    half: str = ""  # of an emoji that a server cut in two; without its other half it becomes “�”
    calls: dict[tuple[Any, Any], dict[str, str]] = field(default_factory=dict)
    other_lines: list[bytes] = field(default_factory=list)

    def read(self, line: bytes) -> bool:
        """Read one line of a stream of server-sent events; return whether it contains the first text or thought.

        Raises:
            Refusal: The server reports an error.
            ValueError: The line's data is not JSON.
        """
        name, _, data = line.strip().removeprefix(_BOM).partition(b":")
        if name != b"data":
            if self.first is None and name not in (b"", b"event", b"id", b"retry"):  # of a stream
                self.other_lines.append(line)
            return False
        self.done = data.strip() == b"[DONE]"
        return bool(data) and not self.done and self._event(json.loads(data), data)

    def end(self) -> None:
        """Finish the answer; accept one JSON object instead of a stream.

        Raises:
            Refusal: The object is an error.
            ValueError: It is not JSON.
            EOFError: The answer has no proper end: neither a finish_reason nor [DONE] after its text.
        """
        if not self.text and self.page.startswith(b"{"):
            self._event(json.loads(self.page), self.page, needed="choices")
        self._append("\ufffd" if self.half else "")
        for call in self.calls.values():
            self._append(_CALL.format(json.dumps(call["name"], ensure_ascii=False), call["arguments"] or "{}"))
        has_content = self.text or self.thought
        if self.finish_reason == "error" or not (self.finish_reason or (self.done and has_content)):
            raise EOFError
        self.ended = True

    @property
    def page(self) -> bytes:
        """The body besides events: one JSON object, or a web page."""
        return b"\n".join(self.other_lines).strip().removeprefix(_BOM)

    @property
    def is_runaway(self) -> bool:
        """Whether the model only writes white space, which some grammars allow without end."""
        return len(self.text) >= _RUNAWAY and self.text[-_RUNAWAY:].isspace()

    @property
    def remark(self) -> str:
        """Why the answer has no text, or less than the model wrote; "" for a normal answer."""
        if self.finish_reason == "content_filter":
            return "a content filter of the server ended the answer"
        if self.text.strip():
            return ""
        if self.refusal:
            return f"the model refused: {joined(self.refusal)[:_REFUSAL_CHARS]}"
        if self.thought and self.finish_reason == "length":
            return "thinking used up max_tokens before the answer began: raise it, or switch thinking off"
        return "the model only thought and gave no answer" if self.thought else "the answer is empty"

    def _event(self, chunk: Any, data: bytes, needed: str = "") -> bool:  # noqa: ANN401 - any JSON value
        if not isinstance(chunk, dict):
            return False
        error = error_in(chunk)
        if error or (needed and needed not in chunk):
            code = str(error.get("code") if isinstance(error, dict) else chunk.get("code"))
            raise Refusal(Fetched(int(code) if re.fullmatch("[45][0-9][0-9]", code) else 400, "", {}, data))
        self.model = joined(str(chunk.get("model") or self.model))
        self.usage = Usage.of(chunk.get("usage")) or self.usage
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict) and choice.get("index") in (None, 0, "0", ""):  # n > 1 gives further choices
                return self._add(choice)
        return False

    def _add(self, choice: dict[str, Any]) -> bool:
        reason = choice.get("finish_reason")
        self.finish_reason = (
            reason if isinstance(reason, str) and reason.lower() not in ("", "null", "none") else self.finish_reason
        )
        message = choice.get("message") or {}
        if self.text and message.get("content") == self.text:  # some servers repeat the whole text at the end
            message = {}
        delta = choice.get("delta") or message or {"content": choice.get("text")}
        content = delta.get("content") or ""
        parts: list[Any] = content if isinstance(content, list) else [content]
        parts = [part if isinstance(part, dict) else {"text": part} for part in parts]
        texts = (part.get("text") or "" for part in parts if "text" in str(part.get("type", "text")))
        text = "".join(str(text) for text in texts if isinstance(text, str | int | float))
        begins = not (self.text or self.thought or self.calls)
        thoughts = [delta.get(name) for name in ("reasoning_content", "reasoning", "reasoning_details", "thinking")]
        self.thought = self.thought or any(thoughts) or any("think" in str(part.get("type")) for part in parts)
        refusal, function_call = delta.get("refusal"), delta.get("function_call")  # the older form of tool_calls
        self.refusal += refusal if isinstance(refusal, str) else ""
        older = [{"function": function_call}] if isinstance(function_call, dict) else []
        for number, call in enumerate(delta.get("tool_calls") or older):
            index, function = call.get("index", number), call.get("function") or {}
            begun = [key for key in self.calls if key[0] == index]
            # Some servers give every call the index 0 or none, others every piece of a call an id of its own.
            key = (index, call.get("id")) if not begun or (call.get("id") and function.get("name")) else begun[-1]
            stored = self.calls.setdefault(key, {"name": "", "arguments": ""})
            for name, value in function.items():
                if value is not None:  # later pieces may repeat the name as null
                    stored[name] = stored.get(name, "") + (value if isinstance(value, str) else json.dumps(value))
        text = self.half + text
        self.half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        self._append(text := text.removesuffix(self.half))
        return begins and bool(text or self.thought or self.calls)

    def _append(self, text: str) -> None:
        if text := joined(text):
            self.first = self.first or time.perf_counter()
            self.text += text
            self.pieces.put(text)
