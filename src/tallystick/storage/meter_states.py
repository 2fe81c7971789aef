"""Which meters are kept: those of the newest published catalogue, and no other.

A meter that the catalogue has no more is `retired`: whoever records leaves its roll-ups alone, so
they are dropped, a piece at a time.  It is read from the events then, to the same figures.  A
retired meter gives its digest away and never comes back: where the catalogue has it again, that is
a new one with a number of its own, so that nobody who still fills the old one can spoil it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from sqlalchemy import Text, cast, delete, select, text, update

from tallystick.core.meter import definition_digest
from tallystick.storage.meters import hold_alone, register

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tallystick.core.meter import Meter
    from tallystick.storage.unit import Storage, Unit

__all__ = ["RETIRED", "drop_retired", "keep_only"]

RETIRED: Final = "retired"
"""The state of a meter whose roll-ups are not kept any more."""

_CUSTOMERS_AT_ONCE: Final = 50


def keep_only(unit: Unit, meters: Iterable[Meter]) -> None:
    """Register these meters and retire every other one, in the transaction that publishes them.

    A new one is ready at once where no event was ever stored, else it is to be built.  Where
    something changes, nobody records until the transaction ends.
    """
    wanted = {definition_digest(meter): meter for meter in meters}
    table = unit.tables.meters
    rows = unit.connection.execute(select(table.c.digest, table.c.state))
    found = {row.digest: row.state for row in rows}
    others_kept = any(state != RETIRED for sha, state in found.items() if sha not in wanted)
    if wanted.keys() <= found.keys() and not others_kept:
        return
    hold_alone(unit)
    register(unit, wanted.values())
    if not _sees_every_event(unit):
        new = table.c.digest.in_(wanted.keys() - found.keys())
        unit.connection.execute(update(table).where(new).values(state="building"))
    others = (table.c.state != RETIRED, table.c.digest.not_in(wanted))
    gone = table.c.digest.concat(" was meter ").concat(cast(table.c.id, Text))
    unit.connection.execute(update(table).where(*others).values(state=RETIRED, digest=gone))


def drop_retired(storage: Storage) -> None:
    """Drop the roll-ups of retired meters, in many short transactions; the meters stay listed.

    May be interrupted, called again, and called by several processes at once.

    Raises StorageUnavailable.
    """
    for number in storage.attempt(_retired, reading=True):
        while storage.attempt(partial(_customers, number=number), reading=True):
            storage.attempt(partial(_drop_some, number=number), repeatable=True)


def _retired(unit: Unit) -> Sequence[int]:
    """Give the numbers of the retired meters."""
    table = unit.tables.meters
    retired = select(table.c.id).where(table.c.state == RETIRED).order_by(table.c.id)
    return unit.connection.execute(retired).scalars().all()


def _customers(unit: Unit, *, number: int) -> Sequence[str]:
    """Give some customers with roll-ups of a meter."""
    days = unit.tables.usage_days.c
    some = select(days.customer_id).where(days.meter_id == number).distinct()
    return unit.connection.execute(some.limit(_CUSTOMERS_AT_ONCE)).scalars().all()


def _drop_some(unit: Unit, *, number: int) -> None:
    customers = _customers(unit, number=number)
    for table in (unit.tables.usage_values, unit.tables.usage_days):
        mine = (table.c.meter_id == number, table.c.customer_id.in_(customers))
        unit.connection.execute(delete(table).where(*mine))


def _sees_every_event(unit: Unit) -> bool:
    """Whether events count that were stored since a host's transaction began."""
    if unit.dialect == "sqlite":
        return True
    level = unit.connection.execute(text("SELECT current_setting('transaction_isolation')"))
    return str(level.scalar()) == "read committed"
