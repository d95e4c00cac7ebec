"""A model's answer as boxes and points in the original picture, and the comparison of two sets of boxes."""

import contextlib
import json
import math
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vlnb.errors import BadAnswer, BadInput
from vlnb.regions import Box, Point, Polygon, iou, lenient, match, parse, to_original

ANSWERS = json.loads((Path(__file__).parent / "data" / "answers.json").read_text())
SIZES = st.tuples(st.integers(28, 4000), st.integers(28, 4000))


def read(text, size=(644, 476), **options):
    return parse(text, seen=size, original=size, **options)


# -- answers of models ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ANSWERS, ids=[answer["form"] for answer in ANSWERS])
def test_real_answers_of_models_are_parsed(answer):
    size = tuple(answer["seen"])
    found = parse(answer["text"], seen=size, original=size)
    boxes = [[*(round(side, 2) for side in box.corners), box.label] for box in found.boxes]
    assert boxes == answer["boxes"]
    assert [[point.x, point.y, point.label] for point in found.points] == answer["points"]
    assert len(found.polygons) == answer["polygons"]
    assert len(found.dropped) == answer["lost"], [str(change) for change in found.dropped]


RULE = "|---|---|---|---|---|"


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        ("| label | x1 | y1 | x2 | y2 |", "| cup, red | 10 | 20 | 110 | 220 |", (10, 20, 110, 220, "cup, red")),
        ("| # | Object | Left (px) | Top (px) | Right (px) | Bottom (px) |", "| 1 | **cup** | 10 | 20 | 110 | 220 |",
         (10, 20, 110, 220, "cup")),
        ("| label | x | y | width | height |", "| cup | 10 | 20 | 100 | 200 |", (10, 20, 110, 220, "cup")),
        ("x,y,w,h", "10,20,100,200", (10, 20, 110, 220, "")),
        ("label;x1;y1;x2;y2", "cup;10;20;110;220", (10, 20, 110, 220, "cup")),
        ("label\tx1\ty1\tx2\ty2", "cup\t10\t20\t110\t220", (10, 20, 110, 220, "cup")),
        ("y1,x1,y2,x2,label", '20,10,220,110,"cup"', (10, 20, 110, 220, "cup")),
        ("| object | x | y |", "| ear | 10 | 20 |", (10, 20, "ear")),
        ("| kind | text | x1 | y1 | x2 | y2 |", "| price | 12.50 | 10 | 20 | 110 | 220 |", (10, 20, 110, 220, "12.50")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("rule", [f"{RULE}\n", ""])
def test_a_table_is_read_by_its_header(header, row, expected, rule):
    result = read(f"Here you are:\n{header}\n{rule if '|' in header else ''}{row}\n")
    assert [(*box.corners, box.label) for box in result.boxes] == [expected] * (len(expected) == 5)
    assert [(point.x, point.y, point.label) for point in result.points] == [expected] * (len(expected) == 3)


@pytest.mark.parametrize(
    "text",
    [
        '[[112, 240, 388, 611, "17,000"], [640, 255, 815, 402, "TOTAL"]]',
        '[["17,000", 112, 240, 388, 611], ["TOTAL", 640, 255, 815, 402]]',
        '[["17,000", [112, 240, 388, 611]], ["TOTAL", [640, 255, 815, 402]]]',
        "x1,y1,x2,y2,text\n112,240,388,611,17,000\n640,255,815,402,TOTAL",
        "<ref>17,000</ref><box>(112,240),(388,611)</box> and TOTAL<box>(640,255),(815,402)</box>",
        "17,000<box>(112,240),(388,611)</box> and TOTAL<box>(640,255),(815,402)</box>",
    ],
)
def test_each_place_has_its_own_name_even_if_it_is_a_number(text):
    found = read(text, (1288, 728))
    assert [(box.label, *box.corners) for box in found.boxes] == [
        ("17,000", 112, 240, 388, 611), ("TOTAL", 640, 255, 815, 402),
    ]  # fmt: skip


@pytest.mark.parametrize("key", ["ratings", "scores", "text_color", "Prices", "ids"])
def test_four_numbers_that_describe_an_object_are_no_second_box(key):
    found = read(json.dumps([{"bbox_2d": [112, 240, 388, 411], "label": "cup", key: [1, 2, 3, 4]}]))
    assert [box.corners for box in found.boxes] == [(112, 240, 388, 411)]


def test_a_sign_in_a_text_is_no_tag():
    assert read('<p data-bbox="1 2 30 40">under 5 < 6 EUR, <b>over</b> > 3 kg</p>').boxes[0].text == (
        "under 5 < 6 EUR, over > 3 kg"
    )


@pytest.mark.parametrize("name", ["12.50", "3 cats", "12:30", "100%", "5'10\" tall", "TOTAL"])
def test_a_name_after_four_numbers_may_begin_with_a_digit(name):
    found = read(f"10,20,110,220 {name}\n15, 30, 70, 80 plate")
    assert [(*box.corners, box.label) for box in found.boxes] == [(10, 20, 110, 220, name), (15, 30, 70, 80, "plate")]


@pytest.mark.parametrize("text", ["555 123 456 789 12", "10 20 110 120 30", "1,234 2,345 3,456 4,567 5,678"])
def test_five_numbers_in_a_line_are_no_box(text):
    with pytest.raises(BadAnswer):
        read(text)


def test_a_comma_in_a_name_does_not_lose_the_row():
    found = read("label,x1,y1,x2,y2\ncup, red,10,20,110,220\nplate, blue,5,6,70,80")
    assert [(*box.corners, box.label) for box in found.boxes] == [
        (10, 20, 110, 220, "cup, red"), (5, 6, 70, 80, "plate, blue"),
    ]  # fmt: skip


@pytest.mark.parametrize("table", ["| x | y |\n|---|---|\n| 1 | 2 |", "| year | x |\n|---|---|\n| 1990 | 2 |"])
def test_a_table_of_other_numbers_has_no_regions(table):
    with pytest.raises(BadAnswer):
        read(table)


@pytest.mark.parametrize(
    "text",
    [
        "Click at 310, 77",
        "tap 310 77",
        "Action: left_click 310, 77",
        "The coordinates are 310, 77.",
        "position: 310,77",
        "Right click at 310, 77",
        "Double_click at 310, 77",
        "Long-press at 310, 77",
        "Single tap at 310, 77",
        "Hover at 310, 77",
        "Click on the point 310, 77",
        "Touch to position 310 77",
        "Its coordinates are 310, 77",
        "The position is 310, 77.",
    ],
)
def test_a_bare_pair_after_an_action_or_position_word_is_a_point(text):
    assert [(point.x, point.y, point.label) for point in read(text).points] == [(310, 77, "")]


@pytest.mark.parametrize("text", ["Tap 3 times", "press 1 2 3", "You should press 12 34 keys.", "Add 310, 77"])
def test_other_bare_numbers_are_not_points(text):
    with pytest.raises(BadAnswer):
        read(text)


@pytest.mark.parametrize(
    "words",
    ["I would click", "I'd hover", "I will click", "I need to touch", "You should tap", "You can click",
     "You must click", "We'll press", "We could click"],
)  # fmt: skip
def test_the_subject_of_a_click_sentence_is_not_a_label(words):
    assert [point.label for point in read(f"{words} (310, 77).").points] == [""]


@pytest.mark.parametrize("answer", [a for a in ANSWERS if a["boxes"]], ids=lambda a: a["form"])
def test_truncating_an_answer_loses_at_most_one_box(answer):
    """As the cut moves to the right, the number of boxes never drops by more than one: the box that the cut splits."""
    size = tuple(answer["seen"])
    whole = {box.corners for box in parse(answer["text"], seen=size, original=size, space="pixels").boxes}
    before = 0
    for end in range(0, len(answer["text"]), 7):
        try:
            cut = parse(answer["text"][:end], seen=size, original=size, space="pixels", finish_reason="length")
        except BadAnswer:
            continue
        assert len(cut.boxes) >= min(before, len(whole)) - 1, answer["text"][:end]
        before = len(cut.boxes)


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        ('[{"bbox_2d": [1, 2, 30, 40], "label": "a",}]', ["trailing comma"]),
        ('[{"bbox_2d": [1, 2, 30, 40] "label": "a"}]', ["missing comma"]),
        ('[{"bbox_2d": [1, 2, 30, 40], "label": "a"}', ["cut off at the end"]),
        ('[{"bbox_2d": [30, 2, 1, 40], "label": "a"}]', ["corners swapped"]),
        ('[{"bbox_2d": [1, 2, 30, 479], "label": "a"}]', ["a box beyond the edge cut to the picture"]),
        ('[{"bbox_2d": "1, 2, 30, 40", "label": "a"}]', ["coordinates in quotes"]),
        ('[{"bbox_2d": [1, 2], [30, 40], "label": "a"}]', ["missing brackets"]),
        ('{"x": 1, "y": 2, "width": 29, "height": 38}', ["width and height turned into corners"]),
        ('{"xywh": [1, 2, 29, 38], "label": "a"}', ["width and height turned into corners"]),
        ('[{"bbox_2d": [1, 2, 30, 40, 0.9], "label": "a"}]', ["a fifth number taken for the score"]),
        ('{"bbox": [1, 2, 30, 40, 1, 2, 30, 40]}', ["2 boxes in one list separated"]),
        ('{"bbox": ["1", "2", "30", "40"], "label": "a"}', ["coordinates in quotes"]),
        ('{"bbox": "<box>1, 2, 30, 40</box>", "label": "a"}', ["coordinates in quotes"]),
        ('{"bbox_2d": "<|box_start|>(1,2),(30,40)<|box_end|>", "label": "a"}', ["coordinates in quotes"]),
        ('{"cup": "(1, 2), (30, 40)"}', ["coordinates in quotes"]),
        ('{"point": [1, 2, 30, 40]}', ["a box under the name of a point"]),
        ('[{"bbox_2d": [1, 2, 30, 40], "label": "red cu', ["cut off within 'label'", "cut off at the end"]),
        ('{"bbox": [1, 2, 30, 40, ', ["cut off at the end"]),  # all four numbers are complete
        ('{"bbox": {"x1": 1, "y1": 2, "x2": 30, "y2": 40, "conf', ["cut off at the end"]),
        ('[{"bbox_2d": [1, 2, 30, 40], "label": "a"}]', []),
    ],
)
def test_every_repair_is_reported_with_its_position(text, repaired):
    found = read(text)
    assert [change.what for change in found.repairs] == repaired
    assert [(round(b.x1), round(b.y1), round(b.x2)) for b in found.boxes] == [(1, 2, 30)]
    assert all(0 <= change.at < len(text) for change in found.repairs)
    assert all(repair in found.summary for repair in repaired)


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ('[{"bbox_2d": [1, 2, 3], "label": "a"}]', "a box of 3 numbers, not four"),
        ('[{"bbox_2d": null, "label": "a"}]', "a box with no numbers in it"),
        ('[{"bbox_2d": [NaN, 2, 3, 4]}]', "a box with something other than numbers in it"),
        ('[{"bbox_2d": [5, 5, 5, 9]}]', "a box without area"),
        ('[{"bbox_2d": [0, 0, 0, 0]}]', "a box without area"),
        ("<box>10 20 30<box>10 20 30 40</box>", "a place that starts again"),
        ("<box>10 20 30</box>", "a box of 3 numbers, not 4"),
        ("Action: click(120, 34", "a point cut off before its end"),
        ("tap(point=[120, 34", "a point cut off before its end"),
        ('[{"bbox_2d": [2000, 2000, 2100, 2100]}]', "a box outside the picture"),
        ('[{"bbox_2d": [1, 2, 30, 40]}, {"bbox_2d": [1, 2, 30, 40]}]', "a duplicate"),
        ('[{"bbox_2d": [1, 2, 30, 40]}, {"label": "b"}]', "an entry without a place"),
        ('[{"bbox_2d": [1, 2, 30, 40]}, {"label": "b", "col', "an entry cut off before its place"),
        ('{"bbox": [1, 2, 30, ', "a box cut off before its end"),
        ('{"bbox": {"x": 10, "y": 20, "wid', "a box cut off before its end"),  # no point: the size is missing
        ('{"points": [[1, 2], [3, 4], [5, 6], [7, 8], ', "a point cut off before its end"),
        ('{"points": [[1, 2, 0.9], [3, 4, 0.8], [5', "a point cut off before its end"),
        ('{"polygon": [[1, 2], [30, 2], [30, 40], ', "a polygon cut off before its end"),
        ('{"polygon": [1, 2, 30, 40]}', "a polygon that is not three or more whole points"),
        ('{"polygon": [1, 2, 30, 40, 5, 6, 7]}', "a polygon that is not three or more whole points"),
        ('{"point": [1]}', "a point of 1 number, not two"),
        ('{"bbox": {"x": 1, "y": 2}}', "a box of 2 numbers, not four"),
        ('{"xywh": [1, 2, 29]}', "a box of 3 numbers, not four"),
        ('["17,000", 112, 240, 388]', "a box of 3 numbers, not four"),
        ('{"bbox": [1, 2, 30, 40, 5]}', "a box of 5 numbers, not four"),
        ('{"bbox": []}', "a box with no numbers in it"),
        ('{"position": [1, 2, "left"]}', "a box with something other than numbers in it"),
        ('[{"bbox_2d": [1, 2, 30, 40]}, {"bbox_2d": [50, 6', "a box cut off before its end"),
        ('[{"point_2d": [4000, 2], "label": "b"}]', "a point outside the picture"),
        ('<points x1="10" alt="b">b</points>', "a point with one coordinate"),
        ('<point x="120" y="34', "a point with one coordinate"),
        ('<point x="12a" y="340">c</point>', "a point with one coordinate"),
        ('<p data-bbox="1 2 30">cup</p>', "an element whose bbox has 3 numbers"),
        ('<p data-bbox="1 2 30 4', "an element whose bbox has 4 numbers"),  # the last may have more digits
        ('<p data-polygon="1 2 30 2">cup</p>', "an element whose polygon has 4 numbers"),
        ('<p data-polygon="1 2 30 2 30 40 5">cup</p>', "an element whose polygon has 7 numbers"),
        ('[{"bbox_3d": [0.1, 0.2, 2.3, 1, 1, 1, 0, 0, 0]}]', "a box of 9 numbers, not four"),
    ],
)
def test_every_dropped_region_is_reported_with_its_reason(text, lost):
    assert [change.what for change in read(text).dropped] == [lost]


