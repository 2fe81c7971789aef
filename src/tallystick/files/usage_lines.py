"""JSON Lines of usage: one row or one usage event a line, read as a stream."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from tallystick.files.from_json import check_depth
from tallystick.files.json_line import KeyTwice, read_line
from tallystick.files.refusal import Refused
from tallystick.files.scalars import shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tallystick.core.usage_row import UsageRow
    from tallystick.files.usage_values import RowReader

__all__ = ["rows_of_lines"]

_ROW: Final = frozenset({"key", "quantity", "amount"})
_EVENT: Final = frozenset(
    {"id", "source", "customer", "type", "occurred_at", "received_at", "properties"}
)
_LOW: Final = (1 << 64) - 1


def rows_of_lines(lines: Iterable[str], reader: RowReader) -> Iterator[UsageRow]:
    """Give the rows of JSON Lines; blank lines are skipped, a repeated event counts once."""
    seen: dict[bytes, int] = {}
    for count, line in enumerate(lines, 1):
        if line.isspace():
            continue
        tree = _parse(line, count, reader)
        if tree is None:
            continue
        row = _event(tree, count, reader) if "type" in tree else _plain(tree, count, reader)
        if row is not None and ("type" not in tree or _first(tree, row, seen, reader)):
            yield row


def _parse(line: str, count: int, reader: RowReader) -> dict[str, object] | None:
    place = f"line {count}"
    try:
        check_depth(line)
        tree = read_line(line)
    except json.JSONDecodeError as error:
        reader.faults.add(place, f"is not JSON: {error.msg.lower()} at column {error.colno}")
        return None
    except (KeyTwice, Refused) as error:
        text = error.problems[0].text if isinstance(error, Refused) else str(error)
        reader.faults.add(place, text)
        return None
    if not isinstance(tree, dict):
        reader.faults.add(place, "must be an object with key and quantity, or a usage event")
        return None
    return tree


def _plain(tree: dict[str, object], count: int, reader: RowReader) -> UsageRow | None:
    place = f"line {count}: "
    if not _known(tree, _ROW, place, reader):
        return None
    return reader.row(place, tree.get("key"), tree.get("quantity"), tree.get("amount"), line=count)


def _event(tree: dict[str, object], count: int, reader: RowReader) -> UsageRow | None:
    place = f"line {count}: "
    if not _known(tree, _EVENT, place, reader):
        return None
    properties = tree.get("properties", {})
    if not isinstance(properties, dict):
        reader.faults.add(f"{place}properties", "must be an object")
        return None
    reader.text(f"{place}id", tree.get("id"))
    for name in ("source", "customer"):
        if name in tree:
            reader.text(f"{place}{name}", tree[name])
    before = reader.faults.count
    customer = tree.get("customer")
    row = reader.row(
        place,
        tree.get("type"),
        properties.get("quantity", 1),
        properties.get("amount"),
        line=count,
        customer=customer if isinstance(customer, str) else None,
    )
    return row if reader.faults.count == before else None


def _known(tree: dict[str, object], known: frozenset[str], place: str, reader: RowReader) -> bool:
    unknown = [name for name in tree if name not in known]
    for name in unknown:
        cure = f"is not a field here; the fields are {', '.join(sorted(known))}"
        reader.faults.add(f"{place}{shorten(name, 60)}", cure)
    return not unknown


def _first(
    tree: dict[str, object], row: UsageRow, seen: dict[bytes, int], reader: RowReader
) -> bool:
    """Whether this event has not been read before; the same id with another content is a fault.

    Only digests are kept, so that a month of events fits in memory.
    """
    identity = repr((row.customer, tree.get("source"), tree.get("id"))).encode()
    content = repr((row.key, row.quantity.normalize(), row.amount, tree.get("occurred_at")))
    name = blake2b(identity, digest_size=16).digest()
    says = int.from_bytes(blake2b(content.encode(), digest_size=8).digest(), "big")
    before = seen.setdefault(name, (row.line or 0) << 64 | says)
    line = before >> 64
    if line == row.line:
        return True
    if before & _LOW != says:
        text = f"{shorten(str(tree.get('id')))!r} stands on line {line} with another content"
        reader.faults.add(f"line {row.line}: id", text)
    return False
