"""Filling in a schema from the text of a page: labels with their values, tables, and no invented values."""

import pytest

from tests.embedded.pages import page
from tests.embedded.test_lookup import BILL, CAFE, CAPTIONS, VEHICLE
from vlnb import samples
from vlnb.embedded.fill import fill, fill_form, score
from vlnb.embedded.reader import Reader
from vlnb.embedded.request import Refused
from vlnb.typed import Form

NUMBERS = ("number", "integer", "string")
TEXT, AMOUNT, DAY = {"type": "string"}, {"type": "number"}, {"type": "string", "format": "date"}


def wire(**properties):
    return Form.of({"type": "object", "properties": properties}).wire


@pytest.mark.parametrize(
    ("name", "label", "matches"),
    [
        ("total", "Total", True),
        ("total", "Grand total", True),
        ("total", "Total EUR", True),
        ("total", "Subtotal", False),
        ("total", "Sub total", False),
        ("total", "Total VAT", False),
        ("due date", "Due date", True),
        ("due date", "Date", False),
        ("date", "Due date", False),
        ("date", "Issue date", True),
        ("invoice number", "Invoice No", True),
        ("invoice number", "Order number", False),
        ("email", "E-mail", True),
        ("buyer", "Bill to", True),
        ("seller", "Bill to", False),
        ("start time", "Begin time", True),
        ("start time", "End time", False),  # the opposite
        ("end balance", "Start balance", False),
        ("depart time", "Arrive time", False),
        ("invoice total", "Order total", False),
        ("customer id", "Order ID", False),
        ("order no", "Invoice no", False),
        ("order date", "Date", False),
        ("expiry date", "Expires", True),
        ("employer", "Employee", False),  # another word, not a misread letter
        ("county", "Country", False),
        ("postcode", "Post code", True),
        ("zip code", "Zipcode", True),
        ("total", "Total amount", True),
        ("total", "Total 2026", True),
        ("total amount", "Total", True),
        ("amount", "Amount EUR", True),
        ("unit price", "Price", True),
        ("number", "Invoice number", True),
        ("number", "Customer number", False),
        ("paid", "Payment", True),
        ("payment", "Paid", True),
    ],
)
def test_a_label_matches_only_the_field_that_it_names(name, label, matches):
    assert bool(score(name.split(), label)) is matches


INVOICE = page(
    [(40, "Kestrel Parts Co")],
    [(40, "Invoice No: K7-120"), (400, "Date"), (520, "12/03/2026")],
    [(40, "Item"), (300, "Qty"), (440, "Price")],
    [(40, "Copper pipe"), (300, "2"), (440, "12.50")],
    [(40, "15 mm, hard")],
    [(40, "Tape"), (300, "10"), (440, "0.80")],
    [(40, "Subtotal"), (440, "33.00")],
    [(40, "Total"), (440, "39.60")],
)
ITEM = {"type": "object", "properties": {"description": TEXT, "quantity": AMOUNT, "price": AMOUNT}}


def test_values_are_copied_as_printed_and_missing_ones_are_null():
    schema = {"title": "Invoice", **wire(
        number=TEXT, date=DAY, due_date=DAY, total=AMOUNT, vat=AMOUNT, iban=TEXT, items={"type": "array", "items": ITEM}
    )}  # fmt: skip
    assert fill(schema, [INVOICE]) == {
        "number": "K7-120", "date": "12/03/2026", "due_date": None, "total": "39.60", "vat": None, "iban": None,
        "items": [{"description": "Copper pipe 15 mm, hard", "quantity": "2", "price": "12.50"},
                  {"description": "Tape", "quantity": "10", "price": "0.80"}],
    }  # fmt: skip


def test_a_number_that_is_a_name_is_no_amount():
    form = page([(40, "VAT"), (440, "240.90")], [(40, "Customer"), (440, "J. Smith")], [(40, "Tax No"), (440, "12 34")])
    assert fill(wire(vat_number=TEXT, customer_number=TEXT), [form]) == {"vat_number": "12 34", "customer_number": None}


