"""Schemas as a server receives them, and how its answers are read."""

import http.server
import json
import threading
import typing
from datetime import date
from decimal import Decimal
from typing import Literal

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from tests.typed.constructs import CONSTRUCTS
from vlnb.errors import BadInput
from vlnb.typed import Form, read, records
from vlnb.typed.answer import leaves
from vlnb.typed.form import UNREADABLE

ENFORCED = {
    "type", "properties", "required", "additionalProperties", "items", "minItems", "maxItems", "enum", "anyOf", "$ref",
    "$defs", "description", "title",
}  # fmt: skip


def parts(node):
    """Yield a schema and every schema within it."""
    yield node
    inner = [*node.get("properties", {}).values(), *node.get("$defs", {}).values(), *node.get("anyOf", ())]
    inner += [node[name] for name in ("items", "additionalProperties") if isinstance(node.get(name), dict)]
    for child in inner:
        yield from parts(child)


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_the_sent_schema_uses_only_keywords_that_every_server_enforces(name):
    for node in parts(Form.of(CONSTRUCTS[name]).wire):
        assert node.keys() <= ENFORCED
        if "properties" in node:
            assert node["required"] == list(node["properties"])
        if node.get("type") not in ("object", "array") and not node.keys() & {"anyOf", "$ref"}:
            assert "null" in node.get("type", []) or None in node.get("enum", []), "every value may be null"


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("pattern", "field: pattern is checked here"),
        ("uniqueItems", "field: uniqueItems is checked here"),
        ("multipleOf", "field: multipleOf is checked here"),
        ("a box by prefixItems", "field: the order of its items is checked here"),
        ("oneOf of records", "field: which of its alternatives applies is checked here"),
        ("date and time", "field: asked for as text, and checked here"),
        ("if and then", "the whole schema: if is checked here"),
        ("if and then", "the whole schema: then is checked here"),
    ],
)
def test_each_loosening_is_listed_by_path(name, start):
    assert any(line.startswith(start) for line in Form.of(CONSTRUCTS[name]).loosened)


@pytest.mark.parametrize("name", ["string", "integer", "enum", "nested $ref", "list at the root", "recursion"])
def test_a_schema_that_is_not_loosened_lists_nothing(name):
    assert Form.of(CONSTRUCTS[name]).loosened == ()


