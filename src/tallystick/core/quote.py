"""A quote: what a subscription would cost, line by line, today and at the first renewal.

How one is signed and read again is in `core.quote_signature`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tallystick.errors import PriceChanged

if TYPE_CHECKING:
    from decimal import Decimal

    from tallystick.core.currency import Currency
    from tallystick.core.invoice import Invoice
    from tallystick.core.money import Money
    from tallystick.core.move import Start
    from tallystick.core.period import Instant

__all__ = ["Quote", "Quoted", "QuotedDiscount", "QuotedLine", "check_figures", "quoted"]

_SUMS: Final = ("subtotal", "discount", "credit", "tax", "total", "balance", "amount_due")
_PARTS: Final = ("amount", "discount", "credit", "tax")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedLine:
    """One line as it was quoted; the sums are as those of an invoice's line."""

    description: str
    price: str
    quantity: Decimal
    amount: Money
    discount: Money
    credit: Money
    tax: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedDiscount:
    """What one coupon takes off a document as it was quoted."""

    coupon: str
    name: str
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """A document as it was quoted: when it falls due, its lines, its discounts and its sums."""

    at: Instant
    lines: tuple[QuotedLine, ...]
    subtotal: Money
    discount: Money
    credit: Money
    tax: Money
    total: Money
    balance: Money
    amount_due: Money
    discounts: tuple[QuotedDiscount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What was offered to whom, until when (exclusive), for how much.

    `subscription` is the id that it gets when the quote is accepted, so it can be accepted once.
    `today` is None where nothing falls due at the start, `renewal` where nothing follows.
    `identities` are those under which its trial is given, once.
    """

    id: str
    customer: str
    subscription: str
    move: Start
    currency: Currency
    issued_at: Instant
    expires_at: Instant
    today: Quoted | None = None
    renewal: Quoted | None = None
    identities: tuple[str, ...] = ()

    def __hash__(self) -> int:
        """Hash by id."""
        return hash(self.id)


def quoted(invoice: Invoice | None) -> Quoted | None:
    """Give what a quote says of a document that would be made."""
    if invoice is None:
        return None
    lines = tuple(
        QuotedLine(
            description=line.description,
            price=line.price,
            quantity=line.quantity,
            **{part: getattr(line, part) for part in _PARTS},
        )
        for line in invoice.lines
    )
    discounts = tuple(
        QuotedDiscount(coupon=each.coupon, name=each.name, amount=each.amount)
        for each in invoice.discounts
    )
    sums = {name: getattr(invoice, name) for name in _SUMS}
    return Quoted(at=invoice.at, lines=lines, discounts=discounts, **sums)


def check_figures(quote: Quote, today: Quoted | None, renewal: Quoted | None) -> None:
    """Hold a quote against what would be charged now.

    Raises PriceChanged, with both figures, where a line, a sum or a date differs.
    """
    for name, was, now in (("today", quote.today, today), ("renewal", quote.renewal, renewal)):
        if was != now:
            raise PriceChanged(
                f"what falls due ({name}) is not what quote {quote.id!r} says: ask for a new one",
                part=name,
                quoted=None if was is None else str(was.amount_due),
                now=None if now is None else str(now.amount_due),
            )
