"""What was set aside: rows that a run leaves out, each for a reason, until they are taken up.

A row that cannot be read is its own affair: it is told of, and the others are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from sqlalchemy import select, update

from tallystick.errors import NotFound, TallystickError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sqlalchemy import RowMapping, Table

    from tallystick.storage.unit import Unit

__all__ = ["FAULTS", "Stored", "Unread", "pass_over", "put_aside", "read_each", "stopped_in"]

R = TypeVar("R")
FAULTS: Final = (
    TallystickError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
"""What goes wrong with one subscription or document, also where the fault is ours."""

Stored: TypeAlias = "RowMapping | Mapping[str, Any]"
"""A row, by the names of its columns."""

Unread: TypeAlias = "Callable[[Stored, Exception], object]"
"""Is told of a row that cannot be read, and why."""


def pass_over(_row: Stored, _why: Exception) -> None:
    """Leave out what cannot be read: who claims it sets it aside."""


def read_each(
    rows: Iterable[Stored],
    read: Callable[[Any], R],
    unread: Unread | None,
) -> list[R]:
    """Read rows one by one; who is `unread` is told of each that cannot be, else it is raised."""
    found = []
    for row in rows:
        try:
            found.append(read(row))
        except FAULTS as fault:
            if unread is None:
                raise
            unread(row, fault)
    return found


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
