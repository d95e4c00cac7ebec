"""Constructs of JSON Schema that people write, each in a schema that a real server must accept once it is lowered."""

CARD = {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]}


def of(**node):
    """Return the schema of a record with one field."""
    return {"type": "object", "properties": {"field": node}, "required": ["field"]}


CONSTRUCTS = {
    "string": of(type="string"),
    "pattern": of(type="string", pattern="^[A-Z]{2}[0-9]+$"),
    "pattern with a length": of(type="string", pattern="^[A-Z]+$", minLength=2, maxLength=9),
    "look-ahead": of(type="string", pattern="^(?=.*\\d)[a-z0-9]+$"),
    "date": of(type="string", format="date"),
    "date and time": of(type="string", format="date-time"),
    "other format": of(type="string", format="iban"),
    "number with limits": of(type="number", minimum=0, exclusiveMaximum=10),
    "multipleOf": of(type="number", multipleOf=0.01),
    "integer": of(type="integer"),
    "boolean": of(type="boolean"),
    "enum": of(enum=["red", "green"]),
    "enum with null": of(enum=["red", None]),
    "enum of numbers": of(enum=[1, 2, 3]),
    "const": of(const="invoice"),
    "nullable by a list": of(type=["string", "null"]),
    "nullable by anyOf": of(anyOf=[{"type": "integer"}, {"type": "null"}]),
    "Decimal of pydantic": of(anyOf=[{"type": "number"}, {"type": "string", "pattern": "^\\d+$"}]),
    "oneOf of records": of(oneOf=[CARD, {"type": "object", "properties": {"name": {"type": "string"}}}]),
    "allOf": of(allOf=[CARD, {"type": "object", "properties": {"more": {"type": "number"}}, "required": ["more"]}]),
    "uniqueItems": of(type="array", items={"type": "string"}, uniqueItems=True),
    "minItems and maxItems": of(type="array", items={"type": "number"}, minItems=1, maxItems=3),
    "a box by prefixItems": of(type="array", prefixItems=[{"type": "number"}] * 4),
    "list of records": of(type="array", items=CARD),
    "list at the root": {"type": "array", "items": CARD},
    "$ref": {"$defs": {"Card": CARD}, **of(**{"$ref": "#/$defs/Card"})},
    "nested $ref": {"$defs": {"Card": CARD, "Box": of(**{"$ref": "#/$defs/Card"})}, **of(**{"$ref": "#/$defs/Box"})},
    "recursion": {
        "$defs": {"Part": {"type": "object", "properties": {"name": {"type": "string"},
                  "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}}}}},
        **of(**{"$ref": "#/$defs/Part"}),
    },
    "a chain": {"type": "object", "properties": {"name": {"type": "string"}, "next": {"$ref": "#"}}},
    "any keys": of(type="object", additionalProperties={"type": "number"}),
    "no type": of(description="whatever it says"),
    "if and then": {**of(type="string"), "if": {"required": ["field"]}, "then": {"minProperties": 1}},
    "a nullable record": of(type=["object", "null"], properties={"code": {"type": "string"}}),
}  # fmt: skip
