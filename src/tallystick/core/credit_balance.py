"""Where each grant went, and what paid for what.

Figures are plain numbers in the measure of the grants: minor units of their currency, or units of
their feature.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tallystick.core.credit import CreditGrant, Use, Withdrawal, currency_of
from tallystick.core.number import EXACT, ZERO, exact_sum, plain, taken_in_turn
from tallystick.core.period import instant
from tallystick.errors import CurrencyMismatch, InsufficientCredit, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping, Sequence
    from decimal import Decimal

    from tallystick.core.period import Instant

__all__ = ["Burn", "GrantBalance", "burn", "in_one_measure", "paid_by", "paid_for"]


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