TEXT = {"type": ["string", "null"]}
AMOUNT = {**TEXT, "description": "number, as printed"}
LOWERED = {
    "text": ({"type": "string"}, TEXT),
    "amount": ({"type": "number"}, AMOUNT),
    "date": ({"type": "string", "format": "date"}, {**TEXT, "description": "date, as printed"}),
    "yes or no": ({"type": "boolean"}, {"type": ["boolean", "null"]}),
    "described text": ({"type": "string", "description": "the shop"}, {**TEXT, "description": "the shop"}),
    "described amount": (
        {"type": "integer", "description": "the total"},
        {**TEXT, "description": "the total; number, as printed"},
    ),
    "choice": ({"enum": ["x", "y"]}, {"enum": ["x", "y", UNREADABLE, None]}),
    "constant": ({"const": "z"}, {"enum": ["z", UNREADABLE, None]}),
    "choice of numbers": ({"enum": [1, 2]}, AMOUNT),
    "choice of yes and no": ({"enum": [True, False, None]}, {"type": ["boolean", "null"]}),
    "nullable": ({"type": ["integer", "null"]}, AMOUNT),
    "number or text": ({"anyOf": [{"type": "string"}, {"type": "number"}]}, AMOUNT),
    "anything": (True, TEXT),
    "list": (
        {"type": "array", "items": {"type": "string"}, "maxItems": 3},
        {"type": "array", "items": TEXT, "maxItems": 3},
    ),
    "list without a type": ({"items": {"type": "string"}}, {"type": "array", "items": TEXT}),
    "list of anything": ({"type": "array"}, {"type": "array", "items": TEXT}),
    "list of fixed length": (
        {"prefixItems": [{"type": "number"}, {"type": "number"}]},
        {"type": "array", "items": AMOUNT, "minItems": 2, "maxItems": 2},
    ),
    "choice of text and number": ({"enum": ["x", 1]}, TEXT),
    "choice of prices": ({"enum": [0.5, 1.5]}, AMOUNT),
    "choice of yes and text": ({"enum": [True, "x"]}, TEXT),
    "choice or nothing": ({"anyOf": [{"enum": ["x"]}, {"type": "null"}]}, {"enum": ["x", UNREADABLE, None]}),
    "text with properties": ({"type": "string", "properties": {"x": {"type": "number"}}}, TEXT),
    "text or choice": ({"anyOf": [{"type": "string"}, {"enum": ["x"]}]}, TEXT),
    "record of anything": (
        {"type": "object"},
        {"type": "object", "properties": {}, "required": [], "additionalProperties": TEXT},
    ),
    "map": (
        {"type": "object", "additionalProperties": {"type": "number"}},
        {"type": "object", "properties": {}, "required": [], "additionalProperties": AMOUNT},
    ),
    "nullable record": (
        {"anyOf": [{"properties": {"x": {"type": "string"}}}, {"type": "null"}]},
        {"anyOf": [
            {"type": "object", "properties": {"x": TEXT}, "required": ["x"], "additionalProperties": False},
            {"type": "null"},
        ]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOWERED)
def test_each_kind_of_field_is_lowered_to_its_form_on_the_wire(name):
    schema, wire = LOWERED[name]
    assert Form.of({"properties": {"field": schema}}).wire["properties"]["field"] == wire


@pytest.mark.parametrize(
    ("schema", "note"),
    [
        ({"enum": ["x", 1]}, "field: asked for as text"),
        ({"type": "string", "enum": ["x", 1]}, "field: asked for as text"),
        ({"type": ["string", "null"]}, None),
        ({"type": "object", "additionalProperties": {"type": "number"}}, None),
        ({"type": "string", "format": "date-time"}, "field: asked for as text"),
        ({"type": "array"}, "field[]: asked for as text"),
        ({"properties": {"a": {"type": "string"}}, "anyOf": [{"required": ["a"]}]}, "field: which of its alternatives"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, None),
    ],
)
def test_a_field_that_is_not_fully_enforced_has_one_note(schema, note):
    notes = Form.of({"properties": {"field": schema}}).loosened
    assert [line[: len(note or "")] for line in notes] == ([note] if note else [])


def test_the_parts_of_all_of_are_merged_with_what_each_requires():
    base = {"properties": {"x": {"type": "string"}}, "required": ["x"], "description": "any part"}
    parts = [{"$ref": "#/$defs/base"}, {"properties": {"y": {"type": "string"}}, "required": ["y"]}]
    whole = {"allOf": parts, "properties": {"z": {"type": "string"}}, "description": "this part"}
    form = Form.of({**whole, "$defs": {"base": base}})
    assert set(form.wire["properties"]) == {"x", "y", "z"}
    assert form.wire["description"] == "this part"
    assert (form.needed, form.loosened) == ({"x", "y"}, ())


def test_a_chain_of_all_of_keeps_the_fields_of_every_level():
    """Schemas that tools generate from classes inherit in this way."""
    base = {"properties": {"x": {"type": "string"}}, "required": ["x"]}
    child = {"allOf": [{"$ref": "#/$defs/base"}], "properties": {"y": {"type": "string"}}}
    form = Form.of({"allOf": [{"$ref": "#/$defs/child"}], "$defs": {"base": base, "child": child}})
    assert set(form.wire["properties"]) == {"x", "y"}
    assert (form.needed, form.loosened) == ({"x"}, ())


def test_all_of_within_itself_raises_one_clear_sentence():
    with pytest.raises(BadInput, match="Make it flatter"):
        Form.of({"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}})


def test_the_prompt_holds_the_schema_on_the_wire_and_the_word_for_unreadable_values():
    form = Form.of({"title": "Rechnung für Gäste", "properties": {"field": {"type": "string"}}})
    assert form.wire["title"] == "Rechnung für Gäste"
    assert json.dumps(form.wire, ensure_ascii=False) in form.prompt
    assert f'"{UNREADABLE}"' in form.prompt


class Item(BaseModel):
    description: str
    quantity: int | None = None
    price: Decimal = Field(ge=0)


class Invoice(BaseModel):
    number: str
    date: date
    currency: Literal["EUR", "USD"] | None = None
    items: list[Item]
    total: Decimal


WHOLE = {
    "number": "A1", "date": "31/01/2026", "currency": "EUR",
    "items": [{"description": "pipe", "quantity": "2", "price": "1.234,50"}, {"description": "tape", "quantity": None,
               "price": "3,20 EUR"}], "total": "2,472.20",
}  # fmt: skip


def answer(**changes):
    return json.dumps({**WHOLE, **changes})


def test_a_complete_answer_becomes_an_instance_with_parsed_amounts_and_dates():
    data, printed, issues = read(Form.of(Invoice), answer())
    assert data == Invoice(
        number="A1", date=date(2026, 1, 31), currency="EUR", total=Decimal("2472.20"),
        items=[
            Item(description="pipe", quantity=2, price=Decimal("1234.5")),
            Item(description="tape", price=Decimal("3.2")),
        ],
    )  # fmt: skip
    assert printed == WHOLE
    assert issues == ()


@pytest.mark.parametrize(
    ("text", "finish", "kind", "path", "words"),
    [
        (answer(total=None), "stop", "violation", "total", "not on the picture"),
        (answer(total="see below"), "stop", "violation", "total", "valid decimal"),
        (
            answer(items=[{"description": "x", "quantity": "1", "price": "-1,00"}]),
            "stop",
            "violation",
            "items[0].price",
            "greater",
        ),
        (answer(items=[{"description": "x"}]), "stop", "violation", "items[0].price", "required"),
        (answer(currency=UNREADABLE), "stop", "unreadable", "currency", "could not read"),
        (answer(date="03/04/2026"), "stop", "ambiguous", "date", "03 April 2026"),
        ("I cannot see an invoice.", "stop", "not JSON", "", "not JSON"),
        ("```json\n" + answer() + "\n```", "stop", "repaired", "", "does not enforce"),
        (answer()[:-70], "length", "cut", "", "1 whole row of items kept"),
        (answer()[:20] + " " * 900, "white space", "white space", "", "disable-any-whitespace"),
    ],
)
def test_each_kind_of_issue_is_reported_with_path_and_reason(text, finish, kind, path, words):
    _, _, issues = read(Form.of(Invoice), text, finish)
    found = next(issue for issue in issues if issue.kind == kind)
    assert found.path == path
    assert words in str(found)


class Sale(BaseModel):
    kind: Literal["sale"]
    paid: Decimal
    on: date


class Refund(BaseModel):
    kind: Literal["refund"]
    returned: Decimal
    on: date


@pytest.mark.parametrize(
    ("schema", "text", "data"),
    [
        (
            Sale | Refund,
            '{"kind": "refund", "returned": "1.234,50", "on": "31.01.2026"}',
            Refund(kind="refund", returned=Decimal("1234.50"), on=date(2026, 1, 31)),
        ),
        (
            {"oneOf": [Sale.model_json_schema(), Refund.model_json_schema()]},
            '{"kind": "refund", "returned": "5", "on": "31.01.2026"}',
            {"kind": "refund", "returned": 5, "on": "2026-01-31"},
        ),
        (
            {
                "anyOf": [
                    {"properties": {"kind": {"const": "price"}, "value": {"type": "number"}}},
                    {"properties": {"kind": {"const": "code"}, "value": {"type": "string"}}},
                ]
            },
            '{"kind": "code", "value": "12,50"}',
            {"kind": "code", "value": "12,50"},
        ),
        (
            {"properties": {"p": {"anyOf": [{"properties": {"net": {"type": "number"}}}, {"type": "number"}]}}},
            '{"p": "19,99"}',
            {"p": 19.99},
        ),
        (
            {"properties": {"t": {"type": "number"}}, "allOf": [{"properties": {"t": {"minimum": 0}}}]},
            '{"t": "1.234,50"}',
            {"t": 1234.5},
        ),
        (
            {"properties": {"p": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "number"}}]}}},
            '{"p": ["19,99"]}',
            {"p": [19.99]},
        ),
        (
            {
                "anyOf": [
                    {"properties": {"value": {"type": "number"}, "unit": {"type": "string"}}},
                    {"properties": {"value": {"type": "string"}}},
                ]
            },
            '{"value": "12,50"}',
            {"value": "12,50"},
        ),
        (
            {
                "anyOf": [
                    {"properties": {"kind": {"const": "price"}, "value": {"type": "number"}}},
                    {"properties": {name: {"type": "string"} for name in ("code", "shop", "value")}},
                ]
            },
            '{"kind": null, "value": "12,50", "code": "A", "shop": "B"}',
            {"kind": None, "value": "12,50", "code": "A", "shop": "B"},
        ),
    ],
)
def test_an_answer_is_read_by_the_alternative_that_fits(schema, text, data):
    found, _, issues = read(Form.of(schema), text)
    assert (found, issues) == (data, ())


