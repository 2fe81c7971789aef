"""Credits that move by hand or by rule: void, transfer, automatic top-up.

Each is a decision over balances as they stand; nothing is changed before it is written down.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tallystick.core.credit import CreditGrant, Withdrawal, burn_order, currency_of, size_of
from tallystick.core.credit_balance import in_one_measure
from tallystick.core.number import ZERO, bounded, exact_sum, plain, taken_in_turn
from tallystick.core.period import instant
from tallystick.errors import CurrencyMismatch, InsufficientCredit, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from tallystick.core.credit import Amount
    from tallystick.core.credit_balance import GrantBalance
    from tallystick.core.period import Instant

__all__ = ["TopUp", "TopUpRule", "Transfer", "top_up", "transfer", "void"]


@dataclass(frozen=True, slots=True)
class Transfer:
    """Two moves that sum to zero: out of the grant `source`, and into a grant of as much."""

    source: str
    withdrawal: Withdrawal
    grant: CreditGrant


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUpRule:
    """Buy `amount` whenever less than `threshold` is left, `most` times in a period at the most.

    Raises InvalidInput (an amount of nothing, a threshold below zero, a count below one),
    CurrencyMismatch.
    """

    threshold: Amount
    amount: Amount
    most: int | None = None

    def __post_init__(self) -> None:
        """Refuse a rule that would buy nothing, or for ever."""
        if size_of(self.amount) <= 0 or size_of(self.threshold) < 0:
            raise InvalidInput("a top-up buys more than nothing, below a threshold of 0 or more")
        if currency_of(self.amount) != currency_of(self.threshold):
            raise CurrencyMismatch("a top-up and its threshold are of one currency, or units")
        if self.most is not None and (type(self.most) is not int or self.most < 1):
            raise InvalidInput("a top-up happens at least once in a period, or without a bound")


@dataclass(frozen=True, slots=True)
class TopUp:
    """A purchase that is due.  `number` counts those of the period from 1: each is made once."""

    amount: Amount
    number: int


def void(
    balances: Iterable[GrantBalance], at: Instant, size: Decimal | None = None
) -> tuple[tuple[str, Withdrawal], ...]:
    """Void so much of what is left, in burn order over the grants; None voids it all.

    `size` is in minor units or units.  Grants that have ended have nothing left; grants that are
    yet to begin do.  Gives the withdrawals by the ids of their grants.

    Raises InsufficientCredit where less is left, InvalidInput for nothing or less and for a part of
    a minor unit.
    """
    order = sorted(balances, key=lambda each: burn_order(each.grant))
    in_one_measure([each.grant for each in order], ())
    lefts = [each.expire(at).remaining for each in order]
    there = exact_sum(ZERO, *lefts)
    need = there if size is None else bounded(size)
    if size is not None and need <= 0:
        raise InvalidInput("a void takes more than nothing")
    if need > there:
        text = f"{plain(need)} cannot be voided: {plain(there)} is left"
        raise InsufficientCredit(text, asked=plain(need), left=plain(there))
    taken = zip(order, taken_in_turn(need, lefts), strict=False)
    voided = [(each.grant, part) for each, part in taken if part]
    for grant, part in voided:
        grant.worth(part)
    return tuple((grant.id, Withdrawal(at=at, size=part)) for grant, part in voided)


def transfer(
    balance: GrantBalance,
    at: Instant,
    size: Decimal,
    *,
    to: str,
    id: str,  # noqa: A002 - the field's word
    created: int = 0,
) -> Transfer:
    """Give so much of one grant to another customer, as a grant of its own.

    What was given away or bought stays so, with its end and its scope; it may be used from `at` on,
    or from the start of the first grant where that is later.

    Raises InsufficientCredit where less is left, InvalidInput for nothing or less, for a part of a
    minor unit, and where the two customers are one.
    """
    source = balance.grant
    if to == source.customer:
        raise InvalidInput(f"the grant {source.id!r} is {to!r}'s already: transfer it to another")
    if bounded(size) <= 0:
        raise InvalidInput("a transfer gives more than nothing")
    left = balance.expire(at).remaining
    if size > left:
        text = f"{plain(size)} of the grant {source.id!r} cannot go: {plain(left)} is left"
        raise InsufficientCredit(text, asked=plain(size), left=plain(left))
    given = replace(
        source,
        id=id,
        customer=to,
        amount=source.worth(size),
        source="transfer",
        effective_at=max(instant(at), source.effective_at),
        created=created,
        withdrawals=(),
    )
    return Transfer(source.id, Withdrawal(at=at, size=size, kind="transferred"), given)


def top_up(rule: TopUpRule, balance: Amount, done: int) -> TopUp | None:
    """Say whether a top-up is due where so much is left and `done` were made in this period.

    Below the threshold is due, at the threshold is not.  Raises CurrencyMismatch,
    InvalidInput for a count below zero.
    """
    if currency_of(balance) != currency_of(rule.threshold):
        raise CurrencyMismatch("a top-up looks at a balance of what it buys")
    if type(done) is not int or done < 0:
        raise InvalidInput("top-ups are counted from 0")
    below = size_of(balance) < size_of(rule.threshold)
    allowed = rule.most is None or done < rule.most
    return TopUp(rule.amount, done + 1) if below and allowed else None
