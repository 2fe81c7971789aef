"""One customer's rows, taken along into a ledger of their own in memory.

What is done there with the real code has no trace and no lock here.  The tables are found, not
listed: those that customers own come with the customer's rows, the others whole.  Triggers are left
behind, as they guard rows against being put there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, insert, select, text

from tallystick.storage.engine import open_engine
from tallystick.storage.owned import owners
from tallystick.storage.unit import Storage

if TYPE_CHECKING:
    from sqlalchemy import Table

    from tallystick.storage.unit import Unit

__all__ = ["has_more_events", "take_along"]

_AT_ONCE: Final = 1_000
_LEFT: Final = frozenset({"migration_log"})


def take_along(unit: Unit, customer: str) -> Storage:
    """Give a ledger in memory with all that a customer has, as a transaction sees it.

    It is gone once it is closed.
    """
    taken = Storage(open_engine("sqlite://"))
    try:
        taken.tables.metadata.create_all(taken.engine)
        with taken.begin() as into:
            into.connection.execute(text("PRAGMA defer_foreign_keys = ON"))
            for name, table in vars(taken.tables).items():
                if hasattr(table, "columns") and name not in _LEFT:
                    _take(unit, into, getattr(unit.tables, name), table, customer)
            into.commit()
    except BaseException:
        taken.close()
        raise
    return taken


def has_more_events(unit: Unit, customer: str, most: int) -> bool:
    """Whether a customer has more events of usage than so many; counts no further."""
    c = unit.tables.usage_events.c
    mine = select(c.seq).where(c.customer_id == customer).limit(most + 1)
    return (
        unit.connection.execute(select(func.count()).select_from(mine.subquery())).scalar_one()
        > most
    )


def _take(unit: Unit, into: Unit, source: Table, target: Table, customer: str) -> None:
    """Take the rows of one table along, page by page."""
    query: Any = select(source)
    owner = owners(unit.tables).get(source.name)
    if owner is not None:
        query = query.where(owner == customer)
    found = unit.connection.execute(query, execution_options={"yield_per": _AT_ONCE})
    for page in found.mappings().partitions():
        into.connection.execute(insert(target), [dict(row) for row in page])
