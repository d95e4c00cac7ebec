"""Evidence for extracted values: where each stands on the picture. The pages are drawn, so the true boxes are known."""

import re
import runpy
from pathlib import Path

import pytest
from PIL import Image

import vlnb
from tests.embedded.pages import page
from vlnb import images
from vlnb.regions import iou
from vlnb.samples.canvas import Canvas
from vlnb.typed import evidence
from vlnb.typed.form import UNREADABLE

DRAW = runpy.run_path(str(Path(__file__).parent.parent.parent / "scripts" / "draw_documents.py"))


def nested(values):
    """Return the nested answer whose leaves have these paths."""
    answer = {}
    for path, value in values.items():
        if hit := re.fullmatch(r"(\w+)\[(\d+)\]\.(\w+)", path):
            rows = answer.setdefault(hit[1], [])
            rows += [{} for _ in range(int(hit[2]) + 1 - len(rows))]
            rows[int(hit[2])][hit[3]] = value
        else:
            answer[path] = value
    return answer


def find(document, values):
    return evidence.find(nested(values), [page.picture for page in document.pages])


DOCUMENTS = {
    **{f"layout {layout}": lambda layout=layout: DRAW["invoice"](31 + layout, layout) for layout in range(4)},
    "statement of two pages": lambda: DRAW["statement"](5),
    "60 rows with repeated prices": lambda: DRAW["invoice"](8, 0, rows=60),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_value_of_a_document_is_found_in_its_own_box(name):
    document = DOCUMENTS[name]()
    found = find(document, document.values)
    assert found.keys() == document.values.keys()
    for path, (number, box) in document.boxes.items():
        assert found[path].box is not None, path
        assert (found[path].picture, round(iou(found[path].box, box))) == (number, 1), (path, found[path], box)


def test_a_changed_amount_has_no_evidence():
    document = DRAW["invoice"](31, 0)
    found = find(document, {**document.values, "total": "9,999.99", "items[1].amount": document.values["total"]})
    assert found["total"].how == "nowhere"
    assert found["items[1].amount"].how == "nowhere", "the amount of another row is not evidence"
    assert found["items[0].amount"].how == "exact"


@pytest.mark.parametrize(
    ("printed", "answered", "how"),
    [
        ("31/01/2026", "2026-01-31", "typed"),
        ("1.234,50", "1234.50", "typed"),
        ("1,234.50", " 1,234.50 ", "exact"),
        ("USD 1,234.50", "1,234.50", "exact"),
        ("Harbour Tools Ltd", "HARBOUR TOOLS LTD.", "exact"),
        ("Harbour Tools Ltd", "Harbor Tools Ltd", "fuzzy"),
        ("Harbour Tools Ltd", "HarborTools Ltd", "fuzzy"),
        ("HarbourTools Ltd", "Harbor Tools Ltd", "fuzzy"),
        ("In Springfield", "Springfeld", "fuzzy"),
        ("In Essex", "Esex", "nowhere"),  # short texts are alike by chance
        ("Ref 916", "130", "nowhere"),
        ("AB-9160", "AB-9169", "nowhere"),
    ],
)
def test_a_value_matches_exactly_by_type_approximately_or_nowhere(printed, answered, how):
    canvas = Canvas(600, 160)
    box = canvas.text(40, 90, printed, 36)
    (found,) = evidence.find({"field": answered}, [canvas.finish("drawn", "A line").picture]).values()
    assert found.how == how
    assert found.box is None or iou(found.box, box) > 0.4


def test_a_label_or_else_the_models_box_selects_among_repeated_values():
    canvas = Canvas(700, 400)
    for y, label in ((80, "Net"), (160, "Shipping"), (240, "Total")):
        canvas.text(40, y, label, 30)
    places = [canvas.text(400, y, "100.00", 30) for y in (80, 160, 240, 330)]
    picture = canvas.finish("drawn", "Repeated amounts").picture
    found = evidence.find({"total": "100.00", "code": "100.00"}, [picture])
    assert iou(found["total"].box, places[2]) > 0.5
    assert found["code"].how == "ambiguous"
    answer = {"code": {"value": "100.00", "bbox_2d": [str(round(side)) for side in places[3].corners]}}
    found = evidence.find(answer, [picture], [picture.size])
    assert list(found) == ["code.value"]
    assert iou(found["code.value"].box, places[3]) > 0.5
    (unseen,) = evidence.find(answer, [picture]).values()
    assert unseen.how == "ambiguous", "without the size that the model saw, its box says nothing"
    answer["code"]["value"] = "200.00"
    (missing,) = evidence.find(answer, [picture], [picture.size]).values()
    assert missing.how == "nowhere", "the model's box alone is no evidence"


class FixedReader:
    """Replace the text recogniser: no font on this machine has Chinese characters to draw."""

    def __init__(self, page):
        self._page = page

    def read(self, _):
        return self._page


def test_chinese_text_matches_by_character_and_dates_by_value(monkeypatch):
    lines = [
        [(40, "发票号码:"), (200, "北京丰泰科技有限公司")],
        [(40, "开票日期"), (200, "2026年1月31日")],
        [(40, "合计金额1,280.00")],
    ]
    monkeypatch.setattr(evidence, "_reader", lambda: FixedReader(page(*lines)))
    answer = {"seller": "丰泰科技有限公司", "date": "2026-01-31", "total": "1280.00", "buyer": "上海"}
    found = evidence.find(answer, [images.load(Image.new("RGB", (800, 600)))])
    assert {path: place.how for path, place in found.items()} == {
        "seller": "exact", "date": "typed", "total": "typed", "buyer": "nowhere",
    }  # fmt: skip
    assert found["seller"].box.x1 > 210, "the box leaves out the first two characters of the company"


def test_a_multi_line_address_is_found_beside_other_text():
    canvas = Canvas(700, 200)
    boxes = [canvas.text(40, 80, "12 Quay Street", 28), canvas.text(40, 116, "Leeds", 28)]
    for y, text in ((80, "Invoice No"), (116, "K7-120")):
        canvas.text(450, y, text, 28)
    answer = {"address": "12 Quay Street, Leeds", "beside": "Invoice No K7-120", "across": "12 Quay Street K7-120"}
    found, beside, across = evidence.find(answer, [canvas.finish("drawn", "An address").picture]).values()
    assert (beside.how, across.how) == ("exact", "nowhere")
    assert (found.how, found.text) == ("exact", "12 Quay Street Leeds")
    assert all(iou(found.box, box) > 0.1 for box in boxes)


def test_a_row_that_stands_nowhere_takes_no_line_from_the_others():
    canvas = Canvas(700, 300)
    names = ("Washers", "Gaskets", "Hinges")
    boxes = [canvas.text(40, y, name, 30) for y, name in zip((80, 160, 240), names, strict=True)]
    answer = {"items": [{"name": name} for name in ("Washers", "Unicorn", "Hinges")]}
    first, second, third = evidence.find(answer, [canvas.finish("drawn", "A list").picture]).values()
    assert (first.how, second.how, third.how) == ("exact", "nowhere", "exact")
    assert iou(third.box, boxes[2]) > 0.5


def test_a_place_that_a_row_takes_is_left_to_it():
    canvas = Canvas(700, 300)
    canvas.text(40, 80, "Washers", 30)
    taken, free = (canvas.text(400, y, "30.00", 30) for y in (80, 240))
    answer = {"items": [{"name": "Washers", "amount": "30.00"}], "code": "30.00"}
    found = evidence.find(answer, [canvas.finish("drawn", "A list and a number").picture])
    assert (found["code"].how, found["items[0].amount"].how) == ("exact", "exact")
    assert iou(found["items[0].amount"].box, taken) > 0.5
    assert iou(found["code"].box, free) > 0.5


def test_evidence_names_the_page_of_a_document(tmp_path):
    front, back = Canvas(400, 200), Canvas(400, 200)
    front.text(40, 80, "Washers", 30)
    back.text(40, 80, "Hinges", 30)
    first, second = (canvas.finish("drawn", "A page").picture.image for canvas in (front, back))
    first.save(tmp_path / "a.pdf", save_all=True, append_images=[second])
    found = evidence.find({"a": "Washers", "b": "Hinges"}, images.pages(tmp_path / "a.pdf"))
    assert [(place.picture, place.page) for place in found.values()] == [(0, 1), (1, 2)]


def test_unreadable_and_non_text_values_have_no_evidence():
    answer = {"a": UNREADABLE, "b": True, "c": None}
    assert evidence.find(answer, [images.load(Image.new("RGB", (90, 60), "white"))]) == {}


def test_evidence_names_the_picture_that_shows_each_value():
    front, back = DRAW["invoice"](3, 0), DRAW["form"](1)
    answer = {"number": front.values["number"], "first_name": back.values["first_name"]}
    found = evidence.find(answer, [front.pages[0].picture, back.pages[0].picture])
    assert (found["number"].picture, found["first_name"].picture) == (0, 1)


def test_missing_text_recognition_raises_one_clear_sentence(monkeypatch):
    monkeypatch.setattr(vlnb.extras, "version", lambda _: None)
    with pytest.raises(vlnb.BadInput, match=r"Evidence.*pip install 'vlnb\[engine\]'"):
        evidence.find({"a": "b"}, [images.load(Image.new("RGB", (60, 60)))])
