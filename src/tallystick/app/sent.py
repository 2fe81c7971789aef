"""An event as plain values to send, and as the line of text that says the same."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from json.encoder import encode_basestring
from typing import TYPE_CHECKING

from tallystick.core.event import DEFAULT_SOURCE, properties_text
from tallystick.core.number import quantity_of
from tallystick.core.period import instant_text
from tallystick.errors import InvalidUsage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.event import UsageEvent
    from tallystick.core.period import Instant

__all__ = ["correction_tree", "event_text", "tree_of_text", "use_tree", "void_id"]


def use_tree(
    customer: str,
    type: str,  # noqa: A002 - the field's word
    *,
    quantity: Decimal | int | str | None,
    id: str,  # noqa: A002 - the field's word
    source: str = DEFAULT_SOURCE,
    occurred_at: Instant | str | None = None,
    properties: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """Write an event of use, to be parsed like any other.

    `quantity` is the property of that name; None leaves it to what `properties` say.  Nothing is
    filled in: what is sent in another way without a quantity is the same event.
    Raises InvalidUsage for a quantity that is no number, or that is said twice.
    """
    said: dict[str, object] = dict(_mapping(properties))
    if quantity is not None:
        if "quantity" in said:
            text = "is said twice: as quantity= and in the properties"
            raise InvalidUsage(f"quantity {text}", {"properties.quantity": [text]})
        said["quantity"] = quantity_of(quantity, negative=True)
    tree: dict[str, object] = {"id": id, "source": source, "customer": customer, "type": type}
    if occurred_at is not None:
        tree["occurred_at"] = occurred_at
    return tree | {"properties": said}


def correction_tree(
    kind: str,
    customer: str,
    target: tuple[str, str],
    *,
    id: str,  # noqa: A002 - the field's word
    properties: Mapping[str, object] | None = None,
    occurred_at: Instant | str | None = None,
) -> dict[str, object]:
    """Write a correction of the event of that source and id."""
    source, key = target
    tree: dict[str, object] = {"id": id, "source": source, "customer": customer}
    tree[kind] = {"source": source, "id": key}
    if properties is not None:
        tree["properties"] = _mapping(properties)
    return tree if occurred_at is None else tree | {"occurred_at": occurred_at}


def void_id(source: str, key: str) -> str:
    """Give the id that a void has where nobody names one: voiding twice is then a repeat."""
    told = hashlib.sha256(json.dumps([source, key]).encode("utf-8", "surrogatepass"))
    return f"void-{told.hexdigest()[:32]}"


def event_text(event: UsageEvent) -> str:
    """Write an event as one line of JSON that `parse_event` reads: numbers exact, nothing lost.

    Where no time was sent there is none here either, and `received_at` says what stands for it:
    so the event is the same to a ledger that knows it, and keeps its time in another.
    """
    fields = [("id", event.id), ("source", event.source), ("customer", event.customer)]
    if event.type:
        fields.append(("type", event.type))
    if event.kind == "use" or (event.kind == "amend" and event.timed):
        name = "occurred_at" if event.timed else "received_at"
        fields.append((name, instant_text(event.occurred_at)))
    parts = [f'"{name}":{encode_basestring(text)}' for name, text in fields]
    if event.kind != "void":
        parts.append(f'"properties":{properties_text(event.properties)}')
    if event.target is not None:
        source, key = map(encode_basestring, event.target)
        parts.append(f'"{event.kind}":{{"source":{source},"id":{key}}}')
    return "{" + ",".join(parts) + "}"


def tree_of_text(text: bytes | str) -> object:
    """Read what `event_text` wrote, every number exact."""
    tree: object = json.loads(text, parse_int=Decimal, parse_float=Decimal)
    return tree


def _mapping(properties: Mapping[str, object] | None) -> Mapping[str, object]:
    if properties is None:
        return {}
    if not hasattr(properties, "keys"):
        text = f"must be a mapping, not {properties.__class__.__name__}"
        raise InvalidUsage(f"properties {text}", {"properties": [text]})
    return properties