@pytest.mark.parametrize("end", [r"\\frac{a}{b} + \\sq", "a}b] c", "{x} and"])
def test_a_text_with_brackets_may_be_cut(end):
    rows = {"type": "array", "items": {"type": "object", "properties": {"latex": {"type": "string"}}}}
    form = Form.of({"type": "object", "properties": {"rows": rows}})
    data, _, issues = read(form, '{"rows": [{"latex": "a+b"}, {"latex": "' + end, "length")
    assert data == {"rows": [{"latex": "a+b"}]}
    assert [issue.kind for issue in issues] == ["cut"]


def test_an_answer_in_a_fence_keeps_its_whole_numbers():
    form = Form.of({"type": "object", "properties": {"id": {"type": "string"}}})
    assert read(form, '```json\n{"id": 12345678901234567}\n```')[0] == {"id": 12345678901234567}


def test_a_list_where_a_word_is_asked_for_is_a_violation():
    _, _, issues = read(Form.of(Sale | Refund), '{"kind": ["refund"], "returned": "5", "on": "31.01.2026"}')
    assert {issue.kind for issue in issues} == {"violation"}


def test_an_answer_without_json_has_this_one_issue():
    (issue,) = read(Form.of(Invoice), "I cannot see an invoice.")[2]
    assert str(issue).startswith("The answer is not JSON")


