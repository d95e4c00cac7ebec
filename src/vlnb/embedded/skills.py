"""What the embedded engine can answer, and how it says what it cannot.

It reads text, finds values in it, says where they stand, and compares the text of several pictures. It declines
everything else, and tells what it does see: size, colours, text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from vlnb.embedded import locate
from vlnb.embedded.locate import WHO
from vlnb.embedded.lookup import find, terms, words

if TYPE_CHECKING:
    from PIL import Image

    from vlnb.embedded.page import Page
    from vlnb.embedded.reader import Reader
    from vlnb.embedded.request import Pictures

_READING = frozenset(
    "read transcribe ocr extract text texts words lines everything contents content markdown plain verbatim say says"
    " write written output return line order reading full complete whole visible appears appear letters just preserve"
    " original layout formatting result document receipt invoice page scan form sign screen label".split()
)
_READ = re.compile(r"\b(read|transcri|ocr|text|writ|says?\b|words|letters|content)", re.IGNORECASE)
_LOOK = re.compile(
    r"\b(describe|caption|what do you see|what('s| is) (in|shown)|what does (this|the|it) .{0,20}(show|depict)|how many"
    r"|colou?rs?|compare|differen|similar|scene|mood|style)\b",
    re.IGNORECASE,
)
_COMPARE = re.compile(
    r"\b(compare|comparison|differen\w+|differ|similar\w*|alike|in common|same|changed|versus|vs)\b", re.IGNORECASE
)
_FORM = re.compile(r'\{\s*("[^"{}]+"\s*:\s*"",?\s*)+\}')  # {"shop": "", "total": ""}: a form to fill in
_SHOWN = 8  # texts of each picture that a comparison quotes
_NAMES = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_COLOURS = {
    "white": (250, 250, 250), "light grey": (205, 205, 205), "grey": (128, 128, 128), "dark grey": (70, 70, 70),
    "black": (15, 15, 15), "cream": (248, 240, 215), "red": (205, 40, 40), "orange": (240, 140, 30),
    "yellow": (245, 220, 50), "green": (50, 150, 60), "light green": (150, 215, 140), "teal": (20, 140, 140),
    "light blue": (150, 200, 240), "blue": (40, 90, 200), "navy": (25, 35, 90), "purple": (130, 60, 160),
    "pink": (245, 160, 190), "brown": (120, 75, 40), "beige": (215, 190, 150),
}  # fmt: skip


def answer(question: str, pictures: Pictures, reader: Reader, stop: Callable[[], bool]) -> Iterator[str]:
    """Yield the answer in pieces, each as soon as it is known. The work ends early when `stop()` turns true.

    Raises `Stopped` then, and `Refused` for a broken picture.
    """
    form, count = _FORM.search(question), len(pictures)
    if not count:
        yield f"{WHO}, and there is no picture in this request. Send one, and ask what is written on it."
    elif not form and ((places := locate.wants(question)) or _wants_all(question)):
        for i in range(count):
            yield ("\n\n" * bool(i) + f"Picture {i + 1}:\n") * (count > 1)
            yield from _locate(question, pictures[i], reader, stop) if places else _read(pictures[i], reader, stop)
    else:
        pages, seen = [], []
        for i in range(count):
            pages.append(reader.read(pictures[i], stop=stop))
            seen.append(colours(pictures[i]))
        if form:
            yield _filled(re.findall(r'"([^"]+)"\s*:', form[0]), pages)
        elif count > 1 and _COMPARE.search(question):
            yield _compared(pages, seen)
        else:
            yield _look_up(question, pages, seen)


def _wants_all(question: str) -> bool:
    """Whether the question is for the whole text, and not for one thing in it."""
    if not question.strip():
        return True
    return bool(_READ.search(question)) and all(word in _READING or word.isdigit() for word in terms(question))


def _read(image: Image.Image, reader: Reader, stop: Callable[[], bool]) -> Iterator[str]:
    between = ""
    for line in reader.lines(image, stop=stop):
        yield between + line.text
        between = "\n"
    if not between:
        yield "[no text that I can read on this picture of {} x {} pixels]".format(*image.size)


def _locate(question: str, image: Image.Image, reader: Reader, stop: Callable[[], bool]) -> Iterator[str]:
    if locate.every(question):
        lines = reader.lines(image, stop=stop)
        yield from locate.written((spot for line in lines for spot in locate.spots_on(line, question)), question)
    elif found := locate.sought(reader.read(image, stop=stop), question):
        yield from locate.written(found, question)
    else:
        yield locate.not_found(question)


def _filled(fields: Sequence[str], pages: Sequence[Page]) -> str:
    """Fill in an empty form: each field with what a question for it would find, or nothing."""
    form = {}
    for field in fields:
        found = [hit for page in pages if (hit := find(page, f"What is the {field.replace('_', ' ')}?"))]
        form[field] = max(found, key=lambda hit: hit.score).value if found else ""
    return f"```json\n{json.dumps(form, ensure_ascii=False, indent=1)}\n```"


def _look_up(question: str, pages: Sequence[Page], seen: Sequence[Sequence[str]]) -> str:
    """Return the value on a line of its own and then its place, or else what there is to see."""
    found = [(number, hit) for number, page in enumerate(pages, 1) if (hit := find(page, question))]
    several = len(pages) > 1
    if found:
        number, best = max(found, key=lambda pair: pair[1].score)
        picture = f" of picture {number}" if several else ""
        place = f'{best.where} "{best.label}"' if best.label else best.where
        return f"{best.value}\n(at [{', '.join(map(str, best.box))}]{picture}, {place})"
    shown = []
    for number, (page, names) in enumerate(zip(pages, seen, strict=True), 1):
        text = f"this text:\n{page.text}" if page.lines else "no text that I can read"
        size = "{} x {}".format(*page.size)
        title = f"Picture {number}: " if several else ""
        shown.append(f"{title}a picture of {size} pixels, mostly {' and '.join(names)}, with {text}")
    see = "What I can see: " + "\n\n".join(shown)
    if _LOOK.search(question):
        return f"{WHO}, and I cannot describe, count or compare what a picture shows. {see}"
    about = ", ".join(terms(question)) or " ".join(words(question))
    return f"I found nothing on the picture that answers this (I looked for: {about}). {WHO}. {see}"


def _compared(pages: Sequence[Page], seen: Sequence[Sequence[str]]) -> str:
    """Compare pictures in sentences: each one, then what all of them say."""
    texts = [{" ".join(s.text.lower().split()): s.text for s in page.segments} for page in pages]
    parts = []
    for number, (page, names, text) in enumerate(zip(pages, seen, texts, strict=True)):
        runs = len(page.segments)
        says = f"has {runs} run{'s' * (runs != 1)} of text" if runs else "has no text that I can read"
        others = set().union(*texts[:number], *texts[number + 1 :])
        alone = [shown for key, shown in text.items() if key not in others]
        name = _NAMES[number] if number < len(_NAMES) else f"{number + 1}th"
        parts.append(
            "The {} picture has {} x {} pixels, is mostly {}, and {}{}.".format(
                name, *page.size, " and ".join(names), says, f"; it alone says {_listed(alone)}" if alone else ""
            )
        )
    if common := [shown for key, shown in texts[0].items() if all(key in other for other in texts)]:
        parts.append(f"{'Both' if len(pages) == 2 else 'All'} say {_listed(common)}.")
    elif any(texts):
        parts.append("They have no text in common.")
    if len({page.size for page in pages}) == 1:
        parts.append("They have the same size.")
    return " ".join([*parts, f"({WHO}; I compare text, size and colours, and nothing else.)"])


def _listed(texts: Sequence[str]) -> str:
    shown = ", ".join(f"“{text}”" for text in texts[:_SHOWN])
    return shown + (f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else "")


def colours(image: Image.Image) -> list[str]:
    """Return the names of the two colours that cover most of the picture."""
    import numpy as np

    small = np.asarray(image.resize((64, 64)).quantize(16).convert("RGB")).reshape(-1, 3)
    areas: dict[str, int] = {}
    for rgb, area in zip(*np.unique(small, axis=0, return_counts=True), strict=True):
        name = min(_COLOURS, key=lambda c: sum((a - int(b)) ** 2 for a, b in zip(_COLOURS[c], rgb, strict=True)))
        areas[name] = areas.get(name, 0) + int(area)
    return sorted(areas, key=lambda name: -areas[name])[:2]