@pytest.mark.parametrize("value", ["see page 2", "soon"])
def test_a_value_of_the_wrong_type_is_null(value):
    assert fill(wire(total=DAY), [INVOICE]) == {"total": None}
    assert fill(wire(total=AMOUNT), [page([(40, "Total"), (440, value)])]) == {"total": None}


def test_an_empty_form_in_a_prompt_is_filled_in_with_text():
    assert fill_form(["total", "vat"], [INVOICE]) == {"total": "39.60", "vat": ""}
    assert fill_form(["total"], [page()]) == {"total": ""}


LOWER_TITLE = page(*[[(40, f"Row {i}:")] for i in range(4)], [(40, "Blue Door Cafe", 34)])
HEADING = page([(300, "Invoice 17")], [(300, "Kestrel Parts Co")], [(40, "Date:")])


@pytest.mark.parametrize(
    ("document", "field", "value"),
    [
        (CAFE, {"shop": TEXT}, "Blue Door Cafe"),
        (CAFE, {"store_price": AMOUNT}, None),
        (CAFE, {"shop_number": TEXT}, None),
        (INVOICE, {"seller": TEXT}, None),  # no larger than the rest
        (HEADING, {"seller": TEXT}, None),
        (LOWER_TITLE, {"seller": TEXT}, None),
        (INVOICE, {"due_date": DAY}, None),  # the label "Date" is not enough
        (page([(40, "Total"), (300, "2"), (440, "24.00")]), {"total": AMOUNT}, "24.00"),  # the last number of a row
        (page([(40, "Item"), (300, "Each"), (440, "Total")], [(40, "Tea"), (300, "2"), (440, "6.00")], [],
              [(40, "Total"), (440, "16.00")]), {"total": AMOUNT}, "16.00"),  # not the cell under the heading
    ],
)  # fmt: skip
def test_a_single_field_has_the_value_of_its_label_or_none(document, field, value):
    assert list(fill(wire(**field), [document]).values()) == [value]


TITLE = [(20, "Form")]
FAR = [[(20, "City"), (400, "Fax")], [(20, "Leeds")]]
CAPTION_ROWS = [[(20, "First name"), (160, "Last name")], [(20, "Maria"), (160, "Lopez")]]


@pytest.mark.parametrize(
    ("lines", "field", "value"),
    [
        (FAR, "city", "Leeds"),  # a text so far away is another label
        ([TITLE, TITLE, *FAR], "city", "Leeds"),
        ([[(20, "City"), (200, "Leeds")]], "city", "Leeds"),
        (CAPTION_ROWS, "first_name", "Maria"),  # a row and the next one, apart from the others
        ([TITLE, [], *CAPTION_ROWS, [], TITLE], "first_name", "Maria"),
        ([TITLE, [], [(20, "First name"), (160, "Maria")], [(20, "Last name"), (160, "Lopez")], TITLE],
         "first_name", "Maria"),  # rows that follow each other
        ([[(20, "Make"), (200, "Renault")], [], [], TITLE], "make", "Renault"),
        *(([[(20, f"Name{colon}"), (400, "Lopez")], [(20, "Remarks")]], "name", "Lopez") for colon in ":："),
        ([[(20, "Room"), (400, "B 12")], [(20, "Remarks")]], "room", "B 12"),  # no label has a number
        *(([[(20, f"{before}{i}{after}"), (100, label), (600, value)]
            for i, label, value in ((1, "Make", "Renault"), (2, "Model", "Clio"), (3, "Colour", "red"))],
           "make", "Renault") for before, after in (("(", ")"), ("", "."))),  # a list with the codes of its lines
    ],
)  # fmt: skip
def test_the_text_right_of_a_label_is_its_value_or_another_label(lines, field, value):
    assert fill(wire(**{field: TEXT}), [page(*lines)]) == {field: value}


def test_a_count_stands_before_what_it_counts():
    assert fill(wire(nights=AMOUNT), [BILL]) == {"nights": "3"}


