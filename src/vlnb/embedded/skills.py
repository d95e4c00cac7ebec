"""What the embedded engine can answer, and how it says what it cannot.

It reads text, finds values in it, says where it stands, and compares the text of several pictures. Everything else it
declines by name, with what it does see: size, colours, text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from vlnb.embedded import compare, locate
from vlnb.embedded.lookup import Found, find
from vlnb.embedded.words import WHO, terms, words

if TYPE_CHECKING:
    from PIL import Image

    from vlnb.embedded.page import Page
    from vlnb.embedded.reader import Reader
    from vlnb.embedded.request import Pictures

_READING = frozenset(
    "read transcribe ocr extract text texts words lines everything contents content markdown plain verbatim say says"
    " write written output return line order reading full complete whole visible appears appear type letters just"
    " preserve original layout formatting result document receipt invoice page scan letter form sign screen label"
    " characters print displayed".split()
)
_READ = re.compile(r"\b(read|transcri|ocr|text|writ|says?\b|words|letters|content)", re.IGNORECASE)
_LOOK = re.compile(
    r"\b(describe|caption|what do you see|what('s| is) (in|shown)|what does (this|the|it) .{0,20}(show|depict)|how many"
    r"|colou?rs?|compare|differen|similar|scene|mood|style)\b",
    re.IGNORECASE,
)
_FORM = re.compile(r'\{\s*("[^"{}]+"\s*:\s*"",?\s*)+\}')  # {"shop": "", "total": ""}: a form to fill in
_COLOURS = {
    "white": (250, 250, 250), "light grey": (205, 205, 205), "grey": (128, 128, 128), "dark grey": (70, 70, 70),
    "black": (15, 15, 15), "cream": (248, 240, 215), "red": (205, 40, 40), "orange": (240, 140, 30),
    "yellow": (245, 220, 50), "green": (50, 150, 60), "light green": (150, 215, 140), "teal": (20, 140, 140),
    "light blue": (150, 200, 240), "blue": (40, 90, 200), "navy": (25, 35, 90), "purple": (130, 60, 160),
    "pink": (245, 160, 190), "brown": (120, 75, 40), "beige": (215, 190, 150),
}  # fmt: skip


def answer(question: str, pictures: Pictures, reader: Reader, stop: Callable[[], bool]) -> Iterator[str]:
    """Yield the answer in pieces, each as soon as it is known. `stop()` turning true ends the work early.

    Raises `Stopped` then, and `Refused` at a picture that is broken.
    """
    numbers = range(len(pictures))
    if not numbers:
        yield f"{WHO}, and there is no picture in this request. Send one, and ask what is written on it."
    elif form := _FORM.search(question):
        pages = [reader.read(pictures[i], stop=stop) for i in numbers]
        yield _filled(re.findall(r'"([^"]+)"\s*:', form[0]), pages)
    elif locate.wants(question):
        yield from _locate(question, pictures, reader, stop)
    elif _wants_all(question):
        yield from _read(pictures, reader, stop)
    elif compare.wants(question, len(pictures)):
        read = [(pictures[i].size, colours(pictures[i]), reader.read(pictures[i], stop=stop)) for i in numbers]
        yield compare.told(*zip(*read, strict=True))
    else:
        yield _look_up(question, pictures, [reader.read(pictures[i], stop=stop) for i in numbers])


def _wants_all(question: str) -> bool:
    """Whether the question is for the whole text, and not for one thing in it."""
    if not question.strip():
        return True
    if not _READ.search(question):
        return False
    return all(word in _READING or word.isdigit() for word in terms(question))


def _read(pictures: Pictures, reader: Reader, stop: Callable[[], bool]) -> Iterator[str]:
    for number, title in enumerate(_titles(pictures)):
        yield title
        count = 0
        for line in reader.lines(pictures[number], stop=stop):
            yield ("\n" if count else "") + line.text
            count += 1
        if not count:
            yield "[no text that I can read on this picture of {} x {} pixels]".format(*pictures[number].size)


def _locate(question: str, pictures: Pictures, reader: Reader, stop: Callable[[], bool]) -> Iterator[str]:
    for number, title in enumerate(_titles(pictures)):
        yield title
        if locate.every(question):
            lines = reader.lines(pictures[number], stop=stop)
            yield from locate.written((spot for line in lines for spot in locate.spots_on(line, question)), question)
        elif found := locate.sought(reader.read(pictures[number], stop=stop), question):
            yield from locate.written(found, question)
        else:
            yield locate.not_found(question)


def _titles(pictures: Pictures) -> list[str]:
    """Return what stands before the answer to each picture; nothing where there is one."""
    count = len(pictures)
    return [("\n\n" if i else "") + f"Picture {i + 1}:\n" for i in range(count)] if count > 1 else [""]


def _filled(fields: Sequence[str], pages: Sequence[Page]) -> str:
    """Fill in an empty form: each field with what a question for it would find, or nothing."""
    form = {}
    for field in fields:
        asked = f"What is the {field.replace('_', ' ')}?"
        found = [hit for page in pages if (hit := find(page, asked))]
        form[field] = max(found, key=lambda hit: hit.score).value if found else ""
    return f"```json\n{json.dumps(form, ensure_ascii=False, indent=1)}\n```"


def _look_up(question: str, pictures: Pictures, pages: Sequence[Page]) -> str:
    found = [(number, hit) for number, page in enumerate(pages, 1) if (hit := find(page, question))]
    if found:
        number, best = max(found, key=lambda pair: pair[1].score)
        return _told(best, number if len(pages) > 1 else None)
    seen = "\n\n".join(
        (f"Picture {number}: " if len(pages) > 1 else "") + _seen(pictures[number - 1], page)
        for number, page in enumerate(pages, 1)
    )
    if _LOOK.search(question) and not re.search(r"\b(total|date|number|price|amount)\b", question, re.IGNORECASE):
        return f"{WHO}, and I cannot describe, count or compare what a picture shows. What I can see: {seen}"
    about = ", ".join(terms(question)) or " ".join(words(question))
    return f"I found nothing on the picture that answers this (I looked for: {about}). {WHO}. What I can see: {seen}"


def _told(found: Found, number: int | None) -> str:
    """Say the value on a line of its own, then where it stands."""
    box = ", ".join(map(str, found.box))
    place = f'{found.where} "{found.label}"' if found.label else found.where
    picture = f" of picture {number}" if number else ""
    return f"{found.value}\n(at [{box}]{picture}, {place})"


def _seen(image: Image.Image, page: Page) -> str:
    width, height = image.size
    text = f"this text:\n{page.text}" if page.lines else "no text that I can read"
    return f"a picture of {width} x {height} pixels, mostly {' and '.join(colours(image))}, with {text}"


def colours(image: Image.Image, *, count: int = 2) -> list[str]:
    """Return the names of the colours that cover most of the picture, at most `count`."""
    import numpy as np

    small = np.asarray(image.resize((64, 64)).quantize(16).convert("RGB")).reshape(-1, 3)
    areas: dict[str, int] = {}
    for rgb, area in zip(*np.unique(small, axis=0, return_counts=True), strict=True):
        name = min(_COLOURS, key=lambda c: sum((a - int(b)) ** 2 for a, b in zip(_COLOURS[c], rgb, strict=True)))
        areas[name] = areas.get(name, 0) + int(area)
    return sorted(areas, key=lambda name: -areas[name])[:count]
