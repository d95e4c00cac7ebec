"""Documents drawn by seed, with their truth: invoices in four layouts, a form with gaps, a statement of two pages.

`invoice(seed, layout)` returns what the tests and the benchmark of typed answers need: pictures, values and boxes.
To see examples: `python scripts/draw_documents.py FOLDER`.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from vlnb.samples.canvas import Canvas

if TYPE_CHECKING:
    from vlnb.regions import Box
    from vlnb.samples.canvas import Sample

GOODS = (
    "Ball bearing 6204", "Copper pipe 15 mm", "Work gloves size 9", "LED panel 36 W", "Hex bolts M8", "Cable drum 25 m",
    "Sanding discs P120", "Wood glue 750 g", "Paint roller", "Safety glasses", "Drill bit set", "Silicone, clear",
    "Door hinge brass", "Extension lead", "Masking tape 50 m", "Shelf bracket", "Water filter", "Timer switch",
)  # fmt: skip
SELLERS = ("Harbour Tools Ltd", "Nordlicht Bedarf GmbH", "Atelier Vauban", "Pine & Fell Supply", "Kestrel Parts Co")
BUYERS = ("Miller Workshop", "Casa Verde Building", "Oakfield School", "Studio Lindqvist", "Baker Street Repairs")
STREETS = ("12 Quay Street", "Lindenweg 4", "8 rue des Halles", "77 Fell Road", "3 Mill Lane")
INK, FAINT = "#26241f", "#6b675f"


@dataclass(frozen=True)
class Layout:
    """How an invoice looks: its labels, its formats of dates and amounts, and its positions."""

    labels: dict[str, str]
    columns: tuple[tuple[str, str, int, str], ...]  # key, heading, x, anchor
    day: str
    comma: bool
    currency: str
    colon: bool = False
    above: bool = False
    facts: tuple[int, int] = (620, 90)
    totals_x: int = 560


LAYOUTS = (
    Layout({"number": "Invoice number", "date": "Invoice date", "due_date": "Due date", "buyer": "Bill to",
            "subtotal": "Subtotal", "tax": "VAT 20%", "total": "Total"},
           (("description", "Description", 60, "ls"), ("quantity", "Qty", 560, "rs"),
            ("price", "Unit price", 740, "rs"), ("amount", "Amount", 930, "rs")),
           "%d %b %Y", comma=False, currency="$"),
    Layout({"number": "Invoice No", "date": "Date", "due_date": "Payment due", "buyer": "Customer",
            "subtotal": "Net", "tax": "Tax", "total": "Grand total"},
           (("quantity", "Quantity", 60, "ls"), ("description", "Item", 200, "ls"), ("price", "Price", 760, "rs"),
            ("amount", "Amount", 930, "rs")), "%Y-%m-%d", comma=False, currency="USD", colon=True, facts=(60, 170)),
    Layout({"number": "Invoice #", "date": "Issue date", "due_date": "Due by", "buyer": "Sold to",
            "subtotal": "Sub total", "tax": "VAT", "total": "Total EUR"},
           (("description", "Article", 60, "ls"), ("price", "Unit price", 560, "rs"), ("quantity", "Qty.", 720, "rs"),
            ("amount", "Amount", 930, "rs")), "%d.%m.%Y", comma=True, currency="", above=True, facts=(60, 180)),
    Layout({"number": "Invoice", "date": "Date of invoice", "due_date": "Pay before", "buyer": "Invoice to",
            "subtotal": "Total excl. VAT", "tax": "VAT 21 %", "total": "Total to pay"},
           (("description", "Description", 60, "ls"), ("quantity", "Quantity", 600, "rs"),
            ("price", "Price", 770, "rs"), ("amount", "Amount", 930, "rs")),
           "%d/%m/%Y", comma=True, currency="EUR", colon=True, facts=(560, 60)),
)  # fmt: skip


@dataclass(frozen=True)
class Document:
    """A drawn document: its pictures, its values by path, as printed, and their boxes with the picture's number."""

    pages: tuple[Sample, ...]
    values: dict[str, str]
    boxes: dict[str, tuple[int, Box]]


class Sheet:
    """A page being drawn, which records each value by its path."""

    def __init__(self, number: int = 0, size: tuple[int, int] = (1000, 1300)) -> None:
        self.canvas, self.number = Canvas(*size, "#fdfcf9"), number
        self.values: dict[str, str] = {}
        self.boxes: dict[str, tuple[int, Box]] = {}

    def value(
        self, path: str, x: float, y: float, text: str, size: float = 22, anchor: str = "ls", *, bold: bool = False
    ) -> None:
        """Write a value and record its box."""
        self.boxes[path] = (self.number, self.canvas.text(x, y, text, size, INK, anchor=anchor, bold=bold))
        self.values[path] = text

    def word(self, x: float, y: float, text: str, size: float = 22, anchor: str = "ls", *, bold: bool = False) -> None:
        """Write a label."""
        self.canvas.text(x, y, text, size, INK if bold else FAINT, anchor=anchor, bold=bold)


