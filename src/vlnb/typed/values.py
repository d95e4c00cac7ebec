"""Parses printed amounts and dates."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, cast

from vlnb import tables

if TYPE_CHECKING:
    from dateutil.parser import parserinfo

_AMOUNT = re.compile(
    r"(?:(?:[A-Z]{2,3}|R\$|R[ps]|kr|Fr)\.?)?[^\w(+.,\-–\u2212]{0,3}(?P<sign>[-–\u2212(+]?)[^\w\d.,]{0,3}"
    r"(?P<digits>\d{1,20}(?:[.,'’ \u00a0\u202f]\d{1,20}){0,8}|[.,]\d{1,20})"
    r"(?:[.,/][-–—]{1,2}|\s?-)?\)?\s?(?:%|[^\d\W]{1,4}|[^\w\s.,:/-])?\.?"
)
_GROUPED = re.compile(r"\d*|\d{1,3}(?:\D\d{3})+|\d{1,2}(?:,\d\d)+,\d{3}")  # groups of three; or 12,34,567, as in India
_MONTH = r"[^\W\d]{3,10}\.?"
_DATE = re.compile(
    rf"(?:[^\W\d]{{2,10}}[.,]{{0,2}} )?"
    rf"(?:\d{{4}}[./-]\d{{1,2}}[./-]\d{{1,2}}|\d{{1,2}}[./-]\d{{1,2}}[./-](?:\d{{4}}|\d\d)"
    rf"|\d{{4}}年\d{{1,2}}月\d{{1,2}}日|\d{{1,2}}(?:\.|st|nd|rd|th|er|º)?(?: de)?[ -]?{_MONTH},?(?: de)?[ -]?\d{{2,4}}"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{2,4}})"
)
_TIME = re.compile(r"(?:T|,? )\d{1,2}:\d\d(?::\d\d(?:\.\d{1,9})?)?(?: ?[ap]m|Z|[+-]\d\d:?\d\d)?", re.IGNORECASE)


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
    hit = _AMOUNT.fullmatch(text.strip())
    if not hit:
        return None
    digits = re.sub(r"[’ \u00a0\u202f]", "'", hit["digits"])
    marks, parts = re.findall(r"\D", digits), re.split(r"\D", digits)
    single = len(parts[-1]) != 3 or not parts[0].lstrip("0") or len(parts[0]) > 3
    decimal = marks[-1:] not in ([], ["'"]) and (len(set(marks)) == 2 or (len(marks) == 1 and single))
    whole = digits[: -1 - len(parts[-1])] if decimal else digits
    if not _GROUPED.fullmatch(whole) or (decimal and marks[-1] in marks[:-1]):
        return None
    units = re.sub(r"\D", "", whole) or "0"
    value = Decimal(f"{units}.{parts[-1]}" if decimal else units)
    minus = re.search(r"[^.,/\s]\s?-[^\w%]?$", text.strip())  # 5.00-, but 5,- has no cents, and a 12-pack is positive
    return -value if minus or hit["sign"] in {"-", "–", "\u2212", "("} else value


def day(text: str, *, month_first: bool = False) -> date | None:
    """Return the date that a text prints, or None. In 03/04/2026 the day comes first, unless `month_first`.

    >>> day("31/01/2026") == day("2026-01-31") == day("Jan 31, 2026") == day("31. Jan 2026")
    True
    >>> day("03/04/2026"), day("12.50")
    (datetime.date(2026, 4, 3), None)
    """
    from dateutil import parser

    text = _TIME.sub("", text.strip())
    words = re.findall(r"[^\W\d]{3,}", text)
    are_known = all(_words().month(word) is not None or _words().weekday(word) is not None for word in words)
    if not _DATE.fullmatch(text) or not are_known:  # the parser would replace any other word by today's month
        return None
    text = re.sub(r"[年月]", "-", text).removesuffix("日")
    day_first = not month_first and not re.match(r"\d{4}", text)
    try:
        return parser.parse(text, _words(), dayfirst=day_first).date()
    except (ValueError, OverflowError, TypeError):
        return None


@cache
def _words() -> parserinfo:
    """Return the parser's vocabulary for dates in several languages."""
    from dateutil.parser import parserinfo

    table = tables.read("typed/months.toml")

    months = [tuple(line.split()) for line in table["months"]]
    days = [tuple(line.split()) for line in table["weekdays"]]
    between = [*parserinfo.JUMP, *table["between"].split()]
    words = {"MONTHS": months, "WEEKDAYS": days, "JUMP": between}
    return cast("parserinfo", type("Words", (parserinfo,), words)())


def is_ambiguous(text: str) -> bool:
    """Whether a printed date is another day if the month comes first. With dots, the day comes first everywhere.

    >>> is_ambiguous("03/04/2026"), is_ambiguous("31/01/2026"), is_ambiguous("03.04.2026")
    (True, False, False)
    """
    return "." not in text and day(text) != day(text, month_first=True)
