"""The reckoning: from what is due and what was used to a document, in one visible list of steps.

::

    rate the lines   units are converted, free units leave (the allowance, then what grants of
                     units pay), the price is taken, its own discount, maximum and minimum follow,
                     then the share of time, and the line is rounded
    discounts        coupons take their part of the rounded lines, as what is shown adds up
    minimum          what is missing to a minimum commitment, of what is really paid: after coupons
    promotions       promotional credits lower what is sold, so they come before tax
    tax              each rate once on the taxable sum
    balance          paid credits and the customer's balance pay what is asked, tax included

Nothing here asks a database or a clock.  The same input gives the same bytes for ever: a change of
any figure makes the next `core.invoice.RECKONING`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.credit_units import covered_usage, unit_burns
from tallystick.core.crediting import paid_by_grants, promoted_lines
from tallystick.core.discounting import discounted_lines
from tallystick.core.frozen import FrozenDict
from tallystick.core.invoice import Invoice
from tallystick.core.line_tax import taxes_by_rate
from tallystick.core.minimum import minimum_line, settled_line
from tallystick.core.money import Money
from tallystick.core.reckoned_lines import rated_lines
from tallystick.core.subscription import Terms
from tallystick.core.taxing import invoiced_before, taxed_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tallystick.core.catalog import Plan
    from tallystick.core.charge import Due
    from tallystick.core.credit_balance import GrantBalance
    from tallystick.core.currency import Currency
    from tallystick.core.invoice import CreditBurn, InvoiceDiscount, InvoiceLine, Party
    from tallystick.core.line_tax import Invoiced
    from tallystick.core.minimum import Settled
    from tallystick.core.period import Instant
    from tallystick.core.reckoned_lines import Late, OneOff, Used
    from tallystick.core.redemption import Redemption
    from tallystick.core.tax_decision import Taxation

__all__ = ["STEPS", "Bill", "Facts", "by_measure", "document_of", "finalize", "reckon"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything a document is reckoned from.

    `used` is what was measured for the charges of the due, by their place in it; `billed` what
    earlier documents asked for in the window of a minimum commitment, minor units by place.
    `creditable` are the fees that a credit gives back of, by the place of the credit, each as it
    was invoiced and as far as it was given back.
    `items` are one-off items that wait, `late` usage of windows that were billed before, `settled`
    the minimum commitments of these windows.
    `redemptions` are the coupons that the customer has, in the order in which they act; `earlier`
    the documents of its subscription that stand, where coupons may have given for the same time.
    `grants` are the credit grants of money and of units, as they stand before it.
    `taxation` says who is asked for tax rates; without it nothing new is taxed.
    `balance` is what the customer has to its credit, minor units.
    """

    id: str
    customer: str
    subscription: str | None
    currency: Currency
    due: Due
    finalize_at: Instant
    offers: Mapping[str, Plan[Any]]
    used: Mapping[int, Sequence[Used]] = field(default_factory=FrozenDict)
    billed: Mapping[int, int] = field(default_factory=FrozenDict)
    creditable: Mapping[int, Sequence[Invoiced]] = field(default_factory=FrozenDict)
    redemptions: Sequence[Redemption] = ()
    earlier: Sequence[Invoice] = ()
    grants: Sequence[GrantBalance] = ()
    taxation: Taxation | None = None
    items: tuple[OneOff, ...] = ()
    late: tuple[Late, ...] = ()
    settled: tuple[Settled, ...] = ()
    balance: int = 0
    terms: Terms = field(default_factory=Terms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """A document on its way through the steps: its lines, and what pays it."""

    lines: tuple[InvoiceLine, ...] = ()
    discounts: tuple[InvoiceDiscount, ...] = ()
    burns: tuple[CreditBurn, ...] = ()
    grants: tuple[GrantBalance, ...] = ()
    tax_evidence: Mapping[str, Any] = field(default_factory=FrozenDict)
    balance: int = 0


def _rate(_bill: Bill, facts: Facts) -> Bill:
    left = {place: [fee.left_of_amount for fee in fees] for place, fees in facts.creditable.items()}
    units, money = by_measure(facts.grants)
    used, late = covered_usage(facts.due, facts.offers, facts.used, facts.late, units)
    lines = rated_lines(facts.due, facts.offers, used, facts.items, late, creditable=left)
    return Bill(lines=lines, burns=unit_burns(lines, units), grants=money)


def by_measure(
    grants: Sequence[GrantBalance],
) -> tuple[tuple[GrantBalance, ...], tuple[GrantBalance, ...]]:
    """Tell grants of units and of money apart."""
    return (
        tuple(each for each in grants if each.grant.feature is not None),
        tuple(each for each in grants if each.grant.feature is None),
    )


def _discounts(bill: Bill, facts: Facts) -> Bill:
    """Let coupons act, each on what the ones before it have left."""
    lines, discounts = discounted_lines(
        bill.lines,
        invoiced_before(bill.lines, facts.due, facts.creditable, facts.late),
        facts.redemptions,
        facts.due.at,
        facts.offers,
        earlier=facts.earlier,
    )
    return replace(bill, lines=lines, discounts=discounts)


def _minimum(bill: Bill, facts: Facts) -> Bill:
    lines = list(bill.lines)
    for place, charge in enumerate(facts.due.charges):
        if charge.kind == "minimum":
            line = minimum_line(charge, facts.offers, facts.billed.get(place, 0), bill.lines)
            lines += [] if line is None else [line]
    for each in facts.settled:
        line = settled_line(each, facts.offers, bill.lines)
        lines += [] if line is None else [line]
    return replace(bill, lines=tuple(lines))


def _promotions(bill: Bill, facts: Facts) -> Bill:
    """Let promotional credits lower what is sold."""
    lines, (burns, grants) = promoted_lines(bill.lines, bill.grants, facts.due.at, facts.offers)
    return replace(bill, lines=lines, burns=(*bill.burns, *burns), grants=grants)


def _tax(bill: Bill, facts: Facts) -> Bill:
    """Tax what is given back as it was invoiced, and all else at the rates of the day."""
    lines, evidence = taxed_lines(
        bill.lines,
        invoiced_before(bill.lines, facts.due, facts.creditable, facts.late),
        facts.taxation,
        facts.finalize_at,
        facts.offers,
    )
    return replace(bill, lines=lines, tax_evidence=evidence)


def _balance(bill: Bill, facts: Facts) -> Bill:
    """Pay what is asked from paid credits, then from the balance, as far as they go."""
    total = sum(_asked(line) for line in bill.lines)
    burns, _ = paid_by_grants(bill.lines, bill.grants, facts.due.at, facts.offers)
    paid = sum(each.amount.minor for each in burns)
    rest = max(0, min(facts.balance, total - paid))
    return replace(bill, burns=(*bill.burns, *burns), balance=paid + rest)


STEPS: Final[tuple[Callable[[Bill, Facts], Bill], ...]] = (
    _rate,
    _discounts,
    _minimum,
    _promotions,
    _tax,
    _balance,
)
"""The steps, in the only order there is; the head of this module says why."""


def _asked(line: InvoiceLine) -> int:
    return line.amount.minor - line.discount.minor - line.credit.minor + line.tax.minor


def reckon(facts: Facts) -> Invoice:
    """Reckon a draft.

    Raises UnknownPlan, InvalidUsage (a price cannot count what was measured), OutOfBounds.
    """
    bill = Bill()
    for step in STEPS:
        bill = step(bill, facts)
    return document_of(bill, facts)


def document_of(bill: Bill, facts: Facts) -> Invoice:
    """Give the draft that a bill comes to, with its sums."""
    unit = facts.currency
    zero = Money.zero(unit)
    subtotal = Money.total((line.amount for line in bill.lines), unit)
    discount = Money.total((line.discount for line in bill.lines), unit)
    credit = Money.total((line.credit for line in bill.lines), unit)
    tax = Money.total((line.tax for line in bill.lines), unit)
    total = subtotal - discount - credit + tax
    balance = Money(bill.balance, unit)
    return Invoice(
        id=facts.id,
        customer=facts.customer,
        kind="invoice" if total >= zero else "credit_note",
        cause=facts.due.cause,
        subscription=facts.subscription,
        currency=unit,
        at=facts.due.at,
        finalize_at=facts.finalize_at,
        watermark=facts.finalize_at,
        terms=facts.terms,
        lines=bill.lines,
        subtotal=subtotal,
        discount=discount,
        discounts=bill.discounts,
        credit=credit,
        burns=bill.burns,
        tax=tax,
        taxes=taxes_by_rate(bill.lines),
        tax_evidence=bill.tax_evidence,
        total=total,
        balance=balance,
        amount_due=max(total - balance, zero),
    )


def finalize(
    draft: Invoice, *, number: str, due_at: Instant, seller: Party, buyer: Party
) -> Invoice:
    """Give the document as it is issued: with its number, and as seller and buyer stand now.

    It is issued at the instant at which it could be, whenever that is done.  Where nothing is left
    to pay, it is paid.
    """
    settled = draft.amount_due.minor == 0
    return replace(
        draft,
        status="paid" if settled else "open",
        number=number,
        issued_at=draft.finalize_at,
        due_at=due_at,
        seller=seller,
        buyer=buyer,
    )