def test_a_description_may_be_the_printed_label():
    prices = page([(40, "Price"), (440, "3.00")], [(40, "Total"), (440, "6.00")])
    sums = {"price": {**AMOUNT, "description": "the total"}, "betrag": {**AMOUNT, "description": "Price"}}
    assert fill(wire(**sums), [prices]) == {"price": "6.00", "betrag": "3.00"}
    assert fill(wire(total=AMOUNT, paid=sums["price"]), [prices]) == {"total": "6.00", "paid": None}
    assert fill(wire(kosten={**TEXT, "description": "Price"}), [prices]) == {"kosten": "3.00"}
    long = {**AMOUNT, "description": "The sum of all items, with their taxes"}
    assert fill(wire(total=long, grand_total=AMOUNT), [prices]) == {"total": "6.00", "grand_total": None}


def test_a_name_alone_does_not_tell_whose_it_is():
    form = page([(40, "Name"), (400, "Lopez")], [(40, "Date"), (400, "02.02.2026")], [(40, "IBAN"), (400, "DE89")])
    parts = {"type": "object", "properties": {"name": TEXT, "date": DAY, "iban": TEXT}}
    assert fill(wire(buyer=parts), [form]) == {"buyer": {"name": None, "date": None, "iban": "DE89"}}


def test_equal_labels_with_different_values_give_null():
    ambiguous = page([(40, "Total"), (440, "39.60")], [(40, "Total"), (440, "12.00")])
    assert fill(wire(total=AMOUNT), [ambiguous]) == {"total": None}


def test_a_label_is_not_a_value_and_an_empty_box_is_null():
    form = page([(40, "City"), (400, "Phone")], [(400, "0113 496")])
    assert fill(wire(city=TEXT, phone=TEXT), [form]) == {"city": None, "phone": "0113 496"}
    below = page([(40, "City")], [(40, "Phone")], [(40, "0113 496")])
    assert fill(wire(city=TEXT, phone=TEXT), [below]) == {"city": None, "phone": "0113 496"}
    numbered = page([(40, "Address"), (400, "Unit 5")])
    assert fill(wire(address=TEXT, unit=TEXT), [numbered])["address"] == "Unit 5"
    dash = page([(40, "Notes"), (200, "\N{EN DASH}")])
    assert fill(wire(**{"\N{EURO SIGN}": AMOUNT, "notes": TEXT}), [dash])["notes"] == "\N{EN DASH}"


