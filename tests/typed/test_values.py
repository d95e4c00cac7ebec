"""Amounts and dates as documents of several countries print them."""

from datetime import date
from decimal import Decimal

import pytest
from babel import Locale, dates, numbers

from vlnb.typed import values

COUNTRIES = (
    "en_US en_GB en_IN en_ZA de_DE de_AT de_CH fr_FR fr_CH fr_CA es_ES es_MX es_AR it_IT pt_BR pt_PT ca_ES nl_NL nl_BE"
    " af_ZA sv_SE da_DK nb_NO is_IS fi_FI et_EE lv_LV lt_LT pl_PL cs_CZ sk_SK sl_SI hu_HU ro_RO bg_BG ru_RU uk_UA el_GR"
    " tr_TR id_ID ms_MY ja_JP zh_CN zh_TW ko_KR"
).split()
OTHER_SCRIPTS = ["he_IL", "hi_IN", "th_TH", "vi_VN", "hr_HR"]  # only their amounts are read, not their months


@pytest.mark.parametrize("country", COUNTRIES + OTHER_SCRIPTS)
def test_amounts_are_read_as_each_country_prints_them(country):
    currency = numbers.get_territory_currencies(Locale.parse(country).territory)[-1]
    for amount in map(Decimal, ("0.5", "12.5", "1234.5", "1234567.89", "-42.1", "17000", "0", "100")):
        cents = amount.quantize(Decimal(10) ** -numbers.get_currency_precision(currency))
        for form in ("standard", "accounting"):
            printed = numbers.format_currency(amount, currency, locale=country, format_type=form)
            assert values.number(printed) == cents, printed
        printed = numbers.format_decimal(amount, locale=country)
        assert values.number(printed) == amount, printed


@pytest.mark.parametrize("country", COUNTRIES)
def test_dates_are_read_as_each_country_prints_them(country):
    for month, day in enumerate((31, 28, 24, 5, 17, 30, 14, 9, 22, 2, 11, 25), 1):
        for form in ("medium", "long", "full"):
            printed = dates.format_date(date(2026, month, day), form, locale=country)
            assert values.day(printed) == date(2026, month, day), printed


AMOUNTS = {
    # thousands and decimals
    "1.234,50": "1234.50", "1,234.50": "1234.50", "1 234,50": "1234.50", "1'234.50": "1234.50",
    "1.234.567,89": "1234567.89",
    "12,34,567.89": "1234567.89", "1,20,000": "120000", "17.000": "17000", "17,000": "17000", "0,125": "0.125",
    "1234.567": "1234.567", ".5": "0.5", "0012": "12", " 12.50\n": "12.50",
    # signs
    "(1,234.50)": "-1234.50", "-5.00": "-5.00", "5.00-": "-5.00", "5.00 -": "-5.00", "-€5.00": "-5.00",
    "€-5.00": "-5.00",
    "\u22125.00": "-5.00", "\u20135.00": "-5.00", "+5.00": "5.00",
    "-EUR 42,10": "-42.10", "(42,10 €)": "-42.10", "-R$ 42,10": "-42.10", "\u200f-12.50 \u200f₪": "-12.50",
    # no cents
    "5,-": "5", "5,\u2013 €": "5", "CHF 12.-": "12", "Rs 1,500/-": "1500", "1.000,-": "1000",
    "CHF 20.--": "20", "20,--": "20", "Fr. 1'250.--": "1250", "¥1,280-": "1280",
    # currencies and units
    "US$ 12.50": "12.50", "R$ 1.234,50": "1234.50", "Rs. 500": "500", "Fr. 12.50": "12.50", "kr 12,50": "12.50",
    "12,50 zł": "12.50", "R1 234,50": "1234.50", "R 1 234,50": "1234.50",
    "A$12.00": "12.00", "S/ 15.00": "15.00", "KSh 1,500": "1500",
    "1,200円": "1200", "19 %": "19", "3 Stk.": "3", "250g": "250",
    # thousands, millions and billions of money; 5 m of anything else are metres
    "$1.5M": "1500000", "$ 250k": "250000", "€3 Mio.": "3000000", "(USD 2bn)": "-2000000000", "5 m": "5",
    # a hyphen is not a minus sign
    "12-pack": "12", "24-Port": "24", "100-%": "100", "12-A": "12",
}  # fmt: skip