def test_lists_of_records_are_found_at_every_depth():
    found, mixed = [{"a": 1}], [{"a": 1}, 2]
    assert list(records({"none": [], "mixed": mixed, "all": found, "in": {"er": found}})) == [
        ("all", found), ("in.er", found),
    ]  # fmt: skip
    assert list(records(found)) == [("", found)]


def test_a_long_amount_keeps_its_last_digit():
    text = '{"a": "12.345.678.901.234.567,89"}'
    assert read(Form.of(dict[str, Decimal]), text)[0] == {"a": Decimal("12345678901234567.89")}


class Tagged(BaseModel):
    tags: list[str] | None = None


def test_an_empty_list_is_an_answer():
    assert read(Form.of(Tagged), '{"tags": []}')[0] == Tagged(tags=[])


def test_an_optional_part_of_nulls_is_absent():
    street = {"type": "object", "properties": {"street": {"type": "string"}}, "required": ["street"]}
    rows = {"type": "array", "items": street, "minItems": 1}
    schema = {"properties": {"no": {"type": "string"}, "shipping": street, "more": rows}, "required": ["no"]}
    answer = '{"no": "1", "shipping": {"street": null}, "more": [{"street": null}]}'
    assert read(Form.of(schema), answer)[2] == ()


def test_a_text_or_a_list_may_be_a_text():
    tags = {"type": ["string", "array"], "items": {"type": "string"}}
    wire = Form.of({"type": "object", "properties": {"tags": tags}}).wire
    jsonschema.validate({"tags": "a"}, wire)
    jsonschema.validate({"tags": ["a"]}, wire)


