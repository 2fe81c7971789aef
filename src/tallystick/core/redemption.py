"""Redemptions: a coupon that somebody has, and for which invoices it acts.

It acts from the instant it was redeemed: on one invoice, for a number of calendar months, or for
ever.  What counts is the instant of the invoice, whatever the time its lines are for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tallystick.core.calendar import boundary
from tallystick.core.discount import apply_coupons
from tallystick.core.frozen import FrozenDict
from tallystick.core.period import Cadence, instant
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tallystick.core.coupon import Coupon
    from tallystick.core.currency import Currency
    from tallystick.core.discount import CouponLine, Discounted
    from tallystick.core.money import Money
    from tallystick.core.period import Instant, Period

__all__ = ["Redemption", "discount_invoice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """A coupon as it stood when a customer redeemed it: later changes of it change nothing here.

    It is for one subscription, or with `subscription` None for everything the customer is billed.
    `code` is the code it was redeemed by.  `ended_at` is where somebody ended it early.  `zone`
    (IANA) is where its months are counted, UTC where None.  `used` is how many documents that
    stand it took something off.

    Raises InvalidInput where it was used less than never, InvalidPeriod for a time without a zone.
    """

    id: str
    coupon: Coupon
    customer: str
    subscription: str | None = None
    code: str | None = None
    redeemed_at: Instant
    ended_at: Instant | None = None
    zone: str | None = None
    used: int = 0

    def __post_init__(self) -> None:
        """Bring the times to UTC."""
        object.__setattr__(self, "redeemed_at", instant(self.redeemed_at))
        if self.ended_at is not None:
            object.__setattr__(self, "ended_at", instant(self.ended_at))
        if type(self.used) is not int or self.used < 0:
            raise InvalidInput("a redemption was used a whole number of times from 0")

    def __hash__(self) -> int:
        """Hash by id."""
        return hash(self.id)

    @property
    def ends_at(self) -> Instant | None:
        """The first instant at which it acts no more, as far as that is known beforehand.

        Months are counted from the redemption and clamp: three from 30 November end on 28 February.
        """
        ends = [] if self.ended_at is None else [self.ended_at]
        if self.coupon.months is not None:
            months = Cadence("month", self.coupon.months)
            ends.append(boundary(self.redeemed_at, months, 1, self.zone))
        return min(ends, default=None)

    @property
    def used_up(self) -> bool:
        """Whether it was for one invoice, and that has been."""
        return not self.coupon.recurring and self.used > 0

    def acts(self, at: Instant) -> bool:
        """Whether it acts on an invoice of this instant: from its redemption, until its end."""
        ends = self.ends_at
        begun = self.redeemed_at <= instant(at)
        return begun and (ends is None or instant(at) < ends) and not self.used_up


def discount_invoice(
    redemptions: Iterable[Redemption],
    lines: Sequence[CouponLine],
    currency: Currency,
    at: Instant,
    *,
    given: Mapping[tuple[str, Period], Money] = FrozenDict(),
) -> tuple[Discounted, tuple[Redemption, ...]]:
    """Take off an invoice what the redemptions give that act at its instant, in their order.

    Gives with the discounts the redemptions that were used, counted once more.  A redemption is
    used by an invoice it took something off, so one without an amount uses up nothing.  Of two
    redemptions of one coupon the first acts.  A coupon that is not for the currency is left out.
    `given` is as in `apply_coupons`.

    Raises CurrencyMismatch where a line is in another currency.
    """
    acting: dict[str, Redemption] = {}
    for redemption in redemptions:
        if redemption.acts(at) and redemption.coupon.takes(currency):
            acting.setdefault(redemption.coupon.id, redemption)
    coupons = [redemption.coupon for redemption in acting.values()]
    came = apply_coupons(coupons, lines, currency, given=given)
    used = [acting[each.coupon.id] for each in came.discounts if each.amount.minor > 0]
    return came, tuple(replace(each, used=each.used + 1) for each in used)
