"""What goes on into the next period: of grants that end, and of grants whose usage is reset."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tallystick.core.calendar import boundary
from tallystick.core.credit import CreditGrant, Withdrawal, burn_order
from tallystick.core.credit_balance import in_one_measure
from tallystick.core.number import EXACT, ZERO, exact_sum, left_in_turn, quantity_of
from tallystick.core.period import instant, instant_text
from tallystick.core.rollover import trimmed
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from decimal import Decimal

    from tallystick.core.credit_balance import GrantBalance
    from tallystick.core.period import Instant

__all__ = ["RolledOver", "UsageReset", "reset_grants", "roll_over"]


@dataclass(frozen=True, slots=True)
class RolledOver:
    """What goes on into the next period: new grants, and what the cap takes of older rollovers."""

    grants: tuple[CreditGrant, ...]
    withdrawals: tuple[tuple[str, Withdrawal], ...]


@dataclass(frozen=True, slots=True)
class UsageReset:
    """What there is after a reset of usage: balances by grant, overage that was kept, no usage."""

    balances: Mapping[str, Decimal]
    overage: Decimal
    used: Decimal = ZERO


def roll_over(
    ended: Iterable[GrantBalance],
    rollovers: Iterable[GrantBalance],
    at: Instant,
    *,
    cap: Decimal | None = None,
    zone: str | None = None,
) -> RolledOver:
    """Roll what is left of grants that end at an instant over into grants of their own.

    Each by its own rule, and all rollovers, old and new, under one cap, of which the oldest are
    trimmed first.  A rollover burns before the grant that it comes from would: its priority is one
    lower.  What was left expires on the old grant and is granted anew, so nothing counts twice.

    Raises InvalidInput for a grant that does not end at that instant, CurrencyMismatch.
    """
    at = instant(at)
    ending = sorted(ended, key=lambda each: burn_order(each.grant))
    for each in ending:
        if each.grant.expires_at != at:
            raise InvalidInput(f"the grant {each.grant.id!r} does not end at {instant_text(at)}")
    old = sorted(
        (each for each in rollovers if each.expire(at).remaining),
        key=lambda each: (each.grant.effective_at, each.grant.created, each.grant.id),
    )
    in_one_measure([each.grant for each in (*ending, *old)], ())
    new = [grant for each in ending if (grant := _rolled(each, at, zone)) is not None]
    sizes = [each.remaining for each in old] + [grant.size for grant in new]
    kept = trimmed(sizes, cap)
    return RolledOver(
        tuple(
            replace(grant, amount=grant.worth(size))
            for grant, size in zip(new, kept[len(old) :], strict=True)
            if size
        ),
        tuple(
            (each.grant.id, Withdrawal(at=at, size=EXACT.subtract(each.remaining, size)))
            for each, size in zip(old, kept, strict=False)
            if size < each.remaining
        ),
    )


def _rolled(balance: GrantBalance, at: Instant, zone: str | None) -> CreditGrant | None:
    grant = balance.grant
    if grant.rollover is None:
        return None
    size = grant.rollover.of(EXACT.add(balance.remaining, balance.expired))
    lasts = grant.rollover.lasts
    return replace(
        grant,
        id=f"{grant.id}+{instant_text(at)}",
        amount=grant.worth(size),
        source="rollover",
        priority=grant.priority - 1,
        effective_at=at,
        expires_at=None if lasts is None else boundary(at, lasts, 1, zone),
        withdrawals=(),
        rollover=None,
    )


def reset_grants(
    grants: Sequence[CreditGrant], used: Decimal, *, preserve_overage: bool = False
) -> UsageReset:
    """Reset usage: burn what was used, roll what is left over by each grant's rule, begin at zero.

    A grant without a rule is empty after the reset.  Overage is forgotten, or with
    `preserve_overage` taken of the new balances in burn order, as far as they go.

    Raises InvalidUsage for usage below zero, CurrencyMismatch.
    """
    used = quantity_of(used, "used")
    in_one_measure(grants, ())
    order = sorted(grants, key=burn_order)
    sizes = [grant.size for grant in order]
    rolled = [
        ZERO if grant.rollover is None else grant.rollover.of(left)
        for grant, left in zip(order, left_in_turn(used, sizes), strict=True)
    ]
    over = EXACT.subtract(used, exact_sum(ZERO, *sizes)) if preserve_overage else ZERO
    balances = zip(order, left_in_turn(over, rolled), strict=True)
    return UsageReset(
        {grant.id: left for grant, left in balances},
        max(ZERO, EXACT.subtract(over, exact_sum(ZERO, *rolled))),
    )