def test_properties_that_the_schema_does_not_name_are_not_asked_for():
    more = {"properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "number"}}
    assert "only the properties that it names" in str(Form.of(more).loosened)


def test_both_violations_of_one_field_are_reported_and_a_null_once():
    field = {"type": "integer", "minimum": 5, "multipleOf": 2}
    form = Form.of({"type": "object", "properties": {"count": field, "size": field}, "required": ["count", "size"]})
    _, _, issues = read(form, '{"count": "3", "size": null}')
    assert [(issue.path, issue.message.partition(",")[0]) for issue in issues] == [
        ("count", "3 is less than the minimum of 5"),
        ("count", "3 is not a multiple of 2"),
        ("size", "the schema requires it"),
    ]


NUMBERS = {"no": {"type": "string", "description": "Invoice number, as printed"}, "total": {"type": "number"}}
TREE = {"price": {"type": ["number", "null"]}, "parts": {"type": "array", "items": {"$ref": "#"}}}
OWNERS = [{"iban": {"type": "string"}, "holder": {"type": "string"}}, {"holder": {"type": "string"}}]
BRANCHES = [{"type": "object", "properties": fields, "required": [*fields][:1]} for fields in OWNERS]


@pytest.mark.parametrize(
    ("schema", "text", "data"),
    [
        ({"type": "object", "properties": NUMBERS}, '{"no": "0012", "total": "5"}', {"no": "0012", "total": 5}),
        ({"properties": {"total": {"type": "number", "multipleOf": 0.01}}}, '{"total": "19.99"}', {"total": 19.99}),
        ({"type": "object", "properties": TREE, "required": [*TREE]},
         '{"price": null, "parts": [{"price": null, "parts": []}]}',
         {"price": None, "parts": [{"price": None, "parts": []}]}),
        ({"anyOf": BRANCHES}, '{"iban": "DE1", "holder": null}', {"iban": "DE1", "holder": None}),
    ],
    ids=["a description", "multiples of a cent", "null deep within", "null in an alternative"],
)  # fmt: skip
def test_a_correct_answer_is_read_without_an_issue(schema, text, data):
    assert read(Form.of(schema), text) == (data, json.loads(text), ())


@pytest.mark.parametrize("value", ["19.9951", "1e30", "0.07", "NaN", float("nan"), 10**400, None])
def test_only_numbers_that_are_no_multiple_violate_multiple_of(value):
    form = Form.of({"type": "object", "properties": {"total": {"type": "number", "multipleOf": 0.01}}})
    assert bool(read(form, json.dumps({"total": value}))[2]) == (value in ("19.9951", "NaN", "1e30"))


@pytest.mark.parametrize("printed", ["30.00", "0.50", "0.0000001", "17000"])
def test_an_amount_keeps_its_cents(printed):
    assert str(read(Form.of(dict[str, Decimal]), json.dumps({"a": printed}))[0]["a"]) == str(Decimal(printed))


@pytest.mark.parametrize(
    "text",
    [
        'As on [page 1]:\n```json\n{"total": "5"}\n```',
        'On [page 1] stands {"total": "5"}',
        '<think>I fill in {"total": number}.</think>{"total": "5"}',
        'In {braces}:\n```\n{"total": "5"}\n```',
    ],
)
def test_the_json_is_found_among_brackets_and_thoughts(text):
    assert read(Form.of({"type": "object", "properties": {"total": {"type": "number"}}}), text)[0] == {"total": 5}


def test_null_instead_of_an_object_is_a_violation():
    assert [issue.kind for issue in read(Form.of(Invoice), "null")[2]] == ["violation"]


def test_a_pair_of_different_types_keeps_each_as_its_type():
    assert read(Form.of(tuple[str, Decimal]), '["0012", "5.00"]')[0] == ("0012", Decimal("5.00"))
    assert read(Form.of(tuple[Decimal, str]), '["5.00", "0012"]')[0] == (Decimal("5.00"), "0012")


@pytest.mark.parametrize("answer", ['{"field": "\\ud83d"}', '{"field": "\ud83d"}', "{'field': '\ud83d'}"])
def test_half_of_a_surrogate_pair_is_replaced_because_no_file_can_store_it(answer):
    data, printed, _ = read(Form.of(CONSTRUCTS["string"]), answer)
    assert data == printed == {"field": "\N{REPLACEMENT CHARACTER}"}


@pytest.mark.parametrize("depth", [100, 400, 700, 5000])
def test_deeply_nested_values_raise_no_error(depth):
    for text in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
        _, printed, issues = read(Form.of(Invoice), text)
        assert issues[0].kind in ("not JSON", "repaired", "cut")
        list(leaves(printed))


def test_a_truncated_list_keeps_its_complete_rows():
    rows = [{"code": f"K{i}"} for i in range(40)]
    text = json.dumps({"cards": rows})
    form = Form.of({"type": "object", "properties": {"cards": {"type": "array", "items": CONSTRUCTS["string"]}}})
    for cut in range(12, len(text) - 2, 7):
        kept_rows = read(form, text[:cut], "length")[1].get("cards", [])
        assert kept_rows == rows[: len(kept_rows)]
        assert len(kept_rows) >= text[:cut].count("}") - 1


TOTALS = {"total": {"type": "number"}, "tax": {"type": "number"}}


@pytest.mark.parametrize(
    ("schema", "text", "finish", "kept", "words"),
    [
        (TOTALS, '{"total": "12.50", "tax": "3', "length", {"total": "12.50"}, "cut at max_tokens; no rows kept"),
        (TOTALS, '{"total": "12.50", "tax": 3', "stop", {"total": "12.50"}, "ends in the middle; no rows kept"),
        (None, '[{"total": "1"}, {"total": "2', "length", [{"total": "1"}], "1 whole row of the list kept"),
        (None, "[", "length", [], "0 whole rows of the list kept"),
        ({**TOTALS, "tags": {"type": "array", "items": {"type": "string"}}}, '{"tags": ["a"], "total": "1', "length",
         {"tags": ["a"]}, "no rows kept"),
        ({"order": {"type": "object", "properties": {"rows": {"type": "array", "items": {"type": "string"}}}}},
         '{"order": {"rows": ["a", "b', "length", {"order": {"rows": ["a"]}}, "1 whole row of order.rows kept"),
    ],
)  # fmt: skip
def test_a_truncated_answer_keeps_only_complete_values(schema, text, finish, kept, words):
    record = {"type": "object", "properties": schema or TOTALS}
    _, printed, issues = read(Form.of(record if schema else {"type": "array", "items": record}), text, finish)
    assert printed == kept
    assert words in str(issues[0])


def test_a_null_in_a_row_is_an_absent_field_and_only_a_required_one_is_a_violation():
    row = {"type": "object", "properties": {"name": {"type": "string"}, "price": {"type": "number"}}}
    text = '{"rows": [{"name": null, "price": "2.50"}]}'
    optional = {"type": "object", "properties": {"rows": {"type": "array", "items": row}}}
    assert read(Form.of(optional), text) == ({"rows": [{"name": None, "price": 2.5}]}, json.loads(text), ())
    required = {"type": "object", "properties": {"rows": {"type": "array", "items": {**row, "required": ["name"]}}}}
    (issue,) = read(Form.of(required), text)[2]
    assert str(issue) == "rows[0].name: the schema requires it, but the model says that it is not on the picture"


def test_only_amounts_and_dates_are_turned_into_values_and_unreadable_ones_are_none():
    fields = {"code": {"type": "string"}, "day": {"type": "string", "format": "date"}, "price": {"type": "number"}}
    form = Form.of({"type": "object", "properties": {**fields, "tax": {"type": "number"}}})
    text = json.dumps({"code": "2026-01-31", "day": "31 Jan 2026", "price": "0,50", "tax": UNREADABLE})
    data, printed, _ = read(form, text)
    assert data == {"code": "2026-01-31", "day": "2026-01-31", "price": 0.5, "tax": None}
    assert isinstance(data["price"], float)
    assert printed["tax"] == UNREADABLE
    assert read(form, '{"code": "0042", "price": "7"}')[0] == {"code": "0042", "price": 7}
    assert read(form, '{"code": "31.01.2026"}')[0] == {"code": "31.01.2026"}


class Part(BaseModel):
    price: Decimal
    parts: list["Part"] = []


def test_amounts_in_a_record_within_itself_are_read_at_every_depth():
    text = '{"price": "3,50", "parts": [{"price": "1.234,50", "parts": [{"price": "2", "parts": []}]}]}'
    data, _, issues = read(Form.of(Part), text)
    assert issues == ()
    assert data.parts[0] == Part(price=Decimal("1234.5"), parts=[Part(price=Decimal(2))])


@given(st.integers(1, 10**9), st.sampled_from(["{:,.2f}", "{:.2f}", "EUR {:,.2f}", "{:,.2f} €"]), st.booleans())
def test_amounts_are_read_as_printed_with_either_decimal_mark(cents, form, comma):
    text = form.format(Decimal(cents) / 100)
    text = text.translate(str.maketrans(",.", ".,")) if comma else text
    assert read(Form.of(dict[str, Decimal]), json.dumps({"a": text}))[0] == {"a": Decimal(cents) / 100}
    assert read(Form.of({"additionalProperties": {"type": "number"}}), json.dumps({"a": text}))[0] == {"a": cents / 100}


@given(st.dates(date(1950, 1, 1), date(2090, 1, 1)), st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%d %b %Y"]))
def test_dates_are_read_as_printed(day, form):
    schema = Form.of({"type": "object", "properties": {"d": {"type": "string", "format": "date"}}})
    assert read(schema, json.dumps({"d": day.strftime(form)}))[0] == {"d": day.isoformat()}


def test_making_a_form_of_a_form_returns_the_same_form():
    form = Form.of(Invoice)
    assert Form.of(form) is form


def test_answers_are_validated_against_the_full_schema_after_loosening():
    data = {"field": ["a", "a"]}
    _, _, issues = read(Form.of(CONSTRUCTS["uniqueItems"]), json.dumps(data))
    assert [issue.path for issue in issues] == ["field"]
    assert "non-unique" in issues[0].message


def test_plain_data_uses_the_numbers_and_nulls_of_json():
    schema = {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "string"}}}
    data, _, issues = read(Form.of(schema), '{"a": "41,50", "b": null}')
    assert json.dumps(data) == '{"a": 41.5, "b": null}'
    assert issues == ()


