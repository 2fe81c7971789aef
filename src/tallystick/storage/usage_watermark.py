"""Until when usage is closed: what arrives later counts as received later, whatever clocks say.

Who records usage holds the mark for the length of a transaction, and says that an event was
received at the mark or after it.  Who closes usage waits for all of them; from then on, what a
document counts ("received before its watermark") is all there and stays the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import or_, select, update

from tallystick.storage.batches import insert_cells

if TYPE_CHECKING:
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["close_usage", "closed_until", "hold_open"]

_COLUMNS: Final = (("id", "bigint"), ("closed_until", "timestamptz"))


def hold_open(unit: Unit) -> Instant | None:
    """Keep usage from being closed until the transaction ends; give until when it is closed."""
    table = unit.tables.usage_watermark
    query = select(table.c.closed_until).with_for_update(read=True)
    row = unit.connection.execute(query).first()
    if row is None:
        _make(unit)
        row = unit.connection.execute(query).one()
    at: Instant | None = row[0]
    return at


def close_usage(unit: Unit, until: Instant) -> None:
    """Close usage until an instant, once all who record now are done; never back to an earlier."""
    _make(unit)
    table = unit.tables.usage_watermark
    earlier = or_(table.c.closed_until.is_(None), table.c.closed_until < until)
    locked = select(table.c.id).with_for_update()
    unit.connection.execute(locked)  # also where it is closed for longer already
    unit.connection.execute(update(table).where(earlier).values(closed_until=until))


def closed_until(unit: Unit) -> Instant | None:
    """Give until when usage is closed, without holding it there; None for never."""
    at: Instant | None = unit.connection.execute(
        select(unit.tables.usage_watermark.c.closed_until)
    ).scalar()
    return at


def _make(unit: Unit) -> None:
    ending = " ON CONFLICT (id) DO NOTHING"
    insert_cells(unit, unit.tables.usage_watermark, _COLUMNS, [(1, None)], ending)
