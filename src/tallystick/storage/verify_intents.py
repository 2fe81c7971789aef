"""Intents as queries that must return no rows: what providers said is what the books say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, case, func, or_, select

from tallystick.storage.verify import Check
from tallystick.storage.verify_rows import mappings

if TYPE_CHECKING:
    from tallystick.storage.unit import Unit
    from tallystick.storage.verify import Rows

__all__ = ["INTENT_CHECKS"]


def _booked(unit: Unit) -> Rows:
    """Find intents of which more or less is booked than succeeded, and keys of other rows.

    What succeeded and the books refuse is set aside, and not booked yet.  A refund that failed
    after it was booked has a row that takes it back.
    """
    i, p = unit.tables.intents, unit.tables.payments
    c, failed = i.c, p.alias("failed")
    undone = and_(
        failed.c.customer_id == c.customer_id,
        failed.c.idempotency_key == c.key + "/failed",
        failed.c.kind == "refund_failed",
    )
    of = and_(p.c.customer_id == c.customer_id, p.c.idempotency_key == c.key)
    counts = and_(c.state == "succeeded", c.set_aside.is_(None))
    wanted = case((counts, c.amount - c.surplus), else_=0)
    found = func.coalesce(p.c.amount, 0) - func.coalesce(failed.c.amount, 0)
    other = or_(
        p.c.invoice_id != c.invoice_id,
        p.c.currency != c.currency,
        (p.c.kind == "refund") != (c.kind == "refund"),
    )
    wrong = or_(found != wanted, other, c.key != "tallystick/" + c.id)
    query = select(c.customer_id, c.id, c.state, wanted.label("succeeded"), found.label("booked"))
    joined = i.outerjoin(p, of).outerjoin(failed, undone)
    yield from mappings(unit, query.select_from(joined).where(wrong).order_by(c.id))


def _given_back(unit: Unit) -> Rows:
    """Find collections of which more was given back than came."""
    c, back = unit.tables.intents.c, unit.tables.intents.alias("back")
    given = func.sum(back.c.amount)
    of = and_(back.c.customer_id == c.customer_id, back.c.of_id == c.id)
    query = (
        select(c.customer_id, c.id, c.amount, given.label("given_back"))
        .select_from(unit.tables.intents.join(back, of))
        .where(back.c.state == "succeeded")
        .group_by(c.customer_id, c.id, c.amount, c.surplus, c.state)
        .having(or_(given > c.amount - c.surplus, c.state != "succeeded"))
    )
    yield from mappings(unit, query.order_by(c.customer_id, c.id))


INTENT_CHECKS: Final[tuple[Check, ...]] = (
    Check("payment intents", "I25 I34", "what a provider did is booked, once", _booked),
    Check("refund intents", "I24", "no more is given back than was collected", _given_back),
)
"""Every invariant of intents that is a query."""