def test_a_misspelled_keyword_is_reported_as_unchecked():
    (message,) = Form.of({"type": "object", "properties": {"a": {"type": "number", "minimun": 2}}}).loosened
    assert message == "a: minimun is not a keyword of JSON Schema, so nothing checks it"


def deep(levels):
    schema = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


@pytest.mark.parametrize(
    "node", [{"not": {"$ref": "http://127.0.0.1:9/x"}}, {"$dynamicRef": "#nope"}, {"if": {"$ref": "#/$defs/None"}}]
)
def test_a_schema_with_an_unresolvable_reference_cannot_be_checked(node):
    form = Form.of({"type": "object", "properties": {"a": {"type": "string", **node}}})
    _, _, issues = read(form, '{"a": "x"}')
    assert "the schema cannot be checked" in str(issues[0])


def test_validating_an_answer_sends_no_network_request():
    requested_paths = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            requested_paths.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        node = {"type": "string", "not": {"$ref": f"http://127.0.0.1:{server.server_port}/x"}}
        read(Form.of({"type": "object", "properties": {"a": node}}), '{"a": "x"}')
        server.shutdown()
    assert requested_paths == []


def test_a_recursive_field_may_be_null():
    wire = Form.of({"type": "object", "properties": {"name": {"type": "string"}, "next": {"$ref": "#"}}}).wire
    assert wire["$defs"]["root"]["properties"]["next"]["anyOf"][1] == {"type": "null"}
    parts = Form.of(CONSTRUCTS["recursion"]).wire["$defs"]["Part"]["properties"]["parts"]
    assert parts["items"] == {"$ref": "#/$defs/Part"}, "a list may end empty instead"