def test_the_title_selects_the_documents_own_number():
    two_numbers = page([(40, "Order No: 5")], [(40, "Invoice No: 7")])
    assert fill({"title": "Invoice", **wire(number=TEXT)}, [two_numbers]) == {"number": "7"}
    assert fill(wire(number=TEXT), [two_numbers]) == {"number": None}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"enum": ["red", None]}, None),
        ({"enum": ["red", "blue"]}, None),  # neither is printed, and none is invented
        ({"const": "invoice"}, "invoice"),  # the only answer that the schema allows
        ({"properties": {"number": {"enum": ["7", "K7-120"]}}, "title": "Invoice"}, {"number": "K7-120"}),
        ({"type": "object", "additionalProperties": TEXT}, {}),
        ({"type": "array", "items": {"$ref": "#/$defs/A"}, "$defs": {"A": ITEM}, "maxItems": 1},
         [{"description": "Copper pipe 15 mm, hard", "quantity": 2, "price": 12.5}]),
        ({"anyOf": [{"type": "object", "properties": {"total": AMOUNT}}, {"type": "null"}]}, {"total": 39.6}),
        ({"type": "object", "properties": {"total": AMOUNT, "next": {"$ref": "#"}}},
         {"total": 39.6, "next": {"total": None, "next": None}}),
        ({"properties": {"total": {"oneOf": [{"type": "null"}, AMOUNT]}}}, {"total": 39.6}),
        ({"$ref": "#/definitions/A", "definitions": {"A": {"properties": {"total": AMOUNT}}}}, {"total": 39.6}),
        ({"allOf": [{"properties": {"total": AMOUNT}}, {"properties": {"vat": AMOUNT}}]}, {"total": 39.6, "vat": None}),
        ({"properties": {"items": {"type": ["array", "null"], "items": ITEM, "maxItems": 1}}},
         {"items": [{"description": "Copper pipe 15 mm, hard", "quantity": 2, "price": 12.5}]}),
        ({"anyOf": [{"$ref": "#/$defs/A~1B%"}, {"type": "null"}], "$defs": {"A/B%": {"properties": {"total": AMOUNT}}}},
         {"total": 39.6}),
        ({"$ref": "#/$defs/~01", "$defs": {"~1": {"properties": {"total": AMOUNT}}}}, {"total": 39.6}),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"properties": {"total": AMOUNT, "b": {"$ref": "#/$defs/B"}}},
                                         "B": {"properties": {"a": {"$ref": "#/$defs/A"}}}}},
         {"total": 39.6, "b": {"a": None}}),
        ({"properties": {"definitions": TEXT}}, {"definitions": None}),
        ({"properties": {"total": AMOUNT}, "anyOf": [{"required": ["total"]}]}, {"total": 39.6}),
        ({"title": "Invoice", "properties": {"number": {"oneOf": [{"type": "null"}, TEXT]}}}, {"number": "K7-120"}),
        ({"properties": {"total": {"allOf": [AMOUNT]}}}, {"total": 39.6}),
        ({"properties": {"date": {"type": ["number", "string"]}}}, {"date": "12/03/2026"}),
        ({"properties": {"date": {"type": "null"}}}, {"date": None}),
        ({"properties": {"tags": {"type": "array", "items": TEXT}}}, {"tags": []}),
        ({"properties": {"totals": {"type": "array", "items": ITEM, "maxItems": 1}, "total": AMOUNT}},
         {"totals": [{"description": "Copper pipe 15 mm, hard", "quantity": 2, "price": 12.5}], "total": 39.6}),
    ],
)  # fmt: skip
def test_handwritten_schemas_are_filled_in(schema, value):
    assert fill(schema, [INVOICE]) == value


def test_labels_share_a_line_and_stand_above_their_values():
    fields = ("server", "table", "nights", "employee", "sex", "age")
    assert fill(wire(**dict.fromkeys(fields, TEXT)), [BILL]) == {
        "server": "Anna", "table": "7", "nights": "3", "employee": "J. Okafor", "sex": "F", "age": "54",
    }  # fmt: skip
    names = wire(first_name=TEXT, last_name=TEXT, nationality=TEXT, city=TEXT)
    assert fill(names, [CAPTIONS]) == {
        "first_name": "Maria", "last_name": "Gonzalez", "nationality": None, "city": "Madrid",
    }  # fmt: skip


def test_a_value_stands_beside_its_label_in_a_list_and_a_table_ends_at_a_gap():
    assert fill(wire(surname=TEXT, make=TEXT), [VEHICLE]) == {"surname": "Kovarik", "make": "Renault"}
    rows = [[(40, "Mark"), (300, "Points")], [(40, "Maths"), (300, "7")], [(40, "Art"), (300, "9")], []]
    report = page(*rows, [(40, "Attendance"), (300, "43")])
    marks = {"type": "array", "items": {"type": "object", "properties": {"mark": TEXT, "points": AMOUNT}}}
    assert [row["mark"] for row in fill(wire(marks=marks), [report])["marks"]] == ["Maths", "Art"]
    wide = page(rows[0], [], *rows[1:], [(40, "Attendance"), (300, "43")])  # the head stands farther away
    assert [row["mark"] for row in fill(wire(marks=marks), [wide])["marks"]] == ["Maths", "Art"]
    short = page(*rows[:2], [], [(40, "Attendance"), (300, "43")])
    assert [row["mark"] for row in fill(wire(marks=marks), [short])["marks"]] == ["Maths"]


