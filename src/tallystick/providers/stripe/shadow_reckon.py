"""What our reckoning gives for what Stripe billed: the same quantity, time and coupons, our rules.

No rule of money stands in here: prices are rated, shared out by time and discounted by the core.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tallystick.core.calendar import period_containing
from tallystick.core.discount import CouponLine
from tallystick.core.explain import explain, money_text, number_text
from tallystick.core.money import Money
from tallystick.core.number import exact_sum, round_quotient
from tallystick.core.rating import Quantity, rate
from tallystick.core.redemption import Redemption, discount_invoice
from tallystick.core.span import share_of
from tallystick.errors import InvalidInput, RuleError
from tallystick.providers.stripe.shadow import ComparedInvoice, ComparedLine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tallystick.core.period import Cadence, Period
    from tallystick.core.proration import TimeShare
    from tallystick.core.rating import RatedLine
    from tallystick.providers.stripe.shadow import (
        BilledInvoice,
        BilledLine,
        GivenDiscount,
        Sold,
    )
    from tallystick.providers.stripe.shadow_price import Tariff, Tariffs

__all__ = ["compare"]

_ONE: Final = Decimal(1)
_TYPED: Final = "an amount that somebody typed: it has no price"
_WITH_COUPON: Final = (
    "a proration under a coupon: what the coupon took off the bill before it is not read"
)
_NOT_WHOLE: Final = "the whole period that it is a part of is not known: read more invoices"


def compare(invoices: Iterable[BilledInvoice], tariffs: Tariffs) -> tuple[ComparedInvoice, ...]:
    """Reckon invoices again by our rules, and set both side by side, in the order given.

    Quantities, times and which coupons act are Stripe's; prices and coupons are the catalogue's
    where it has them.  A proration is reckoned by the second, rounded once, as a share of the
    period that another of the invoices bills whole, else of that of the subscription's anchor.
    """
    several = tuple(invoices)
    known = _known(several, tariffs)
    return tuple(_Reader(each, tariffs, known).compared() for each in several)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the invoices tell of prorations: periods billed whole, and those under a coupon.

    Periods are by their subscription and how often the price is charged, as one subscription may
    have several intervals; what was under a coupon is by subscription and price.
    """

    periods: Mapping[object, set[Period]]
    discounted: Mapping[object, set[Period]]


def _known(invoices: Sequence[BilledInvoice], tariffs: Tariffs) -> _Known:
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
    return _Known(periods, discounted)


@dataclass(frozen=True, slots=True)
class _Group:
    """The lines that Stripe writes for one thing."""

    lines: tuple[BilledLine, ...]

    @property
    def first(self) -> BilledLine:
        return self.lines[0]

    @property
    def quantity(self) -> Decimal:
        return exact_sum(*(line.quantity for line in self.lines))

    @property
    def amount(self) -> Money:
        return Money.total((line.amount for line in self.lines), self.first.amount.currency)

    @property
    def net(self) -> Money:
        return Money.total((line.net for line in self.lines), self.first.amount.currency)