def test_records_within_themselves_keep_their_names():
    chains = {name: {"type": "object", "properties": {"next": {"$ref": f"#/$defs/{name}"}}} for name in ("A", "B")}
    both = {"type": "object", "properties": {name: {"$ref": f"#/$defs/{name}"} for name in chains}}
    assert Form.of({**both, "$defs": chains}).wire["$defs"].keys() == {"A", "B"}


def test_a_required_field_that_is_not_described_is_not_asked_for():
    form = Form.of({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "b"]})
    assert (form.needed, [*form.wire["properties"]]) == ({"a"}, ["a"])


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"total": "number"}, "asks for nothing"),
        ({}, "asks for nothing"),
        ({"type": "object", "propertis": {"a": {}}}, "asks for nothing.* propertis is not a keyword"),
        (int, "asks for nothing"),
        ({"type": "objekt"}, "not a valid JSON schema, at type: 'objekt' is not one of .*'object'"),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/Nothing"}}}, "does not define"),
        ({"$ref": "#"}, "leads back to itself"),
        (
            {
                "type": "object",
                "properties": {"a": {"$ref": "#/$defs/A"}},
                "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}},
            },
            "leads back to itself",
        ),
        (deep(400), "nests deeper than any document"),
        ({"type": "object", "properties": {"a": {"$ref": "other.json"}}}, "only references within it"),
        ({"type": "object", "properties": {"a": {"$ref": "#anchor"}}}, "only references within it"),
        (
            {
                "$ref": "#/$defs/d0",
                "$defs": {
                    f"d{i}": {"type": "object", "properties": {name: {"$ref": f"#/$defs/d{i + 1}"} for name in "ab"}}
                    for i in range(30)
                }
                | {"d30": {"type": "string"}},
            },
            "more than 5,000 parts",
        ),
        (3, "has no JSON schema"),
        ("Invoice", "has no JSON schema"),
        (type("Thing", (), {}), "has no JSON schema"),
        (typing.Callable[[int], str], "has no JSON schema"),
    ],
)
def test_an_invalid_schema_raises_one_clear_sentence(schema, words):
    with pytest.raises(BadInput, match=words.replace("(", r"\(")):
        Form.of(schema)


@pytest.mark.parametrize("wrap", [str, str.encode, lambda code: [code], typing.ForwardRef])
def test_a_schema_that_is_text_is_never_run_as_python(tmp_path, wrap):
    planted = tmp_path / "planted"
    with pytest.raises(BadInput, match="has no JSON schema"):
        Form.of(wrap(f"__import__('pathlib').Path({str(planted)!r}).touch()"))
    assert not planted.exists()


LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=8)


def containers_of(inner):
    return st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)


@given(st.recursive(LEAVES, containers_of))
def test_an_answer_of_any_shape_raises_no_error(value):
    for schema in (Invoice, CONSTRUCTS["recursion"], list[Item]):
        read(Form.of(schema), json.dumps(value))
        read(Form.of(schema), json.dumps(value)[:-1], "length")
