"""Questions answered from the text of a page. The pages here consist of words; test_reading has real pictures."""

import json
from dataclasses import replace

import pytest

from tests.embedded.pages import page
from vlnb.embedded import MODEL, clip, locate, skills
from vlnb.embedded.lookup import alike, find, terms
from vlnb.embedded.page import Line
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


LIST = page(
    [(20, "Room"), (300, "Alder")],
    [(20, "Fee"), (300, "none")],
    [(20, "Item 2"), (300, "3.00")],
    [(20, "Item 3"), (300, "4.00")],
)
CONTACT = page([(20, "Welcome")], [(20, "Opened in 1999")], [(300, "Kestrel Parts Co", 34)], [(20, "2 March 2025")])
SHOUT = page(
    [(20, "RECEIPT", 40)], [(20, "Corner Bakery")], *[[(20, "Rye bread"), (600, "4.20")]] * 8, [(20, "THANKS", 40)]
)


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
    (RECEIPT, "What is the total?", "6.47", "right of"),  # of two labels with this word, not the sub total
    (RECEIPT, "How much was the sub total?", "6.05", "right of"),
    (RECEIPT, "What is the sub-total?", "6.05", "right of"),
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
    *((CARD, f"What is the phone number on {which} card?", "+44 113 496 0000", "with no label beside it")
      for which in ("the", "this", "that")),
    *((CARD, f"What is the phone number of the {which}?", "+44 113 496 0000", "with no label beside it")
      for which in ("company", "ticket")),
    *((VEHICLE, f"What is the weight of {which} patient?", None, None) for which in ("this", "that", "your", "my")),
    (VEHICLE, "What is the Patient's weight?", None, None),
    *((RECEIPT, f"{which} costs 4.20?", "Rye bread", "in the row of")
      for which in ("What item", "What product", "What article", "What line", "What row", "What one")),
    (RECEIPT, "Which item costs 4.20, with tax?", "Rye bread", "in the row of"),
    (TABLE, "Who has 16 points?", "Falcons", "in the row of"),
    (TABLE, "Which team wears T16?", None, None),  # no number
    (TABLE, "Are there 16 points for the Otters?", "12", "in the row and column of"),  # asks for no row
    (TABLE, "When did the Falcons win?", None, None),  # a count is no time
    (TABLE, "What have the Falcons won?", "8", "in the row and column of"),
    (TABLE, "What do the Falcons have?", "10", "right of"),  # this row does not name the values below it
    (page([(20, "2"), (100, "Tea"), (400, "5.00")]), "Which item costs 5.00?", "Tea", "in the row of"),
    # labels above their values
    *((page([(20, "Net"), (200, label), (400, "Total")], [(20, "527.00"), (200, "131.75"), (400, "658.75")]),
       "How much VAT was charged?", "131.75", "below")  # not the rate
      for label in ("VAT 25%", "VAT 25 %", "VAT (25%)")),
    (page([(20, "VAT 25%")]), "How much VAT is in it?", "25%", "after"),
    (page([(20, "VAT 20%")], [(20, "20% of 16.90")]), "What is the VAT rate?", "20%", "after"),
    (page([(20, "Table"), (200, "Server")], [(20, "7"), (200, "Anna")]), "Which table?", "7", "below"),
    (page([(20, "Gate"), (200, "Seat")], [(20, "37B"), (200, "12A")], [], [(20, "Terminal"), (200, "Zone")]),
     "Which gate?", "37B", "below"),
    *((page([(20, "Pass")], [(20, "Gate"), (200, "Seat")], [(left, "37B"), (right, "12A")],
            [(20, "Hall"), (200, "Zone")]), "Which gate?", "37B", "below")
      for left, right in ((45, 200), (20, 225))),  # no list: other columns
    (page([(20, "Gate", 30)], [(300, "Seat")], [(20, "B37")]), "Which gate?", "B37", "below"),
    (page([(20, "Pass")], [(20, "Gate")], [], [], [], [(20, "B37")]), "Which gate?", None, None),  # too far below
    (page([(20, "Departure date")], [(20, "02.02.2026"), (130, "18:45")]), "What is the departure date?", "02.02.2026",
     "below"),
    (page([(20, "Seller"), (400, "Buyer")], [(20, "Casa Verde"), (400, "Lind AB")]), "Who is the seller?", "Casa Verde",
     "below"),
    (page([(20, "Bill to", 30)], [(20, "Attn: M. Lind,")], [], [(20, "Thank you")]), "What is the billing address?",
     None, None),  # the line has a label of its own
    (page([(20, "Bill to")], [(20, "Attn: M. Lind,")], [(20, "Storgatan 14")]), "What is the billing address?",
     "Attn: M. Lind, Storgatan 14", "below"),
    (page([(20, "Bill to", 30)], [(20, "M. Lind")], [], [(20, "Thank you")]), "What is the billing address?", "M. Lind",
     "below"),
    (page([(20, "ADDRESS")], [(20, "Address type")]), "What is the address?", None, None),
    # small captions above larger values
    (page([(20, "Form")], [(20, "First name", 14), (400, "Last name", 14)], [(20, "Maria"), (400, "Gonzalez")]),
     "What is the first name?", "Maria", "below"),
    (page([(20, "First name", 24), (400, "Nationality", 24)], [(20, "Maria", 30)], [(400, "City", 24)]),
     "What is the nationality?", None, None),
    (page([(20, "Table 7", 14), (400, "Server", 14)], [(20, "Blue Door", 34)]), "Which table?", "7", "after"),
    (page([(20, "Table", 14), (200, "Seven", 14)], [], [], [(20, "Menu", 34)]), "Which table?", "Seven", "right of"),
    (page([(20, "Table", 14), (200, "Seven", 14)], [(20, "Menu", 34), (400, "Wine", 34)]), "Which table?", "Seven",
     "right of"),
    (page([(20, "Boarding gate")], [(20, "B37"), (100, "2", 34)]), "Which boarding gate?", "B37", "below"),
    # labels beside their values
    (LIST, "How much is the fee?", None, None),  # not the label under it
    (page([(20, "Fee: none")], [(20, "Item 2")]), "How much is the fee?", None, None),
    *((page([(20, "Make"), (200, "Renault"), *more], [(20, "Model"), (200, "Clio")]), "What is the make?", "Renault",
       "right of") for more in ([], [(400, "red")])),
    (page([(20, "Status: open"), (400, "17")]), "What is the status?", "open", "after"),
    (page([(20, "Status: open"), (400, "Draft")], [(20, "17"), (400, "18")]), "What is the status?", "open", "after"),
    (page([(20, "Table 7"), (400, "Maria")]), "Which table?", "7", "after"),
    (page([(20, "Table"), (200, "7"), (400, "12")]), "Which table?", "7", "right of"),
    (page([(20, "Total"), (200, "12.00"), (400, "paid")]), "What is the total?", "12.00", "right of"),
    (page([(20, "Total"), (200, "paid by card"), (600, "12.00")]), "What is the total?", "12.00", "in the row of"),
    (page([(20, "Visit"), (200, "$25"), (400, "Code: 610415")]), "How much is a visit?", "$25", "right of"),
    *((page([(20, f"{count} Flat white"), (600, "hot")]), "How many flat whites?", value, "before")
      for count, value in (("2", "2"), ("2 ×", "2"))),
    (page([(20, "2 Flat white"), (600, "hot")]), "What is the flat white?", "hot", "right of"),
    (page([(20, "Delivery address"), (400, "Same as billing")]), "What is the delivery address?", "Same as billing",
     "right of"),
    (page([(20, "Sold to"), (200, "Maria Lind")], [(20, "Casa Verde")]), "Who is the buyer?", "Maria Lind", "right of"),
    *((beside(f"Line 2{colon}", "Main Road"), "What is line 2?", "Main Road", "right of") for colon in ":："),
    (page([(20, "Surname"), (300, "Given name： Bo")]), "What is the surname?", None, None),
    *((page([(20, "金额： 十七")], *more), 'What stands beside "金额"?', "十七", "after")
      for more in ([], [[(20, "17")]])),
    (page([(20, "To:"), (200, "London")]), "Where does it go to?", "London", "right of"),
    (beside("Departure", "18:45"), "What is the departure time?", "18:45", "right of"),
    (beside("Departure", "2 March 2025"), "What is the departure time?", None, None),
    (beside("Due date", "soon"), "What is the due date?", None, None),
    (beside("Date", "Sunday 2 March 2025 in Leeds"), "What is the date?", "Sunday 2 March 2025 in Leeds", "right of"),
    (beside("12", "May"), "What is 12?", None, None),  # a number is no label
    (beside("Time", "08:00"), "What time does the flight leave?", None, None),
    (beside("Number", "030 1234567"), "What is the phone number?", "030 1234567", "with no label beside it"),
    (beside("Payment terms", "Net 30 days"), "What is the subtotal?", None, None),
    (CAFE, "What is the net amount?", "16.90", "right of"),
    (page([(20, "Subtotal"), (400, "16.90")], [(20, "Amount"), (400, "20.28")]), "What is the net amount?", "16.90",
     "right of"),
    (CAFE, "What is the sub total?", "16.90", "right of"),
    # quotes
    (PASS, 'What does the form say next to the words "GATE"?', "B37", "below"),
    (PASS, 'What stands next to the words "GATE" on the form?', "B37", "below"),
    (CONTACT, 'What is the date of the "Receipt"?', None, None),
    # the name of the page
    (CAFE, "What's the cafe's name?", "Blue Door Cafe", "as the largest words at the top"),
    (CAFE, "Who is the merchant?", "Blue Door Cafe", "as the largest words at the top"),
    (CAFE, "What is the overall title?", "Blue Door Cafe", "as the largest words at the top"),
    (CONTACT, "What is the name of the company?", "Kestrel Parts Co", "as the largest words at the top"),
    (CONTACT, "What is the date?", "2 March 2025", "with no label beside it"),
    (SHOUT, "What is the name of the shop?", "Corner Bakery", "as the largest words at the top"),
    (page([(300, "Shop 24 Berlin", 34)]), "What is the name of the shop?", "Shop 24 Berlin",
     "as the largest words at the top"),
    (page([(300, "Blue Door", 34)], [(20, "Seller:"), (200, "Casa Verde")]), "Who is the seller?", "Casa Verde",
     "right of"),
    (page(), "What is the name of the shop?", None, None),
]  # fmt: skip


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
        ("names", "name", 1.0),
        ("fees", "fee", 1.0),
        ("employees", "employee", 1.0),
        ("charges", "charged", 1.0),
        ("fare", "far", 0.0),
        ("red", "r", 0.0),
        ("bill", "b1l1", 0.0),  # too many misread letters
    ],
)
def test_the_similarity_of_two_words_is_symmetric(a, b, sure):
    assert alike(a, b) == alike(b, a) == pytest.approx(sure, abs=0.01)


