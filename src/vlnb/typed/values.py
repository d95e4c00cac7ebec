"""Parses printed amounts and dates."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from decimal import Decimal
from functools import cache

from vlnb import tables

_WORDS = tables.read("typed/words.toml")
_CURRENCY = "|".join(map(re.escape, " ".join(_WORDS["currencies"].values()).split()))
_AMOUNT = re.compile(
    rf"(?P<before>[^\w.,]{{0,3}}(?:(?:{_CURRENCY})\.?|R(?=\s?\d[\d\s'.,]{{0,20}}[.,]\d\d\b))?[^\w.,]{{0,6}})"
    r"(?P<digits>\d{1,20}(?:[.,'’ \u00a0\u202f]\d{1,20}){0,8}|[.,]\d{1,20})"
    r"(?:[.,/][-–—]{1,2}|\s?-)?\)?\s?(?:(?P<unit>[^\d\W½¼¾⅓⅔]{1,4})|[^\w\s.,:/-])?\.?\)?"
)
_SCALES = {"k": 10**3, "m": 10**6, "mn": 10**6, "mio": 10**6, "b": 10**9, "bn": 10**9}  # of money: $1.5M
_MONEY = re.compile(r"[^\W_]|[$€£¥]")
_MINUS = re.compile(r"[-–\u2212(]")
_INVISIBLE = re.compile(r"[\u200e\u200f\u061c\u2066-\u2069]")  # marks of the direction of writing
_GROUPED = re.compile(r"\d*|\d{1,3}(?:\D\d{3})+|\d{1,2}(?:,\d\d)+,\d{3}")  # groups of three; or 12,34,567, as in India
_NUMERIC = re.compile(r"(\d{4})([-./]\s?)(\d\d?)\2(\d\d?)|(\d\d?)([-./]\s?)(\d\d?)\6(\d{4}|\d\d)")
_WORDED = re.compile(  # with the month as a word, here a number and m
    r"(\d\d?)_(\d\d?)m_(\d{4}|\d\d)|(\d\d?)m_(\d\d?)_(\d{4}|\d\d)|(\d{4})_(?:(\d\d?)m_(\d\d?)|(\d\d?)_(\d\d?)m)".replace(
        "_", r"[-.,'’\s]{1,9}"
    )
)
_CHINESE = re.compile(r"(\d{4})\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일]")
_MONTHS = 12
_CENTURY = 70  # two digits from here on are a year of the last century
_TIME = re.compile(
    r"(?:^|T|[,\s]{1,2}(?:(?:um|at|à|às|om|kl\.?|ore)\s)?)\d{1,2}[:h]\d\d(?::\d\d(?:\.\d{1,9})?)?"
    r"(?:\s?(?:[ap]\.?m\.?|uhr|utc|gmt|Z|[+-]\d\d:?\d\d))?(?=[,\s]|$)",
    re.IGNORECASE,
)


def read(text: str) -> Decimal | date | None:
    """Return the amount or the date that a text prints, or None.

    >>> read("17,000 EUR"), read("31/01/2026"), read("Kestrel")
    (Decimal('17000'), datetime.date(2026, 1, 31), None)
    """
    amount = number(text)
    return day(text) if amount is None else amount


def number(text: str) -> Decimal | None:
    """Return the amount that a text prints, with its currency or unit around it, or None.

    Of two different marks, the last is the decimal mark. A single mark before exactly three digits separates thousands,
    unless only a zero stands before it.

    >>> [str(number(text)) for text in ("1.234,50 €", "USD 1,234.50", "17,000", "0,482 kg", "(3.20)", "-1 050,00")]
    ['1234.50', '1234.50', '17000', '0.482', '-3.20', '-1050.00']
    >>> number("R-118/4"), number("12.03.2026")
    (None, None)
    """
    text = _INVISIBLE.sub("", text).strip()
    hit = _AMOUNT.fullmatch(text)
    if not hit:
        return None
    digits = re.sub(r"[’ \u00a0\u202f]", "'", hit["digits"])
    marks, parts = re.findall(r"\D", digits), re.split(r"\D", digits)
    single = len(parts[-1]) != 3 or not parts[0].lstrip("0") or len(parts[0]) > 3
    decimal = marks[-1:] not in ([], ["'"]) and (len(set(marks)) == 2 or (len(marks) == 1 and single))
    whole = digits[: -1 - len(parts[-1])] if decimal else digits
    if not _GROUPED.fullmatch(whole) or (decimal and marks[-1] in marks[:-1]):
        return None
    units = re.sub(r"\D", "", whole)
    value = Decimal(f"{units}.{parts[-1]}" if decimal else units)
    if _MONEY.search(hit["before"]) and (scale := _SCALES.get(str(hit["unit"]).lower())):
        value *= scale
        value = Decimal(int(value)) if value == int(value) else value  # $1.5M prints no decimal of a dollar
    # 5.00- is negative, but 5,- has no cents, 12-pack is positive, and ¥500- ends with a Japanese closing mark.
    rest = text[hit.end("digits") :]
    minus = re.fullmatch(r"\s?-[^\w%]{0,3}", rest) and not re.search("[¥￥]", hit["before"])
    return -value if minus or _MINUS.search(hit["before"]) else value


def day(text: str, *, month_first: bool = False) -> date | None:
    """Return the date that a text prints, or None. In 03/04/2026 the day comes first, unless `month_first`.

    >>> day("31/01/2026") == day("2026-01-31") == day("Jan 31, 2026") == day("31. Jan 2026")
    True
    >>> day("03/04/2026"), day("12.50")
    (datetime.date(2026, 4, 3), None)
    """
    months, around = _vocabulary()

    def replaced(hit: re.Match[str]) -> str:
        if hit[0] in months:
            return f" {months[hit[0]]}m "
        return "" if hit[0] in around and not hit.string[hit.end() : hit.end() + 1].isdigit() else hit[0]

    text = _folded(_TIME.sub("", text.strip()))
    text = _CHINESE.sub(r"\1-\2-\3 ", text)
    text = re.sub(r"[^\W\d_]+", replaced, text).strip(" \t\n.,-'’()")
    if not (_NUMERIC.fullmatch(text) or _WORDED.fullmatch(text)):
        return None
    parts = re.findall(r"\d+m?", text)
    year, month, number = parts if len(parts[0]) == len("2026") else parts[::-1]
    may_swap = year == parts[2] and "m" not in text
    if number.endswith("m") or (may_swap and (int(month) > _MONTHS or (month_first and int(number) <= _MONTHS))):
        month, number = number, month
    century = 0 if len(year) > 2 else 2000 if int(year) < _CENTURY else 1900
    try:
        return date(century + int(year), int(month.rstrip("m")), int(number))
    except ValueError:
        return None


@cache
def _vocabulary() -> tuple[dict[str, int], frozenset[str]]:
    """Return the months by their names, and the other words of dates, in many languages."""
    table = tables.read("typed/words.toml")
    lines = (enumerate(line.split(), 1) for line in table["months"].values())
    months = {_folded(name): month for line in lines for month, names in line for name in names.split("/")}
    return months, frozenset(_folded(" ".join(table["around"].values())).split())


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text.casefold())


def is_ambiguous(text: str) -> bool:
    """Whether a printed date is another day if the month comes first. With dots, the day comes first everywhere.

    >>> is_ambiguous("03/04/2026"), is_ambiguous("31/01/2026"), is_ambiguous("03.04.2026")
    (True, False, False)
    """
    return "." not in text and day(text) != day(text, month_first=True)
