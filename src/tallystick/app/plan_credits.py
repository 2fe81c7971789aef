"""Credits of plans on the ledger: kept as time passes, and rolled over when they end.

Grants are kept in the transaction that lets time pass for their subscription, so each is made once,
and dated by the calendar, so one that comes late is the same.  What is left of one goes on once the
documents that it may still pay are issued, and before those that come after.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tallystick.app.credits import post_credits, take_out
from tallystick.app.offers import Offers
from tallystick.core.credit_reset import roll_over
from tallystick.core.money import Money
from tallystick.core.settlement import credits_included
from tallystick.errors import UnknownPlan
from tallystick.storage import credits as shelf
from tallystick.storage import plan_grants
from tallystick.storage.added_grants import add_grants
from tallystick.storage.aside import pass_over
from tallystick.storage.credits import GrantRow
from tallystick.storage.plan_grants import PlanGrantRow
from tallystick.storage.subscriptions import find_subscriptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tallystick.core.credit import CreditGrant
    from tallystick.core.credit_balance import GrantBalance
    from tallystick.core.credit_cadence import RecurringGrant
    from tallystick.core.credit_reset import RolledOver
    from tallystick.core.period import Instant
    from tallystick.core.subscription import Subscription
    from tallystick.core.subscription_grants import PlanGrant
    from tallystick.storage.unit import Storage, Unit

__all__ = [
    "credit_rule",
    "issue_stops",
    "keep_grants",
    "roll_over_credits",
    "rolled",
    "rolled_id",
    "runs_on",
    "source_of",
]

_AT_ONCE: Final = 1_000
_LETTERS: Final = 26


def keep_grants(unit: Unit, made: Iterable[PlanGrant]) -> None:
    """Keep what plans granted, in the transaction that keeps their subscriptions.

    What a plan gives as paid is taken out of what its fee earned.  Raises Conflict where a stretch
    of time was granted before.
    """
    rows = list(made)
    if not rows:
        return
    grants = [_row(each) for each in rows]
    add_grants(unit, grants)
    plan_grants.add_plan_grants(unit, [source_of(each) for each in rows])
    for each in grants:
        _book(unit, each.grant, each.recorded_at)


def _row(made: PlanGrant) -> GrantRow:
    grant = replace(made.grant, rollover=None)  # the plan version has the rule
    return GrantRow(grant=grant, remaining=grant.size, recorded_at=grant.effective_at)


def source_of(made: PlanGrant) -> PlanGrantRow:
    """Say of which credit a grant of a plan is, and when what is left of it goes on."""
    goes_on = made.grant.rollover is not None
    return PlanGrantRow(
        customer=made.grant.customer,
        grant=made.grant.id,
        subscription=made.subscription,
        offer=made.offer,
        credit=made.credit,
        starts_at=made.period.start,
        rolls_at=made.grant.expires_at if goes_on else None,
    )


def _book(unit: Unit, grant: CreditGrant, at: Instant) -> None:
    if grant.category == "paid" and isinstance(grant.amount, Money):
        transfers = credits_included(grant.amount)
        post_credits(unit, grant.customer, at, f"grant/{grant.id}", transfers)


# --- rolling over ---------------------------------------------------------------------------------


def issue_stops(storage: Storage, until: Instant) -> Iterator[Instant]:
    """Roll over what can be, and give how far documents may be issued; again, up to an instant.

    Whoever asks issues what may be by each instant that is given before they ask for the next.
    """
    roll: Callable[[Unit], int] = partial(roll_over_credits, until=until)
    before: Instant | None = None
    while True:
        while storage.attempt(roll, repeatable=True):
            pass
        stop = storage.attempt(partial(_next_stop, until=until), reading=True)
        if stop is None or stop == before or stop >= until:
            break  # nothing waits, or others are at work on what it waits for
        before = stop
        yield stop
    yield until
    while storage.attempt(roll, repeatable=True):
        pass


def _next_stop(unit: Unit, until: Instant) -> Instant | None:
    unit.as_all()
    return plan_grants.next_before(unit, until)


def roll_over_credits(unit: Unit, until: Instant, limit: int = _AT_ONCE) -> int:
    """Let what is left of grants that ended by an instant go on by their rules; give how many did.

    What is left expires and is granted anew, from that instant on.  Of a subscription that has
    ended nothing goes on.
    """
    unit.as_all()
    rows = plan_grants.hold_plan_grants(unit, until, limit)
    if not rows:
        return 0
    keys = {(row.customer, row.subscription) for row in rows}
    held = find_subscriptions(unit, keys, unread=pass_over)
    offers = Offers(unit)
    for row in rows:
        subscription = held.get((row.customer, row.subscription))
        if subscription is not None and runs_on(subscription, row):
            _roll(unit, row, credit_rule(offers, row), subscription.zone)
    plan_grants.done_rolling(unit, rows)
    return len(rows)


def runs_on(subscription: Subscription, row: PlanGrantRow) -> bool:
    """Whether what is left of a grant goes on: of a subscription that has ended nothing does."""
    ended = subscription.ended_at
    return row.rolls_at is not None and (ended is None or row.rolls_at < ended)


def credit_rule(offers: Mapping[str, Any], row: PlanGrantRow) -> RecurringGrant:
    """Give the credit of the plan version by which a grant was made.  Raises UnknownPlan."""
    found: RecurringGrant | None = next(
        (each for each in offers[row.offer].credits if each.key == row.credit), None
    )
    if found is None:
        raise UnknownPlan(f"{row.offer}/{row.credit}")
    return found


def _roll(unit: Unit, row: PlanGrantRow, rule: RecurringGrant, zone: str | None) -> None:
    at = row.rolls_at
    assert at is not None  # noqa: S101 - it was asked for by it
    older = [each.grant for each in plan_grants.rolled_over(unit, row)]
    rows = shelf.grants_by_id(unit, row.customer, [row.grant, *older], lock=True)
    ended = rows[row.grant].balance
    result = rolled(row, ended, [rows[each].balance for each in older], rule, zone)
    if ended.remaining:
        take_out(unit, ended.grant, "expired", ended.remaining, at, "rollover")
    for name, withdrawal in result.withdrawals:
        assert withdrawal.size is not None  # noqa: S101 - a cap takes so much
        cause = f"rollover/{row.grant}"
        take_out(unit, rows[name].grant, "voided", withdrawal.size, at, cause)
    recorded = plan_grants.last_before(unit, row.customer, at)
    for grant in result.grants:
        made = GrantRow(grant=grant, remaining=grant.size, recorded_at=recorded)
        add_grants(unit, [made])
        source = replace(row, grant=grant.id, starts_at=at, rolls_at=None, rolled_from=row.grant)
        plan_grants.add_plan_grants(unit, [source])
        _book(unit, grant, at)


def rolled(
    row: PlanGrantRow,
    ended: GrantBalance,
    older: Sequence[GrantBalance],
    rule: RecurringGrant,
    zone: str | None,
) -> RolledOver:
    """Give what becomes of a grant that ends, and of what went on of its credit before.

    At most one grant goes on, under its id for ever.
    """
    assert row.rolls_at is not None  # noqa: S101 - it was asked for by it
    ended = replace(ended, grant=replace(ended.grant, rollover=rule.rollover))
    result = roll_over([ended], older, row.rolls_at, cap=rule.cap, zone=zone)
    id_ = rolled_id(row.customer, row.grant)
    return replace(result, grants=tuple(replace(each, id=id_) for each in result.grants))


def rolled_id(customer: str, grant: str) -> str:
    """Give the id of the grant that another goes on in: the same for ever."""
    body = f"{len(customer)}:{customer}{grant}+".encode()
    return f"grt_{hashlib.sha256(body).hexdigest()[:_LETTERS]}"