@pytest.mark.parametrize(
    "text",
    [
        '[{"bbox": [1, 2, 30, 40]}, {}, "and that is all"]',
        '{"points": [[1, 2], [3, 4]]}',
        '{"bbox": [10, 20, 30, 10, 40, 30]}',
    ],
)
def test_an_answer_without_flaws_has_neither_repairs_nor_losses(text):
    found = read(text)
    assert len(found) > 0
    assert (found.repairs, found.dropped) == ((), ())


def test_a_truncated_list_gives_only_whole_points_and_polygons():
    assert len(read('{"points": [[1, 2, 0.9], [3, 4, 0.8], [5')) == 0
    assert read('{"polygon": [[1, 2], [30, 2], [30, 40], [7, 9').polygons == ()


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ('[{"bbox_2d": [1, 2, 30, 40], "label": "a"}, {"bbox_2d": [50, 6', "a box cut off before its end"),
        ('{"a": {"x": 1, "y": 2}, "bb', "cut off at the end"),
        ("<|box_start|>(1,2),(30", "a box cut off before its end"),
        ('{"x1": 1, "y1": 2, "x2": 30, "y2": 40', "a place cut off before its end"),  # or 400
        ('[{"label": "cup", "x": 1', "a place cut off before its end"),
        ('{"cup": {"xmin": 1, "ym', "a place cut off before its end"),
        ('{"label": "cup", "bbox_2d": ', "a place cut off before its end"),
    ],
)
def test_truncation_by_max_tokens_is_reported(text, lost):
    assert [change.what for change in read(text, finish_reason="length").dropped] == [f"{lost} by max_tokens"]
    with contextlib.suppress(BadAnswer):
        assert "by max_tokens" not in read(text).summary


def test_places_are_in_the_order_of_the_text():
    assert [box.corners for box in read("cup [1, 2, 30, 40] <box>5 6 70 80</box>").boxes] == [
        (1, 2, 30, 40), (5, 6, 70, 80),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "There are no cats here.",
        "",
        "17,000 and 20,000",
        "see [3] and [1, 2]",
        "{note}",
        "10,500",
        "[0.0s - 3.5s] A man",
        '["17,000", "20,000"]',
        '[["name", "Ana"], ["city", "Rome"], ["age", 31]]',
        '[{"name": "Ana", "age": 31}, {"name": "Bob", "age": 29}]',
        '{"x": [1, 2, 3], "y": [4, 5, 6]}',
        '{"label": "guest", "position": "table 12, seat 14"}',
    ],
)
def test_an_answer_without_regions_raises_an_error_that_keeps_its_text(text):
    with pytest.raises(BadAnswer, match="names no place") as caught:
        read(text)
    assert caught.value.partial == text