def scanned(sample: Sample, seed: int) -> Sample:
    """Return the page as a scanner sees it, with a little grain."""
    grain = np.random.default_rng(seed).normal(0, 4, (*sample.picture.size[::-1], 1))
    image = Image.fromarray((np.asarray(sample.picture.image, np.float32) + grain).clip(0, 255).astype(np.uint8))
    return replace(sample, picture=replace(sample.picture, image=image))


def amount(value: Decimal, layout: Layout) -> str:
    """Return an amount as the layout prints it."""
    text = f"{value:,.2f}"
    return text.translate(str.maketrans(",.", ".,")) if layout.comma else text


def invoice(seed: int, layout: int = 0, *, without: Collection[str] = (), rows: int | None = None) -> Document:
    """Return an invoice. `without` names the fields to leave out, with their labels."""
    rng, form, sheet = random.Random(seed), LAYOUTS[layout], Sheet()
    lines = rows or rng.randint(3, 8)
    if rows:
        sheet = Sheet(size=(1000, 700 + 34 * rows))
    paper = sheet.canvas
    if "seller" not in without:
        sheet.value("seller", 60, 90, rng.choice(SELLERS), 38, bold=True)
    sheet.word(60, 122, rng.choice(STREETS), 19)
    if form.labels["number"] != "Invoice":
        paper.text(940, 60 if form.facts[0] < 500 else 56, "INVOICE", 30, FAINT, anchor="rs")
    issued = date(2026, rng.randint(1, 12), rng.randint(1, 28))
    facts = {
        "number": f"{rng.choice('ABKR')}{rng.randint(10, 99)}-{rng.randint(1000, 9999)}",
        "date": issued.strftime(form.day),
        "due_date": (issued + timedelta(days=rng.choice((14, 21, 30)))).strftime(form.day),
    }
    _facts(sheet, form, {key: text for key, text in facts.items() if key not in without})
    if "buyer" not in without:
        sheet.word(60, 330, form.labels["buyer"] + ":" * form.colon, 20)
        sheet.value("buyer", 60, 362, rng.choice(BUYERS), 24)
        sheet.word(60, 390, rng.choice(STREETS), 19)
    total = _table(sheet, form, rng, lines, without)
    y = 520 + 34 * lines
    tax = (total * Decimal("0.2")).quantize(Decimal("0.01"))
    for key, value in (("subtotal", total), ("tax", tax), ("total", total + tax)):
        y += 38
        if key not in without:
            big = key == "total"
            sheet.word(form.totals_x, y, form.labels[key] + ":" * form.colon, 24 if big else 21, bold=big)
            unit = form.currency if big else ""
            text = f"{unit}{' ' * (len(unit) > 1)}{amount(value, form)}"
            sheet.value(key, 930, y, text, 24 if big else 21, "rs", bold=big)
    sheet.word(60, y + 90, "Thank you for your order. Please quote the number with your payment.", 17)
    page = scanned(paper.finish(f"invoice {seed}", f"An invoice with {lines} items"), seed)
    return Document((page,), sheet.values, sheet.boxes)


def _facts(sheet: Sheet, form: Layout, facts: dict[str, str]) -> None:
    x, y = form.facts
    for i, (key, text) in enumerate(facts.items()):
        label = form.labels[key] + ":" * form.colon
        if form.above:
            sheet.word(x + 290 * i, y, label, 19)
            sheet.value(key, x + 290 * i, y + 32, text)
        else:
            sheet.word(x, y + 36 * i, label, 20)
            sheet.value(key, x + 200, y + 36 * i, text)


def _table(sheet: Sheet, form: Layout, rng: random.Random, lines: int, without: Collection[str]) -> Decimal:
    columns = [column for column in form.columns if f"items.{column[0]}" not in without]
    for _, heading, x, anchor in columns:
        sheet.word(x, 470, heading, 20, anchor, bold=True)
    sheet.canvas.line([(55, 484), (940, 484)], "#9a948a", 1)
    total = Decimal(0)
    for i, name in enumerate(rng.sample(GOODS, lines) if lines <= len(GOODS) else rng.choices(GOODS, k=lines)):
        count, cents = rng.randint(1, 12), rng.choice((250, 499, 1000, 1250, 2075, 10000, 123456))
        price = Decimal(cents) / 100
        cells = {"description": name, "quantity": str(count), "price": amount(price, form)}
        cells["amount"] = amount(count * price, form)
        total += count * price
        for key, _, x, anchor in columns:
            sheet.value(f"items[{i}].{key}", x, 518 + 34 * i, cells[key], 20, anchor)
    return total