@dataclass(frozen=True, slots=True)
class _Reckoned:
    tariff: Tariff
    amount: Money
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Reader:
    invoice: BilledInvoice
    tariffs: Tariffs
    known: _Known

    def compared(self) -> ComparedInvoice:
        groups = self.groups()
        tried = [self.tried(group) for group in groups]
        taken, lost = self.taken_off(groups, tried)
        lines = [
            self.line(group, lost.get(place, found), taken[place])
            for place, (group, found) in enumerate(zip(groups, tried, strict=True))
        ]
        return ComparedInvoice(invoice=self.invoice, lines=tuple(lines), reason=self.not_whole())

    def groups(self) -> list[_Group]:
        """Put together what Stripe writes apart: a line for each tier of one price."""
        found: dict[object, list[BilledLine]] = {}
        for line in self.invoice.lines:
            key: object = line.id
            if line.price is not None and self.tariffs.by_tiers(line.price):
                key = (line.price, line.item, line.window, line.proration, line.amount.minor < 0)
            found.setdefault(key, []).append(line)
        return [_Group(tuple(lines)) for lines in found.values()]

    def not_whole(self) -> str:
        """Say where the lines are not all of the invoice."""
        came = self.invoice.net + self.invoice.beside
        if came == self.invoice.total:
            return ""
        return f"its lines come to {came}, and its total is {self.invoice.total}"

    def line(self, group: _Group, found: _Reckoned | str, taken: Money) -> ComparedLine:
        if isinstance(found, str):
            return ComparedLine(lines=group.lines, theirs=group.net, reason=found)
        ours = found.amount - taken
        steps = found.steps
        if taken.minor:
            steps += (f"coupons: {found.amount} - {taken} = {ours}",)
        return ComparedLine(
            lines=group.lines,
            theirs=group.net,
            ours=ours,
            key=found.tariff.key,
            steps=steps,
            reason="" if ours == group.net else self.why(group, found),
        )

    # --- prices and time ------------------------------------------------------------------------

    def tried(self, group: _Group) -> _Reckoned | str:
        """Reckon what Stripe charges before coupons, or say why we cannot."""
        line = group.first
        if line.price is None:
            return _TYPED
        coupons = self.invoice.discounts or line.discounts or line.discount.minor
        if line.proration and coupons:
            return _WITH_COUPON
        try:
            return self.reckoned(group, self.fitting(line.price))
        except RuleError as why:
            return str(why)

    def fitting(self, price: str) -> Tariff:
        """Give our price, in the invoice's currency and charged as often as Stripe's."""
        ours, theirs = self.tariffs.ours(price), self.tariffs.held.get(price)
        if ours.price.currency != self.invoice.currency:
            raise InvalidInput(f"{ours.key} is charged in {ours.price.currency} here")
        if theirs is None or price not in self.tariffs.lines:
            return ours
        cadence = self.tariffs.theirs(price).cadence
        same = ours.cadence is cadence or (
            ours.cadence is not None and cadence is not None and ours.cadence.same_as(cadence)
        )
        if not same:
            words = [
                "once" if each is None else each.label.lower() for each in (cadence, ours.cadence)
            ]
            raise InvalidInput(f"Stripe charges it {words[0]}, and {ours.key} is {words[1]} here")
        return ours

    def reckoned(self, group: _Group, tariff: Tariff) -> _Reckoned:
        line, price = group.first, tariff.price
        if tariff.cadence is not None and self.in_trial(line):
            nothing = Money.zero(price.currency)
            return _Reckoned(tariff, nothing, (f"within the trial: {nothing}",))
        counted = group.quantity if price.basis != "flat" else _ONE
        rated = rate(price, Quantity(counted))
        if not line.proration:
            return _Reckoned(tariff, rated.amount, _sums(rated))
        if price.basis == "usage":
            raise InvalidInput("usage is charged as it came, never for a part of the time")
        return self.shared(line, tariff, rated)

    def shared(self, line: BilledLine, tariff: Tariff, rated: RatedLine) -> _Reckoned:
        """Give a share of a fee by the second; below zero where Stripe gives back."""
        window, sold, unit = line.window, self.invoice.sold, rated.currency
        if window is None or sold is None or tariff.cadence is None:
            raise InvalidInput(_NOT_WHOLE)
        whole = self.whole(window, sold, line.price, tariff.cadence)
        if whole in self.known.discounted.get((sold.id, line.price), ()):
            raise InvalidInput(_WITH_COUPON)
        time = share_of(window, whole)
        minor = round_quotient(Fraction(rated.exact) * time.fraction)
        amount = Money(-minor if line.amount.minor < 0 else minor, unit)
        exact = money_text(rated.exact, unit)
        sum_ = _share_text(exact, time)
        shown = f"-({sum_})" if line.amount.minor < 0 else sum_
        steps = (*_sums(rated)[:-1], f"rounded half away from zero: {shown} = {amount}")
        return _Reckoned(tariff, amount, steps)

    def whole(self, window: Period, sold: Sold, price: str | None, cadence: Cadence) -> Period:
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

    def in_trial(self, line: BilledLine) -> bool:
        sold = self.invoice.sold
        if sold is None or sold.trial is None or line.window is None or line.proration:
            return False
        return line.window.start in sold.trial

    # --- coupons --------------------------------------------------------------------------------

    def taken_off(
        self, groups: Sequence[_Group], tried: Sequence[_Reckoned | str]
    ) -> tuple[list[Money], dict[int, str]]:
        """Give what coupons take off each, and the places where that cannot be reckoned.

        What was not reckoned stands in with Stripe's amount, as a coupon may be shared out to it.
        """
        unit = self.invoice.currency
        taken, lost = [Money.zero(unit)] * len(groups), dict[int, str]()
        for discount, places in self.discounts(groups):
            try:
                coupon, own = self.tariffs.coupon(discount.coupon)
            except RuleError as why:
                lost |= dict.fromkeys(places, str(why))
                continue
            lines = [
                _coupon_line(groups[place], tried[place], taken[place], own=own) for place in places
            ]
            redemption = Redemption(
                id=discount.id,
                coupon=coupon,
                customer=self.invoice.customer,
                redeemed_at=min(discount.start, self.invoice.at),
            )
            came, _ = discount_invoice([redemption], lines, unit, self.invoice.at)
            for place, part in zip(places, came.by_line, strict=True):
                taken[place] += part
        return taken, lost

    def discounts(self, groups: Sequence[_Group]) -> Iterator[tuple[GivenDiscount, list[int]]]:
        """Give the coupons in Stripe's order, those of a line first, and where each acts."""
        own: dict[str, GivenDiscount] = {}
        for group in groups:
            own |= {each.id: each for each in group.first.discounts}
        for id_, discount in own.items():
            places = [
                place
                for place, group in enumerate(groups)
                if group.first.discountable and id_ in {each.id for each in group.first.discounts}
            ]
            yield discount, places
        everywhere = [place for place, group in enumerate(groups) if group.first.discountable]
        for discount in self.invoice.discounts:
            yield discount, everywhere

    # --- why it differs -------------------------------------------------------------------------

    def why(self, group: _Group, found: _Reckoned) -> str:
        """Say why it differs, as far as that can be told; empty where it cannot."""
        line, key = group.first, found.tariff.key
        gap = found.amount - group.amount
        if not gap.minor:
            return "its coupons take another amount here"
        if found.tariff.price.basis == "flat" and group.quantity != _ONE:
            times = number_text(group.quantity)
            return f"Stripe charges it {times} times, and {key} is a flat fee: `type: per_seat`?"
        if line.price in self.tariffs.lines and self.by_their_price(group) == group.amount:
            return f"{line.price} is not what {key} is here: `tallystick stripe drift` says how"
        if abs(gap.minor) < len(group.lines):
            return f"Stripe rounds each of its {len(group.lines)} lines by itself"
        if line.proration:
            return "Stripe may have given back by another price, quantity or discount"
        return "" if self.for_a_period(line, found.tariff) else "it is not for a whole period"

    def for_a_period(self, line: BilledLine, tariff: Tariff) -> bool:
        """Whether its time is one of the subscription's periods, as far as it has one."""
        sold, window = self.invoice.sold, line.window
        if sold is None or window is None or tariff.cadence is None:
            return True
        return period_containing(sold.anchor, tariff.cadence, window.start) == window

    def by_their_price(self, group: _Group) -> Money | None:
        """Reckon by Stripe's own price; None where that cannot be read."""
        try:
            return self.reckoned(group, self.tariffs.theirs(str(group.first.price))).amount
        except RuleError:
            return None


def _coupon_line(group: _Group, found: _Reckoned | str, taken: Money, *, own: bool) -> CouponLine:
    """Show a coupon a line: one of the catalogue's by our ids, any other by Stripe's."""
    line = group.first
    if isinstance(found, str):
        return CouponLine(line.id, group.amount, product=line.product, discounted=taken)
    tariff = found.tariff
    if not own:
        return CouponLine(line.id, found.amount, product=line.product, discounted=taken)
    return CouponLine(
        line.id,
        found.amount,
        plan=tariff.plan,
        product=tariff.product,
        price=tariff.price.id,
        meter=tariff.price.meter,
        discounted=taken,
    )


def _sums(rated: RatedLine) -> tuple[str, ...]:
    """Write the reckoning of a price, without its name in front of each sum."""
    return tuple(text.partition("  ")[2] for text in explain(rated))


def _share_text(exact: str, time: TimeShare) -> str:
    return f"{exact} × {time.part:,} ÷ {time.whole:,}"