@pytest.mark.parametrize(
    "text",
    [
        "Phone: +34 600 123 456", "Phone +34 600 123 456", "Name: Ana\nPhone: +34 600 123 456\nCity:",
        "555 123 456 789", "Phone: 555 123 456 789", "Name: Ana\nPhone: 555 123 456 789", "Account 123 456 789 012",
        "Rp1,234,567,890", "Total: Rp 1,234,567,890", "$1,200,300,400", "IDR 1,234,567,890", "rgba(10, 20, 30, 0.5)",
        "+1 200 300 400", "hsl(10, 20, 30, 1)", "cmyk(10, 20, 30, 40)",
        *(f"{currency} 1,234,567,890" for currency in "USD EUR GBP JPY CNY INR KRW VND Rs. € £ ¥ ₹".split()),
    ],
)  # fmt: skip
def test_numbers_of_telephones_amounts_and_colours_are_not_boxes(text):
    with pytest.raises(BadAnswer):
        read(text)


@pytest.mark.parametrize("text", ["[]", "```json\n[]\n```", '{"objects": []}', "There are none: []"])
def test_an_empty_list_is_a_valid_answer(text):
    assert len(read(text)) == 0


@pytest.mark.parametrize(
    ("text", "boxes"),
    [
        ("x1: 10, y1: 20, x2: 30, y2: 40", [(10, 20, 30, 40, "")]),
        ("The box is bbox_2d: 1, 2, 30, 40 and more", [(1, 2, 30, 40, "more")]),
        ("cat 1,2,30,40\ndog 5,6,70,80", [(1, 2, 30, 40, "cat"), (5, 6, 70, 80, "dog")]),
        ("- label: cat\n  bbox_2d: [1, 2, 30, 40]", [(1, 2, 30, 40, "cat")]),
        (
            "- bbox: 1 2 30 40\n  label: cat\n- bbox: 5 6 70 80\n  label: dog",
            [(1, 2, 30, 40, "cat"), (5, 6, 70, 80, "dog")],
        ),
        ("Object: cat\nBounding box: [1, 2, 30, 40]", [(1, 2, 30, 40, "cat")]),
        ("Cat (x1=1, y1=2, x2=30, y2=40)", [(1, 2, 30, 40, "Cat")]),
        ("left: 1\ntop: 2\nwidth: 29\nheight: 38", [(1, 2, 30, 40, "")]),
        ("cup (10, 20, 30, 40) and mug (50, 60, 70, 80)", [(10, 20, 30, 40, "cup"), (50, 60, 70, 80, "mug")]),
        ('{"top_left": {"x": 1, "y": 2}, "bottom_right": {"x": 30, "y": 40}}', [(1, 2, 30, 40, "")]),
        ('{"bbox_2d": [1, 2, 30, 40], "la[bel": "a"}', [(1, 2, 30, 40, "a")]),
        ('{"bbox_2d": [1, 2, 30, 40], "label": "a" // the first\n}', [(1, 2, 30, 40, "a")]),
        ('{"label": a", "bbox_2d": [1, 2, 30, 40]}', [(1, 2, 30, 40, "a")]),
        ("```csv\nlabel,x1,y1,x2,y2\ncat,1,2,30,40\n```", [(1, 2, 30, 40, "cat")]),
        ('<item name="cat" bbox="1,2,30,40"/>', [(1, 2, 30, 40, "cat")]),
        ('{"x0": 1, "y0": 2, "x1": 30, "y1": 40}', [(1, 2, 30, 40, "")]),
        ('{"x": 1, "y": 2, "w": 29, "h": 38}', [(1, 2, 30, 40, "")]),
        ('["cat", 1, 2, 30, 40]', [(1, 2, 30, 40, "cat")]),
        ('[["cat", "red", 1, 2, 30, 40]]', [(1, 2, 30, 40, "cat")]),
        ('[["cat", [1, 2, 30, 40]]]', [(1, 2, 30, 40, "cat")]),
        ('[["cat", [1, 2, 30, 40], [5, 6, 70, 80]]]', [(1, 2, 30, 40, "cat"), (5, 6, 70, 80, "cat")]),
        ('["1, 2, 30, 40"]', [(1, 2, 30, 40, "")]),
        ('{"cat": [1, 2, 30, 40], "dog": [5, 6, 70, 80]}', [(1, 2, 30, 40, "cat"), (5, 6, 70, 80, "dog")]),
        ('{"boxes": ["1 2 30 40", "5 6 70 80"]}', [(1, 2, 30, 40, ""), (5, 6, 70, 80, "")]),
        ("left_click([1, 2, 30, 40])", [(1, 2, 30, 40, "left_click")]),
        ('{"boxes": ["1 2 30 40", "5 6 70 80"], "labels": ["a", "b"]}', [(1, 2, 30, 40, "a"), (5, 6, 70, 80, "b")]),
        ('{"bboxes": [1, 2, 30, 40, 5, 6, 70, 80], "labels": ["a", "b"]}', [(1, 2, 30, 40, "a"), (5, 6, 70, 80, "b")]),
        ('{"bboxes": [[[1, 2], [30, 40]], [[5, 6], [70, 80]]], "labels": ["a", "b"]}',
         [(1, 2, 30, 40, "a"), (5, 6, 70, 80, "b")]),
        ("(1, 2), (30, 40), (5, 6), (70, 80)", [(1, 2, 30, 40, ""), (5, 6, 70, 80, "")]),
        ("(1, 2) and the bottom right corner is at (30, 40)", [(1, 2, 30, 40, "")]),
        ("(1, 2), lower right: (30, 40)", [(1, 2, 30, 40, "")]),
        ("(1, 2) / (30, 40)", [(1, 2, 30, 40, "")]),
        ("left top (30, 40) and top left (1, 2)", [(1, 2, 30, 40, "left top")]),
        ("cup <1, 2, 30, 40>", [(1, 2, 30, 40, "cup")]),
        ("1.5,2.5,30.5,40.5 cup", [(1.5, 2.5, 30.5, 40.5, "cup")]),  # not item 1 of a list
        ("```tsv\ncup\t1\t2\t30\t40\n```", [(1, 2, 30, 40, "cup")]),
        ("<det>1 2 30 40</det>", [(1, 2, 30, 40, "")]),
        ("[[1, 2], [30, 40]]", [(1, 2, 30, 40, "")]),
        ('{"bbox": [1, 2, 30, 40], "label": "\\ud83d\\ude97"}', [(1, 2, 30, 40, "🚗")]),
        ('{"bbox": [1, 2, 30, 40], "label": "\\ud83d"}', [(1, 2, 30, 40, "�")]),
        ('{"bbox_2d": [1, 2, 30, 40], "label": "a", "bbox_2d": [5, 6, 70, 80], "label": "b"}',  # merged objects
         [(1, 2, 30, 40, "a"), (5, 6, 70, 80, "b")]),
        ('{"boxes": [[1, 2, 30, 40], [5, 6, 70, 80]], "labels": [cat, dog]}',
         [(1, 2, 30, 40, "cat"), (5, 6, 70, 80, "dog")]),
        ('{"boxes": [[1, 2, 30, 40], [5, 6, 70, 80]], "labels": ["a"], "label": "c"}',
         [(1, 2, 30, 40, "a"), (5, 6, 70, 80, "c")]),
        ('{"boxes": [1, 2, 30, 40, 5, 6, 70, 80], "labels": ["a"]}', [(1, 2, 30, 40, "a"), (5, 6, 70, 80, "a")]),
        ('["cat", {"bbox": [1, 2, 30, 40]}, "dog", {"bbox": [5, 6, 70, 80]}]',
         [(1, 2, 30, 40, "cat"), (5, 6, 70, 80, "dog")]),
        ('[{"bbox": [1, 2, 30, 40]}, "10 20 30 40"]', [(1, 2, 30, 40, ""), (10, 20, 30, 40, "")]),
        ('["cat", [1, 2, 30, 40], "dog", [5, 6, 70, 80]]', [(1, 2, 30, 40, "cat"), (5, 6, 70, 80, "dog")]),
        ('[[1, 2, 30, 40], "cat", [5, 6, 70, 80], "dog"]', [(1, 2, 30, 40, "cat"), (5, 6, 70, 80, "dog")]),
        ('["cat", "red", [1, 2, 30, 40]]', [(1, 2, 30, 40, "cat")]),
        ('["animals", {"bbox": [1, 2, 30, 40]}, {"bbox": [5, 6, 70, 80]}]',
         [(1, 2, 30, 40, ""), (5, 6, 70, 80, "")]),
        ('{"boxes": [{"x1": 1, "y1": 2, "x2": 30, "y2": 40}]}', [(1, 2, 30, 40, "")]),
        ('{"objects": [{"bbox": [1, 2, 30, 40]}], "label": "cup"}', [(1, 2, 30, 40, "cup")]),
        ('{"cup": [30, 40, 1, 2], "mug": [5, 6, 70, 80]}', [(1, 2, 30, 40, "cup"), (5, 6, 70, 80, "mug")]),
        ("name: room\nsofa: 1 2 30 40\nlamp: 5 6 70 80", [(1, 2, 30, 40, "sofa"), (5, 6, 70, 80, "lamp")]),
        ('{"face": {"bbox": [1, 2, 30, 40], "nose": {"bbox": [5, 6, 20, 30]}}}',
         [(1, 2, 30, 40, "face"), (5, 6, 20, 30, "face")]),
        ('{"bbox": [1, 2, 30, 40], "handle": [5, 6, 70, 80]}', [(1, 2, 30, 40, ""), (5, 6, 70, 80, "handle")]),
        (f'{{"bbox": [1, 2, {"9" * 400}, 40], "label": "a"}}', [(1, 2, 644, 40, "a")]),  # too large for a float
        ("-12, 200, 400, 460 bus", [(0, 200, 400, 460, "bus")]),
        ("DOG 10,120,300,400", [(10, 120, 300, 400, "DOG")]),
    ],
)  # fmt: skip
def test_further_formats_of_boxes_are_parsed(text, boxes):
    assert [(*box.corners, box.label) for box in read(text).boxes] == boxes


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ('{"points": [[1, 2], [3, 4]]}', [(1, 2, ""), (3, 4, "")]),
        ('{"points": [[1, 2], [3, 4', [(1, 2, "")]),
        ('{"keypoints": {"nose": [1, 2], "ear": [3, 4]}}', [(1, 2, "nose"), (3, 4, "ear")]),
        ('{"center": {"x": 1, "y": 2}, "label": "a"}', [(1, 2, "a")]),
        ("<answer>[310, 77]</answer>", [(310, 77, "")]),
        ("<think>Maybe the menu at (5, 5)?</think>[310, 77]", [(310, 77, "")]),
        ("final answer: [310, 77]", [(310, 77, "")]),
        (
            "cup, less than 5 m away (<5 m): (100, 200)\nmug (300, 400)",
            [(100, 200, "cup, less than 5 m away"), (300, 400, "mug")],
        ),
        ("`[[310, 77]]`", [(310, 77, "")]),
        ("(310, 77) → cup", [(310, 77, "cup")]),
        ("leftClick(310, 77)", [(310, 77, "leftClick")]),
        ("click([310, 77])", [(310, 77, "click")]),
        ("[[10, 20], [30, 40], [50, 60]]", [(10, 20, ""), (30, 40, ""), (50, 60, "")]),
        ("```json\n[[10, 20], [30, 40], [50, 60]]\n```", [(10, 20, ""), (30, 40, ""), (50, 60, "")]),
        ("(10, 20), (30, 40), (50, 60)", [(10, 20, ""), (30, 40, ""), (50, 60, "")]),
        ('{"ears": [[10, 20], [30, 40], [50, 60]]}', [(10, 20, "ears"), (30, 40, "ears"), (50, 60, "ears")]),
        ('{"points": [[1, 2], [3, 4]], "labels": ["a", "b"]}', [(1, 2, "a"), (3, 4, "b")]),
        ('{"center": {"X": 1, "Y": 2}, "label": "a"}', [(1, 2, "a")]),
        ('{"point": {"x": 1, "y": 2, "label": "a"}}', [(1, 2, "a")]),
        ('{"bbox": {"x": 1, "y": 2, "label": "a"}}', [(1, 2, "a")]),
        ('{"position": {"x": 1, "y": 2, "la', [(1, 2, "")]),
        ("click(point=[1, 2], 'left', 2, text='Submit')", [(1, 2, "Submit")]),
        ("select(1, 2)", [(1, 2, "select")]),
        ('<point x="25%" y="50%">cup</point>', [(161, 238, "cup")]),
        ('<points coords="1 1 500 250;2 1 250 500">nuts</points>', [(322, 119, "nuts"), (161, 238, "nuts")]),
        ('<tracks coords="0.5 1 500 250" alt="nut"/>', [(322, 119, "nut")]),
        ('{"action": "tap", "element": "1, 2"}', [(1, 2, "tap")]),
        ("click([[10, 20], [30, 40], [50, 60]])", [(10, 20, "click"), (30, 40, "click"), (50, 60, "click")]),
    ],
)
def test_points_are_parsed_with_their_labels(text, points):
    assert [(point.x, point.y, point.label) for point in read(text).points] == points


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("click(120, 340)", [(120, 340)]),
        ("Next: pyautogui.doubleClick(120, 340, button='left')", [(120, 340)]),
        ("move_to(x=120, y=340)", [(120, 340)]),
        ("tap([[120, 340]])", [(120, 340)]),
        ("tap([[120, 340],", [(120, 340)]),
        ("click('120,340')", [(120, 340)]),
        ("do(action='Tap', element=[120, 340])", [(120, 340)]),
        *((f"do({key}='tap', at=[120, 340])", [(120, 340)]) for key in "kind type step gesture operation".split()),
        *((f"go({key}=[120, 340])", [(120, 340)]) for key in "start_box start_point coordinate position".split()),
        ('do(action="Long Press", element=[120, 340])', [(120, 340)]),
        *((f"{words} [120, 340]", [(120, 340)]) for words in ("Hover over", "Scroll down at", "**Click**", "tap ->")),
        ("Click `[120, 340]`", [(120, 340)]),
        *(
            (f"Click {words} [120, 340]", [(120, 340)])
            for words in ("to the", "on", "the point", "position", "the coordinates")
        ),
        ('<tap x="120" y="340"/>', [(120, 340)]),
        ('<click point="120,340"/>', [(120, 340)]),
        ('{"action": "DUAL_POINT", "position": [[100, 400], [300, 200]]}', [(100, 400), (300, 200)]),
        ("long_press(target=[120, 340], seconds=2)", [(120, 340)]),
        ("click(start_box='<|box_start|>(120,340)<|box_end|>')", [(120, 340)]),
        ("Hover at [120, 340] now", [(120, 340)]),
        ("<left_click>120, 340</left_click>", [(120, 340)]),
        *((f"<{tag}>120 340</{tag}>", [(120, 340)]) for tag in "tap long_press touch hover position location".split()),
        *((f"{word}: [120, 340]", [(120, 340)]) for word in "position location center centre".split()),
        ("point>120 340", [(120, 340)]),
        ("<coordinate>[120, 340]</coordinate>", [(120, 340)]),
        ("tap>point>120 340", [(120, 340)]),
        ("tap>120 340", [(120, 340)]),
        ("click(point='<point>120 340</point')", [(120, 340)]),
        ("click(point='point>120 340</point>')", [(120, 340)]),
        *((f"<{tag}>120 340</{tag}>", [(120, 340)]) for tag in "doubleclick move select".split()),
        ("<point>7 8<point>120 340</point>", [(120, 340)]),
        ("<point>120 340<point>", [(120, 340)]),
        ('{"action": "tap", "element": [120, 340]}', [(120, 340)]),
        ('{"location": [0.1875, 0.7142857142857143]}', [(120.75, 340)]),
        ('{"function": "click", "args": [120, 340]}', [(120, 340)]),
        ('{"points": [{"x": 120, "y": 340, "label": "a"}]}', [(120, 340)]),
        ('{"x": "25%", "y": "50%"}', [(161, 238)]),
        ("click(x=25%, y=50%)", [(161, 238)]),
        ("<box>120 340 120 340</box>", [(120, 340)]),
        ('{"bbox_2d": [120, 340, 120, 340]}', [(120, 340)]),
        ("swipe(100, 400, 300, 200)", [(100, 400), (300, 200)]),
        ("scroll(x1=100, y1=400, x2=300, y2=200)", [(100, 400), (300, 200)]),
        ("drag(start=[100, 400], end=[300, 200])", [(100, 400), (300, 200)]),
        ('{"action": "swipe", "coordinate": [100, 400, 300, 200]}', [(100, 400), (300, 200)]),
        ("Swipe [[100, 400], [300, 200]]", [(100, 400), (300, 200)]),
        ("drag(start_box='(100,400)', end_box='(300,200)')", [(100, 400), (300, 200)]),
        ("<swipe>100,400 300,200</swipe>", [(100, 400), (300, 200)]),
        ("Drag from (100, 400) to (300, 200).", [(100, 400), (300, 200)]),
        ("Swipe [100, 400] to [300, 200]", [(100, 400), (300, 200)]),
        ("Drag (100, 400) -> (300, 200)", [(100, 400), (300, 200)]),
        ('{"action": "swipe", "startX": 100, "startY": 400, "endX": 300, "endY": 200}', [(100, 400), (300, 200)]),
        ('{"action": "drag", "position": {"from": [100, 400], "to": [300, 200]}}', [(100, 400), (300, 200)]),
        *(
            (f"{verb} from (100, 400) to (300, 200)", [(100, 400), (300, 200)])
            for verb in "Swipe Slide Scroll Flick Fling".split()
        ),
        ('{"action": "drag", "coordinates": [[100, 400], [300, 200]]}', [(100, 400), (300, 200)]),
        ('{"name": "swipe", "arguments": {"from": [100, 400], "to": [300, 200]}}', [(100, 400), (300, 200)]),
    ],
)
def test_actions_are_parsed_as_points(text, points):
    found = read(text)
    assert [(point.x, point.y) for point in found.points] == [pytest.approx(point) for point in points]
    assert not found.boxes