@pytest.mark.parametrize("text", AMOUNTS)
def test_a_printed_amount_becomes_a_decimal(text):
    assert values.number(text) == Decimal(AMOUNTS[text])


@pytest.mark.parametrize(
    "text",
    [
        "12.03.2026",
        "12:50",
        "1/2",
        "R-118/4",
        "R118",
        "AB-12345",
        "INV 1200",
        "ISO 9001",
        "DE8937040044",
        "12½",
        "12 345 67",
        "10.20.30.100",
        "12.34.567",
        "12,345.678,90",
        "12'50",
        "1.234'50",
        "No. 5",
        "",
        "N/A",
    ],
)
def test_text_that_is_not_an_amount_gives_none(text):
    assert values.number(text) is None


DATES = [
    "31/01/2026", "01/31/2026", "2026-01-31", "2026.01.31", "31.1.26", "31-Jan-2026", "Jan 31, 2026",
    "31st January 2026", "Saturday, January 31, 2026", "31 JAN 2026", "31. Januar 2026",
    "31. Jan. 2026", "Samstag, 31. Januar 2026",
    "31 janvier 2026", "31 de enero de 2026", "31 gennaio 2026", "31 de janeiro de 2026", "31 januari 2026",
    "2026年1月31日", "2026-01-31T10:00:00", "31/01/2026 10:15", "31.01.2026, 10:15",
    "31.01.2026 um 10:15 Uhr", "31/01/2026 à 10h15", "January 31, 2026 at 10:15 AM", "2026-01-31 10:15:00 UTC",
    "10:15 31/01/2026", "31/01/2026\n10:15", "31/01/2026 (Sat)", "2026年1月31日(土)", "2026 年 1 月 31 日",
    *(f"31/01/2026 {word} 10:15" for word in ("às", "om", "kl", "kl.", "ore")), "31/01/2026\r\n",
    *(f"2026-01-31T10:15:00.125{zone}" for zone in ("Z", "+01:00", "-0100", " GMT")), "31/01/2026 10:15 a.m.",
]  # fmt: skip


@pytest.mark.parametrize("text", DATES)
def test_a_printed_date_becomes_a_date(text):
    assert values.day(text) == date(2026, 1, 31)


@pytest.mark.parametrize(("text", "year"), [("1-2-69", 2069), ("1-2-70", 1970), ("1 Feb 99", 1999)])
def test_a_year_of_two_digits_is_the_nearer_one(text, year):
    assert values.day(text) == date(year, 2, 1)


@pytest.mark.parametrize(
    ("text", "month"), [("5. März 26", 3), ("5 août 2026", 8), ("5 mai 2026", 5), ("5. Dez. 2026", 12)]
)
def test_month_names_of_other_languages_are_read(text, month):
    assert values.day(text) == date(2026, month, 5)


@pytest.mark.parametrize(
    "text",
    [
        "3 del 2020",
        "1 der 20",
        "den 12 2020",
        "Order 10-11-12",
        "Version 10.15.12",
        "IBAN 12-10-20",
        "12.50",
        "31/02/2026",
        "32/01/2026",
        "1/2/3",
        "January 2026",
        "12 net 50",
        "20260131",
        "A31-01-2026",
        "2026 1 31",
        "31.01-2026",
        "5 marbles 2026",
        "31 Jan 20260",
        "31/01/20 10:1526",
        "2026-13-01",
    ],
)
def test_text_that_is_not_a_date_gives_none(text):
    assert values.day(text) is None
