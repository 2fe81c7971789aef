"""Redemptions and grants against what they were for: queries that must return no rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, func, literal, or_, select, union_all

from tallystick.core.published import catalog_of_text
from tallystick.storage.verify import Check
from tallystick.storage.verify_rows import mappings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.core.coupon import Coupon
    from tallystick.storage.unit import Unit
    from tallystick.storage.verify import Rows

__all__ = ["REDEMPTION_CHECKS"]


def _uncounted(unit: Unit) -> Rows:
    """Find redemptions that hold a place that nobody counts."""
    r = unit.tables.redemptions.c
    every, own = unit.tables.coupon_slots.c, unit.tables.customer_coupon_slots.c
    held = (r.customer_id, r.id)
    slots = union_all(
        select(*held, literal("coupon/").concat(r.coupon_id).label("slot")).where(
            r.released_at.is_(None)
        ),
        select(*held, literal("code/").concat(r.code).label("slot")).where(
            r.released_at.is_(None), r.code.is_not(None)
        ),
    ).subquery()
    mine = and_(own.customer_id == slots.c.customer_id, own.slot == slots.c.slot)
    query = (
        select(slots)
        .select_from(
            slots.outerjoin(unit.tables.coupon_slots, every.slot == slots.c.slot).outerjoin(
                unit.tables.customer_coupon_slots, mine
            )
        )
        .where(or_(every.slot.is_(None), own.slot.is_(None)))
    )
    return mappings(unit, query.order_by(slots.c.customer_id, slots.c.id, slots.c.slot))


def _misused(unit: Unit) -> Rows:
    """Find discounts by what was given back, of another subscription, or on more than there was."""
    r, d, i = unit.tables.redemptions, unit.tables.invoice_discounts, unit.tables.invoices
    of = and_(r.c.customer_id == d.c.customer_id, r.c.id == d.c.redemption_id)
    on = and_(i.c.customer_id == d.c.customer_id, i.c.id == d.c.invoice_id)
    other = and_(
        r.c.subscription_id.is_not(None),
        func.coalesce(i.c.subscription_id, "") != r.c.subscription_id,
    )
    released = and_(r.c.released_at.is_not(None), i.c.status != "void")
    query = (
        select(d.c.customer_id, d.c.invoice_id, d.c.redemption_id, d.c.amount, r.c.released_at)
        .select_from(d.join(r, of).join(i, on))
        .where(or_(other, released))
    )
    yield from mappings(unit, query.order_by(d.c.customer_id, d.c.invoice_id, d.c.redemption_id))
    c = unit.tables.invoice_lines.c
    beyond = and_(c.amount > 0, c.discount + c.credit > c.amount)
    lines = select(c.customer_id, c.invoice_id, c.position, c.amount, c.discount, c.credit)
    yield from mappings(unit, lines.where(beyond).order_by(c.customer_id, c.invoice_id, c.position))
    below = and_(i.c.kind == "invoice", i.c.total < 0)
    query = select(i.c.customer_id, i.c.id, i.c.subtotal, i.c.discount, i.c.total)
    yield from mappings(unit, query.where(below).order_by(i.c.customer_id, i.c.id))


def _once(unit: Unit) -> Rows:
    """Find coupons that act once and lowered several documents that stand."""
    r, d, i = unit.tables.redemptions, unit.tables.invoice_discounts, unit.tables.invoices
    of = and_(r.c.customer_id == d.c.customer_id, r.c.id == d.c.redemption_id)
    on = and_(i.c.customer_id == d.c.customer_id, i.c.id == d.c.invoice_id)
    key = (r.c.customer_id, r.c.id, r.c.coupon_id, r.c.catalog_number)
    used = func.count().label("used")
    query = (
        select(*key, used)
        .select_from(d.join(r, of).join(i, on))
        .where(i.c.status != "void")
        .group_by(*key)
        .having(used > 1)
        .order_by(*key)
    )
    known: dict[int, dict[str, Coupon]] = {}
    for row in mappings(unit, query):
        number = row["catalog_number"]
        if number not in known:
            known[number] = _coupons(unit, number)
        coupon = known[number].get(row["coupon_id"])
        if coupon is None or coupon.duration == "once":
            yield row


def _coupons(unit: Unit, number: int) -> dict[str, Coupon]:
    c = unit.tables.catalog_versions.c
    text = unit.connection.execute(select(c.tree).where(c.number == number)).scalar_one()
    return {each.id: each for each in catalog_of_text(text).coupons}


def _times(unit: Unit) -> Rows:
    """Find credits that burned before a grant began or after it ended, or expired too early."""
    g, m = unit.tables.credit_grants, unit.tables.credit_moves
    of = and_(g.c.customer_id == m.c.customer_id, g.c.id == m.c.grant_id)
    early = and_(m.c.kind == "burned", m.c.at < g.c.effective_at)
    late = and_(m.c.kind == "burned", g.c.expires_at.is_not(None), m.c.at >= g.c.expires_at)
    ended = or_(g.c.expires_at.is_(None), m.c.at < g.c.expires_at)
    query = (
        select(m.c.customer_id, m.c.grant_id, m.c.number, m.c.kind, m.c.at)
        .add_columns(g.c.effective_at, g.c.expires_at)
        .select_from(m.join(g, of))
        .where(or_(early, late, and_(m.c.kind == "expired", ended)))
    )
    return mappings(unit, query.order_by(m.c.customer_id, m.c.grant_id, m.c.number))


def _transfers(unit: Unit) -> Rows:
    """Find what went out of one grant and came into none, or into one of another size."""
    g, m = unit.tables.credit_grants, unit.tables.credit_moves
    came = literal("transfer/").concat(g.c.id)
    gone = and_(m.c.kind == "transferred", m.c.cause == came)
    sides = g.c.source == "transfer"
    into = (
        select(g.c.customer_id, g.c.id, g.c.size, m.c.size.label("transferred"))
        .select_from(g.outerjoin(m, gone))
        .where(sides, or_(m.c.size.is_(None), m.c.size != g.c.size))
    )
    yield from mappings(unit, into.order_by(g.c.customer_id, g.c.id))
    out = (
        select(m.c.customer_id, m.c.grant_id, m.c.cause, m.c.size.label("transferred"))
        .select_from(m.outerjoin(g, and_(gone, sides)))
        .where(m.c.kind == "transferred", g.c.id.is_(None))
    )
    yield from mappings(unit, out.order_by(m.c.customer_id, m.c.grant_id, m.c.number))


REDEMPTION_CHECKS: Final[Sequence[Check]] = (
    Check(
        "coupon-counts", "I23", "whoever redeemed a coupon has a place in its counts", _uncounted
    ),
    Check("coupon-uses", "I23", "a coupon lowers what it is for, and no more than that", _misused),
    Check("coupon-once", "I23", "a coupon that acts once lowers one document", _once),
    Check("grant-times", "I22", "a grant pays within its time, and expires after it", _times),
    Check("grant-transfers", "I22", "what is transferred is had by one only", _transfers),
)
"""The invariants of what redemptions and grants are for, in the order in which they are run."""