@pytest.mark.parametrize(
    "text",
    [
        "f(3, 4) = 7", "max(3, 4) returns 4", "numpy.zeros((3, 4))", "tap(1, 2, 3)", "scroll(3)", "scroll('down', 5)",
        "press(key='1, 2')", "hotkey('ctrl', 'c')", "type(text='12, 14')", "At this point [3, 4], stop.",
        "Press 1, 2 or 3.", "<location>Room 12, 14</location>", "<position>manager</position>",
        '<circle x="120" y="340" r="5"/>', "x.point>120 340", "point > line > box",
        '{"position": "manager", "target": 2024}', '{"element": "Fe", "position": 3}', "log_2024_01_02_03.txt",
        '{"type": "object", "size": [3, 4]}', "<click>yes</click>", "click(left)",
        "In this act [3, 4] he wins.", '{"action": "click", "when": "12 30"}',
    ],
)  # fmt: skip
def test_other_calls_and_lone_position_words_are_not_regions(text):
    with pytest.raises(BadAnswer):
        read(text)


def test_a_box_inside_an_action_stays_a_box():
    assert [box.corners for box in read("click(box=[[10, 20, 30, 40]])").boxes] == [(10, 20, 30, 40)]
    assert [box.corners for box in read('{"label": "scroll", "bbox_2d": [10, 20, 30, 40]}').boxes] == [(10, 20, 30, 40)]
    for name in (
        '"label": "scroll bar"',
        '"name": "scroll bar"',
        '"event": "a boy slides down the slide of the playground"',
    ):
        assert [box.corners for box in read(f'{{{name}, "position": [1, 2, 30, 40]}}').boxes] == [(1, 2, 30, 40)]