@pytest.mark.parametrize("apostrophe", "'’")
def test_an_owner_counts_without_its_ending_and_less_than_the_rest(apostrophe):
    assert terms(f"What is the patient{apostrophe}s weight?") == {"patient": 0.4, "weight": 1.0}
    assert terms("What are the charges?") == {"charges": 0.4}
    assert terms(f"Which room has O{apostrophe}Brien?") == {"room": 1.0, f"o{apostrophe}brien": 1.0}


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
    [("1 minute", 60), ("2 minutes", 120), ("1:05", 65), ("65 s", 65), ("1 minute and 5 seconds", 65), ("1m05s", 65),
     ("0:01:05", 65), ("second 65", 65), ("t=65", 65), ("t = 65", 65), ("62.6 s", 65), ("62.4 s", 60)],
)  # fmt: skip
def test_a_moment_is_given_in_minutes_or_seconds(moment, time):
    times = [float(5 * i) for i in range(30)]
    answer = clip.answer(f"What is shown at {moment}?", times, [page([(20, "ALARM")])] * 30, ())
    assert answer.startswith(f"On the frame at {time}.00 s")


ALARM, CALM, TOTAL = page([(20, "ALARM")]), page([(20, "ok")]), beside("Total", "5.00")


@pytest.mark.parametrize(
    ("question", "fields", "answer"),
    [
        ("When does ALARM appear?", (), "ALARM: from 1.00 s to 2.00 s.\nALARM: from 4.00 s to 4.00 s."),
        ('When is "ok" shown? Answer in words.', (), "ok: from 0.00 s to 0.00 s."),
        ("When is the total shown?", ("Time", "total"), '{"Time": "3.00", "total": "5.00"}'),
        ("When does the dog jump?", (), "No words of the question stand on the 5 frames."),
        ("When does the dog jump?", ("time",), "No words of the question stand on the 5 frames."),
        ("What is shown around 1 s?", (), "On the frame at 1.00 s I read: ALARM"),
        ("What is shown near 5 s?", (), "On the frame at 4.00 s I read: ALARM"),
        ("What do you see at 9", (), "On the frame at 4.00 s (the last one) I read: ALARM"),
        *((question, (), f"{locate.WHO}. I read these texts")  # these ask for no time
          for question in ("What do the 2 signs say?", "What happens at sea?", "What is shown at 5th Avenue?")),
    ],
)  # fmt: skip
def test_a_question_about_a_clip_asks_for_a_time_or_for_a_text(question, fields, answer):
    pages = [CALM, ALARM, ALARM, TOTAL, ALARM]
    assert clip.answer(question, [0.0, 1.0, 2.0, 3.0, 4.0], pages, fields).startswith(answer)


