"""Acts on a screen by reading it: the embedded engine's answers to requests with the schema of `computer_use`.

It splits the instruction into parts, finds the texts that they name on the picture and clicks them. A field is reached
by its label, or by the Tab key if the instruction names none. Each request performs one part; the steps in the request
tell which parts are done.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from rapidfuzz import fuzz

from vlnb import tables
from vlnb.embedded.page import around

if TYPE_CHECKING:
    from vlnb.embedded.page import Page, Rect, Segment, Word

_WORDS = tables.read("embedded/act.toml")
_VERB = {verb: kind for kind, verbs in _WORDS["verbs"].items() for verb in verbs.split()}
_TALK, _INTO, _NAMELESS, _FIELD, _LIST, _NEEDS_VISION = (
    re.compile(pattern, re.IGNORECASE) for pattern in _WORDS["patterns"].values()
)
_CUT = re.compile(rf"(?:[.,;] (?:and |then )*| (?:and |then )+| to )(?=(?:{'|'.join(_VERB)})\b)", re.IGNORECASE)
_MORE = re.compile(r"(?:,| and) (?=\0 into\b)")  # the next text with a field of its own
_QUOTED = re.compile(r"[\"“]([^\"“”]+)[\"”]")
_SCHEMA = re.compile(r'<tools>.*"name": ?"(computer|mobile)_use"', re.DOTALL)
_GOAL, _STEP = re.compile(r'^Goal: (".*")$', re.MULTILINE), re.compile(r"^Step \d+: (.*)$", re.MULTILINE)
_BLOCKED = re.compile(r'^Note: "(The page wanted to go to .*not allowed\.)"$', re.MULTILINE)
_SAME = str.maketrans("iI1|0O", "lllloo")  # letters that OCR confuses
_ALIKE, _WHOLE, _EXACT = 0.8, 0.06, 0.02  # lowest score; bonus for a whole segment; bonus for equal letters
WHO = "I am vlnb's embedded engine: I act by reading text"

Part = tuple[str, str, str]
"""One part of an instruction: "press" or "type", the text, and the label of the field to type into, if it is named."""


def asks_for_action(system: str) -> bool:
    """Whether the system prompt of a request asks for actions on a screen."""
    return bool(_SCHEMA.search(system))


def answer(question: str, page: Page) -> str:
    """Return the next step as a sentence, followed by its calls."""
    goal = _GOAL.search(question)
    instruction = str(json.loads(goal[1])) if goal else question
    steps, parts = _STEP.findall(question), list(plan(instruction))
    if steps and " -> failed" in steps[-1]:
        return _terminate("failure", f"It did not work: {steps[-1]:.200}")
    if not parts or _NEEDS_VISION.search(_QUOTED.sub("", instruction)):
        return _terminate("failure", f"{WHO}, and this task needs eyes. Ask Qwen2.5-VL.")
    if len(steps) >= len(parts):
        blocked = _BLOCKED.search(question.rpartition("\nStep ")[2])
        status, more = ("failure", f", but it came to nothing: {blocked[1]}") if blocked else ("success", ".")
        return _terminate(status, f"Every part of the instruction is done{more}")
    kind, text, field = parts[len(steps)]
    if kind == "type" and not field:
        sentence, call = "I go to the next field", _call("key", keys=["tab"])
    else:
        name = f"“{field or text}”" if text else "the only text"
        if (box := find(page, field or text, instruction)) is None:
            return _terminate("failure", f"{WHO}, and I cannot find {name} here. This may need eyes: ask Qwen2.5-VL.")
        middle = [(box[0] + box[2]) // 2, (box[1] + box[3]) // 2]
        sentence, call = f"I see {name} and click it", _call("left_click", coordinate=middle)
    types = kind == "type" and text != ""
    return "\n".join([f"{sentence}{f' and type “{text}”' * types}.", call, *[_call("type", text=text)] * types])


def plan(instruction: str) -> Iterator[Part]:
    """Yield the parts of an instruction in order.

    >>> list(plan('Enter "ada" into Name, then press Log in.'))
    [('type', 'ada', 'Name'), ('press', 'Log in', '')]
    """
    quoted = _QUOTED.findall(instruction)
    masked = _MORE.sub(", type ", _QUOTED.sub("\0", instruction))  # quoted words are not verbs
    for clause in filter(None, (clause.strip(" .,") for clause in _CUT.split(masked))):
        verb, _, rest = clause.partition(" ")
        texts = [quoted.pop(0) for _ in range(clause.count("\0"))]
        match _VERB.get(verb.lower()):
            case "focus":
                count = re.search(r"\d{1,2}", rest)
                yield from [("type", "", "")] * (int(count[0]) if count else 1)
            case "choose" if not _LIST.search(f" {rest}"):
                names = texts or re.split(r", | and ", rest) * (rest.lower() != "nothing")
                yield from (("press", name, "") for name in names)
            case "type" | "choose":
                before, *after = _INTO.split(f" {rest}", maxsplit=1)
                field = _TALK.sub("", after[0]) if after else ""
                if field == "\0":
                    field = texts.pop()
                elif "\0" in field or _NAMELESS.search(field):
                    field = ""
                typed = texts or [_LIST.sub("", _FIELD.sub("", before)).strip()]
                yield from [("type", text, field) for text in typed] * (1 + (" both " in rest))
            case "press":
                yield "press", texts[-1] if texts else _TALK.sub("", f" {rest}").strip(), ""


def find(page: Page, text: str, instruction: str) -> Rect | None:
    """Return the box of a text (of the only text on the page if `text` is ""), or None.

    The instruction itself is ignored if the page shows it.
    """
    segments = list(_without(page.segments, instruction))
    if not text:
        boxes = [segment.box for segment in segments]
        block = all(low[1] - high[3] < high[3] - high[1] for high, low in pairwise(boxes))
        return around(boxes) if boxes and block else None
    count = len(text.split())
    runs = [(segment.words, _WHOLE) for segment in segments]
    runs += [(words[at : at + count], 0.0) for words, _ in runs for at in range(len(words))]

    def score(run: tuple[Sequence[Word], float]) -> float:
        run_text = " ".join(word.text for word in run[0])
        alike = fuzz.ratio(_plain(run_text), _plain(text)) / 100
        return alike + run[1] + _EXACT * (run_text == text) if alike >= _ALIKE else 0.0

    best = max(runs, key=score, default=((), 0.0))
    return around([word.box for word in best[0]]) if score(best) else None


def _without(segments: Sequence[Segment], instruction: str) -> Iterator[Segment]:
    """Yield the segments without the instruction, which is not a place to click."""
    left = _plain(instruction)
    for segment in segments:
        own = _plain(segment.text)
        if own and fuzz.ratio(left[: len(own)], own) >= 100 * _ALIKE:
            left = left[len(own) :]
        else:
            yield segment


def _plain(text: str) -> str:
    """Return the letters and digits of a text, without accents, and with letters that OCR confuses made equal."""
    letters = unicodedata.normalize("NFKD", text.translate(_SAME).lower())
    return "".join(filter(str.isalnum, letters))


def _call(action: str, **arguments: Any) -> str:  # noqa: ANN401 - any JSON
    call = {"name": "computer_use", "arguments": {"action": action, **arguments}}
    return f"<tool_call>\n{json.dumps(call, ensure_ascii=False)}\n</tool_call>"


def _terminate(status: str, text: str) -> str:
    return f"{text}\n{_call('terminate', status=status, text=text)}"