@pytest.mark.parametrize(
    "text",
    [
        *(f"{words} (1, 2), (30, 40)" for words in ("Slider", "The scrollbar", "Volume slider", "1. slide", "Slides")),
        '{"action": "scroll", "bounds": {"left": 1, "top": 2, "right": 30, "bottom": 40}}',
        '[{"type": "ScrollView", "bounding_box": {"x1": 1, "y1": 2, "x2": 30, "y2": 40}}]',
        '{"action": "swipe", "element": {"x": 1, "y": 2, "w": 29, "h": 38}}',
        '{"action": "click", "target": {"name": "Buy", "price": "1,200", "dims": [80, 20], "bbox": [1, 2, 30, 40]}}',
    ],
)
def test_the_box_of_a_thing_that_is_named_like_a_stroke_stays_a_box(text):
    found = read(text)
    assert [box.corners for box in found.boxes] == [(1, 2, 30, 40)]
    assert found.points == ()


@pytest.mark.parametrize(
    "coords", ["1, 1, 500, 250", "1 (1 500, 250)", "1: 1 500 250", "1 (1 500 250), (2 250 500)", "1 1 500 250;2 1 9 9"]
)
def test_any_marks_between_the_points_of_several_images_are_read(coords):
    assert (read(f'<points coords="{coords}">nuts</points>').points[0].x) == 322


@pytest.mark.parametrize(
    "text",
    ["<allocation>30, 40</allocation>", "<remove>12 13</remove>"],
)
def test_tags_and_comparisons_that_only_end_like_a_place_name_none(text):
    with pytest.raises(BadAnswer):
        read(text)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("<p>A desk with</p>\n- [1, 2, 30, 40] chair", "chair"),
        ('{"info": ["ripe"], "name_en": "chair", "bbox_2d": [1, 2, 30, 40]}', "chair"),
        ("label: C*\nbbox: [1, 2, 30, 40]", "C*"),
        ('{"bbox_2d": [1, 2, 30, 40], "label_fr": "chaise", "label_en": "chair"}', "chaise"),
        ('{"bbox_2d": [1, 2, 30, 40], "label": {"fr": "chaise", "en": "chair"}}', "chaise"),
        ('{"bbox_2d": [1, 2, 30, 40], "labels": {"fr": "chaise", "en": "chair"}}', "chaise"),
        ('{"bbox_2d": [1, 2, 30, 40], "label": ["chair", "seat"]}', "chair"),
        ('{"file_name": "a.png", "label": "chair", "bbox": [1, 2, 30, 40]}', "chair"),
        ("click(box=[1, 2, 30, 40], element_type='link', element_name='Help')", "Help"),
        ('["chair", "red", 1, 2, 30, 40]', "chair"),
        ('["chair", 1, 2, 30, 40, "red"]', "chair"),
        ("<ref>lamp</ref>(5,6),(70,80) beside <ref>chair</ref>(1,2),(30,40)", "chair"),
        ("Output: side chair [[1, 2, 30, 40]]", "side chair"),
        ("Status: [1, 2, 30, 40]", "Status"),
        ("Overview: side chair[[1, 2, 30, 40]]", "side chair"),
        ("TYPE(box=[[1, 2, 30, 40]], text='oak', element_type='field', element_info='Search')", "Search"),
        ('{"thought": "on the left", "code": "mark(box=[1, 2, 30, 40])"}', "mark"),
        ('{"bbox_2d" [1, 2, 30, 40], "label": "chair"}', "chair"),
        ("chair: 1_2_30_40", "chair"),
        ('{"bbox": "1_2_30_40", "label": "chair"}', "chair"),
        ('"1_2_30_40"', ""),
        ("box>1 2 30 40", ""),
        ("the chair (oak): [1, 2, 30, 40]", "the chair (oak)"),
        ('"chair": [1, 2, 30, 40]', "chair"),
        ('{"bbox": [1, 2, 30, 40], "objectType": "chair", "category_id": "3"}', "chair"),
        ('{"bbox": [1, 2, 30, 40], "object": {"name": "chair"}}', "chair"),
        ("<bbox>1,2,30,40</bbox> chair", "chair"),
        ("<bbox>5,6,70,80</bbox> lamp <bbox>1,2,30,40</bbox> chair", "chair"),
        ("bbox: [1, 2, 30, 40] (chair)", "chair"),
        ("Object 1: chair\nBounding box: [1, 2, 30, 40]", "chair"),
        ("Final answer: chair [1, 2, 30, 40]", "chair"),
        ("Bounding box for chair: [1, 2, 30, 40]", "chair"),
        ("click(bbox=[1, 2, 30, 40], text='Submit')", "Submit"),
        ("click(bbox=[1, 2, 30, 40], element='Submit')", "Submit"),
        ('{"bbox": [1, 2, 30, 40], "label": 0}', "0"),
        ('{"note": "[1, 2, 30, 40]", "label": "chair"}', "note"),
        ('{"action": "click", "bbox": [1, 2, 30, 40], "target": "chair"}', "chair"),
        ('{"bbox_"2d": [1, 2, 30, 40]}', ""),
    ],
)
def test_the_label_is_only_the_name_of_the_object(text, label):
    box = read(text).boxes[-1]
    assert (box.corners, box.label) == ((1, 2, 30, 40), label)


@pytest.mark.parametrize(
    "words",
    [*"action status answer result output response location position object label name target element note caption text"
      " description observation found overview layout screen summary detected state context page objects".split(),
     "Step 2", "The target is", "Current screen", "Detected objects"],
)  # fmt: skip
def test_a_word_for_the_answer_itself_is_no_part_of_the_name(words):
    assert [box.label for box in read(f"{words}: chair [1, 2, 30, 40]").boxes] == ["chair"]


@pytest.mark.parametrize(
    "words",
    ["{} is located at", "{} was found on", "{} are positioned in", "{} appears by its position",
     "{} is visible with the bounding box", "{} has coordinates of", "{} bounding boxes", "{} bbox_2d", "Or {}",
     "Then {}", "There is {}", "There are {}", "Here is {}", "Here are {}", "I can see {}", "I found {}",
     "bbox of {}",
     "The region of {}", "The location of {}", "The position of {}", "Coordinates for {}", "Bounding boxes for {}",
     "{{see}} {}"],
)  # fmt: skip
def test_the_words_that_lead_to_a_place_are_no_part_of_the_name(words):
    assert [box.label for box in read(f"{words.format('chair')} [1, 2, 30, 40]").boxes] == ["chair"]