def test_words_in_quotes_are_looked_for_even_if_they_are_about_time():
    answer = clip.answer('When is "The end" shown?', [0.0], [page([(20, "The end")])], ())
    assert answer == "The end: from 0.00 s to 0.00 s."


def test_the_texts_of_a_clip_leave_out_a_running_clock():
    clock = [page([(20, "ALARM"), (400, f"0:0{second}")]) for second in range(3)]
    assert clip.answer("What happens?", [0.0, 1.0, 2.0], clock, ()).splitlines()[1:] == ["0.00 - 2.00 seconds: ALARM"]
    once = clip.answer("What happens?", [0.0, 1.0], [ALARM, CALM], ())
    assert once.splitlines()[1:] == ["0.00 - 0.00 seconds: ALARM", "1.00 - 1.00 seconds: ok"]
    assert clip.answer("What is shown at 0 s?", [0.0], [page()], ()) == "On the frame at 0.00 s I read: nothing"


class Pages:
    """A reader for pictures that are pages already."""

    def read(self, picture, *, stop):
        return picture

    def lines(self, picture, *, stop):
        return iter(picture.lines)


def ask(question, *pages):
    chat = parse(json.dumps({"model": MODEL, "messages": [{"role": "user", "content": question}]}).encode())
    return "".join(skills.answer(chat, pages, Pages(), lambda: False))


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("What is the total?", "5.00"),
        ("What is the total of the second receipt?", "6.00"),
        ("What is the total on picture 2?", "6.00"),
        ("What is the total of the last page?", "7.00"),
        ("Last page: what is the total?", "7.00"),
        ("What is the total of the fourth receipt?", "I found no text that answers this"),
    ],
)
def test_a_question_may_name_its_picture(question, value):
    pages = [beside("Total", total) for total in ("5.00", "6.00", "7.00")]
    assert ask(question, *pages).startswith(value)
    assert ask("What is the total of the fifth receipt?", CALM, *pages, beside("Total", "9.00")).startswith("9.00")
    assert ask("What is the total of the second receipt?", TOTAL).startswith("5.00"), "the only one"


