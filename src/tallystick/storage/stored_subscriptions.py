"""Subscriptions, their moves and what fell due for them, as they lie in the tables, in batches."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from tallystick.core.trees import move_of
from tallystick.storage.among import among
from tallystick.storage.moves import MoveRecord
from tallystick.storage.verify_rows import in_batches

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from tallystick.storage.unit import Unit

__all__ = ["Key", "dues_of", "moves_of_several", "subscription_rows"]

Key = tuple[str, str]
"""A customer and an id."""


def subscription_rows(unit: Unit, size: int) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Give every subscription's row, so many at a time, by customer and id."""
    table = unit.tables.subscriptions
    query = select(table).order_by(table.c.customer_id, table.c.id)
    for rows in in_batches(unit, query, size):
        yield [dict(row) for row in rows]


def moves_of_several(unit: Unit, keys: Collection[Key]) -> dict[Key, list[MoveRecord]]:
    """Give the moves of subscriptions, the first first.

    Raises InvalidInput or ValueError for one that cannot be read.
    """
    table = unit.tables.subscription_moves
    owner = (table.c.customer_id, table.c.subscription_id)
    query = select(table).where(among(unit, owner, keys)).order_by(table.c.number)
    found: dict[Key, list[MoveRecord]] = defaultdict(list)
    for row in unit.connection.execute(query).mappings():
        key = (row["customer_id"], row["subscription_id"])
        found[key].append(
            MoveRecord(
                customer=key[0],
                subscription=key[1],
                number=row["number"],
                move=move_of(json.loads(row["body"])),
                at=row["at"],
                recorded_at=row["recorded_at"],
                idempotency_key=row["idempotency_key"],
                digest=row["digest"],
            )
        )
    return found


def dues_of(unit: Unit, keys: Collection[Key]) -> dict[Key, dict[str, str]]:
    """Give what fell due for subscriptions, as it is kept: by cause."""
    c = unit.tables.invoices.c
    owner = (c.customer_id, c.subscription_id)
    query = select(*owner, c.cause, c.due).where(among(unit, owner, keys))
    found: dict[Key, dict[str, str]] = defaultdict(dict)
    for customer, subscription, cause, due in unit.connection.execute(query):
        found[customer, subscription][cause] = due
    return found
