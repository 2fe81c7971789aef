"""Rows that stand for something asked of a provider: which of them is whose turn.

`intents`, `checkouts` and `provider_acts` are such tables: each row is of one account, is leased by
a worker while it asks, and is asked for again at `next_at`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, or_, select

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, RowMapping, Table

    from tallystick.core.intent import ProviderAccount
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["due_row"]


def due_row(  # noqa: PLR0917 - what makes it whose turn
    unit: Unit,
    table: Table,
    live: ColumnElement[bool],
    provider: str,
    account: ProviderAccount,
    at: Instant,
    only: str | None = None,
) -> RowMapping | None:
    """Give the first live row that is to be gone on with by then, held until the transaction ends.

    One that another worker holds or leases is passed over, and one that is set aside.  With `only`
    it is that one, due or not.  None where there is none.
    """
    c = table.c
    free = or_(c.leased_until.is_(None), c.leased_until <= at)
    mine = and_(c.provider == provider, c.account == account.id, c.live.is_(account.live))
    which = c.next_at <= at if only is None else c.id == only
    query = select(table).where(mine, live, c.set_aside.is_(None), free, which)
    query = query.order_by(c.next_at, c.id).limit(1).with_for_update(skip_locked=True)
    return unit.connection.execute(query).mappings().one_or_none()
