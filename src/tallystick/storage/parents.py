"""Who pays for whom, as rows: one for each stretch of time in which a customer had a parent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import insert, literal, or_, select, update

from tallystick.core.parent import Parent
from tallystick.storage.batches import rows_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import RowMapping

    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["add_parent", "any_parents", "end_parent", "hold_family", "parents_of"]

_AT_ONCE: Final = 500


def any_parents(unit: Unit) -> bool:
    """Whether anybody ever paid for anybody else."""
    query = select(literal(1)).select_from(unit.tables.customer_parents).limit(1)
    return unit.connection.execute(query).first() is not None


def parents_of(unit: Unit, customers: Collection[str]) -> tuple[Parent, ...]:
    """Give all that customers have or had to do with, as child or as parent, the first first."""
    c = unit.tables.customer_parents.c
    names, found = sorted(set(customers)), set[Parent]()
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        query = select(unit.tables.customer_parents)
        rows = unit.connection.execute(
            query.where(or_(c.customer_id.in_(some), c.parent_id.in_(some)))
        )
        found |= set(map(_parent, rows.mappings()))
    return tuple(sorted(found, key=lambda each: (each.customer, each.from_at)))


def hold_family(unit: Unit, customers: Collection[str]) -> None:
    """Lock customers until the transaction ends, so that nobody else makes them a family."""
    for _ in rows_of(
        unit, unit.tables.customers, ("id",), [(each,) for each in customers], lock=True
    ):
        pass


def add_parent(unit: Unit, parent: Parent) -> None:
    """Store that a customer has a parent from an instant on."""
    row = {
        "customer_id": parent.customer,
        "from_at": parent.from_at,
        "parent_id": parent.parent,
        "until_at": parent.until,
    }
    unit.connection.execute(insert(unit.tables.customer_parents).values(row))


def end_parent(unit: Unit, parent: Parent, until: Instant) -> None:
    """Store that what was begun ends."""
    table = unit.tables.customer_parents
    mine = (table.c.customer_id == parent.customer, table.c.from_at == parent.from_at)
    unit.connection.execute(update(table).where(*mine).values(until_at=until))


def _parent(row: RowMapping) -> Parent:
    return Parent(
        customer=row["customer_id"],
        parent=row["parent_id"],
        from_at=row["from_at"],
        until=row["until_at"],
    )