MANY = page(*[[(20, f"Row {letter}")] for letter in "ABCDEFGHIJ"], [(20, "ok")])
FAINT = page([(20, "ok")])
FAINT = replace(FAINT, lines=(Line((replace(FAINT.segments[0], score=0.5),)),))
SIZE = "has 800 x 600 pixels"
COMPARING = "comparison,difference,differ,similar,alike,in common,same,changed,versus,vs".split(",")
LARGER = "more most less least bigger cheapest earlier fewest greater highest larger later longest lower newest"
LARGER += " older shortest smaller"
WHOLE = ["", " ", "Read page 2.", "Transcribe this.", "OCR", "Output all text.", "What is written on the sign?"]
WHOLE += ["What does the page say?", "The page says?", "The words, please.", "All letters.", "The content."]


@pytest.mark.parametrize("question", WHOLE)
def test_a_question_for_the_whole_text_is_answered_with_nothing_else(question):
    assert ask(question, CALM) == "ok"


@pytest.mark.parametrize(
    ("question", "pages", "parts"),
    [
        ("Read the text.", [CALM, ALARM], ["Picture 1:\nok\n\nPicture 2:\nALARM"]),
        ("Read the text.", [page([(20, "a")], [(20, "b")])], ["a\nb"]),
        ("Read the text.", [page()], ["[no text that I can read on this picture of 800 x 600 pixels]"]),
        ("Read the text.", [FAINT], ["ok\n[I am not sure of this text: "]),
        ("Read the date.", [RECEIPT], ['2 March 2025\n(at [80, 40, 200, 60], after "Date:")']),
        ("What is the total?", [CALM, TOTAL], ['5.00\n(at [400, 0, 440, 20] of picture 2, right of "Total")']),
        ("What is the phone number?", [CARD], ["+44 113 496 0000\n(at [20, 80, 200, 100], with no label beside it)"]),
        ('Fill in {"total": "", "vat": ""}.', [CAFE], ['```json\n{\n "total": "20.28",\n "vat": "3.38"\n}\n```']),
        ('Locate each and fill in {"total": ""}.', [CAFE], ['```json\n{\n "total": "20.28"\n}\n```']),
        ("What is it?", [], [f"{locate.WHO}, and there is no picture in this request."]),
        ("What is it?", [CALM], ["I found no text that answers this (I looked for: what is it)", "this text:\nok"]),
        ("What is the tip?", [CALM, page()],
         ["I found no text", "(I looked for: tip)", "Picture 2: a picture of 800 x 600 pixels, with no text"]),
        ("Compare the prices.", [CALM], ["I found no text", "(I looked for: compare, prices)"]),
        *((f"What is the {word} here?", [CALM, ALARM], [f"Picture 1 {SIZE}"]) for word in COMPARING),
        ("Compare them.", [MANY, CALM, page([(20, "ok")], [(20, "x")])],
         [f"Picture 1 {SIZE}; it alone says “Row A”, ", f"“Row H” and 2 more. Picture 2 {SIZE}. ",
          f"Picture 3 {SIZE}; it alone says “x”. All of them say “ok”. "]),
        ("Compare them.", [page(), CALM],
         [f"Picture 1 {SIZE}; I can read no text on it. Picture 2 {SIZE}; it alone says “ok”. ",
          "They have no text in common."]),
        *((f"Which has the {word} total?", [TOTAL, CALM], ["Picture 1: 5.00\n", "\nPicture 2: no such value\n"])
          for word in LARGER.split()),
        ("Which has the larger tree?", [TOTAL, CALM], ["I found no text", "(I looked for: larger, tree)"]),
        ("What is the lower total?", [TOTAL], ["5.00\n"]),
        ("Output the written total.", [TOTAL], ["5.00\n"]),
        ("What is the total of the second receipt?", [TOTAL, CALM, TOTAL], ["I found no text"]),
        ("Locate the total.", [TOTAL, CALM],
         ['Picture 1:\n```json\n[\n\t{"bbox_2d": [400, 0, 440, 20], "label": "total", "text_content": "5.00"}\n]\n```',
          "\n\nPicture 2:\n[]\n", "I found no text here for “total”."]),
        ("Locate all text.", [page([(20, "a"), (400, "b")])],
         ['```json\n[\n\t{"bbox_2d": [20, 0, 30, 20], "text_content": "a"},\n\t{"bbox_2d": [400, 0, 410, 20], ']),
    ],
)  # fmt: skip
def test_an_answer_reads_compares_or_says_what_it_sees(question, pages, parts):
    answer = ask(question, *pages)
    assert answer.startswith(parts[0])
    assert all(part in answer for part in parts)


