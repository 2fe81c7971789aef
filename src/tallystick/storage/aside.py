"""What was set aside: rows that a run leaves out, each for a reason, until they are taken up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from tallystick.errors import NotFound

if TYPE_CHECKING:
    from sqlalchemy import Table

    from tallystick.storage.unit import Unit

__all__ = ["put_aside", "stopped_in"]


def put_aside(
    unit: Unit, table: Table, key: tuple[str, str], reason: str | None, what: str
) -> None:
    """Leave a row, by customer and id, out of all claims for a reason (JSON); None takes it up.

    Raises NotFound, which says `what` is not there.
    """
    asked = update(table).where(table.c.customer_id == key[0], table.c.id == key[1])
    if unit.connection.execute(asked.values(set_aside=reason)).rowcount == 0:
        raise NotFound(what, key[1])


def stopped_in(unit: Unit, table: Table, limit: int) -> tuple[tuple[str, str, str], ...]:
    """Give what was set aside in a table: customer, id and reason, in the order of their ids."""
    c = table.c
    query = select(c.customer_id, c.id, c.set_aside).where(c.set_aside.is_not(None))
    rows = unit.connection.execute(query.order_by(c.id).limit(limit))
    return tuple((row[0], row[1], row[2]) for row in rows)
