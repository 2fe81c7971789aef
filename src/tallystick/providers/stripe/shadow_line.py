"""One line of Stripe's, reckoned by our rules before coupons, and why it may differ.

No rule of money stands in here: prices are rated and shared out by time by the core.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tallystick.core.calendar import period_containing
from tallystick.core.explain import explain, money_text, number_text
from tallystick.core.money import Money
from tallystick.core.number import exact_sum, round_quotient
from tallystick.core.period import Cadence
from tallystick.core.rating import Quantity, rate
from tallystick.core.span import share_of
from tallystick.errors import InvalidInput, RuleError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.period import Period
    from tallystick.core.proration import TimeShare
    from tallystick.core.rating import RatedLine
    from tallystick.providers.stripe.shadow import BilledInvoice, BilledLine, Sold
    from tallystick.providers.stripe.shadow_price import Tariff, Tariffs

__all__ = ["Group", "Known", "LineReader", "Reckoned", "known_of"]

_ONE: Final = Decimal(1)
_TYPED: Final = "an amount that somebody typed: it has no price"
_WITH_COUPON: Final = (
    "a proration under a coupon: what the coupon took off the bill before it is not read"
)
_NOT_WHOLE: Final = "the whole period that it is a part of is not known: read more invoices"


@dataclass(frozen=True, slots=True)
class Known:
    """What the invoices tell of prorations: periods billed whole, and those under a coupon.

    Periods are by their subscription and how often the price is charged, as one subscription may
    have several intervals; what was under a coupon is by subscription and price.
    """

    periods: Mapping[object, set[Period]]
    discounted: Mapping[object, set[Period]]


def known_of(invoices: Sequence[BilledInvoice], tariffs: Tariffs) -> Known:
    """Gather what invoices tell of the prorations in them."""
    periods: dict[object, set[Period]] = {}
    discounted: dict[object, set[Period]] = {}
    for invoice in invoices:
        for line in invoice.lines:
            if invoice.sold is None or line.window is None or line.proration or line.item is None:
                continue
            every = invoice.sold.id, tariffs.every(line.price)
            periods.setdefault(every, set()).add(line.window)
            if line.discount.minor:
                discounted.setdefault((invoice.sold.id, line.price), set()).add(line.window)
    return Known(periods, discounted)


@dataclass(frozen=True, slots=True)
class Group:
    """The lines that Stripe writes for one thing."""

    lines: tuple[BilledLine, ...]

    @property
    def first(self) -> BilledLine:
        """The one that speaks for all."""
        return self.lines[0]

    @property
    def quantity(self) -> Decimal:
        """How much of it: what stands on all of them."""
        return exact_sum(*(line.quantity for line in self.lines))

    @property
    def amount(self) -> Money:
        """What Stripe asks before discounts."""
        return Money.total((line.amount for line in self.lines), self.first.amount.currency)

    @property
    def net(self) -> Money:
        """What Stripe asks after discounts."""
        return Money.total((line.net for line in self.lines), self.first.amount.currency)


@dataclass(frozen=True, slots=True)
class Reckoned:
    """What we ask before coupons, with our sums."""

    tariff: Tariff
    amount: Money
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LineReader:
    """The lines of one invoice, reckoned by our prices."""

    invoice: BilledInvoice
    tariffs: Tariffs
    known: Known

    def tried(self, group: Group) -> Reckoned | str:
        """Reckon what Stripe charges before coupons, or say why we cannot."""
        line = group.first
        if line.price is None:
            return _TYPED
        coupons = self.invoice.discounts or line.discounts or line.discount.minor
        if line.proration and coupons:
            return _WITH_COUPON
        try:
            return self._reckoned(group, self._fitting(line.price))
        except RuleError as why:
            return str(why)

    def _fitting(self, price: str) -> Tariff:
        """Give our price, in the invoice's currency and charged as often as Stripe's."""
        ours = self.tariffs.ours(price)
        if ours.price.currency != self.invoice.currency:
            raise InvalidInput(f"{ours.key} is charged in {ours.price.currency} here")
        if price not in self.tariffs.held:
            return ours
        every = self.tariffs.every(price)
        theirs = None if every is None else Cadence(*every)
        if ours.cadence is None or theirs is None:
            same = ours.cadence is theirs
        else:
            same = ours.cadence.same_as(theirs)
        if not same:
            words = ["once" if c is None else c.label.lower() for c in (theirs, ours.cadence)]
            raise InvalidInput(f"Stripe charges it {words[0]}, and {ours.key} is {words[1]} here")
        return ours

    def _reckoned(self, group: Group, tariff: Tariff) -> Reckoned:
        line, price = group.first, tariff.price
        if tariff.cadence is not None and self._in_trial(line):
            nothing = Money.zero(price.currency)
            return Reckoned(tariff, nothing, (f"within the trial: {nothing}",))
        counted = group.quantity if price.basis != "flat" else _ONE
        rated = rate(price, Quantity(counted))
        if not line.proration:
            return Reckoned(tariff, rated.amount, _sums(rated))
        if price.basis == "usage":
            raise InvalidInput("usage is charged as it came, never for a part of the time")
        return self._shared(line, tariff, rated)

    def _shared(self, line: BilledLine, tariff: Tariff, rated: RatedLine) -> Reckoned:
        """Give a share of a fee by the second; below zero where Stripe gives back."""
        window, sold, unit = line.window, self.invoice.sold, rated.currency
        if window is None or sold is None or tariff.cadence is None:
            raise InvalidInput(_NOT_WHOLE)
        whole = self._whole(window, sold, line.price, tariff.cadence)
        if whole in self.known.discounted.get((sold.id, line.price), ()):
            raise InvalidInput(_WITH_COUPON)
        time = share_of(window, whole)
        minor = round_quotient(Fraction(rated.exact) * time.fraction)
        amount = Money(-minor if line.amount.minor < 0 else minor, unit)
        exact = money_text(rated.exact, unit)
        sum_ = _share_text(exact, time)
        shown = f"-({sum_})" if line.amount.minor < 0 else sum_
        steps = (*_sums(rated)[:-1], f"rounded half away from zero: {shown} = {amount}")
        return Reckoned(tariff, amount, steps)

    def _whole(self, window: Period, sold: Sold, price: str | None, cadence: Cadence) -> Period:
        """Give the period that a proration is a part of.  Raises InvalidInput."""
        billed = [
            period
            for period in self.known.periods.get((sold.id, self.tariffs.every(price)), ())
            if period.end == window.end and period.start <= window.start
        ]
        if billed:
            return max(billed, key=lambda period: period.start)
        period = period_containing(sold.anchor, cadence, window.start)
        if period.end != window.end:
            raise InvalidInput(_NOT_WHOLE)
        return period

    def _in_trial(self, line: BilledLine) -> bool:
        sold = self.invoice.sold
        if sold is None or sold.trial is None or line.window is None or line.proration:
            return False
        return line.window.start in sold.trial

    def why(self, group: Group, found: Reckoned) -> str:
        """Say why it differs, as far as that can be told; empty where it cannot."""
        line, key = group.first, found.tariff.key
        gap = found.amount - group.amount
        if not gap.minor:
            return "its coupons take another amount here"
        if found.tariff.price.basis == "flat" and group.quantity != _ONE:
            times = number_text(group.quantity)
            return f"Stripe charges it {times} times, and {key} is a flat fee: `type: per_seat`?"
        if line.price in self.tariffs.lines and self._by_their_price(group) == group.amount:
            return f"{line.price} is not what {key} is here: `tallystick stripe drift` says how"
        if abs(gap.minor) < len(group.lines):
            return f"Stripe rounds each of its {len(group.lines)} lines by itself"
        if line.proration:
            return "Stripe may have given back by another price, quantity or discount"
        return "" if self._for_a_period(line, found.tariff) else "it is not for a whole period"

    def _for_a_period(self, line: BilledLine, tariff: Tariff) -> bool:
        """Whether its time is one of the subscription's periods, as far as it has one."""
        sold, window = self.invoice.sold, line.window
        if sold is None or window is None or tariff.cadence is None:
            return True
        return period_containing(sold.anchor, tariff.cadence, window.start) == window

    def _by_their_price(self, group: Group) -> Money | None:
        """Reckon by Stripe's own price; None where that cannot be read."""
        try:
            return self._reckoned(group, self.tariffs.theirs(str(group.first.price))).amount
        except RuleError:
            return None


def _sums(rated: RatedLine) -> tuple[str, ...]:
    """Write the reckoning of a price, without its name in front of each sum."""
    return tuple(text.partition("  ")[2] for text in explain(rated))


def _share_text(exact: str, time: TimeShare) -> str:
    return f"{exact} × {time.part:,} ÷ {time.whole:,}"
