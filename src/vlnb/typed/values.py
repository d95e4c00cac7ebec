"""Amounts and dates as they are printed, read as values."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

_AMOUNT = re.compile(
    r"(?:[A-Z]{2,3}|Rp|kr|Fr)?\.?[^\w(+.,-]{0,3}(?P<sign>[-–\u2212(+]?)[^\w\d.,]{0,3}"
    r"(?P<digits>\d{1,20}(?:[.,'’  ]\d{1,20}){0,8}|[.,]\d{1,20})\s?-?\)?\s?(?:%|[^\d\W]{1,4}|[^\w\s.,:/-])?\.?"
)
_MONTH = r"[^\W\d]{3,10}\.?"
_DATE = re.compile(
    rf"(?:[^\W\d]{{2,10}},? )?(?:\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{1,4}}|\d{{4}}年\d{{1,2}}月\d{{1,2}}日"
    rf"|\d{{1,2}}(?:\.|st|nd|rd|th)?[ -]?{_MONTH},?[ -]?\d{{2,4}}|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{2,4}})"
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

    Of two different marks the last one is the decimal mark. A single mark before exactly three digits groups thousands,
    unless only a zero stands before it.

    >>> [str(number(text)) for text in ("1.234,50 €", "USD 1,234.50", "17,000", "0,482 kg", "(3.20)", "-1 050,00")]
    ['1234.50', '1234.50', '17000', '0.482', '-3.20', '-1050.00']
    >>> number("R-118/4"), number("12.03.2026")
    (None, None)
    """
    hit = _AMOUNT.fullmatch(text.strip())
    if not hit:
        return None
    digits = re.sub(r"['’\u00a0 ]", "", hit["digits"])
    marks, parts = re.findall(r"[.,]", digits), re.split(r"[.,]", digits)
    decimal = len(set(marks)) == 2 or (len(marks) == 1 and (len(parts[1]) != 3 or not parts[0].lstrip("0")))
    whole = parts[:-1] if decimal else parts
    if any(len(group) != 3 for group in whole[1:]) or (decimal and marks[-1] in marks[:-1]):
        return None
    value = Decimal(f"{''.join(whole) or 0}{f'.{parts[-1]}' if decimal else ''}")
    return -value if hit["sign"] in {"-", "–", "\u2212", "("} or text.rstrip().endswith("-") else value


def day(text: str, *, month_first: bool = False) -> date | None:
    """Return the date that a text prints, or None. Of 03/04/2026 the day comes first unless `month_first`.

    >>> day("31/01/2026") == day("2026-01-31") == day("Jan 31, 2026") == day("31. Jan 2026")
    True
    >>> day("03/04/2026"), day("12.50")
    (datetime.date(2026, 4, 3), None)
    """
    from dateutil import parser

    text = text.strip()
    if not _DATE.fullmatch(text):
        return None
    text = re.sub(r"[年月]", "-", text).removesuffix("日")
    day_first = not month_first and not re.match(r"\d{4}", text)
    try:
        return parser.parse(text, dayfirst=day_first).date()
    except (ValueError, OverflowError, TypeError):
        return None


def is_ambiguous(text: str) -> bool:
    """Whether a printed date means another day where the month comes first; with dots, the day comes first everywhere.

    >>> is_ambiguous("03/04/2026"), is_ambiguous("31/01/2026"), is_ambiguous("03.04.2026")
    (True, False, False)
    """
    return "." not in text and day(text) != day(text, month_first=True)
