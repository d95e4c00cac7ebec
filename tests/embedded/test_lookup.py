"""Questions answered from the text of a page. The pages here consist of words; test_reading has real pictures."""

import json

import pytest

from tests.embedded.pages import page
from vlnb.embedded import MODEL, clip, locate, skills
from vlnb.embedded.lookup import alike, find, terms
from vlnb.embedded.request import parse

RECEIPT = page(
    [(300, "Corner Bakery")],
    [(20, "Date: 2 March 2025"), (500, "18:45")],
    [(20, "Rye bread"), (600, "4.20")],
    [(20, "Whole milk 2L"), (600, "1.85")],
    [(20, "SUB TOTAL"), (600, "6.05")],
    [(20, "VAT 7%"), (600, "0.42")],
    [(20, "GRAND TOTAL"), (600, "6.47")],
    [(20, "CASH EUR"), (600, "10.00")],
    [(20, "Cashier: Ines"), (500, "Tel: 030 55 66 77")],
)
TABLE = page(
    [(20, "Team"), (200, "Played"), (400, "Won"), (600, "Points")],
    [(20, "Falcons"), (200, "10"), (400, "8"), (600, "16")],
    [(20, "Otters"), (200, "10"), (400, "6"), (600, "12")],
)
PASS = page(
    [(20, "PASSENGER"), (300, "FROM"), (500, "TO"), (650, "GATE")],
    [(20, "OKAFOR"), (300, "Zurich"), (500, "London"), (650, "B37")],
)
LETTER = page(
    [(20, "Bill to:"), (500, "Invoice No: NW-20391")],
    [(20, "Maria Lind"), (500, "Status: open")],
    [(20, "Storgatan 14"), (500, "info@north.example")],
    [(20, "111 23 Stockholm")],
)

BLANKS = page(
    [(20, "Last name:"), (300, "Lopez")],
    [(20, "Date of birth:")],
    [(20, "Nationality:"), (500, "Member:")],
    [(20, "E-mail:")],
    [(20, "Payment terms"), (300, "Net 30")],
)

BILL = page(
    [(20, "Server: Anna   Table 7")],
    [(20, "Patient: L. Brandt   Sex: F   Age: 54")],
    [(20, "Opened: 12 March 2025")],
    [(20, "3 nights x 80.00"), (500, "240.00")],
    [(20, "Employee"), (200, "J. Okafor")],
    [(20, "Employee no."), (200, "00412")],
)
CAPTIONS = page(
    [(20, "First name", 14), (400, "Last name", 14)],
    [(20, "Maria", 20), (400, "Gonzalez", 20)],
    [(20, "Nationality", 14), (400, "City", 14)],
    [(400, "Madrid", 20)],
)
VEHICLE = page(
    [(20, "C.1.1"), (100, "Surname"), (600, "Kovarik")],
    [(20, "C.1.2"), (100, "First name"), (600, "Petra")],
    [(20, "D.1"), (100, "Make"), (600, "Renault")],
    [(20, "Visit:"), (100, "$25"), (300, "Code:"), (400, "610415")],
    [(20, "Time sheet"), (400, "22:00")],
    [(20, "Patient: W. Ingram"), (400, "Tip"), (600, "Signature")],
)

CARD = page(
    [(20, "Maria Lind", 30)],
    [(20, "Head of sales")],
    [(20, "T +44 113 496 0000")],
    [(20, "M +44 7700 900000")],
)
PASSPORT = page([(20, "Date of birth"), (400, "04.11.1957")], [(20, "Expires"), (400, "01.06.2031")])
CAFE = page(
    [(300, "Blue Door Cafe", 34)],
    [(20, "Invoice date"), (400, "03/04/2026")],
    [(20, "2 Flat white"), (600, "7.60")],
    [(20, "Scone with jam"), (600, "9.30")],
    [(20, "Subtotal"), (600, "16.90")],
    [(20, "VAT 20%"), (600, "3.38")],
    [(20, "VAT No"), (600, "GB 123 4567 89")],
    [(20, "Total"), (600, "20.28")],
)
ADDRESSES = page(
    [(20, "Bill to"), (400, "Ship to")],
    [(20, "Studio Lindqvist"), (400, "Casa Verde")],
    [(20, "Lindenweg 4"), (400, "Fell Road 9")],
    [(20, "22767 Hamburg"), (400, "Leeds LS1")],
)
ITEMS = page([(20, "5 mars bars")], [(20, "12 May Street")], [(20, "7 Marble tiles")], [(20, "10.0.0.12")])


def beside(label, value):
    return page([(20, label), (400, value)])


