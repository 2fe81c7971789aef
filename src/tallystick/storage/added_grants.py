"""Grants that come by rule, many at once, each at the end of its customer's list."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from tallystick.core.number import plain
from tallystick.errors import Conflict
from tallystick.storage.batches import insert_cells, moments
from tallystick.storage.credits import grant_values

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tallystick.storage.arrays import Cell
    from tallystick.storage.credits import GrantRow
    from tallystick.storage.unit import Unit

__all__ = ["add_grants"]

_AT_ONCE: Final = 500
_TRIES: Final = 5
_GRANT: Final = (
    ("customer_id", "text"),
    ("id", "text"),
    ("place", "bigint"),
    ("currency", "text"),
    ("feature", "text"),
    ("size", "numeric"),
    ("remaining", "numeric"),
    ("category", "text"),
    ("source", "text"),
    ("priority", "bigint"),
    ("effective_at", "timestamptz"),
    ("expires_at", "timestamptz"),
    ("scope", "text"),
    ("recorded_at", "timestamptz"),
    ("reason", "text"),
    ("idempotency_key", "text"),
)


def add_grants(unit: Unit, rows: Sequence[GrantRow]) -> None:
    """Store grants at the ends of their customers' lists, whatever places they name.

    Others who add to one of the lists meanwhile come before.  Raises Conflict where an id was used.
    """
    for tries in range(_TRIES):
        last = _last_places(unit, {row.grant.customer for row in rows})
        try:
            with unit.savepoint():
                insert_cells(unit, unit.tables.credit_grants, _GRANT, _placed(unit, rows, last))
        except IntegrityError as refused:
            said = str(refused.orig)
            if "place" not in said or tries == _TRIES - 1:
                raise Conflict("another grant came first: read what there is") from None
        else:
            return


def _placed(unit: Unit, rows: Sequence[GrantRow], last: dict[str, int]) -> list[tuple[Cell, ...]]:
    moment = moments(unit)
    cells = []
    for row in rows:
        place = last[row.grant.customer] = last.get(row.grant.customer, 0) + 1
        values = grant_values(replace(row, grant=replace(row.grant, created=place)))
        for name in ("effective_at", "expires_at", "recorded_at"):
            values[name] = moment(values[name])
        for name in ("size", "remaining"):
            values[name] = plain(values[name])
        cells.append(tuple(values[name] for name, _ in _GRANT))
    return cells


def _last_places(unit: Unit, customers: Collection[str]) -> dict[str, int]:
    c = unit.tables.credit_grants.c
    found: dict[str, int] = {}
    names = sorted(customers)
    for start in range(0, len(names), _AT_ONCE):
        some = c.customer_id.in_(names[start : start + _AT_ONCE])
        query = select(c.customer_id, func.max(c.place)).where(some).group_by(c.customer_id)
        found |= {row[0]: row[1] for row in unit.connection.execute(query)}
    return found
