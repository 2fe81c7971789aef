"""Credits that come by rule, held against it: what plans granted, what went on, top-ups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, select

from tallystick.app.offers import Offers
from tallystick.app.plan_credits import credit_rule, rolled_id
from tallystick.core.number import ZERO, plain
from tallystick.core.period import instant_text
from tallystick.errors import TallystickError
from tallystick.storage.credits import grants_by_id
from tallystick.storage.plan_grants import every_rollover
from tallystick.storage.verify import Check
from tallystick.storage.verify_rows import mappings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from decimal import Decimal

    from tallystick.core.credit import CreditGrant
    from tallystick.core.subscription_moves import Outcome
    from tallystick.storage.plan_grants import PlanGrantRow
    from tallystick.storage.unit import Unit
    from tallystick.storage.verify import Rows

__all__ = ["GRANT_CHECKS", "unlike_grants"]


def unlike_grants(
    unit: Unit, outcome: Outcome, kept: Sequence[PlanGrantRow]
) -> Iterator[tuple[str, object, object]]:
    """Give what of a subscription's credits is not as its moves make it: what, kept, made."""
    rows = {row.grant: row for row in kept if row.rolled_from is None}
    stored = grants_by_id(unit, outcome.subscription.customer, rows)
    made = {each.grant.id: each for each in outcome.grants}
    for name in sorted(rows.keys() | made.keys()):
        there = rows.get(name)
        found, wanted = stored.get(name), made.get(name)
        kept_words = None if found is None or there is None else _words(found.grant, there.offer)
        made_words = None if wanted is None else _words(wanted.grant, wanted.offer)
        if kept_words != made_words:
            yield f"grant {name}", kept_words, made_words


def _words(grant: CreditGrant, offer: str) -> str:
    ends = "never" if grant.expires_at is None else instant_text(grant.expires_at)
    starts = instant_text(grant.effective_at)
    measure = grant.feature or "minor units"
    size = f"{plain(grant.size)} {measure}"
    return f"{offer}: {size}, {grant.category} {grant.priority}, {starts} to {ends}"


def _rollovers(unit: Unit) -> Rows:
    """Find grants that went on from another at another time, or with more, than the rule says."""
    offers = Offers(unit)
    moves = unit.tables.credit_moves.c
    for row in every_rollover(unit):
        assert row.rolled_from is not None  # noqa: S101 - it was asked for
        grants = grants_by_id(unit, row.customer, [row.grant, row.rolled_from])
        before, after = grants[row.rolled_from].grant, grants[row.grant].grant
        expired = select(moves.size).where(
            moves.customer_id == row.customer,
            moves.grant_id == row.rolled_from,
            moves.kind == "expired",
            moves.cause == "rollover",
        )
        left = unit.connection.execute(expired).scalar() or ZERO
        most = _most(offers, row, left)
        same = rolled_id(row.customer, row.rolled_from) == row.grant
        same = same and before.expires_at == after.effective_at
        if most is None or after.size > most or not same:
            yield {
                "customer_id": row.customer,
                "id": row.grant,
                "rolled_from": row.rolled_from,
                "size": plain(after.size),
                "most": None if most is None else plain(most),
            }


def _most(offers: Mapping[str, Any], row: PlanGrantRow, left: Decimal) -> Decimal | None:
    """Give the most that may have gone on; None where no rule says that anything does."""
    try:
        rule = credit_rule(offers, row)
    except TallystickError:
        return None
    if rule.rollover is None:
        return None
    most = rule.rollover.of(left)
    return most if rule.cap is None else min(most, rule.cap)


def _top_ups(unit: Unit) -> Rows:
    """Find top-ups beyond what their rule allows, or whose grant is another than was bought."""
    t, r = unit.tables.top_ups, unit.tables.top_up_rules
    g = unit.tables.credit_grants
    query = (
        select(
            *(t.c.customer_id, t.c.id, t.c.number, t.c.size, t.c.status, r.c.most),
            r.c.size.label("bought"),
            g.c.size.label("granted"),
            g.c.source,
        )
        .select_from(
            t.join(r, and_(r.c.customer_id == t.c.customer_id, r.c.id == t.c.rule_id)).outerjoin(
                g, and_(g.c.customer_id == t.c.customer_id, g.c.id == t.c.grant_id)
            )
        )
        .order_by(t.c.customer_id, t.c.id)
    )
    for row in mappings(unit, query):
        granted = (row["granted"], row["source"])
        wanted = (row["size"], "top_up") if row["status"] == "granted" else (None, None)
        within = row["most"] is None or row["number"] <= row["most"]
        if granted != wanted or row["size"] != row["bought"] or not within:
            sizes = {name: row[name] and plain(row[name]) for name in ("size", "bought", "granted")}
            yield {**row, **sizes}


GRANT_CHECKS: Final[Sequence[Check]] = (
    Check("rollovers", "I22", "what went on of a grant is what its rule lets go on", _rollovers),
    Check("top-ups", "I22", "a top-up is what its rule buys, as often as it allows", _top_ups),
)
"""The invariants of credits that come by rule, in the order in which they are run."""
