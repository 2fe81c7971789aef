"""Of customers in a row, those for whom something else acts on documents than their lines.

Each is asked by a range of ids and answered by an index: most customers have none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select, text

from tallystick.storage.billing_tables import LATE
from tallystick.storage.usage_stretches import moment_cell

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from tallystick.core.period import Instant
    from tallystick.storage.issued_figures import Customers
    from tallystick.storage.unit import Unit

__all__ = ["families", "given_units", "late", "promoted", "redeemed"]

_LATE: Final = """SELECT DISTINCT e.customer_id FROM {events} e WHERE e.customer_id > :after{upto}
 AND e.received_at < :until AND ({late})
 AND EXISTS (SELECT 1 FROM {invoices} i WHERE i.customer_id = e.customer_id
 AND i.status <> 'draft' AND i.watermark <= e.received_at
 AND (e.kind <> 'use' OR e.occurred_at < i.at))"""


def late(unit: Unit, some: Customers, until: Instant) -> set[str]:
    """Give those for whom something arrived before an instant that was late for a document."""
    after, last = some
    words = _LATE.format(
        events=unit.tables.usage_events.fullname,
        invoices=unit.tables.invoices.fullname,
        upto="" if last is None else " AND e.customer_id <= :last",
        late=LATE[unit.dialect],
    )
    given: dict[str, Any] = {"after": after, "until": moment_cell(unit, until)}
    given |= {} if last is None else {"last": last}
    return set(unit.connection.execute(text(words), given).scalars())


def promoted(unit: Unit, some: Customers) -> set[str]:
    """Give those who ever had promotional credits in money."""
    c = unit.tables.credit_grants.c
    where = [c.category == "promotional", c.currency.is_not(None)]
    return _who(unit, some, c.customer_id, where)


def families(unit: Unit, some: Customers) -> set[str]:
    """Give those who ever had somebody pay for them, or paid for somebody."""
    c = unit.tables.customer_parents.c
    return _who(unit, some, c.customer_id, []) | _who(unit, some, c.parent_id, [])


def given_units(unit: Unit, some: Customers) -> set[str]:
    """Give those who were ever granted units of a feature."""
    c = unit.tables.credit_grants.c
    return _who(unit, some, c.customer_id, [c.feature.is_not(None)])


def redeemed(unit: Unit, some: Customers) -> set[str]:
    """Give those who have a coupon, or had one."""
    return _who(unit, some, unit.tables.redemptions.c.customer_id, [])


def _who(
    unit: Unit, some: Customers, customer: ColumnElement[str], where: list[ColumnElement[bool]]
) -> set[str]:
    after, last = some
    bounds = [customer > after] + ([] if last is None else [customer <= last])
    query = select(customer).where(*bounds, *where).distinct()
    return set(unit.connection.execute(query).scalars())