@pytest.mark.parametrize(
    "words",
    "introduction reasoning analysis explanation summary answer result output overview description detail note".split(),
)
def test_a_heading_of_a_part_of_the_answer_is_no_name(words):
    assert [box.label for box in read(f"## {words}\nBox: [1, 2, 30, 40]").boxes] == [""]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('<P DATA-BBOX="1 2 30 40">cup</P>', [("p", "cup")]),
        ('<p class="big red" data-bbox="1 2 30 40">x</p>', [("big", "x")]),
        ('<item name="red cup" bbox="1,2,30,40"/>', [("red cup", "")]),
        ('<img data-bbox="1 2 30 40"/> a caption', [("img", "")]),
        ('<div bbox="1 2 30 40"><p bbox="5 6 20 30">Hi</p> there</div>', [("div", ""), ("p", "Hi")]),
    ],
)
def test_an_element_with_a_place_has_its_class_and_its_own_text(text, names):
    assert [(box.label, box.text) for box in read(text).boxes] == names


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ('<point x=120 y=340 alt="cup">c</point>', "cup"),
        ('<POINT X="120" Y="340" ALT=" cup ">c</POINT>', "cup"),
        ('<point x="120" y="340" label="cup"/>', "cup"),
        ('<point x="120" y="340" alt="">cup</point>', "cup"),
    ],
)
def test_a_point_in_a_tag_has_the_name_in_it_or_after_it(text, label):
    assert [(point.x, point.y, point.label) for point in read(text).points] == [(120, 340, label)]


TWO = [
    "**Cup**\n- Bounding box: [1, 2, 30, 40]\n\n**Mug**\n- Bounding box: [5, 6, 70, 80]",
    "### Cup\nBounding box: [1, 2, 30, 40]\n### Mug\nBounding box: [5, 6, 70, 80]",
    "### Cup\n[1, 2, 30, 40]\n### Mug\n[5, 6, 70, 80]",
    "1. **Cup**\n   - Colour: white\n   - Box: [1, 2, 30, 40]\n2. **Mug**\n   - Colour: red\n   - Box: [5, 6, 70, 80]",
    "Object 1: Cup\nLocation: [1, 2, 30, 40]\n\nObject 2: Mug\nLocation: [5, 6, 70, 80]",
    "**Object 1: Cup**\nLocation: [1, 2, 30, 40]\n\n**Object 2: Mug**\nLocation: [5, 6, 70, 80]",
    "Item 1: Cup\nBox: [1, 2, 30, 40]\n\nItem 2: Mug\nBox: [5, 6, 70, 80]",
    "1: Cup\nBox: [1, 2, 30, 40]\n2: Mug\nBox: [5, 6, 70, 80]",
    "Name: Cup\nBounding Box: (1, 2), (30, 40)\nName: Mug\nBounding Box: (5, 6), (70, 80)",
    "Cup: x1=1, y1=2, x2=30, y2=40\nMug: x1=5, y1=6, x2=70, y2=80",
    "Cup: left=1, top=2, right=30, bottom=40\nMug: left=5, top=6, right=70, bottom=80",
    "Cup: x_min=1, y_min=2, x_max=30, y_max=40\nMug: x_min=5, y_min=6, x_max=70, y_max=80",
    "label: Cup\nx1: 1\ny1: 2\nx2: 30\ny2: 40\n\nlabel: Mug\nx1: 5\ny1: 6\nx2: 70\ny2: 80",
    "| # | Object | Box |\n|---|---|---|\n| 1 | Cup | [1, 2, 30, 40] |\n| 2 | Mug | [5, 6, 70, 80] |",
]  # fmt: skip


@pytest.mark.parametrize("text", TWO)
def test_each_of_several_boxes_gets_its_own_label(text):
    assert [(*box.corners, box.label) for box in read(text).boxes] == [(1, 2, 30, 40, "Cup"), (5, 6, 70, 80, "Mug")]


OTHERS = {  # text near a box that is not its label, or only partly
    "1. Box: [10, 20, 30, 40]\n2. Box: [50, 60, 70, 80]": ["", ""],
    "label: Total: 5.00\nbbox: [10, 20, 30, 40]": ["Total: 5.00"],
    "label: cup\nsource: http://x.y/z\nbbox: [10, 20, 30, 40]": ["cup"],
    "label: street\naddress 1: Foo\naddress 2: Bar\nbbox: [10, 20, 30, 40]": ["street"],
    "[1] cup: [10, 20, 30, 40]\n[2] mug: [50, 60, 70, 80]": ["cup", "mug"],
    "```python\n# (x1, y1, x2, y2)\nbbox = [10, 20, 30, 40]\n```": [""],
    "1. I looked at the picture.\n2. I found it.\n\nBox: [10, 20, 30, 40]": [""],
    "**Reasoning**\n- It is red.\n- Box: [10, 20, 30, 40]": [""],
    "1. a very long name of six words\nBox: [10, 20, 30, 40]": [""],
    "## Cup\nred\nBox: [10, 20, 30, 40]": [""],
    'Cups: [{"bbox": [10, 20, 30, 40]}]': [""],
    "cup" + " " * 30 + "[10, 20, 30, 40]": ["cup"],
    "**Cup**\nColour: red\n\nBox: [10, 20, 30, 40]": ["Cup"],
    "## Cup\nBox: [10, 20, 30, 40]\n\nOther things:\nBox: [50, 60, 70, 80]": ["Cup", ""],
    "## Cup\n[10, 20, 30, 40]\n[50, 60, 70, 80]": ["Cup", "Cup"],
    "The red cup<think>x</think> is at [10, 20, 30, 40]": ["The red cup"],
    "AND [10, 20, 30, 40]\nSemi-final: [50, 60, 70, 80]": ["AND", "Semi-final"],
    "bbox: [10, 20, 30, 40], (cup)": ["cup"],
    '[{"bbox_2d": [10, 20, 30, 40], "label": "Track "Intro" #1"}, {"bbox_2d": [50, 60, 70, 80], "label": "End"}]': [
        'Track "Intro" #1', "End",
    ],
}  # fmt: skip


@pytest.mark.parametrize("text", OTHERS)
def test_text_near_a_box_is_not_always_its_label(text):
    assert [box.label for box in read(text).boxes] == OTHERS[text]


def test_a_csv_table_of_other_data_has_no_boxes():
    with pytest.raises(BadAnswer):
        read("Name,Points,Wins,Draws,Losses\nAjax,65,20,5,3\nPSV,60,18,6,4")


def test_a_heading_above_bare_boxes_is_not_their_label():
    assert [box.label for box in read("### Detected objects\n[1, 2, 30, 40]\n[5, 6, 70, 80]").boxes] == ["", ""]


def test_points_with_coords_are_thousandths_of_the_picture():
    found = read('<points coords="1 1 120 340 2 560 780" alt="nuts">nuts</points>', size=(500, 1000))
    assert [(point.x, point.y, point.label) for point in found.points] == [(60, 340, "nuts"), (280, 780, "nuts")]
    assert found.space == "thousand"
    assert "notation" in found.space_reason


@pytest.mark.parametrize(
    "thought",
    [
        "<think_deep_1>Perhaps [1, 2, 30, 40].</think_deep_1>",
        "<thought>Perhaps [1, 2, 30, 40].</thought>",
        "◁think▷Perhaps [1, 2, 30, 40].◁/think▷",
        "Perhaps [1, 2, 30, 40].\n</think>\n\n",  # some chat templates write the first tag
    ],
)
def test_thoughts_are_ignored(thought):
    assert [box.corners for box in read(f"{thought}[5, 6, 70, 80]").boxes] == [(5, 6, 70, 80)]
    assert len(read(f"{thought}[]")) == 0
    assert [change.what for change in read(f'{thought}{{"bbox": null}}').dropped] == ["a box with no numbers in it"]


def test_thoughts_count_if_the_answer_says_nothing_about_places():
    assert [box.corners for box in read("<think>The cat is at [1, 2, 30, 40].</think>Done.").boxes] == [(1, 2, 30, 40)]


def test_a_bare_list_named_polygon_is_one():
    (polygon,) = read("polygon: [[100, 200], [310, 220], [300, 400], [100, 410]]").polygons
    assert polygon.points == ((100, 200), (310, 220), (300, 400), (100, 410))


def test_the_text_and_attributes_of_a_box_are_kept():
    (box,) = read('[{"bbox_2d": [1, 2, 30, 40], "label": "mug", "text_content": "Joe", "colour": "red"}]').boxes
    assert box == Box(1, 2, 30, 40, "mug", "Joe", {"colour": "red"})


