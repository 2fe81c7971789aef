"""The outbox as rows: what is to be told, each thing once, in the transaction that makes it true.

A thing is told apart by its customer, its kind and its cause; put there again, it is there already.
Who sends it reads from a position on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from tallystick.core.frozen import FrozenDict
from tallystick.storage.batches import insert_cells, moments

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["Notice", "notices", "put_notices"]

_COLUMNS: Final = (
    ("customer_id", "text"),
    ("kind", "text"),
    ("cause", "text"),
    ("at", "timestamptz"),
    ("body", "text"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something to be told: since when it is true, and its facts as plain JSON values.

    `position` is its place in the outbox, None before it is there.
    """

    customer: str
    kind: str
    cause: str
    at: Instant
    body: Mapping[str, Any] = field(default_factory=FrozenDict)
    position: int | None = None

    def __hash__(self) -> int:
        """Hash by what it is told apart by."""
        return hash((self.customer, self.kind, self.cause))


def put_notices(unit: Unit, given: Sequence[Notice]) -> int:
    """Put notices into the outbox, in their order, but for those that are there; count the new."""
    moment = moments(unit)
    rows = [
        (
            each.customer,
            each.kind,
            each.cause,
            moment(each.at),
            json.dumps(dict(each.body), ensure_ascii=False, sort_keys=True),
        )
        for each in given
    ]
    ending = " ON CONFLICT (customer_id, kind, cause) DO NOTHING"
    return insert_cells(unit, unit.tables.outbox, _COLUMNS, rows, ending)


def notices(
    unit: Unit, limit: int, after: int = 0, *, customer: str | None = None
) -> tuple[Notice, ...]:
    """Give notices in the order of their positions, those after one of them."""
    table = unit.tables.outbox
    query = select(table).where(table.c.position > after)
    if customer is not None:
        query = query.where(table.c.customer_id == customer)
    rows = unit.connection.execute(query.order_by(table.c.position).limit(limit)).mappings()
    return tuple(
        Notice(
            customer=row["customer_id"],
            kind=row["kind"],
            cause=row["cause"],
            at=row["at"],
            body=FrozenDict(json.loads(row["body"])),
            position=row["position"],
        )
        for row in rows
    )
