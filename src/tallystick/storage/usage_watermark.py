"""Until when usage is closed: what arrives later counts as received later, whatever clocks say.

Who records usage holds the meters (`storage.meters.hold`) for the length of a transaction, and says
that an event was received at the mark or after it.  Who closes usage waits for all of them; from
then on, what a document counts ("received before its watermark") is all there and stays the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import or_, select, update

from tallystick.storage.batches import insert_cells
from tallystick.storage.meters import hold, hold_alone

if TYPE_CHECKING:
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["close_usage", "closed_until", "hold_open"]

_COLUMNS: Final = (("id", "bigint"), ("closed_until", "timestamptz"))


def hold_open(unit: Unit, *, held: bool = False) -> Instant | None:
    """Keep usage from being closed until the transaction ends; give until when it is closed.

    `held` says that `storage.meters.hold` was called in this transaction, whose lock it is.
    """
    if not held:
        hold(unit)
    return closed_until(unit)


def close_usage(unit: Unit, until: Instant) -> None:
    """Close usage until an instant, once all who record now are done; never back to an earlier.

    They are kept from recording until this transaction ends, so it is to be a short one, unless it
    was closed that far before: then it costs a look.
    """
    before = closed_until(unit)
    if before is not None and before >= until:
        return
    hold_alone(unit)
    _make(unit)
    table = unit.tables.usage_watermark
    earlier = or_(table.c.closed_until.is_(None), table.c.closed_until < until)
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
