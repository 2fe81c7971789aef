"""An invoice, or a credit note, as a value: its lines, its sums, who owes whom.

How one is reckoned from what is due is in `core.reckoning`, the sums a person can redo in
`core.invoice_explain`, how it looks on paper in `tallystick.documents`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from tallystick.core.frozen import FrozenDict
from tallystick.core.money import Money
from tallystick.core.number import ZERO
from tallystick.core.subscription import Terms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.charge import ChargeKind
    from tallystick.core.credit import Category
    from tallystick.core.currency import Currency
    from tallystick.core.period import Instant, Period
    from tallystick.core.tax import TaxNote

__all__ = [
    "RECKONING",
    "CreditBurn",
    "DocumentKind",
    "Invoice",
    "InvoiceDiscount",
    "InvoiceLine",
    "InvoiceSection",
    "InvoiceStatus",
    "InvoiceTax",
    "Party",
]

RECKONING: Final = 1
"""The version of the reckoning: a change of any figure of an old document makes the next one."""

DocumentKind: TypeAlias = Literal["invoice", "credit_note"]
"""Whether it asks for money or gives some back."""

InvoiceStatus: TypeAlias = Literal["draft", "open", "paid", "void", "uncollectible"]
"""How a document stands.  A credit note is `draft`, then `paid`: it is settled as it is issued."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Who sells or who buys, as it stood when the document was issued.

    `checked_ids` are those of its tax ids whose form and check digits were found right.
    """

    name: str | None = None
    email: str | None = None
    address: Mapping[str, str] = field(default_factory=FrozenDict)
    tax_ids: tuple[tuple[str, str], ...] = ()
    locale: str | None = None
    tax_exempt: bool = False
    checked_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLine:
    """One line.  `amount` is rounded, once; the sums of a document are sums of its lines.

    `price` is the id of a price of `offer` (a plan version), `item` which item of the subscription
    it is for.  `group` tells lines of one price apart that are billed by group, as pairs of name
    and text.  `part` is the cause of a line that is not its window's own.  `quantity` is what was
    measured or bought, `billed` what of it is charged.  `share` is (part, whole) in seconds where
    less than the whole period is charged.  `evidence` says what was measured and how it was
    priced, as plain JSON values: the steps that `core.invoice_explain` makes sums of.
    """

    kind: ChargeKind | Literal["late"]
    description: str
    price: str
    item: str = "plan"
    offer: str | None = None
    window: Period | None = None
    group: tuple[tuple[str, str | None], ...] = ()
    part: str = ""
    quantity: Decimal
    billed: Decimal
    unit: str = ""
    unit_price: Decimal | None = None
    share: tuple[int, int] | None = None
    amount: Money
    discount: Money
    credit: Money
    tax: Money
    evidence: Mapping[str, Any] = field(default_factory=FrozenDict)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceTax:
    """What one rate takes of a document: `percent` of what is `taxable`, the net amount.

    An inclusive tax is in the lines already; any other is added to them.  `note` says why nothing
    is taken.
    """

    name: str
    percent: Decimal
    inclusive: bool = False
    note: TaxNote = ""
    taxable: Money
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceDiscount:
    """What one redeemed coupon took off a document: in all, and minor units by line from "1"."""

    redemption: str
    coupon: str
    name: str
    amount: Money
    by_line: Mapping[str, Any] = field(default_factory=FrozenDict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditBurn:
    """So much of one credit grant paid for one line, counted from 1.

    `units` are those that a grant of units paid before the line was priced; of money it is zero.
    """

    grant: str
    category: Category
    line: int
    amount: Money
    units: Decimal = ZERO

    @property
    def size(self) -> Decimal:
        """What went out of the grant, as it counts: units, or minor units of money."""
        return self.units or Decimal(self.amount.minor)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceSection:
    """What one customer's subscription adds to a document that another customer pays.

    `lines` is how many of the document's lines are its own; the sections follow one another in the
    order of the lines.  `name` is the customer's, as it stood when the document was issued.  `id`,
    `cause` and `at` are what a document of its own would have had.
    """

    id: str
    customer: str
    name: str | None = None
    subscription: str | None = None
    cause: str
    at: Instant
    lines: int = 0

    @property
    def heading(self) -> str:
        """Its customer and subscription, for people: `Shop North (north) · s-north`."""
        own = self.customer if self.name is None else f"{self.name} ({self.customer})"
        return " · ".join(filter(None, (own, self.subscription)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """A document.

    `at` is the instant of its cause, `finalize_at` when it may be issued (`at` and its grace).
    Usage counts that arrived before `watermark`, which is the same instant.  `subtotal` is the sum
    of the lines, `total` what is asked for after discounts, promotional credits and taxes;
    `balance` is what the customer's balance and paid credits pay of it and `amount_due` the rest.
    `discounts` says which coupon took what; what was given back of discounts is in no coupon's sum.
    `burns` says which credit grant paid what of which line, promotional ones in `credit` and paid
    ones in `balance`; what grants of units paid is in no amount.
    `tax` is what is added to the lines, `taxes` all of them by rate, and `tax_evidence` who decided
    which, by what rules (their digest), for which reasons.
    A credit note has its sums below zero; `credits` is the invoice it corrects.
    `sections` says whose lines they are, where a customer pays for others.

    A draft has no number, no seller and no buyer yet.
    """

    id: str
    customer: str
    kind: DocumentKind = "invoice"
    status: InvoiceStatus = "draft"
    cause: str
    subscription: str | None = None
    currency: Currency
    at: Instant
    finalize_at: Instant
    watermark: Instant
    number: str | None = None
    issued_at: Instant | None = None
    due_at: Instant | None = None
    seller: Party | None = None
    buyer: Party | None = None
    terms: Terms = field(default_factory=Terms)
    lines: tuple[InvoiceLine, ...] = ()
    sections: tuple[InvoiceSection, ...] = ()
    subtotal: Money
    discount: Money
    discounts: tuple[InvoiceDiscount, ...] = ()
    credit: Money
    burns: tuple[CreditBurn, ...] = ()
    tax: Money
    taxes: tuple[InvoiceTax, ...] = ()
    tax_evidence: Mapping[str, Any] = field(default_factory=FrozenDict)
    total: Money
    balance: Money
    amount_due: Money
    credits: str | None = None
    reckoning: int = RECKONING

    def by_section(self) -> tuple[tuple[InvoiceSection, tuple[InvoiceLine, ...]], ...]:
        """Give the sections, each with its lines; nothing where it has no sections."""
        found, first = [], 0
        for section in self.sections:
            found.append((section, self.lines[first : first + section.lines]))
            first += section.lines
        return tuple(found)

    @property
    def paid_by_grants(self) -> Money:
        """What paid credit grants pay of it, which is a part of `balance`."""
        burnt = (each.amount.minor for each in self.burns if each.category == "paid")
        return Money(sum(burnt), self.currency)

    @property
    def from_balance(self) -> Money:
        """What the customer's balance pays of it: `balance` without what grants pay."""
        return self.balance - self.paid_by_grants

    @property
    def all_tax(self) -> Money:
        """What is owed to tax offices: the taxes that are added, and those inside the lines."""
        inside = (each.amount.minor for each in self.taxes if each.inclusive)
        return replace(self.tax, minor=self.tax.minor + sum(inside))

    def __hash__(self) -> int:
        """Hash by id."""
        return hash(self.id)
