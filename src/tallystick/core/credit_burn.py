"""Burning credits over time: what each grant paid for, what is left of it, what nobody paid.

A use is paid by the grants that are active at its instant, in burn order, as far as they go; what
none of them can pay is overage.  Overage was or will be invoiced, so a grant that takes effect
later does not pay it.  At one instant a withdrawal comes before a use, and an expiry before both.

Figures are plain numbers in the measure of the grants: minor units of their currency, or units of
their feature.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tallystick.core.credit import CreditGrant, Use, Withdrawal, burn_order, currency_of
from tallystick.core.frozen import FrozenDict
from tallystick.core.number import EXACT, ZERO, exact_sum, plain, taken_in_turn
from tallystick.core.period import instant, instant_text
from tallystick.errors import (
    CurrencyMismatch,
    InsufficientCredit,
    InvalidInput,
    InvalidPeriod,
    InvalidUsage,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping, Sequence
    from decimal import Decimal

    from tallystick.core.period import Instant

__all__ = [
    "Burn",
    "BurnDown",
    "GrantBalance",
    "burn",
    "burn_down",
    "in_one_measure",
    "paid_by",
    "paid_for",
]


@dataclass(frozen=True, slots=True)
class Burn:
    """So much of one grant paid for one use: a step of the trace, to be read from both ends."""

    grant: str
    use: str
    size: Decimal


@dataclass(frozen=True, slots=True)
class GrantBalance:
    """Where a grant went: granted = consumed + expired + voided + remaining, none below zero.

    What was transferred to another customer was granted there and not here.

    Raises InsufficientCredit where more went than was granted.
    """

    grant: CreditGrant
    consumed: Decimal = ZERO
    expired: Decimal = ZERO
    voided: Decimal = ZERO
    transferred: Decimal = ZERO

    def __post_init__(self) -> None:
        """Hold every part at zero or more."""
        if min(self.consumed, self.expired, self.voided, self.transferred) < 0:
            raise InvalidInput(f"a part of the grant {self.grant.id!r} is below zero")
        if self.remaining < 0:
            gone = EXACT.subtract(self.granted, self.remaining)
            raise InsufficientCredit(
                f"{plain(gone)} went out of the grant {self.grant.id!r} of {plain(self.granted)}",
                asked=plain(gone),
                left=plain(self.granted),
            )

    @property
    def granted(self) -> Decimal:
        """What was granted, less what was transferred away."""
        return EXACT.subtract(self.grant.size, self.transferred)

    @property
    def remaining(self) -> Decimal:
        """What has gone nowhere yet, whether or not it may be used now."""
        return EXACT.subtract(self.granted, exact_sum(self.consumed, self.expired, self.voided))

    def available(self, at: Instant) -> Decimal:
        """Give what may be used at an instant: nothing before the start and from the end on."""
        return self.remaining if self.grant.active_at(at) else ZERO

    def burn(self, size: Decimal) -> GrantBalance:
        """Pay for something.  Raises InsufficientCredit."""
        return replace(self, consumed=EXACT.add(self.consumed, size))

    def withdraw(self, withdrawal: Withdrawal) -> GrantBalance:
        """Take out what was voided or transferred.

        A void takes what it finds, as usage that was recorded late may have come before it; a
        transfer was granted to somebody else and must find what it takes.

        Raises InsufficientCredit.
        """
        size = self.remaining if withdrawal.size is None else withdrawal.size
        if withdrawal.kind == "transferred":
            return replace(self, transferred=EXACT.add(self.transferred, size))
        return replace(self, voided=EXACT.add(self.voided, min(size, self.remaining)))

    def expire(self, at: Instant) -> GrantBalance:
        """Let what is left expire, where the grant has ended by an instant."""
        end = self.grant.expires_at
        if end is None or instant(at) < end:
            return self
        return replace(self, expired=EXACT.add(self.expired, self.remaining))


@dataclass(frozen=True, slots=True)
class BurnDown:
    """How grants stand at an instant, and what came about since the one it was asked from.

    `burns` and `unpaid` (what no grant paid, by use) are of that stretch; `balances` and `overage`
    go back to the beginning.
    """

    at: Instant
    balances: Mapping[str, GrantBalance]
    burns: tuple[Burn, ...] = ()
    unpaid: Mapping[str, Decimal] = field(default_factory=FrozenDict)
    overage: Decimal = ZERO

    @property
    def available(self) -> Mapping[str, Decimal]:
        """Give what may be used of each grant at that instant."""
        return {name: each.available(self.at) for name, each in self.balances.items()}

    @property
    def balance(self) -> Decimal:
        """Add up what may be used at that instant."""
        return exact_sum(ZERO, *self.available.values())

    @property
    def used(self) -> Decimal:
        """Add up what was used in the stretch, whoever paid."""
        return exact_sum(ZERO, *(each.size for each in self.burns), *self.unpaid.values())


def burn_down(
    grants: Iterable[CreditGrant],
    uses: Iterable[Use],
    since: Instant,
    until: Instant,
    *,
    opening: BurnDown | None = None,
) -> BurnDown:
    """Burn grants down by what was used from `since` up to, but not including, `until`.

    `opening` is how they stood at `since`; without it all grants begin whole.  Reading in between
    and going on from there gives the same.  The order in which grants and uses are given does not
    matter: uses of one instant are paid in the order of their ids.

    Raises InvalidInput (ids that come twice, an opening of another instant or of grants that are
    not there), CurrencyMismatch, InvalidUsage (a use below zero), InvalidPeriod, and
    InsufficientCredit where a transfer took more than there was.
    """
    since, until = instant(since), instant(until)
    if until < since:
        raise InvalidPeriod("a balance is read at the beginning of its stretch or later")
    order = sorted(grants, key=burn_order)
    due = sorted((use for use in uses if since <= use.at < until), key=lambda use: (use.at, use.id))
    in_one_measure(order, due)
    balances = _opened(order, since, opening)
    burns: list[Burn] = []
    unpaid: dict[str, Decimal] = {}
    withdrawals = _withdrawn(order, since if opening else None, until)
    for use in due:
        if use.size < 0:
            raise InvalidUsage(f"the use {use.id!r} is below zero: amend what it corrects instead")
        _withdraw(balances, withdrawals, use.at)
        paid, left = burn(use, order, balances)
        burns += paid
        if left:
            unpaid[use.id] = left
        if any(not balances[each.grant].remaining for each in paid):
            order = [grant for grant in order if balances[grant.id].remaining]
    _withdraw(balances, withdrawals, until)
    before = opening.overage if opening else ZERO
    return BurnDown(
        at=until,
        balances=FrozenDict({name: each.expire(until) for name, each in balances.items()}),
        burns=tuple(burns),
        unpaid=FrozenDict(unpaid),
        overage=exact_sum(before, *unpaid.values()),
    )


def burn(
    use: Use,
    order: Iterable[CreditGrant],
    balances: MutableMapping[str, GrantBalance],
    *,
    most: Decimal | None = None,
) -> tuple[list[Burn], Decimal]:
    """Pay one use (or `most` of it) by grants in the order given; changes their balances.

    Gives the steps, and what nobody could pay.
    """
    need = use.size if most is None else min(use.size, most)
    covering = [grant for grant in order if grant.scope.covers(use)]
    taken = taken_in_turn(need, (balances[each.id].available(use.at) for each in covering))
    burns = [
        Burn(grant.id, use.id, size) for grant, size in zip(covering, taken, strict=False) if size
    ]
    for each in burns:
        balances[each.grant] = balances[each.grant].burn(each.size)
    return burns, EXACT.subtract(need, exact_sum(ZERO, *taken))


def in_one_measure(grants: Sequence[CreditGrant], uses: Sequence[Use]) -> None:
    """Hold grants and uses to one currency, or to units of one feature, and to ids of their own.

    Raises CurrencyMismatch, InvalidInput.
    """
    for what, ids in (("grant", [g.id for g in grants]), ("use", [u.id for u in uses])):
        if len(set(ids)) < len(ids):
            twice = next(each for each in ids if ids.count(each) > 1)
            raise InvalidInput(f"the {what} {twice!r} stands twice")
    amounts = [grant.amount for grant in grants] + [use.amount for use in uses]
    currencies = {currency_of(each) for each in amounts}
    features = {grant.feature for grant in grants}
    if len(currencies) > 1 or len(features) > 1:
        found = sorted(str(each) for each in (currencies | features) - {None})
        raise CurrencyMismatch(f"credits of several kinds do not pay together: {', '.join(found)}")


def paid_by(burns: Iterable[Burn], use: str) -> Mapping[str, Decimal]:
    """Give what each grant paid of one use."""
    return _added((each.grant, each.size) for each in burns if each.use == use)


def paid_for(burns: Iterable[Burn], grant: str) -> Mapping[str, Decimal]:
    """Give what one grant paid of each use."""
    return _added((each.use, each.size) for each in burns if each.grant == grant)


def _added(pairs: Iterable[tuple[str, Decimal]]) -> Mapping[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for name, size in pairs:
        sums[name] = EXACT.add(sums.get(name, ZERO), size)
    return sums


def _opened(
    grants: Sequence[CreditGrant], since: Instant, opening: BurnDown | None
) -> dict[str, GrantBalance]:
    """Give how grants stand at the beginning: as they stood, or whole where they were not yet."""
    if opening is None:
        return {grant.id: GrantBalance(grant) for grant in grants}
    if opening.at != since:
        raise InvalidInput(
            f"the opening balance is of {instant_text(opening.at)}, not of {instant_text(since)}"
        )
    gone = opening.balances.keys() - {grant.id for grant in grants}
    if gone:
        raise InvalidInput(f"there is an opening balance and no grant {min(gone)!r}")
    return {
        grant.id: replace(opening.balances.get(grant.id, GrantBalance(grant)), grant=grant)
        for grant in grants
    }


def _withdrawn(
    grants: Sequence[CreditGrant], since: Instant | None, until: Instant
) -> list[tuple[Instant, str, Withdrawal]]:
    """List what was withdrawn up to `until`, the last first: to be taken from the end."""
    found = [
        (each.at, grant.id, number, each)
        for grant in grants
        for number, each in enumerate(grant.withdrawals)
        if each.at <= until and (since is None or since < each.at)
    ]
    found.sort(key=lambda row: row[:3], reverse=True)
    return [(at, name, each) for at, name, _, each in found]


def _withdraw(
    balances: MutableMapping[str, GrantBalance],
    withdrawals: list[tuple[Instant, str, Withdrawal]],
    until: Instant,
) -> None:
    """Take out what was withdrawn up to and with an instant; what had expired is not there."""
    while withdrawals and withdrawals[-1][0] <= until:
        at, name, withdrawal = withdrawals.pop()
        balances[name] = balances[name].expire(at).withdraw(withdrawal)