@pytest.mark.parametrize(
    ("rest", "label", "attributes"),
    [
        ('"label_fr": "chaise", "label_en": "chair"', "chaise", {"label_en": "chair"}),
        ('"label": "", "name": "cup"', "cup", {"label": ""}),
        ('"name_de": "", "name_en": "cup"', "cup", {"name_de": ""}),
        ('"object_info": {}', "", {"object_info": {}}),
        ('"object_info": {"name": "cup", "size": 3}', "", {"object_info": {"name": "cup", "size": 3}}),
        ('"object_count": "two"', "", {"object_count": "two"}),
        ('"labels": "cup"', "", {"labels": "cup"}),
        ('"labels": [1]', "", {"labels": [1]}),
        ('"labels": ["cup"]', "cup", {}),
        ('"label": "cup", "handle": {"bbox": [5, 6, 20, 30]}', "cup", {}),  # a box of its own
        ('"label": "cup", "red"', "cup", {}),
        ('"label": "cup", "colour": "red", "colour": "blue"', "cup", {"colour": "blue"}),
    ],
)
def test_what_is_neither_place_nor_label_is_an_attribute(rest, label, attributes):
    box = read(f'{{{rest}, "bbox": [1, 2, 30, 40]}}').boxes[-1]
    assert (box.corners, box.label, box.attributes) == ((1, 2, 30, 40), label, attributes)


def test_a_box_of_named_sides_has_the_text_beside_it():
    (box,) = read('{"text_content": "Joe", "bbox": {"x1": 1, "y1": 2, "x2": 30, "y2": 40}}').boxes
    assert box == Box(1, 2, 30, 40, text="Joe")


def test_corners_that_are_no_boxes_are_a_polygon():
    for text in ('{"bbox": [10, 20, 30, 10, 40, 30, 50, 20]}', "swipe([10, 20, 30, 10, 40, 30, 50, 20])"):
        assert [polygon.points for polygon in read(text).polygons] == [((10, 20), (30, 10), (40, 30), (50, 20))]
    (roof,) = read('{"polygon": [{"x": 1, "y": 2}, {"x": 30, "y": 2}, {"x": 30, "y": 40}], "label": "roof"}').polygons
    assert (roof.points, roof.label) == (((1, 2), (30, 2), (30, 40)), "roof")
    for text in ("<quad>1 2 30 2 30 40 1 40</quad>", '<p data-polygon="1 2 30 2 30 40 1 40">cup</p>'):
        assert [polygon.points for polygon in read(text).polygons] == [((1, 2), (30, 2), (30, 40), (1, 40))]


def test_columns_of_numbers_in_a_document_are_not_boxes():
    page = "Stock of 2024\nApples 12 30 44 51\nPears 10 20 30 40\n| kale | 1 | 2 | 3 | 4 |\nTel. 10,20,5,40 or 11"
    with pytest.raises(BadAnswer):
        read(page)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"space": "percent"}, "Choose .auto."),
        ({"seen": (0, 10)}, "at least 1 pixel"),
    ],
)
def test_invalid_settings_raise_a_clear_error(options, message):
    with pytest.raises(BadInput, match=message):
        parse("[1, 2, 3, 4]", **{"seen": (100, 100), "original": (100, 100), **options})


def test_parsing_anything_but_text_raises_a_clear_error():
    with pytest.raises(BadInput, match=r"Pass reply\.text"):
        parse(None, seen=(10, 10), original=(10, 10))


# -- coordinates ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numbers", "size", "space"),
    [
        ([100, 50, 300, 400], (644, 476), "pixels"),
        ([100, 50, 660, 480], (644, 476), "pixels"),  # slightly over the edge is imprecision, not another space
        ([100, 550, 300, 900], (644, 476), "thousand"),
        ([100, 550, 300, 900], (1288, 1008), "pixels"),  # ambiguous: Qwen2.5-VL's own space is assumed
        ([100, 550, 300, 1400], (644, 476), "pixels"),
        ([0.1, 0.2, 0.5, 1.0], (644, 476), "unit"),
        ([-0.1, -0.2, 0.5, 1.02], (644, 476), "unit"),  # slightly over the edge
        ([0, 0, 1, 1], (644, 476), "pixels"),
    ],
)
def test_the_coordinate_space_is_inferred_only_where_it_is_certain(numbers, size, space):
    found = read(json.dumps([{"bbox_2d": numbers, "label": "a"}]), size)
    assert found.space == space
    assert space in found.summary


@pytest.mark.parametrize(
    ("space", "corners"),
    [("pixels", (100, 50, 300, 400)), ("thousand", (64.4, 23.8, 193.2, 190.4)), ("auto", (100, 50, 300, 400))],
)
def test_the_coordinate_space_can_be_set(space, corners):
    (box,) = read("[100, 50, 300, 400]", space=space).boxes
    assert box.corners == pytest.approx(corners)


def test_pixels_of_the_seen_picture_are_converted_to_the_original():
    (box,) = parse("[28, 28, 56, 84]", seen=(280, 280), original=(1000, 500)).boxes
    assert box.corners == (100, 50, 200, 150)


@given(SIZES, SIZES, st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_a_coordinate_round_trip_stays_within_half_a_pixel(seen, original, shares):
    box = Box(*(share * side for share, side in zip(shares, (*seen, *seen), strict=True)), label="a")
    point, polygon = Point(box.x1, box.y1), Polygon(((box.x1, box.y1), (box.x2, box.y1), (box.x2, box.y2)))
    for region in (box, point, polygon):
        back = to_original(to_original(region, seen=seen, original=original), seen=original, original=seen)
        assert back == region or coordinates(back) == pytest.approx(coordinates(region), abs=0.5)


def coordinates(region):
    if isinstance(region, Polygon):
        return [side for point in region.points for side in point]
    return [region.x, region.y] if isinstance(region, Point) else list(region.corners)


@given(SIZES, SIZES, st.lists(st.tuples(*[st.integers(0, 27)] * 4), min_size=1, max_size=5, unique=True))
def test_boxes_in_an_answer_are_recovered_within_half_a_pixel(seen, original, corners):
    """The model answers in whole pixels of the picture that it saw, so rounding costs up to half a pixel."""
    boxes = [Box(min(a, c), min(b, d), max(a, c) + 1, max(b, d) + 1, f"n{i}") for i, (a, b, c, d) in enumerate(corners)]
    text = json.dumps([{"bbox_2d": [round(side) for side in box.corners], "label": box.label} for box in boxes])
    found = parse(text, seen=seen, original=original, space="pixels")
    assert not found.dropped
    for box, back in zip(boxes, found.boxes, strict=True):
        assert to_original(back, seen=original, original=seen).corners == pytest.approx(box.corners, abs=0.5)


SEVERAL = [(112, 240, 388, 611), (640, 255, 815, 402), (20, 30, 1120, 640)]
LISTS = {  # what begins an answer, each of its boxes, and what separates them
    "JSON": ("[", '{{"bbox_2d": [{}, {}, {}, {}], "label": "cup"}}', ", "),
    "JSON by name": ("{", '"a": [{}, {}, {}, {}]', ", "),
    "sides": ("[", '{{"bbox": {{"x1": {}, "y1": {}, "x2": {}, "y2": {}}}, "name": "cup"}}', ",\n"),
    "special tokens": ("", "<|box_start|>({},{}),({},{})<|box_end|>", "\n"),
    "tags": ("", "<box>[[{}, {}, {}, {}]]</box>", " and "),
    "lines": ("", "{},{},{},{}", "\n"),
    "names": ("", "- cup: ({}, {}, {}, {})", "\n"),
    "corners": ("", "- cup: ({}, {}) to ({}, {})", "\n"),
    "table": ("| x1 | y1 | x2 | y2 |\n", "| {} | {} | {} | {} |", "\n"),
}


@pytest.mark.parametrize("form", LISTS)
def test_an_answer_cut_anywhere_gives_only_its_whole_boxes(form):
    text, piece, separator = LISTS[form]
    ends = []
    for box in SEVERAL:
        text += piece.format(*box)
        ends.append(len(text))
        text += separator
    for end in range(1, len(text)):
        try:
            found = read(text[:end], (1288, 728), finish_reason="length")
        except BadAnswer:
            continue
        corners = [tuple(map(int, box.corners)) for box in found.boxes]
        assert corners == SEVERAL[: len(corners)], text[:end]
        assert len(corners) >= sum(at < end for at in ends), text[:end]
        # Nothing tells yet that a second corner follows the first one.
        assert not found.points or text[:end].endswith((")", ") ", ") t", ") to", ") to ")), text[:end]


TEXTS = st.text(alphabet="01:9,. \"'[]{}ab=-\\/#“”\n：", max_size=12) | st.sampled_from(["0:03", "it's", "a: b", "😀"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(VALUES, max_size=4) | st.dictionaries(TEXTS, VALUES, max_size=4), st.booleans(), st.booleans())
@example({"it's": [["0:03", "0:05"]], "": {"a: b": "12:30 lunch"}}, True, False)
def test_valid_json_is_read_as_it_is(value, indented, ascii_only):
    text = json.dumps(value, indent=1 if indented else None, ensure_ascii=ascii_only)
    repairs = []
    node = lenient.Reader(f"Here: {text}\n").read(6, 6 + len(text), lambda *repair: repairs.append(repair))
    assert (node.plain(), node.whole, node.end, repairs) == (value, True, 6 + len(text), [])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"it\'s": [1, 2], "a: b": "x",}', {"it's": [1, 2], "a: b": "x"}),
        ('{"times": ["0:03", "0:05",], "": 1,}', {"times": ["0:03", "0:05"], "": 1}),
        ('{"lunch": ["12:30 soup", "a: b"],, "x": 1}', {"lunch": ["12:30 soup", "a: b"], "x": 1}),
    ],
)
def test_a_flaw_elsewhere_does_not_change_a_double_quoted_text(text, value):
    assert lenient.Reader(text + "\n").read(0, len(text), lambda *_: None).plain() == value


