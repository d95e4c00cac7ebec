"""An answer with its tokens and latency. It displays itself in a notebook and in a terminal."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from vlnb.errors import BadAnswer
from vlnb.markup import Html, element, joined, row, words
from vlnb.terminal import printable

if TYPE_CHECKING:
    from vlnb.images import Picture
    from vlnb.regions import Box, Regions

# Models whose coordinates run from 0 to 1000 for any picture size: Qwen2-VL, Qwen3-VL and later ones.
# Qwen2.5-VL, between them, answers in pixels of the picture as it saw it.
THOUSAND = re.compile(r"qwen[-_ ]?(?:2[-_ ]?vl|[3-9](?!\d))", re.IGNORECASE)
_SHOWN_PX, _SHOWN = 360, 4  # width of a picture beside the answer, and how many


@dataclass(frozen=True)
class Usage:
    """Token counts from the server; `image_tokens` counts those of pictures and videos, if the server reports them.

    >>> print(Usage(1200, 10, image_tokens=1196))
    1,196 picture + 4 text in, 10 out
    """

    prompt_tokens: int
    completion_tokens: int
    image_tokens: int | None = None

    @classmethod
    def of(cls, reported: object) -> Usage | None:
        """Parse the `usage` object of a server's answer; None unless both are whole numbers, and not 0 for the prompt.

        >>> Usage.of({"prompt_tokens": 31, "completion_tokens": None})
        """
        fields = reported if isinstance(reported, dict) else {}
        details = fields.get("prompt_tokens_details")
        prompt, completion = fields.get("prompt_tokens"), fields.get("completion_tokens")
        if not (type(prompt) is int and type(completion) is int) or prompt < 1 or completion < 0:
            return None
        counts = [details.get(name) for name in ("image_tokens", "video_tokens")] if isinstance(details, dict) else []
        visual = [count for count in counts if type(count) is int]
        return cls(prompt, completion, sum(visual) if visual else None)

    @property
    def total_tokens(self) -> int:
        """Tokens of prompt and answer together."""
        return self.prompt_tokens + self.completion_tokens

    def __str__(self) -> str:
        if self.image_tokens is None:
            prompt = f"{self.prompt_tokens:,} in"
        else:
            prompt = f"{self.image_tokens:,} picture + {self.prompt_tokens - self.image_tokens:,} text in"
        return f"{prompt}, {self.completion_tokens:,} out"


@dataclass(frozen=True)
class Reply:
    """One answer.

    `ttft_s` is the time in seconds from sending the request to the first text, `latency_s` to the last. `finish_reason`
    is "stop" if the model ended by itself, "length" if `max_tokens` cut it. `usage` is None if the server
    does not count tokens. `note` names what is unusual: why the answer is empty, or which field the server refused.
    """

    text: str
    model: str
    server: str
    finish_reason: str
    ttft_s: float
    latency_s: float
    usage: Usage | None = None
    pictures: tuple[Picture, ...] = field(default=(), repr=False)
    seen_sizes: tuple[tuple[int, int], ...] = field(default=(), repr=False)
    note: str = ""

    @cached_property
    def regions(self) -> Regions | None:
        """The places that the answer names, in pixels of the original picture; None if it names none.

        It is None for several pictures too, because no model says which one it means (see `regions.parse`).
        """
        if len(self.pictures) != 1:
            return None
        from vlnb.regions import parse

        sizes: dict[str, Any] = {"seen": self.seen_sizes[0], "original": self.pictures[0].original_size}
        try:
            regions = parse(self.text, finish_reason=self.finish_reason, **sizes)
        except BadAnswer:
            return None
        if regions.space != "pixels" or not THOUSAND.search(self.model):
            return regions
        regions = parse(self.text, finish_reason=self.finish_reason, space="thousand", **sizes)
        return replace(regions, space_reason=f"so {self.model} answers, by its name")

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The boxes among `regions`."""
        return self.regions.boxes if self.regions else ()

    @property
    def summary(self) -> str:
        """One line: model, tokens, first token, total, and whether the answer was cut."""
        tokens = str(self.usage) if self.usage else "not counted by this server"
        cut = "cut at max_tokens: raise it for the rest" if self.finish_reason == "length" and self.text else ""
        times = f"first token {self.ttft_s:.2f} s · total {self.latency_s:.2f} s"
        return " · ".join(filter(None, [self.model, f"tokens: {tokens}", times, cut, self.note]))

    def as_dict(self) -> dict[str, Any]:
        """Return all fields but the pictures, for JSON."""
        usage = asdict(self.usage) | {"total_tokens": self.usage.total_tokens} if self.usage else None
        return {
            "text": self.text,
            "model": self.model,
            "server": self.server,
            "finish_reason": self.finish_reason,
            "ttft_s": round(self.ttft_s, 4),
            "latency_s": round(self.latency_s, 4),
            "usage": usage,
            "note": self.note,
            "boxes": [asdict(box) for box in self.boxes],
        }

    def __str__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:  # noqa: ARG002
        return {"text/plain": printable(f"{self.text}\n\n{self.summary}"), "text/html": self.as_html()}

    def as_html(self) -> Html:
        """Return the answer beside its pictures, which mark the places that it names, and the summary below."""
        answer = words(self.text)
        if self.pictures:
            from vlnb.draw.overlay import overlay, to_html

            marked = [self.regions or ()] if len(self.pictures) == 1 else [()] * len(self.pictures)
            overlays = [
                to_html(overlay(picture, regions, seen=seen), shown_px=_SHOWN_PX)
                for picture, seen, regions in zip(self.pictures[:_SHOWN], self.seen_sizes, marked, strict=False)
            ]
            left = element("div", answer, style="flex:1 1 300px")
            answer = row(left, *(element("div", picture, style=f"flex:0 1 {_SHOWN_PX}px") for picture in overlays))
        return joined([answer, element("div", element("small", self.summary))])
