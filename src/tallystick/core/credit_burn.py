"""Burning credits over time: what each grant paid for, what is left of it, what nobody paid.

A use is paid by the grants that are active at its instant, in burn order, as far as they go; what
none of them can pay is overage.  Overage was or will be invoiced, so a grant that takes effect
later does not pay it.  At one instant a withdrawal comes before a use, and an expiry before both.

Figures are plain numbers, as in `core.credit_balance`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tallystick.core.credit import CreditGrant, Use, Withdrawal, burn_order
from tallystick.core.credit_balance import Burn, GrantBalance, burn, in_one_measure
from tallystick.core.frozen import FrozenDict
from tallystick.core.number import ZERO, exact_sum
from tallystick.core.period import instant, instant_text
from tallystick.errors import InvalidInput, InvalidPeriod, InvalidUsage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping, Sequence
    from decimal import Decimal

    from tallystick.core.period import Instant

__all__ = ["BurnDown", "burn_down"]


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
    withdrawals = _withdrawn(order, None if opening is None else since, until)
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
    before = ZERO if opening is None else opening.overage
    return BurnDown(
        at=until,
        balances=FrozenDict({name: each.expire(until) for name, each in balances.items()}),
        burns=tuple(burns),
        unpaid=FrozenDict(unpaid),
        overage=exact_sum(before, *unpaid.values()),
    )


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