QUESTIONS = [
    (CARD, "What is the phone number?", "+44 113 496 0000", "with no label beside it"),
    (CARD, "What is the fax number?", None, None),  # not the first number
    (CARD, "mobile", None, None),
    (CARD, "What is the job title?", None, None),  # not the title of the page
    (PASSPORT, "expiry date?", "01.06.2031", "right of"),
    (PASSPORT, "What is the issue date?", None, None),
    (CAFE, "What is the order date?", None, None),
    (CAFE, "What time is it?", None, None),  # a price is no time
    (CAFE, "What is the phone number of the cafe?", None, None),  # a date is no number, and a name neither
    (CAFE, "What is the shop number?", None, None),
    (CAFE, "What is the name of the cafe?", "Blue Door Cafe", "as the largest words at the top"),
    (CAFE, "How many flat whites?", "2", "before"),
    (CAFE, "How many scones?", None, None),  # a price is no count
    (CAFE, "What is the net total?", "16.90", "right of"),
    (CAFE, "How much VAT was charged?", "3.38", "right of"),
    (CAFE, "What is the VAT rate?", "20%", "after"),
    (CAFE, "What is the VAT number?", "GB 123 4567 89", "right of"),
    (beside("VAT No", "GB 123 4567 89"), "How much VAT was charged?", None, None),
    (beside("VAT", "240.90"), "What is the VAT number?", None, None),
    (beside("Customer", "J. Smith"), "What is the customer number?", None, None),
    (beside("Date", "02.02.2026"), "What is the due date?", None, None),
    (beside("Date", "02.02.2026"), "What is the invoice date?", "02.02.2026", "right of"),
    (beside("Date", "02 Feb"), "What is the date?", "02 Feb", "right of"),
    (beside("Date", "31 de enero de 2026"), "What is the date?", "31 de enero de 2026", "right of"),
    (beside("Date", "2026年1月31日"), "What is the date?", "2026年1月31日", "right of"),
    (ADDRESSES, "Who is the buyer?", "Studio Lindqvist", "below"),
    (ADDRESSES, "What is the billing address?", "Studio Lindqvist, Lindenweg 4, 22767 Hamburg", "below"),
    (ADDRESSES, "What is the shipping address?", "Casa Verde, Fell Road 9, Leeds LS1", "below"),
    (ITEMS, "What is the date?", None, None),
    (VEHICLE, "What is the surname?", "Kovarik", "right of"),
    (VEHICLE, "How much is a visit?", "$25", "right of"),  # not the last number of the line: it has its own label
    (VEHICLE, "What is the patient's weight?", None, None),  # the label of the owner is not enough
    (VEHICLE, "What is the weight of the patient?", None, None),
    (VEHICLE, "How much was the tip?", None, None),  # the text beside it is no amount
    (VEHICLE, "Who approved the time sheet?", None, None),  # not the time
    (BILL, "Who is the server?", "Anna", "after"),
    (BILL, "Which table?", "7", "after"),
    (BILL, "How old is the patient?", "54", "after"),  # not the number under "Patient: L. Brandt"
    (BILL, "How many nights?", "3", "before"),
    (BILL, "What is the price of the nights?", "240.00", "right of"),
    (BILL, "Who is the employee?", "J. Okafor", "right of"),
    (CAPTIONS, "What is the first name?", "Maria", "below"),
    (CAPTIONS, "What is the last name?", "Gonzalez", "below"),
    (CAPTIONS, "What is the city?", "Madrid", "below"),
    (BLANKS, "What is the last name?", "Lopez", "right of"),
    (BLANKS, "What is the date of birth?", None, None),  # another label is no value
    (BLANKS, "What is the nationality?", None, None),
    (BLANKS, "What is the subtotal?", None, None),  # "Net 30" are terms of payment, not an amount
    (BLANKS, "What are the payment terms?", "Net 30", "right of"),
    (RECEIPT, "What is the grand total?", "6.47", "right of"),
    (RECEIPT, "What is the total?", "6.05", "right of"),  # both labels fit: the first
    (RECEIPT, "How much was the sub total?", "6.05", "right of"),
    (RECEIPT, "How much VAT is in it?", "0.42", "right of"),  # the amount, not the rate
    (RECEIPT, "What does the whole milk cost?", "1.85", "right of"),  # not the 2L of its name
    (RECEIPT, "What was paid in cash? Answer with the number.", "10.00", "right of"),
    (RECEIPT, "When was this printed?", None, None),
    (RECEIPT, "What is the date?", "2 March 2025", "after"),
    (RECEIPT, "What time is it?", "18:45", "with no label beside it"),
    (RECEIPT, "Who was the cashier?", "Ines", "after"),
    (RECEIPT, "What is the phone number?", "030 55 66 77", "after"),
    (RECEIPT, "Which item costs 4.20?", "Rye bread", "in the row of"),
    (RECEIPT, "What is the name of the shop?", "Corner Bakery", "as the largest words at the top"),
    (RECEIPT, "What is the tip?", None, None),
    (RECEIPT, 'What stands beside "CASH EUR"?', "10.00", "right of"),
    (TABLE, "How many points do the Otters have?", "12", "in the row and column of"),
    (TABLE, "How many games have the Falcons won?", "8", "in the row and column of"),
    (TABLE, "Which team has 16 points?", "Falcons", "in the row of"),
    (PASS, "Which gate?", "B37", "below"),
    (PASS, "Who is the passenger?", "OKAFOR", "below"),
    (PASS, "Where does the flight go to?", "London", "below"),
    (LETTER, "What is the invoice number?", "NW-20391", "after"),
    (LETTER, "Who is billed?", "Maria Lind", "below"),
    (LETTER, "What is the billing address?", "Maria Lind, Storgatan 14, 111 23 Stockholm", "below"),
    (LETTER, "What is the email address?", "info@north.example", "with no label beside it"),
]


