"""Checkouts as queries that must return no rows: what was paid is had, and booked once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, or_, select

from tallystick.storage.verify import Check
from tallystick.storage.verify_rows import mappings

if TYPE_CHECKING:
    from tallystick.storage.unit import Unit
    from tallystick.storage.verify import Rows

__all__ = ["CHECKOUT_CHECKS"]


def _had(unit: Unit) -> Rows:
    """Find checkouts that are complete and led to no subscription."""
    c, s = unit.tables.checkouts.c, unit.tables.subscriptions.c
    ours = and_(c.biller == "tallystick", s.id == c.subscription_id)
    theirs = and_(
        c.biller == "provider",
        s.provider == c.provider,
        s.account == c.account,
        s.live == c.live,
        s.reference == c.payment,
    )
    of = and_(s.customer_id == c.customer_id, or_(ours, theirs))
    joined = unit.tables.checkouts.outerjoin(unit.tables.subscriptions, of)
    query = select(c.customer_id, c.id, c.state, c.subscription_id).select_from(joined)
    lost = and_(c.state == "complete", s.id.is_(None))
    yield from mappings(unit, query.where(lost).order_by(c.id))


def _paid(unit: Unit) -> Rows:
    """Find checkouts whose payment is not booked as it was made, and those given back that are."""
    c, i = unit.tables.checkouts.c, unit.tables.intents.c
    of = and_(
        i.customer_id == c.customer_id,
        i.provider == c.provider,
        i.account == c.account,
        i.reference == c.payment,
    )
    joined = unit.tables.checkouts.outerjoin(unit.tables.intents, of)
    query = select(c.customer_id, c.id, c.state, c.payment, i.id.label("intent"))
    sold = and_(
        i.kind == "collect",
        i.state == "succeeded",
        i.amount == c.amount,
        i.currency == c.currency,
        i.live == c.live,
    )
    paid_here = and_(c.state == "complete", c.biller == "tallystick", c.amount > 0)
    missing = and_(paid_here, or_(i.id.is_(None), ~sold))
    kept = and_(c.state.in_(["refunding", "refunded"]), i.id.is_not(None))
    wrong = or_(missing, kept, c.key != "tallystick/" + c.id)
    yield from mappings(unit, query.select_from(joined).where(wrong).order_by(c.id))


CHECKOUT_CHECKS: Final[tuple[Check, ...]] = (
    Check("checkouts", "I34", "what was paid on a page is had", _had),
    Check("checkout payments", "I25 I34", "what was paid on a page is booked, once", _paid),
)
"""Every invariant of checkouts that is a query."""