@pytest.mark.parametrize(
    ("question", "texts"),
    [
        *((f"Where is {quoted}?", ["CASH EUR"]) for quoted in ('"CASH EUR"', "'CASH EUR'", "«CASH EUR»")),
        ("Where is the cashier's 'Tel'?", ["Tel:"]),
        ("Where are the cashier's and the owners' names?", ["Ines"]),  # no quotes
        ('Locate "17" and "VAT".', ["VAT"]),
        ('Locate "-".', []),
        ("Detect the total.", []),  # a thing, not a text
        ("Locate it.", []),
        ("Locate the grand total.", ["6.47"]),
        ("Locate the word cash eur.", ["CASH EUR"]),
        ("Locate the text tip.", []),
        ("Locate the text VAT amount.", ["0.42"]),
        ("Locate the shop.", ["Corner Bakery"]),
        ("Locate 18:45. Answer in JSON with the cash.", ["18:45"]),
        ('Locate the grand total [{"bbox_2d": [1], "label": "cash"}]', ["6.47"]),
        ("Locate the colour of the sky.", []),
    ],
)
def test_a_text_is_located_by_its_words_or_its_label(question, texts):
    assert [spot.text for spot in locate.search(RECEIPT, question)] == texts


def test_a_quoted_word_is_located_without_the_marks_around_it():
    assert [spot.text for spot in locate.search(page([(20, "- Total -")]), 'Locate "Total".')] == ["Total"]


