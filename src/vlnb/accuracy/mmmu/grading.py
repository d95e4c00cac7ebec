"""Grade answers by MMMU's official rules, or more strictly or leniently.

The official rules are those of MMMU's `eval_utils.py`, quirks included, except for the guess when no letter is found:
MMMU's depends on the order of the answers, this one on a seed and the question's id, so that grading a run again gives
the same result.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from vlnb.errors import BadInput

if TYPE_CHECKING:
    from vlnb.accuracy.mmmu.question import Question

Rules = Literal["official", "strict", "lenient"]

_ENDS = (",", ".", "!", "?", ";", ":", "'")  # stripped in this order, each once
_LONG = 5  # words: in a longer answer the text of an option counts too
_SIGNS = ("could be ", "so ", "is ", "thus ", "therefore ", "final ", "answer ", "result ")
_GROUPED = re.compile(r"-?\b\d{1,3}(?:,\d{3})+\b")
_SCIENTIFIC = re.compile(r"-?\d+(?:\.\d+)?[eE][+-]?\d+")
_PLAIN = re.compile(r"-?(?:\d+\.\d+|\.\d+|\d+\b)(?![eE][+-]?\d+)(?![,\d])")
_ALONE = re.compile(r"(?:the )?(?:(?:correct )?(?:answer|option)(?: is)?:? )?\(?([a-i])\)?", re.IGNORECASE)
_MARKUP = re.compile(r"\\boxed\{(?:\\text\{)?([^{}]*)\}+|[*_`$]|</?answer>")
_LETTER = r"\(?([A-I])(?![\w'’])"
_STATED = tuple(  # the letter that is announced as the answer counts before any other that the text names
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        rf"(?i:\banswer(?: must be| would be| is| are|:)*|答案是?)\s*[:：]?\s*{_LETTER}",
        rf"(?i:\b(?:option|choice)(?: must be| would be| is| are|:)*)\s*:?\s*{_LETTER}",
        r"\(([A-I])\)",
        r"(?:^|\s)([A-I])(?:[.):]|\s[-–—]\s|$)",
    )
)
_SHORT = 3  # characters: a shorter option may be a letter itself
_CLOSE = 0.01  # relative difference of two numbers
_DENIED = re.compile(
    r"\b(?:not|isn't|neither|nor|rather than|instead of|rules? out|wrong)\b[^.;,\n]{0,16}$", re.IGNORECASE
)


@dataclass(frozen=True)
class Grade:
    """The answer as parsed from the text (or ""), whether it is right, and how it was found."""

    parsed: str
    correct: bool
    how: str


def grade(question: Question, answer: str | None, rules: Rules = "official", *, seed: int = 42) -> Grade:
    """Grade a model's answer. None stands for a failed request, which is wrong by all rules.

    "official" are MMMU's own rules, which guess if they find no letter (`seed` makes the guess repeatable); "strict"
    accepts only the bare answer; "lenient" also finds it in a sentence, and never guesses.

    Raises:
        BadInput: the rules are unknown.

    >>> from vlnb.accuracy.mmmu import Question
    >>> question = Question("q1", "Art", "Which fruit is it?", ("apple", "banana"), ("B",))
    >>> grade(question, "The answer is (B).")
    Grade(parsed='B', correct=True, how='letter in brackets')
    >>> grade(question, "**B**", "strict")
    Grade(parsed='', correct=False, how='not a letter alone')
    >>> grade(question, "**B**", "lenient")
    Grade(parsed='B', correct=True, how='letter alone')
    """
    if rules not in get_args(Rules):
        raise BadInput(f"Unknown rules {rules!r}. Choose {', '.join(get_args(Rules))}.")
    if answer is None:
        return Grade("", correct=False, how="no answer")
    if question.is_open:
        return {"official": _open_official, "strict": _open_strict, "lenient": _open_lenient}[rules](question, answer)
    if rules == "official":
        letter, how = _letter_official(question, answer, seed)
    else:
        letter, how = (_letter_strict if rules == "strict" else _letter_lenient)(question, answer)
    return Grade(letter, letter in question.answers, how)


def _letter_official(question: Question, answer: str, seed: int) -> tuple[str, str]:
    text = answer
    for end in _ENDS:
        text = text.strip(end)
    text = f" {text} "
    for form, how in (("({})", "letter in brackets"), (" {} ", "letter")):
        by_place = {text.rfind(form.format(x)): x for x in question.choices if form.format(x) in text}
        if by_place:
            return by_place[max(by_place)], how
    if len(text.split()) > _LONG:
        low = text.lower()
        places = [(low.rfind(option.lower()), letter) for letter, option in question.choices.items()]
        best = max((place for place, _ in places if place >= 0), default=None)
        if best is not None:  # if several options start at the same place, MMMU takes the first
            return next(letter for place, letter in places if place == best), "the option's text"
    return random.Random(f"{seed}/{question.id}").choice(list(question.choices)), "guessed"  # noqa: S311


def _letter_strict(question: Question, answer: str) -> tuple[str, str]:
    match = _ALONE.fullmatch(answer.strip().rstrip(".").strip())
    letter = match[1].upper() if match else ""
    return (letter, "letter alone") if letter in question.choices else ("", "not a letter alone")


def _letter_lenient(question: Question, answer: str) -> tuple[str, str]:
    plain = _MARKUP.sub(lambda match: match[1] or "", answer).strip().rstrip(".。")
    letter, how = _letter_strict(question, plain)
    if letter:
        return letter, how
    named = [letter for letter, option in question.choices.items() if option.strip().lower() == plain.lower()]
    if len(named) == 1:
        return named[0], "the option's text"
    text = _MARKUP.sub(lambda match: f" answer: {match[1]} " if match[1] else "", answer)
    for option in sorted(question.choices.values(), key=len, reverse=True):  # "Vitamin A" states no letter
        if len(option.strip()) >= _SHORT:
            text = re.sub(re.escape(option.strip()), " ", text, flags=re.IGNORECASE)
    for pattern in _STATED:
        letters = [hit[1] for hit in pattern.finditer(text) if not _DENIED.search(text[: hit.start(1)].rstrip(" ("))]
        if stated := [letter for letter in letters if letter in question.choices]:
            return stated[-1], "last letter stated"
    return "", "no letter"


def _numbers(text: str) -> Iterator[str]:
    for pattern in (_GROUPED, _SCIENTIFIC, _PLAIN):
        yield from pattern.findall(text)


def _normal(text: str) -> list[str | float]:
    """Return a number rounded to two decimals, or a text in lower case (a letter gets a space on either side)."""
    number, low = _number(text), text.strip().lower()
    if number is not None:
        return [round(number, 2)]
    return [f" {low}", f"{low} "] if len(low) == 1 else [low]


def _key_parts(answer: str) -> list[str]:
    """Return, for each line of an answer, the shortest part after a word that announces a result."""
    parts = (
        answer.strip().strip(".").lower().split("\n")
    )  # as in MMMU: after lower(), no sentence starts with a capital
    keys = []
    for number, part in enumerate(parts, 1):
        signs = (*_SIGNS, "=") if number == len(parts) else _SIGNS
        tails = [part.split(sign)[-1].strip() for sign in signs if sign in part]
        # as in MMMU: a later tail replaces an empty one
        best = ""
        for tail in tails:
            best = tail if not best or len(tail) < len(best) else best
        if best and best not in _ENDS:
            keys.append(best)
    return keys or [answer.strip().strip(".").lower()]


def _open_official(question: Question, answer: str) -> Grade:
    keys = _key_parts(answer)
    texts = list(dict.fromkeys([*keys, *(number for key in keys for number in _numbers(key))]))
    accepted = [value for gold in question.answers for value in _normal(gold)]
    for text in texts:
        for value in _normal(text):
            inside = isinstance(value, str) and any(isinstance(gold, str) and gold in value for gold in accepted)
            if inside or (isinstance(value, float) and value in accepted):
                return Grade(text, correct=True, how="a right text inside" if inside else "an equal number")
    return Grade(" | ".join(texts), correct=False, how="no right text or number")


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None


def _is_same(text: str, gold: str) -> bool:
    number, right = _number(text), _number(gold)
    if number is None or right is None:
        return text.lower() == gold.lower()
    return round(number, 2) == round(right, 2) and math.isclose(number, right, rel_tol=_CLOSE)


def _bare(text: str) -> str:
    return text.replace("\u2212", "-").strip().rstrip(".")


def _open_strict(question: Question, answer: str) -> Grade:
    text = _bare(answer)
    return Grade(text, any(_is_same(text, _bare(gold)) for gold in question.answers), "the whole answer")


def _open_lenient(question: Question, answer: str) -> Grade:
    """Accept numbers within 1 % of the right one, and right texts as whole words, in the last announced result."""
    if (strict := _open_strict(question, answer)).correct:
        return strict
    plain = _MARKUP.sub(lambda match: match[1] or "", _bare(answer)).lower()
    last = _key_parts(plain)[-1]
    numbers = [float(text.replace(",", "")) for text in _numbers(last)]
    for gold in question.answers:
        value, words = _number(_bare(gold)), re.escape(_MARKUP.sub("", _bare(gold)).lower())
        if value is not None:
            if any(math.isclose(number, value, rel_tol=_CLOSE) for number in numbers):
                return Grade(last, correct=True, how="a number within 1 %")
        elif re.search(rf"(?<!\w){words}(?!\w)", last) or re.match(rf"{words}(?!\w)", plain):
            return Grade(last, correct=True, how="a right text as a whole word")
    return Grade(last, correct=False, how="no right text or number")
