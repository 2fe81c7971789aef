"""Coupons and credits as queries that must return no rows: places, discounts, grants, burns."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, func, literal, or_, select, union_all

from tallystick.core.number import EXACT, ZERO, plain
from tallystick.storage.redemptions import GUESS
from tallystick.storage.sections import is_section, section_documents
from tallystick.storage.verify import Check
from tallystick.storage.verify_rows import mappings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.storage.unit import Unit
    from tallystick.storage.verify import Rows

    _Taken = dict[tuple[str, str], Decimal]

__all__ = ["CREDIT_CHECKS"]


def _places(unit: Unit) -> Rows:
    """Find counts of redemptions that are not what was redeemed, or beyond their bound."""
    r = unit.tables.redemptions.c
    held = r.released_at.is_(None)
    coupon, code = literal("coupon/").concat(r.coupon_id), literal("code/").concat(r.code)
    names = union_all(
        select(r.customer_id, coupon.label("slot")).where(held),
        select(r.customer_id, code.label("slot")).where(held, r.code.is_not(None)),
    ).subquery()
    own, every = unit.tables.customer_coupon_slots.c, unit.tables.coupon_slots.c
    count = func.count().label("redeemed")
    by_slot = select(names.c.slot, count).group_by(names.c.slot).subquery()
    found = func.coalesce(by_slot.c.redeemed, 0)
    wrong = or_(every.claimed != found, every.claimed > every.most)
    query = select(every.slot, every.claimed, every.most, found.label("redeemed")).select_from(
        unit.tables.coupon_slots.outerjoin(by_slot, by_slot.c.slot == every.slot)
    )
    yield from mappings(unit, query.where(wrong).order_by(every.slot))
    key = (names.c.customer_id, names.c.slot)
    mine = select(*key, count).group_by(*key).subquery()
    found = func.coalesce(mine.c.redeemed, 0)
    redeemed = ~own.slot.startswith(GUESS, autoescape=True)
    wrong = or_(and_(redeemed, own.claimed != found), own.claimed > own.most)
    same = and_(mine.c.customer_id == own.customer_id, mine.c.slot == own.slot)
    shown = (own.customer_id, own.slot, own.claimed, own.most, found.label("redeemed"))
    query = select(*shown).select_from(unit.tables.customer_coupon_slots.outerjoin(mine, same))
    yield from mappings(unit, query.where(wrong).order_by(own.customer_id, own.slot))


def _on_documents(unit: Unit) -> Rows:
    """Find documents whose discounts and burns are not what was written down beside them."""
    i = unit.tables.invoices.c
    d, m = unit.tables.invoice_discounts.c, unit.tables.credit_moves.c
    some = or_(
        i.body.like('%"discounts":%'),
        i.body.like('%"burns":%'),
        i.id.in_(select(d.invoice_id)),
        i.id.in_(select(m.invoice_id).where(m.invoice_id.is_not(None))),
    )
    query = select(i.customer_id, i.id, i.body).where(some, ~is_section(unit))
    query = query.order_by(i.customer_id, i.id)
    for row in mappings(unit, query):
        tree = json.loads(row["body"] or "{}")
        said: _Taken = defaultdict(Decimal)
        for each in tree.get("discounts", ()):
            said["discount", each["redemption"]] += each["amount"]
        for each in tree.get("burns", ()):
            said["burn", each["grant"]] += Decimal(each.get("units", each["amount"]))
        kept = _kept(unit, row["customer_id"], row["id"])
        for each in section_documents(unit, (row["customer_id"], row["id"])):
            for key, size in _kept(unit, each.invoice.customer, each.invoice.id).items():
                kept[key] += size
        if _some(said) != _some(kept):
            yield {"customer_id": row["customer_id"], "id": row["id"], "body": _words(said)} | {
                "kept": _words(kept)
            }


def _kept(unit: Unit, customer: str, invoice: str) -> _Taken:
    d, m = unit.tables.invoice_discounts.c, unit.tables.credit_moves.c
    found: _Taken = defaultdict(Decimal)
    taken = select(d.redemption_id, d.amount).where(
        d.customer_id == customer, d.invoice_id == invoice
    )
    for redemption, amount in unit.connection.execute(taken):
        found["discount", redemption] += amount
    burned = select(m.grant_id, m.size).where(
        m.customer_id == customer, m.invoice_id == invoice, m.kind == "burned"
    )
    for grant, size in unit.connection.execute(burned):
        found["burn", grant] += size
    return found


def _some(found: _Taken) -> _Taken:
    return {key: size for key, size in found.items() if size}


def _words(found: _Taken) -> str:
    return ", ".join(f"{kind} {of}: {plain(size)}" for (kind, of), size in sorted(found.items()))


def _grants(unit: Unit) -> Rows:
    """Find grants that are not what went out of them and what is left, or are below zero."""
    g, m = unit.tables.credit_grants.c, unit.tables.credit_moves.c
    same = and_(m.customer_id == g.customer_id, m.grant_id == g.id)
    query = (
        select(g.customer_id, g.id, g.size, g.remaining, m.kind, m.size.label("moved"))
        .select_from(unit.tables.credit_grants.outerjoin(unit.tables.credit_moves, same))
        .order_by(g.customer_id, g.id, m.number)
    )
    last: Any = None
    left = ZERO
    for row in mappings(unit, query):
        if last is not None and (row["customer_id"], row["id"]) != (
            last["customer_id"],
            last["id"],
        ):
            yield from _wrong(last, left)
            last = None
        if last is None:
            last, left = row, row["size"]
        if row["kind"] is not None:
            gone = row["moved"] if row["kind"] != "restored" else EXACT.minus(row["moved"])
            left = EXACT.subtract(left, gone)
            if left < 0:
                yield _grant_row(row, left)
    if last is not None:
        yield from _wrong(last, left)


def _wrong(row: Any, left: Decimal) -> Rows:
    if left != row["remaining"] or row["remaining"] < 0:
        yield _grant_row(row, left)


def _grant_row(row: Any, left: Decimal) -> dict[str, Any]:
    figures = {"remaining": plain(row["remaining"]), "moves": plain(left)}
    return {"customer_id": row["customer_id"], "id": row["id"], **figures}


def _bought(unit: Unit) -> Rows:
    """Find customers whose paid credits are not what the journal says."""
    g, j = unit.tables.credit_grants.c, unit.tables.journal.c
    held: dict[tuple[str, str], int] = {}
    paid = select(g.customer_id, g.currency, g.remaining).where(
        g.category == "paid", g.currency.is_not(None)
    )
    for customer, code, remaining in unit.connection.execute(paid):
        held[customer, code] = held.get((customer, code), 0) + int(remaining)
    booked: dict[tuple[str, str], int] = {}
    for side, sign in ((j.credit, 1), (j.debit, -1)):
        sums = (
            select(j.customer_id, j.currency, func.sum(j.minor))
            .where(side == "credits")
            .group_by(j.customer_id, j.currency)
        )
        for customer, code, minor in unit.connection.execute(sums):
            booked[customer, code] = booked.get((customer, code), 0) + sign * int(minor)
    for key in sorted(held.keys() | booked.keys()):
        if held.get(key, 0) != booked.get(key, 0):
            yield {
                "customer_id": key[0],
                "currency": key[1],
                "grants": held.get(key, 0),
                "journal": booked.get(key, 0),
            }


CREDIT_CHECKS: Final[Sequence[Check]] = (
    Check("coupon-places", "I23", "a coupon is redeemed as often as is counted", _places),
    Check(
        *("discounts-and-burns", "I8 I23", "coupons and grants took what documents say"),
        _on_documents,
    ),
    Check("grants", "I22", "a grant is what went out of it and what is left", _grants),
    Check("journal-credits", "I21 I22", "paid credits are what the journal says", _bought),
)
"""The invariants of coupons and credits, in the order in which they are run."""
