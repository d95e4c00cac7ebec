"""The questions that the embedded engine can answer, and its replies to all others.

It reads text, finds values, locates them on pictures and in time, and compares the text of several pictures. It
declines everything else, and names what it can see: the size and the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import TYPE_CHECKING

from vlnb.embedded import act, clip, locate
from vlnb.embedded.fill import fill, fill_form
from vlnb.embedded.locate import WHO
from vlnb.embedded.lookup import Candidate, find, terms, words

if TYPE_CHECKING:
    from PIL import Image

    from vlnb.embedded.page import Page
    from vlnb.embedded.reader import Reader
    from vlnb.embedded.request import Chat, Pictures

_READING = frozenset(
    "read transcribe ocr extract text texts words lines everything contents content markdown plain verbatim say says"
    " write written output return line order reading full complete whole visible appears appear letters just preserve"
    " original layout formatting result document receipt invoice page scan form sign screen label".split()
)
_READ = re.compile(r"\b(read|transcri|ocr|text|writ|says?\b|words|letters|content)", re.IGNORECASE)
_COMPARE = re.compile(
    r"\b(compare|comparison|differen\w+|differ|similar\w*|alike|in common|same|changed|versus|vs)\b", re.IGNORECASE
)
_LARGEST = re.compile(
    r"\b(more|most|less|least|(bigg|cheap|earli|few|great|high|larg|lat|long|low|new|old|short|small)(er|est))\b",
    re.IGNORECASE,
)
_ORDINALS = ("last", "first", "second", "third", "fourth", "fifth")
_SHEET = "(?:picture|image|photo|page|scan|screenshot|document|receipt|invoice|bill|statement|ticket|form|letter)"
_NTH = re.compile(rf"\b(?:({'|'.join(_ORDINALS)}) {_SHEET}|{_SHEET} ([1-9]\d{{0,2}}))\b", re.IGNORECASE)
_FORM = re.compile(r'\{\s*("[^"{}]+"\s*:\s*"",?\s*)+\}')  # {"shop": "", "total": ""}: a form to fill in
_UNSURE = 0.8  # of 1: gibberish has a lower score
_SHOWN = 8  # most texts of a picture that a comparison quotes


def answer(chat: Chat, pictures: Pictures, reader: Reader, stop: Callable[[], bool]) -> Iterator[str]:
    """Yield the answer in pieces, each as soon as it is known; with a schema, one JSON value that follows it.

    A system prompt with the schema of actions on a screen asks for an action.

    Raises `Stopped` soon after `stop()` turns true, and `Refused` for a broken picture.
    """
    question, count = chat.question, len(pictures)
    form = _FORM.search(question)
    fields = re.findall(r'"([^"]+)"\s*:', form[0]) if form else []
    if chat.schema is not None:
        pages = [reader.read(pictures[i], stop=stop) for i in range(count)]
        yield json.dumps(fill(chat.schema, pages), ensure_ascii=False)
    elif chat.times:
        pages = [reader.read(pictures[i], stop=stop) for i in range(count)]
        yield clip.answer(question, chat.times, pages, fields)
    elif not count:
        yield f"{WHO}, and there is no picture in this request. Send one, and ask what is written on it."
    elif act.asks_for_action(chat.system):
        yield act.answer(question, reader.read(pictures[count - 1], stop=stop))
    elif not fields and ((places := locate.asks_for_places(question)) or _wants_all(question)):
        for i in range(count):
            yield ("\n\n" * bool(i) + f"Picture {i + 1}:\n") * (count > 1)
            yield from _locate(question, pictures[i], reader, stop) if places else _read(pictures[i], reader, stop)
    else:
        pages = [reader.read(pictures[i], stop=stop) for i in range(count)]
        if fields:
            yield f"```json\n{json.dumps(fill_form(fields, pages), ensure_ascii=False, indent=1)}\n```"
        elif count > 1 and _COMPARE.search(question):
            yield _compare(pages)
        elif count > 1 and _LARGEST.search(question):
            yield _each(question, pages)
        else:
            yield _look_up(question, pages)


def _wants_all(question: str) -> bool:
    """Whether the question asks for the whole text, not for part of it."""
    if not question.strip():
        return True
    return bool(_READ.search(question)) and all(word in _READING or word.isdigit() for word in terms(question))


def _read(image: Image.Image, reader: Reader, stop: Callable[[], bool]) -> Iterator[str]:
    between, scores = "", []
    for line in reader.lines(image, stop=stop):
        yield between + line.text
        between = "\n"
        scores += [segment.score for segment in line.segments]
    if scores and median(scores) < _UNSURE:
        yield "\n[I am not sure of this text: it may be slanted, mirrored, blurred, or in a script that I cannot read]"
    if not between:
        yield "[no text that I can read on this picture of {} x {} pixels]".format(*image.size)


def _locate(question: str, image: Image.Image, reader: Reader, stop: Callable[[], bool]) -> Iterator[str]:
    if locate.asks_for_all_text(question):
        lines = reader.lines(image, stop=stop)
        yield from locate.format_spots((spot for line in lines for spot in locate.spots_on(line, question)), question)
    elif spots := locate.search(reader.read(image, stop=stop), question):
        yield from locate.format_spots(spots, question)
    else:
        yield locate.not_found(question)


def _best(question: str, pages: Sequence[Page]) -> tuple[int, Candidate | None]:
    """Return the number of the page (from 1) with the best answer, and this answer."""
    numbers, hit = list(range(1, len(pages) + 1)), _NTH.search(question)
    if hit and len(pages) > 1:  # "the second receipt", or "picture 2"
        at = int(hit[2]) if hit[2] else _ORDINALS.index(hit[1].lower())
        numbers, question = numbers[at - 1 :][:1], _NTH.sub("picture", question)
    candidates = ((number, find(pages[number - 1], question)) for number in numbers)
    return max(candidates, key=lambda pair: pair[1].score if pair[1] else 0, default=(0, None))


def _look_up(question: str, pages: Sequence[Page]) -> str:
    """Return the value on its own line and then its place; without a value, describe the pictures."""
    number, best = _best(question, pages)
    several = len(pages) > 1
    if best:
        picture = f" of picture {number}" * several
        place = f'{best.where} "{best.label}"' if best.label else best.where
        return f"{best.value}\n(at [{', '.join(map(str, best.box))}]{picture}, {place})"
    descriptions = []
    for i, page in enumerate(pages, 1):
        text = f"this text:\n{page.text}" if page.lines else "no text that I can read"
        descriptions.append(f"{f'Picture {i}: ' * several}a picture of {_size(page)}, with {text}")
    about = ", ".join(terms(question)) or " ".join(words(question))
    return (
        f"I found no text that answers this (I looked for: {about}). {WHO}, and I cannot describe, count or compare"
        f" what a picture shows. What I can see: " + "\n\n".join(descriptions)
    )


def _each(question: str, pages: Sequence[Page]) -> str:
    """Return the value on each picture, for a question which of them has the larger one."""
    subject = f"What is the {' '.join(terms(_LARGEST.sub(' ', question)))}?"
    if not any(find(page, subject) for page in pages):
        return _look_up(question, pages)
    answers = [_look_up(subject, [page]) if find(page, subject) else "no such value" for page in pages]
    listed = "\n".join(f"Picture {number}: {found}" for number, found in enumerate(answers, 1))
    return f"{listed}\n({WHO}; I read the values, and do not compare them.)"


def _compare(pages: Sequence[Page]) -> str:
    """Return the texts that only one picture has, for each picture, and the texts that all of them have."""
    texts = [{segment.text: None for segment in page.segments} for page in pages]
    parts = []
    for number, page in enumerate(pages):
        others = set().union(*texts[:number], *texts[number + 1 :])
        alone = [text for text in texts[number] if text not in others]
        says = f"; it alone says {_listed(alone)}" if alone else "" if texts[number] else "; I can read no text on it"
        parts.append(f"Picture {number + 1} has {_size(page)}{says}.")
    common = [text for text in texts[0] if all(text in other for other in texts)]
    parts.append(f"All of them say {_listed(common)}." if common else "They have no text in common.")
    return " ".join([*parts, f"({WHO}; I compare text and size, and nothing else.)"])


def _listed(texts: Sequence[str]) -> str:
    listing = ", ".join(f"“{text}”" for text in texts[:_SHOWN])
    return listing + (f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else "")


def _size(page: Page) -> str:
    return "{} x {} pixels".format(*page.size)
