"""What our reckoning gives for what Stripe billed: the same quantity, time and coupons, our rules.

No rule of money stands in here: prices are rated, shared out by time and discounted by the core.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallystick.core.discount import CouponLine
from tallystick.core.money import Money
from tallystick.core.redemption import Redemption, discount_invoice
from tallystick.errors import RuleError
from tallystick.providers.stripe.shadow import ComparedInvoice, ComparedLine
from tallystick.providers.stripe.shadow_line import Group, LineReader, Reckoned, known_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tallystick.providers.stripe.shadow import (
        BilledInvoice,
        BilledLine,
        GivenDiscount,
    )
    from tallystick.providers.stripe.shadow_price import Tariffs

__all__ = ["compare"]


def compare(invoices: Iterable[BilledInvoice], tariffs: Tariffs) -> tuple[ComparedInvoice, ...]:
    """Reckon invoices again by our rules, and set both side by side, in the order given.

    Quantities, times and which coupons act are Stripe's; prices and coupons are the catalogue's
    where it has them.  A proration is reckoned by the second, rounded once, as a share of the
    period that another of the invoices bills whole, else of that of the subscription's anchor.
    """
    several = tuple(invoices)
    known = known_of(several, tariffs)
    return tuple(
        _Reader(each, tariffs, LineReader(each, tariffs, known)).compared() for each in several
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    invoice: BilledInvoice
    tariffs: Tariffs
    reader: LineReader

    def compared(self) -> ComparedInvoice:
        groups = self.groups()
        tried = [self.reader.tried(group) for group in groups]
        taken, lost = self.taken_off(groups, tried)
        lines = [
            self.line(group, lost.get(place, found), taken[place])
            for place, (group, found) in enumerate(zip(groups, tried, strict=True))
        ]
        return ComparedInvoice(invoice=self.invoice, lines=tuple(lines), reason=self.not_whole())

    def groups(self) -> list[Group]:
        """Put together what Stripe writes apart: a line for each tier of one price."""
        found: dict[object, list[BilledLine]] = {}
        for line in self.invoice.lines:
            key: object = line.id
            if line.price is not None and self.tariffs.by_tiers(line.price):
                key = (line.price, line.item, line.window, line.proration, line.amount.minor < 0)
            found.setdefault(key, []).append(line)
        return [Group(tuple(lines)) for lines in found.values()]

    def not_whole(self) -> str:
        """Say where the lines are not all of the invoice."""
        came = self.invoice.net + self.invoice.beside
        if came == self.invoice.total:
            return ""
        return f"its lines come to {came}, and its total is {self.invoice.total}"

    def line(self, group: Group, found: Reckoned | str, taken: Money) -> ComparedLine:
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
            plan=found.tariff.plan,
            steps=steps,
            reason="" if ours == group.net else self.reader.why(group, found),
        )

    # --- coupons --------------------------------------------------------------------------------

    def taken_off(
        self, groups: Sequence[Group], tried: Sequence[Reckoned | str]
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

    def discounts(self, groups: Sequence[Group]) -> Iterator[tuple[GivenDiscount, list[int]]]:
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


def _coupon_line(group: Group, found: Reckoned | str, taken: Money, *, own: bool) -> CouponLine:
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