@pytest.mark.parametrize(
    ("table", "items"),
    [
        (["Tea 2.50", "Grand total 2.50", "Cash 10.00", "Change 7.50"], ["Tea"]),
        *((["Tea 2.50", f"{label} 6.00"], ["Tea"]) for label in ("Tip", "Service charge", "VISA", "Sales tax")),
        *((["Tea 2.50", f"{label} 6.00"], ["Tea"]) for label in ("Card payment", "Rounding", "Summe", "GST 5 %")),
        (["Tea 2.50", "Total 2.50", "Bar 10.00"], ["Tea"]),
        (["Tea 2.50", "Discount card 5.00", "Cake 3.00", "Total 10.50"], ["Tea", "Discount card", "Cake"]),
        (["Tea 2.50", "Tax guide 5.00", "Cake 3.00", "Discount -1.00"], ["Tea", "Tax guide", "Cake"]),
        (["Discount card 5.00", "Cake 3.00", "Total 8.00"], ["Discount card", "Cake"]),
        (["Tea 2.50", "5 % GST 0.13"], ["Tea"]),
    ],
)  # fmt: skip
def test_a_table_ends_at_its_sums(table, items):
    rows = [[(40, label), (400, price)] for label, _, price in (row.rpartition(" ") for row in table)]
    schema = {"type": "array", "items": {"type": "object", "properties": {"item": TEXT, "price": AMOUNT}}}
    found = fill(wire(items=schema), [page([(40, "Item"), (400, "Price")], *rows)])
    assert [row["item"] for row in found["items"]] == items


def test_a_row_between_rows_may_lack_cells_and_a_unit_cost_is_no_amount():
    heads = [(40, "Description"), (300, "Quantity"), (440, "Unit Cost"), (600, "Total")]
    pipe, solder = ([(40, name), (300, "2"), (440, "3.00"), (600, "6.00")] for name in ("Copper pipe", "Solder"))
    invoice = page(heads, pipe, [(40, "Delivery"), (600, "4.00")], solder, [(40, "Paid so far"), (600, "16.00")])
    fields = {"description": TEXT, "quantity": AMOUNT, "unit_price": AMOUNT, "amount": AMOUNT}
    schema = {"type": "array", "items": {"type": "object", "properties": fields}}
    assert [tuple(row.values()) for row in fill(wire(items=schema), [invoice])["items"]] == [
        ("Copper pipe", "2", "3.00", "6.00"), ("Delivery", None, None, "4.00"), ("Solder", "2", "3.00", "6.00"),
    ]  # fmt: skip


HEADS = [(40, "Item"), (300, "Qty"), (440, "Amount")]
TEA = [(40, "Tea"), (300, "2"), (440, "5.00")]


@pytest.mark.parametrize(
    ("lines", "items"),
    [
        ([HEADS, TEA, [(40, "with milk")]], [("Tea with milk", "2", "5.00")]),
        ([HEADS, [(40, "Hot drinks")], TEA], [("Tea", "2", "5.00")]),
        ([HEADS, [(300, "2"), (440, "5.00")], [(40, "Tea")]], [("Tea", "2", "5.00")]),
        ([HEADS, [*TEA, (700, "A")]], [("Tea", "2", "5.00")]),  # a mark beside the table
        ([HEADS, TEA, [(700, "Page 1")], [(40, "Points"), (440, "12")]], [("Tea", "2", "5.00")]),
        ([HEADS, TEA, [(440, "5.00")], [(40, "Points"), (440, "12")]], [("Tea", "2", "5.00")]),  # a sum without a name
        ([HEADS, TEA, [(40, "VISA")]], [("Tea", "2", "5.00")]),
        ([HEADS, [(40, "Tea"), (300, "2"), (440, "free")]], [("Tea", "2", None)]),
        ([[(40, "Item"), (300, "Size")], [(40, "Tea"), (300, "2")]], []),  # one heading makes no table
    ],
)
def test_the_lines_of_a_table_are_rows_or_belong_to_one(lines, items):
    fields = {"item": TEXT, "qty": AMOUNT, "amount": AMOUNT}
    schema = {"type": "array", "items": {"type": "object", "properties": fields}}
    assert [tuple(row.values()) for row in fill(wire(items=schema), [page(*lines)])["items"]] == items
    typed = fill({"properties": {"items": schema}}, [page(*lines)])["items"]
    assert [row["amount"] for row in typed] == [amount and float(amount) for _, _, amount in items]