FORM = (("first_name", "First name", "Amira"), ("last_name", "Last name", "Okonjo"),
        ("date_of_birth", "Date of birth", "14/02/1991"), ("street", "Street", "5 Weaver Close"),
        ("city", "City", "Leeds"), ("phone", "Phone", "0113 496 0172"),
        ("email", "E-mail", "amira.okonjo@example.org"), ("member_number", "Member number", "M-20418"))  # fmt: skip


def form(seed: int = 0, *, gaps: int = 3) -> Document:
    """Return a membership form in two columns of boxes; `gaps` fields are empty."""
    rng, sheet = random.Random(seed), Sheet(size=(1000, 700))
    empty = set(rng.sample([key for key, _, _ in FORM[2:]], gaps))
    sheet.word(60, 80, "Membership form", 36, bold=True)
    for i, (key, label, text) in enumerate(FORM):
        x, y = 60 + 460 * (i % 2), 170 + 120 * (i // 2)
        sheet.word(x, y, label, 20)
        sheet.canvas.rect((x, y + 14, x + 400, y + 62), "#ffffff", edge="#9a948a")
        if key not in empty:
            sheet.value(key, x + 14, y + 46, text, 24)
    page = scanned(sheet.canvas.finish("samples.form()", f"A membership form; {gaps} of its 8 fields are empty"), seed)
    return Document((page,), sheet.values, sheet.boxes)


def statement(seed: int = 0, *, lines: int = 18) -> Document:
    """Return a bank statement of two pages with `lines` bookings on each, and the balance on the second."""
    rng, pages, values, boxes = random.Random(seed), [], {}, {}
    balance, day = Decimal(rng.randint(100000, 400000)) / 100, date(2026, 3, 1)
    for number in (0, 1):
        sheet = Sheet(number, (1000, 1000))
        sheet.word(60, 70, "Fellside Savings Bank", 32, bold=True)
        sheet.word(940, 70, f"Page {number + 1} of 2", 18, "rs")
        if not number:
            sheet.word(60, 120, "Account number", 20)
            sheet.value("account_number", 260, 120, f"40-{rng.randint(1000, 9999)}-{rng.randint(10, 99)}")
            sheet.word(60, 152, "Opening balance", 20)
            sheet.value("opening_balance", 260, 152, f"{balance:,.2f}")
        for x, heading, anchor in ((60, "Date", "ls"), (220, "Details", "ls"), (930, "Amount", "rs")):
            sheet.word(x, 210, heading, 20, anchor, bold=True)
        for i in range(lines):
            value, place = Decimal(rng.choice((-1250, -4999, 120000, -800, -23510))) / 100, number * lines + i
            day, balance = day + timedelta(days=rng.randint(0, 2)), balance + value
            sheet.value(f"bookings[{place}].date", 60, 250 + 34 * i, day.strftime("%d/%m/%Y"), 20)
            sheet.value(f"bookings[{place}].details", 220, 250 + 34 * i, rng.choice(BUYERS), 20)
            sheet.value(f"bookings[{place}].amount", 930, 250 + 34 * i, f"{value:,.2f}", 20, "rs")
        if number:
            sheet.word(560, 300 + 34 * lines, "Closing balance", 22, bold=True)
            sheet.value("closing_balance", 930, 300 + 34 * lines, f"{balance:,.2f}", 22, "rs", bold=True)
        alt = f"Page {number + 1} of a bank statement with {lines} bookings"
        pages.append(scanned(sheet.canvas.finish(f"samples.statement(), page {number + 1}", alt), seed + number))
        values |= sheet.values
        boxes |= sheet.boxes
    return Document(tuple(pages), values, boxes)


DRAWN: dict[str, Callable[[], Document]] = {
    **{f"invoice-{i}": lambda i=i: invoice(i, i) for i in range(len(LAYOUTS))}, "form": form, "statement": statement,
}  # fmt: skip


def main() -> None:
    """Draw one of each into the folder that the command line names."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in DRAWN.items():
        for number, page in enumerate(draw().pages, 1):
            page.picture.image.save(folder / f"{name}-{number}.png")


if __name__ == "__main__":
    main()