QUOTES = "other quotes than JSON's"


@pytest.mark.parametrize(
    ("text", "value", "repaired"),
    [
        ('{"a": .5, "b": 1e2, "c": 12px, "d": 50%,}', {"a": 0.5, "b": 100, "c": 12, "d": 0.5}, ["trailing comma"]),
        ("[-.5, -3., 1e-2,]", [-0.5, -3, 0.01], ["trailing comma"]),
        ('{"a": 1,\\n "b": 2}', {"a": 1, "b": 2}, []),  # an escape outside a text
        ('{"a": 1, // one\n"b": 2}', {"a": 1, "b": 2}, ["comment"]),
        ('{"a": "x" // one\n, "b": 2}', {"a": "x", "b": 2}, ["comment"]),
        ('{"a": "x" # one\n}', {"a": "x"}, ["comment"]),
        ('{"a": 1, /* one */ "b": 2}', {"a": 1, "b": 2}, ["comment"]),
        ('{"a": "x // y", "b": "http://x#y",}', {"a": "x // y", "b": "http://x#y"}, ["trailing comma"]),
        ("[null, None, true, True, false, False, nan, NaN, undefined,]",
         [None, None, True, True, False, False, None, None, None], ["trailing comma"]),
        ("[cat, big dog, o'neil/a.b-c]", ["cat", "big dog", "o'neil/a.b-c"], []),
        ("{a b-c.d: 1}", {"a b-c.d": 1}, ["key without quotes"]),
        ("{'a': 1}", {"a": 1}, [QUOTES]),
        ("{“a”: 1}", {"a": 1}, [QUOTES]),
        ("{1: 2}", {"1": 2}, []),
        ('{"a" = 1}', {"a": 1}, []),
        ('{"a"：1}', {"a": 1}, []),
        ('{"a": 1; "b": 2}', {"a": 1, "b": 2}, []),
        ('{\\"a\\": \\"x\\"}', {"a": "x"}, ["escaped quotes"]),
        ("[（1, 2）, ［3, 4］]", [[1, 2], [3, 4]], []),
        ("[1 2\n3]", [1, 2, 3], ["missing comma", "missing comma"]),
        ('{"a": "x" "b": "y"}', {"a": "x", "b": "y"}, ["missing comma"]),
        ('{"a": [1, 2}', {"a": [1, 2]}, ["missing ]"]),
        ('[{"a": 1 {"a": 2}]', [{"a": 1}, {"a": 2}], ["missing }", "missing comma"]),
        ('{"a": 1]}', {"a": 1}, ["stray ]"]),
        ('{"a": [1, 2]], "b": 3}', {"a": [1, 2], "b": 3}, ["stray ]"]),
        ("[1, 2}, 3]", [1, 2, 3], ["stray }"]),
        ("{'a': 'x\\ny\\t\\u00e9\\/'}", {"a": "x\ny\té/"}, [QUOTES, QUOTES]),
        ("{'a': 'it's'}", {"a": "it's"}, [QUOTES, QUOTES, "quotes inside a text"]),
        ('{"a": “x”, "b": ‘y’}', {"a": "x", "b": "y"}, [QUOTES, QUOTES]),
        ('{"a": , "b": 2}', {"a": None, "b": 2}, ["no value for 'a'"]),
        ('{"a": x y, "b": 2}', {"a": "x y", "b": 2}, ["value without quotes"]),
        ('{"a": 1, 2, 3, "b": 4}', {"a": [1, 2, 3], "b": 4}, ["missing brackets"]),
        ('{"a": "x, "b": 1}', {"a": "x", "b": 1}, ["missing quote at the end of a text"]),
        ('{"a": "x\n"b": 1}', {"a": "x", "b": 1}, ["missing quote at the end of a text", "missing comma"]),
    ],
)  # fmt: skip
def test_flawed_json_is_read_as_it_was_meant(text, value, repaired):
    repairs = []
    found = lenient.Reader(text + "\n").read(0, len(text), lambda what, _: repairs.append(what)).plain()
    assert (found, repairs) == (value, repaired)


PIECES = st.sampled_from(
    ["[", "]", "{", "}", ",", ":", '"', "'", "bbox_2d", "label", "10", "200", "-3", ".5", "1e9", "null", "\n",
     "```json\n", "```", " ", "<points x1=", "<|box_start|>", "(", ")", "</think>", "<think>", "data-bbox=",
     "\\", "…", "//", "cat", "<p ", ">", "|", "x1", "\x00", "9" * 400, "swipe(", "Tap [", "<tap>", "point>", "%", "_",
     "position=", "drag from ", 'names": {"de": "a"}', '<points coords="1 1 20 30', "left: ", "action: ", "args"]
)  # fmt: skip


@settings(max_examples=300)
@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=60).map("".join)))
@example("[" * 5000)
@example('{"a":' * 3000)
@example('"' * 4000)
@example("swipe[1 1 120 340")
def test_any_text_gives_valid_regions_or_a_bad_answer_error(text):
    try:
        found = read(text)
    except BadAnswer:
        return
    for box in found.boxes:
        assert 0 <= box.x1 < box.x2 <= 644
        assert 0 <= box.y1 < box.y2 <= 476
    assert all(math.isfinite(side) for point in found.points for side in (point.x, point.y))


# -- comparing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "overlap"),
    [
        (Box(0, 0, 10, 10), Box(0, 0, 10, 10), 1),
        (Box(0, 0, 10, 10), Box(5, 0, 15, 10), 1 / 3),
        (Box(0, 0, 10, 10), Box(10, 0, 20, 10), 0),
        (Box(0, 0, 10, 10), Box(2, 2, 4, 4), 0.04),
        (Box(0, 0, 0, 0), Box(0, 0, 0, 0), 0),
    ],
)
def test_iou_is_correct_and_symmetric(a, b, overlap):
    assert iou(a, b) == pytest.approx(overlap)
    assert iou(b, a) == iou(a, b)


def test_matching_is_optimal_not_greedy():
    """A greedy match would give the first box the truth that the second box needs."""
    truth = [Box(0, 0, 10, 10), Box(0, 0, 16, 10)]
    found = [Box(0, 0, 12, 10), Box(0, 0, 11, 10)]
    best = match(found, truth, threshold=0.3)
    assert {(i, j) for i, j, _ in best.pairs} == {(0, 1), (1, 0)}


def test_precision_recall_and_mean_iou():
    truth = [Box(0, 0, 10, 10, "a"), Box(20, 0, 30, 10, "b"), Box(40, 0, 50, 10, "c"), Box(60, 0, 70, 10, "d")]
    found = [
        Box(0, 0, 10, 10, "a"),
        Box(20, 0, 30, 5, "b"),
        Box(40, 0, 50, 10, "x"),
        Box(90, 0, 99, 9),
        Box(80, 0, 9, 9),
    ]
    result = match(found, truth)
    assert (result.precision, result.recall, result.mean_iou) == (3 / 5, 3 / 4, pytest.approx(2.5 / 4))
    assert (result.extra, result.missing) == ((3, 4), (3,))
    assert len(match(found, truth, labels=True).pairs) == 2
    assert len(match(found, truth, threshold=0.6).pairs) == 2
    assert "3 of 4 found, 2 too many" in str(result)


@pytest.mark.parametrize(
    ("found", "truth", "numbers"),
    [([], [], (1, 1, 1)), ([], [Box(0, 0, 1, 1)], (1, 0, 0)), ([Box(0, 0, 1, 1)], [], (0, 1, 1))],
)
def test_empty_sets_of_boxes_have_defined_scores(found, truth, numbers):
    result = match(found, truth)
    assert (result.precision, result.recall, result.mean_iou) == numbers


def test_a_threshold_out_of_range_raises_a_clear_error():
    with pytest.raises(BadInput, match="above 0 and at most 1"):
        match([], [], threshold=0)


@pytest.mark.parametrize(
    "text", ["We sold more.\nSales in 2019, 2020, 2021, 2022", "The years 2019, 2020, 2021, 2022 were good.\nYes."]
)
def test_four_rising_numbers_in_prose_are_not_a_box(text):
    with pytest.raises(BadAnswer):
        parse(text, seen=(3000, 3000), original=(3000, 3000))
