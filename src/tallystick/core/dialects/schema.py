"""The published JSON Schema of a catalogue, made from the same tables as the reader.

An editor completes and checks a catalogue with it; what needs more than one field at a time
(unique ids, ascending tiers, a currency's decimals) is `tallystick lint`'s business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tallystick.core.dialects.fields import TABLES

if TYPE_CHECKING:
    from tallystick.core.dialects.field import Field

__all__ = ["json_schema"]

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_ID: Final = "urn:tallystick:catalog"


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema (draft 2020-12) of a catalogue in any dialect."""
    return {
        "$schema": _DRAFT,
        "$id": _ID,
        "title": "Tallystick catalogue",
        "description": "What is sold: products and plans, what they charge and what they give.",
        "anyOf": [
            {"$ref": "#/$defs/catalog"},
            {"$ref": "#/$defs/plan_list"},
            {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/listed_plan"}},
        ],
        "$defs": {name: _table(name, fields) for name, fields in TABLES.items()},
    }


def _table(name: str, fields: tuple[Field, ...]) -> dict[str, Any]:
    properties = {
        spelling: {"description": field.doc, **_value(field)}
        for field in fields
        for spelling in field.spellings()
    }
    if name in {"catalog", "plan_list"}:
        properties["$schema"] = {"description": "Where an editor finds this schema; not read."}
    needed = [field for field in fields if "tallystick" in field.needed]
    alone = [field.name for field in needed if len(field.spellings()) == 1]
    choices = [
        {"anyOf": [{"required": [spelling]} for spelling in field.spellings()]}
        for field in needed
        if len(field.spellings()) > 1
    ]
    table: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "required": alone,
    }
    return table | {"allOf": choices} if choices else table


def _value(field: Field) -> dict[str, Any]:
    schema = field.kind.schema()
    return {"anyOf": [schema, {"type": "null"}]} if field.nullable else schema