@pytest.mark.parametrize(("document", "question", "value", "place"), QUESTIONS)
def test_a_question_is_answered_with_a_value_and_its_place(document, question, value, place):
    found = find(document, question)
    assert (found.value if found else None) == value
    assert (found.where if found else None) == place


def test_an_answer_has_the_box_of_its_value():
    assert find(RECEIPT, "What is the grand total?").box == (600, 240, 640, 260)
    assert find(LETTER, "What is the invoice number?").box == (620, 0, 700, 20)


@pytest.mark.parametrize(
    ("a", "b", "sure"),
    [
        ("total", "total", 1.0),
        ("charges", "charge", 1.0),
        ("billed", "bill", 1.0),
        ("phone", "tel", 0.9),
        ("invoice", "lnvoice", 0.857),
        ("quantity", "ouantity", 0.875),
        ("expires", "expiry", 0.9),
        ("insurer", "insured", 0.0),
        ("contract", "contact", 0.0),
        ("maternal", "paternal", 0.0),
        ("2020252", "2020225", 0.0),
        ("no", "on", 0.0),
        ("cash", "card", 0.0),
    ],
)
def test_the_similarity_of_two_words_is_symmetric(a, b, sure):
    assert alike(a, b) == alike(b, a) == pytest.approx(sure, abs=0.01)


def test_stop_words_count_only_as_labels():
    assert set(terms("Where does it go to?")) == set()
    assert set(terms("Where does it go to?", labels=frozenset({"to"}))) == {"to"}


def test_a_text_that_disappears_and_returns_has_two_intervals():
    shown, other = page([(20, "ALARM")]), page([(20, "ok")])
    answer = clip.answer("What is written?", [0.0, 1.0, 2.0, 3.0, 4.0], [shown, shown, other, other, shown], ())
    assert answer.splitlines()[1:] == [
        "0.00 - 1.00 seconds: ALARM", "2.00 - 3.00 seconds: ok", "4.00 - 4.00 seconds: ALARM",
    ]  # fmt: skip


def test_a_word_itself_is_located_instead_of_its_value():
    asked = ("Locate the word Total", "Locate the total")
    assert [[spot.text for spot in locate.search(beside("Total", "5.00"), words)] for words in asked] == [
        ["Total"], ["5.00"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("moment", "time"),
    [("1 minute", 60), ("2 minutes", 120), ("1:05", 65), ("65 s", 65), ("1 minute and 5 seconds", 65), ("1m05s", 65)],
)
def test_a_moment_is_given_in_minutes_or_seconds(moment, time):
    times = [float(5 * i) for i in range(30)]
    answer = clip.answer(f"What is shown at {moment}?", times, [page([(20, "ALARM")])] * 30, ())
    assert answer.startswith(f"On the frame at {time}.00 s")


class Pages:
    """A reader for pictures that are pages already."""

    def read(self, picture, *, stop):
        return picture


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("What is the total?", "5.00"),
        ("What is the total of the second receipt?", "6.00"),
        ("What is the total on picture 2?", "6.00"),
        ("What is the total of the last page?", "7.00"),
        ("What is the total of the fourth receipt?", "I found no text that answers this"),
    ],
)
def test_a_question_may_name_its_picture(question, value):
    pages = [beside("Total", total) for total in ("5.00", "6.00", "7.00")]
    chat = parse(json.dumps({"model": MODEL, "messages": [{"role": "user", "content": question}]}).encode())
    assert "".join(skills.answer(chat, pages, Pages(), lambda: False)).startswith(value)