@pytest.mark.parametrize(
    ("question", "texts"),
    [
        ("Locate every word.", ["Grand", "total", "17,000"]),
        ("Spot all text line by line.", ["Grand total    17,000"]),
        ("Locate all text.", ["Grand total", "17,000"]),
    ],
)
def test_all_text_is_located_by_word_line_or_segment(question, texts):
    (line,) = page([(20, "Grand total"), (400, "17,000")]).lines
    assert locate.asks_for_all_text(question)
    assert [spot.text for spot in locate.spots_on(line, question)] == texts
    assert not locate.asks_for_all_text('Locate all text that says "TO".')
    assert not locate.asks_for_all_text("Locate the total.")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        *((question, """```json
[
\t{"bbox_2d": [0, 0, 10, 20], "label": "x", "text_content": "A & B"},
\t{"bbox_2d": [10, 30, 20, 50], "text_content": "<C>"}
]
```""") for question in ("Locate.", "Answer in XML.")),
        ("Point to it.", """```json
[
\t{"point_2d": [5, 10], "label": "x"},
\t{"point_2d": [15, 40], "label": "<C>"}
]
```"""),
        *((question, """<points x1="5" y1="10" alt="x">x</points>
<points x1="15" y1="40" alt="&lt;C&gt;">&lt;C&gt;</points>""") for question in ("Point to it. XML", "<points> please")),
        ("QwenVL HTML", """```html
<html><body>
<p data-bbox="0 0 10 20">A &amp; B</p>
<p data-bbox="10 30 20 50">&lt;C&gt;</p>
</body></html>
```"""),
    ],
)  # fmt: skip
def test_places_are_written_in_the_format_that_the_question_names(question, answer):
    spots = [locate.Spot("A & B", (0, 0, 10, 20), "x"), locate.Spot("<C>", (10, 30, 20, 50))]
    assert "".join(locate.format_spots(spots, question)) == answer


@pytest.mark.parametrize(
    ("question", "name"),
    [("Where are \"17\" and 'VAT'?", "17, VAT"), ("Locate the tip.", "tip"), ("Locate it.", "that")],
)
def test_what_is_not_found_is_named(question, name):
    assert locate.not_found(question).startswith("[]\n")
    assert locate.not_found(question).endswith(f"I found no text here for “{name}”.")
