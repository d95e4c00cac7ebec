"""Two or more pictures beside each other: what they say, their sizes and their colours. Nothing else is compared."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vlnb.embedded.words import WHO

if TYPE_CHECKING:
    from vlnb.embedded.page import Page

_ASKS = re.compile(
    r"\b(compare|comparison|differen\w+|differ|similar\w*|alike|in common|same|changed|versus|vs)\b", re.IGNORECASE
)
_SHOWN = 8  # texts named of each picture
_NAMES = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def wants(question: str, pictures: int) -> bool:
    """Whether a question compares the pictures that came with it."""
    return pictures > 1 and bool(_ASKS.search(question))


def told(sizes: Sequence[tuple[int, int]], colours: Sequence[Sequence[str]], pages: Sequence[Page]) -> str:
    """Return the comparison in sentences: each picture, then what all say and what one says alone."""
    texts = [_texts(page) for page in pages]
    common = {key for key in texts[0] if all(key in other for other in texts[1:])}
    parts = []
    for number, ((width, height), names, page, text) in enumerate(zip(sizes, colours, pages, texts, strict=True)):
        runs = len(page.segments)
        says = f"has {runs} run{'s' if runs != 1 else ''} of text" if runs else "has no text that I can read"
        alone = [
            shown for key, shown in text.items() if not any(key in o for o in texts[:number] + texts[number + 1 :])
        ]
        only = f"; it alone says {_listed(alone)}" if alone else ""
        parts.append(
            f"The {_name(number)} picture has {width} x {height} pixels, is mostly {' and '.join(names)},"
            f" and {says}{only}."
        )
    if common:
        whose = "Both" if len(pages) == 2 else "All"
        parts.append(f"{whose} say {_listed([texts[0][key] for key in texts[0] if key in common])}.")
    elif any(texts):
        parts.append("No text is on all of them." if len(pages) > 2 else "They have no text in common.")
    if len(set(sizes)) == 1:
        parts.append("They are of one size.")
    parts.append(f"({WHO}; I compare text, size and colours, and nothing else.)")
    return " ".join(parts)


def _texts(page: Page) -> dict[str, str]:
    """Return what a page says: each run of text as it is compared, and as it is shown."""
    return {" ".join(segment.text.lower().split()): segment.text for segment in page.segments}


def _listed(texts: Sequence[str]) -> str:
    shown = ", ".join(f"“{text}”" for text in texts[:_SHOWN])
    return shown + (f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else "")


def _name(number: int) -> str:
    return _NAMES[number] if number < len(_NAMES) else f"{number + 1}th"
