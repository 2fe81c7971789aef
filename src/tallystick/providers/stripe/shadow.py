"""An invoice of Stripe and what our reckoning makes of it, line beside line; everything is a value.

`shadow_read` reads invoices, `shadow_price` finds our prices, `shadow_reckon` compares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from tallystick.core.money import Money

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from tallystick.core.currency import Currency
    from tallystick.core.period import Instant, Period

__all__ = [
    "BilledInvoice",
    "BilledLine",
    "ComparedInvoice",
    "ComparedLine",
    "GivenDiscount",
    "Sold",
    "Verdict",
]

Verdict: TypeAlias = Literal["equal", "different", "not reckoned"]
"""What came of a comparison.  What could not be reckoned is never equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenDiscount:
    """A coupon at work at Stripe, since an instant; `id` is that of the discount."""

    id: str
    coupon: str
    start: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold:
    """The subscription of an invoice: what its periods are counted from, and its trial."""

    id: str
    anchor: Instant
    trial: Period | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledLine:
    """A line as Stripe billed it, without the taxes that come on top.

    `amount` is before, and `discount` what was taken off; `price`, `product` and `item` are
    Stripe's ids.  `discounts` are those of this line alone.
    """

    id: str
    text: str
    amount: Money
    discount: Money
    quantity: Decimal
    price: str | None = None
    product: str | None = None
    item: str | None = None
    window: Period | None = None
    proration: bool = False
    discountable: bool = True
    discounts: tuple[GivenDiscount, ...] = ()

    @property
    def net(self) -> Money:
        """What is left after discounts."""
        return self.amount - self.discount


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledInvoice:
    """A finalised invoice as Stripe has it.

    `beside` is what of the `total` no line holds: taxes on top and shipping, less billing credits.
    """

    id: str
    number: str
    customer: str
    at: Instant
    currency: Currency
    total: Money
    beside: Money
    lines: tuple[BilledLine, ...]
    discounts: tuple[GivenDiscount, ...] = ()
    sold: Sold | None = None

    @property
    def net(self) -> Money:
        """What its lines come to, after discounts."""
        return Money.total((line.net for line in self.lines), self.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedLine:
    """What Stripe asks and what we would, for one thing; both are after discounts.

    Stripe may write a line for each tier: then `lines` are several.  `ours` is None where it could
    not be reckoned.  `key` is our price line and `plan` the catalogue's plan, None where the price
    was read from Stripe itself.  `steps` are our sums, `reason` says why we cannot reckon it, or
    why it differs as far as that can be told.
    """

    lines: tuple[BilledLine, ...]
    theirs: Money
    ours: Money | None = None
    key: str | None = None
    plan: str | None = None
    steps: tuple[str, ...] = ()
    reason: str = ""

    @property
    def text(self) -> str:
        """What Stripe calls it."""
        return self.lines[0].text

    @property
    def difference(self) -> Money | None:
        """What we would ask more, below zero for less; None where it was not reckoned."""
        return None if self.ours is None else self.ours - self.theirs

    @property
    def verdict(self) -> Verdict:
        """What came of it."""
        if self.ours is None:
            return "not reckoned"
        return "equal" if self.ours == self.theirs else "different"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedInvoice:
    """An invoice of Stripe beside our reckoning of it.

    `reason` says why the invoice as a whole cannot be trusted, empty where it can.
    """

    invoice: BilledInvoice
    lines: tuple[ComparedLine, ...]
    reason: str = ""

    @property
    def theirs(self) -> Money:
        """What Stripe asks for the lines that we could reckon."""
        return self._sum(line.theirs for line in self.lines if line.ours is not None)

    @property
    def ours(self) -> Money:
        """What we would ask for the lines that we could reckon."""
        return self._sum(line.ours for line in self.lines if line.ours is not None)

    @property
    def left_out(self) -> Money:
        """What Stripe asks for the lines that we could not reckon."""
        return self._sum(line.theirs for line in self.lines if line.ours is None)

    @property
    def verdict(self) -> Verdict:
        """`different` where one line is, else `not reckoned` where one could not be."""
        found = {line.verdict for line in self.lines}
        if "different" in found:
            return "different"
        return "not reckoned" if "not reckoned" in found or self.reason else "equal"

    def _sum(self, parts: Iterable[Money]) -> Money:
        return Money.total(parts, self.invoice.currency)