def test_only_a_text_has_a_second_line():
    bill = page([(40, "Item"), (300, "Paid")], [(40, "Tea"), (300, "yes")], [(300, "no")])
    schema = {"type": "array", "items": {"type": "object", "properties": {"item": TEXT, "paid": {"type": "boolean"}}}}
    assert fill(wire(items=schema), [bill])["items"] == [{"item": "Tea", "paid": True}]


def test_a_second_line_of_headings_is_no_row():
    heads = [(40, "Item"), (300, "Qty"), (440, "Price"), (600, "Total")]
    bill = page(heads, [(300, "pcs"), (440, "EUR")], [(40, "Tea"), (300, "2"), (440, "2.50"), (600, "5.00")])
    fields = {"item": TEXT, "qty": AMOUNT, "price": AMOUNT, "total": AMOUNT}
    schema = {"type": "array", "items": {"type": "object", "properties": fields}}
    assert [row["item"] for row in fill(wire(items=schema), [bill])["items"]] == ["Tea"]


LABELS = {"VATNumber": "VAT number", "VATNo": "VAT number", "invoice.number": "Invoice number"}


@pytest.mark.parametrize("key", ["Tel.", "Total (incl. VAT)", "Date & time", *LABELS])
def test_a_key_may_be_written_like_its_label(key):
    label = LABELS.get(key, key)
    assert fill(wire(**{key: TEXT}), [page([(40, label), (400, "0113 496")])]) == {key: "0113 496"}


def test_values_have_the_type_that_the_schema_asks_for():
    form = page([(40, "Member: Yes")], [(40, "Parking: no.")], [(40, "Pets: two")], [(40, "Guests: 2.5")])
    answer = {"type": "boolean"}
    assert fill(wire(member=answer, parking=answer, pets=answer), [form]) == {
        "member": True, "parking": False, "pets": None,
    }  # fmt: skip
    rooms = page([(40, "Rooms"), (300, "1"), (440, "3")])  # the last number of a row
    for kind in ("number", "integer"):
        assert repr(fill({"properties": {"rooms": {"type": kind}}}, [rooms])) == "{'rooms': 3}"
    guests = {kind: fill({"type": "object", "properties": {"guests": {"type": kind}}}, [form]) for kind in NUMBERS}
    assert guests == {"number": {"guests": 2.5}, "integer": {"guests": None}, "string": {"guests": "2.5"}}


def doubling_record(number):
    """Return a record that refers to the next one twice: forty of them expand to a trillion."""
    return {"type": "object", "properties": {name: {"$ref": f"#/$defs/d{number + 1}"} for name in "ab"}}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/d0", "$defs": {f"d{i}": doubling_record(i) for i in range(40)}},
        {"type": "object", "properties": [1]},
        {"type": "object", "properties": {"a": True}},
        {"enum": 3},
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(schema):
    with pytest.raises(Refused, match=r"^The schema "):
        fill(schema, [INVOICE])


@pytest.fixture(scope="module")
def documents():
    """The sample form and invoice, as the engine reads them."""
    reader = Reader()
    return {name: reader.read(getattr(samples, name)().picture.image) for name in ("form", "invoice")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "fields", "filled"),
    [
        ("form", ("first_name",), {"first_name": "Amira"}),
        ("form", ("date_of_birth",), {"date_of_birth": None}),
        ("form", ("street", "city"), {"street": "5 Weaver Close", "city": "Leeds"}),
        ("form", ("seller",), {"seller": None}),
        ("invoice", ("number",), {"number": "R61-5969"}),
        ("invoice", ("seller",), {"seller": "Pine & Fell Supply"}),
    ],
)
def test_labels_outside_the_schema_are_not_used_as_values(documents, name, fields, filled):
    assert fill(wire(**dict.fromkeys(fields, TEXT)), [documents[name]]) == filled
