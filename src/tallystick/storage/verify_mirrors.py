"""Who bills what, as queries that must return no rows: never two for one subscription."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, select

from tallystick.storage.verify import Check
from tallystick.storage.verify_rows import mappings

if TYPE_CHECKING:
    from tallystick.storage.unit import Unit
    from tallystick.storage.verify import Rows

__all__ = ["MIRROR_CHECKS"]

_OURS: Final = ("invoices", "invoice_lines", "invoice_items")


def _billed_twice(unit: Unit) -> Rows:
    """Find documents, lines and items of ours on what a provider bills."""
    s = unit.tables.subscriptions.c
    for name in _OURS:
        table = getattr(unit.tables, name)
        of = and_(table.c.customer_id == s.customer_id, table.c.subscription_id == s.id)
        query = select(s.customer_id, s.id, s.provider, s.reference).distinct()
        query = query.select_from(table.join(unit.tables.subscriptions, of))
        for row in mappings(unit, query.where(s.biller == "provider").order_by(s.id)):
            yield {**row, "table": name}


def _other_keys(unit: Unit) -> Rows:
    """Find acts whose key is not made of their own id."""
    c = unit.tables.provider_acts.c
    query = select(c.customer_id, c.id, c.key).order_by(c.id)
    own = "tallystick/" + c.id
    yield from mappings(unit, query.where(c.key != own, c.key.not_like(own + "/%")))


MIRROR_CHECKS: Final[tuple[Check, ...]] = (
    Check("billers", "I20", "what a provider bills is on no document of ours", _billed_twice),
    Check("provider acts", "I34", "an act is asked for with a key of its own row", _other_keys),
)
"""Every invariant of what providers bill that is a query."""
