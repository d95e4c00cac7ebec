"""The words of a question and of a page, and when two of them mean the same."""

from __future__ import annotations

import re
from functools import lru_cache

from rapidfuzz import fuzz

WHO = "I am vlnb's embedded engine: I read text on this CPU. I am not Qwen2.5-VL"
_WORD = re.compile(r"[^\W_]+(?:['’.][^\W_]+)*|#")
_WHO = re.compile(r"\b(who|whose|whom)\b", re.IGNORECASE)
_STOP = frozenset(
    "a about all am an and answer any are as at be been by can could did do does find for from gave get give go goes"
    " going had has have here"
    " how i if image in into is it its know like list locate long look many me much my of off on only or our photo"
    " picture please printed read s say says see shall should show shown stand stands state stated tell than that the"
    " their them then there these they this to up us was we were what whats when where which who whom whose will with"
    " would write written you your according according exact exactly".split()
)
# Words that say little about which label is meant: they count, but not for much.
_VAGUE = frozenset(
    "amount arrive arrives begin begins bill card charge charged cost costs customer depart departs document ends"
    " figure form invoice label leave leaves name number order page paid pay price receipt screen sign slip"
    " spent start starts ticket value".split()
)
_VAGUE_WEIGHT = 0.4
_LABEL_WEIGHT = 1.5
_FIRST_BONUS = 0.2
_NAME_BONUS = 0.5
# Different words for one thing, as forms and receipts print them.
_SYNONYMS = (
    {"number", "no", "nr", "num", "#", "id"},
    {"phone", "tel", "telephone", "mobile", "fon"},
    {"total", "sum"},
    {"cost", "costs", "price", "amount"},
    {"quantity", "qty"},
    {"tax", "vat", "gst"},
    {"email", "mail"},
    {"website", "web", "url", "www"},
    {"departure", "depart", "departs", "departing", "leave", "leaves", "dep"},
    {"arrival", "arrive", "arrives", "arriving", "arr"},
    {"address", "addr"},
    {"expires", "expiry", "exp", "expire", "expiration"},
    {"birth", "dob", "born"},
    {"open", "opens", "opening", "hours"},
    {"from", "sender", "sent", "sends"},
    {"recipient", "receiver", "ship", "shipping", "shipped", "deliver", "delivery", "delivered"},
    {"win", "wins", "won"},
    {"lose", "loses", "lost"},
    {"pay", "paid", "payment", "payments"},
    {"buy", "bought", "purchase", "purchased"},
    {"reference", "ref"},
    {"temperature", "temp"},
    {"maximum", "max"},
    {"minimum", "min"},
)
_ALIKE = 82  # of 100: words this alike are one word with a letter misread
_SHORT = 3  # letters: shorter words must be equal


def words(text: str) -> list[str]:
    """Return the words of `text` in lower case."""
    return [word.lower() for word in _WORD.findall(text)]


def terms(question: str, *, labels: frozenset[str] = frozenset()) -> dict[str, float]:
    """Return the words that say what a question is about, each with its weight.

    A small word counts too where it is a whole label of the page (`labels`): "Where does it go to?" and TO.
    """
    every = [word.removesuffix("'s").removesuffix("’s") for word in words(question)]
    chosen = {word: _weight(word) for word in every if word not in _STOP or word in labels}
    for name in re.findall(r"(?<=\w )[A-Z][\w-]+", question):  # names of people and places tell most
        if name.lower() in chosen:
            chosen[name.lower()] += _NAME_BONUS
    if _WHO.search(question):
        chosen.setdefault("name", _VAGUE_WEIGHT)
    first = next((word for word, weight in chosen.items() if weight >= 1), None)
    if first and len(chosen) > 1:
        chosen[first] += _FIRST_BONUS  # "the status of the train": what is asked for is named first
    return chosen


def _weight(word: str) -> float:
    if word in _STOP:
        return _LABEL_WEIGHT
    return _VAGUE_WEIGHT if word in _VAGUE else 1.0


@lru_cache(maxsize=20_000)
def alike(a: str, b: str) -> float:
    """Return how surely two words mean the same: 1 equal but for their ending, 0.9 a synonym, less misread, else 0."""
    if a == b or _stem(a) == _stem(b):
        return 1.0
    if any(a in group and b in group for group in _SYNONYMS):
        return 0.9
    if min(len(a), len(b)) <= _SHORT:
        return 0.0
    ratio = fuzz.ratio(a, b)
    return ratio / 100 if ratio >= _ALIKE else 0.0


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s"):
        if len(word) > len(ending) + 2 and word.endswith(ending):
            return word.removesuffix(ending).removesuffix("e")
    return word.removesuffix("e") if len(word) > 4 else word


def match(wanted: dict[str, float], label: str) -> tuple[float, float]:
    """Return (recall, precision), 0 to 1: how much of the question the label holds, and the reverse."""
    printed = words(label)
    if not wanted or not printed:
        return 0.0, 0.0
    best = {term: max(alike(term, word) for word in printed) for term in wanted}
    recall = sum(weight * best[term] for term, weight in wanted.items()) / sum(wanted.values())
    telling = [word for word in printed if (word not in _STOP and len(word) > 1) or word in wanted] or printed
    said = [max(alike(term, word) for term in wanted) for word in telling]
    joined = fuzz.ratio("".join(wanted), "".join(printed)) / 100  # a label whose spaces were not read
    if joined * 100 > _ALIKE + 6:
        return max(recall, joined), max(joined, sum(said) / len(said))
    return recall, sum(said) / len(said)
