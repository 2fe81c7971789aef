"""The taxes of lines: each rate once on the lines it applies to, and what is given back of them.

A rate is rounded once, on the sum of all lines of a document that it applies to, and shared out to
them.  What gives back of a line that was invoiced is taxed as that line was: of all parts together
exactly the tax that was invoiced is given back, whatever the rates are by then.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol

from tallystick.core.frozen import FrozenTree
from tallystick.core.invoice import InvoiceTax
from tallystick.core.money import Money
from tallystick.core.number import plain, round_quotient
from tallystick.core.tax import Tax, TaxRate, share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.invoice import InvoiceLine
    from tallystick.core.tax import TaxNote

__all__ = [
    "NOTHING",
    "Invoiced",
    "TaxedLine",
    "tax_given_back",
    "tax_lines",
    "taxed_line",
    "taxes_by_rate",
    "taxes_of",
]

_EVIDENCE: Final = "taxes"


class TaxedLine(Protocol):
    """A line with its amount and its evidence: of a document, or as it was billed."""

    @property
    def amount(self) -> Money:
        """What is charged."""
        ...

    @property
    def discount(self) -> Money:
        """What coupons took off."""
        ...

    @property
    def credit(self) -> Money:
        """What promotional credits took off."""
        ...

    @property
    def evidence(self) -> Mapping[str, Any]:
        """What was measured, and how it was priced and taxed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoiced:
    """A line that something gives back of: what it was sold for, its taxes, what was given back.

    In minor units: `sold` is its amount after discounts and promotional credits (`discount`
    together), an inclusive tax being in it; `given` was given back of `sold` before, and
    `given_taxes` of each of its taxes.  `most` bounds what of its amount can be given back, where
    only a part counts.
    """

    sold: int
    discount: int = 0
    taxes: tuple[Tax, ...] = ()
    given: int = 0
    given_taxes: tuple[int, ...] = ()
    most: int | None = None

    @property
    def amount(self) -> int:
        """Its amount, before discounts."""
        return self.sold + self.discount

    @property
    def left(self) -> int:
        """What can still be given back."""
        return max(0, self.sold - self.given)

    @property
    def left_of_amount(self) -> int:
        """What that is of its amount, before discounts, and no more than `most`."""
        left = self.left
        if self.discount:
            left = 0 if self.sold <= 0 else -(-left * self.amount // self.sold)
        return left if self.most is None else min(left, self.most)

    def discount_of(self, minor: int) -> int:
        """Give the part of its discounts and promotional credits in so much of its amount.

        The rest of that is what is given back: its share of what was sold, and no more than is
        left.
        """
        if not self.discount or not self.amount:
            return 0
        back = round_quotient(Fraction(minor * self.sold, self.amount))
        return minor - min(back, self.left)

    def plus(self, line: TaxedLine) -> Invoiced:
        """Give it together with another line, taken as one that nothing was given back of yet."""
        off = line.discount.minor + line.credit.minor
        by_rate = {tax.rate: tax for tax in self.taxes}
        for tax in taxes_of(line):
            known = by_rate.get(tax.rate)
            by_rate[tax.rate] = tax if known is None else Tax(tax.rate, known.amount + tax.amount)
        return Invoiced(
            sold=self.sold + line.amount.minor - off,
            discount=self.discount + off,
            taxes=tuple(by_rate.values()),
            given_taxes=(0,) * len(by_rate),
        )

    def taxes_of(self, minor: int) -> tuple[Tax, ...]:
        """Give the taxes, below zero, of giving back so much more of it."""
        if not self.sold:
            return ()
        return tax_given_back(self.taxes, Fraction(self.given + minor, self.sold), self.given_taxes)


NOTHING: Final = Invoiced(sold=0)
"""Nothing that was invoiced."""


# --- taking ---------------------------------------------------------------------------------------


def tax_lines(
    amounts: Sequence[Money], rates: Sequence[Sequence[TaxRate]]
) -> tuple[tuple[Tax, ...], ...]:
    """Tax lines, each with its own rates; gives the taxes of each line, in the order of its rates.

    Inclusive rates come out of a line's common net, any other is taken on what they leave of it.
    """
    taken: list[dict[TaxRate, Money]] = [{} for _ in zip(amounts, rates, strict=True)]
    wanted = list(dict.fromkeys(rate for some in rates for rate in some))
    for rate in sorted(wanted, key=lambda each: not each.inclusive):
        places = [place for place, some in enumerate(rates) if rate in some]
        bases = [
            _net(amounts[i], rates[i]) if rate.inclusive else _left(amounts[i], taken[i])
            for i in places
        ]
        for place, part in zip(places, _take(rate, bases, amounts[places[0]]), strict=True):
            taken[place][rate] = part
    return tuple(
        tuple(Tax(rate, parts[rate]) for rate in some)
        for some, parts in zip(rates, taken, strict=True)
    )


def _net(amount: Money, rates: Sequence[TaxRate]) -> Fraction:
    inside = sum((Fraction(rate.percent) for rate in rates if rate.inclusive), Fraction(0))
    return Fraction(100 * amount.minor) / (100 + inside)


def _left(amount: Money, taken: Mapping[TaxRate, Money]) -> Fraction:
    """Give what rounded inclusive taxes leave of a line."""
    return Fraction(
        amount.minor - sum(part.minor for rate, part in taken.items() if rate.inclusive)
    )


def _take(rate: TaxRate, bases: Sequence[Fraction], like: Money) -> tuple[Money, ...]:
    part = Fraction(rate.percent) / 100
    exact = [base * part for base in bases]
    return share(Money(round_quotient(sum(exact, Fraction(0))), like.currency), exact)


def tax_given_back(taxes: Sequence[Tax], part: Fraction, given: Sequence[int]) -> tuple[Tax, ...]:
    """Give the taxes of what gives back of a line, below zero, so that `part` of it is given then.

    `given` is what was given back of each tax before, minor units.  With the whole of a line the
    whole of each tax is given back, and never more.
    """
    order = sorted(range(len(taxes)), key=lambda i: taxes[i].rate.inclusive)
    parts = [Money.zero(tax.amount.currency) for tax in taxes]
    upto, told = 0, 0
    for i in order:  # what is added to the line first, so that together it is part of the sum
        upto += taxes[i].amount.minor
        by_now = round_quotient(part * upto)
        parts[i] = replace(parts[i], minor=given[i] - (by_now - told))
        told = by_now
    return tuple(Tax(tax.rate, back) for tax, back in zip(taxes, parts, strict=True))


# --- on a line ------------------------------------------------------------------------------------


def taxed_line(line: InvoiceLine, taxes: Sequence[Tax]) -> InvoiceLine:
    """Put its taxes on a line: those that are added to it, and the evidence of all."""
    if not taxes:
        return line
    added = Money.total(
        (each.amount for each in taxes if not each.rate.inclusive), line.tax.currency
    )
    evidence = FrozenTree({**line.evidence, _EVIDENCE: [_tree(each) for each in taxes]})
    return replace(line, tax=added, evidence=evidence)


def taxes_of(line: TaxedLine) -> tuple[Tax, ...]:
    """Give the taxes of a line, as its evidence has them."""
    return tuple(
        Tax(
            _rate(
                tree["name"], tree["percent"], tree.get("inclusive", False), tree.get("note", "")
            ),
            Money(tree["amount"], line.amount.currency),
        )
        for tree in line.evidence.get(_EVIDENCE, ())
    )


@lru_cache(maxsize=1_024)
def _rate(name: str, percent: str, inclusive: bool, note: TaxNote) -> TaxRate:  # noqa: FBT001 - as evidence has them
    return TaxRate(name, Decimal(percent), inclusive=inclusive, note=note)


def _tree(tax: Tax) -> dict[str, Any]:
    rate = tax.rate
    tree: dict[str, Any] = {"name": rate.name, "percent": plain(rate.percent)}
    tree |= {"amount": tax.amount.minor}
    tree |= {"inclusive": True} if rate.inclusive else {}
    return tree | ({"note": rate.note} if rate.note else {})


def taxes_by_rate(lines: Sequence[InvoiceLine]) -> tuple[InvoiceTax, ...]:
    """Add up the taxes of the lines of a document, in the order in which their rates come."""
    found: dict[TaxRate, InvoiceTax] = {}
    for line in lines:
        taxes = taxes_of(line)
        if not taxes:
            continue
        inside = sum(each.amount.minor for each in taxes if each.rate.inclusive)
        sold = line.amount.minor - line.discount.minor - line.credit.minor
        net = Money(sold - inside, line.amount.currency)
        for tax in taxes:
            known = found.get(tax.rate)
            if known is None:
                found[tax.rate] = _row(tax, net)
            else:
                found[tax.rate] = replace(
                    known, taxable=known.taxable + net, amount=known.amount + tax.amount
                )
    return tuple(found.values())


def _row(tax: Tax, net: Money) -> InvoiceTax:
    rate = tax.rate
    return InvoiceTax(
        name=rate.name,
        percent=rate.percent,
        inclusive=rate.inclusive,
        note=rate.note,
        taxable=net,
        amount=tax.amount,
    )
