"""The tax step of the reckoning: which line is taxed at what, and what it comes to.

A line that gives back of what was invoiced is taxed as that was.  All others are taxed at the
rates that the tax engine gives for the day on which the document is issued.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from tallystick.core.frozen import FrozenDict
from tallystick.core.given_back import given_back
from tallystick.core.line_tax import tax_lines, taxed_line
from tallystick.core.tax_decision import SoldLine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.catalog import Plan
    from tallystick.core.charge import Charge, Due
    from tallystick.core.invoice import InvoiceLine
    from tallystick.core.line_tax import Invoiced
    from tallystick.core.money import Money
    from tallystick.core.period import Instant
    from tallystick.core.reckoned_lines import Late
    from tallystick.core.tax import Tax, TaxRate
    from tallystick.core.tax_decision import Taxation, TaxDecision

__all__ = ["FeeBack", "invoiced_before", "taxed_lines"]

FeeBack: TypeAlias = "tuple[Invoiced, int]"
"""A fee as it was invoiced, and how much of its amount is given back, minor units."""


def invoiced_before(
    lines: Sequence[InvoiceLine],
    due: Due,
    creditable: Mapping[int, Sequence[Invoiced]],
    late: Sequence[Late],
) -> dict[int, tuple[FeeBack, ...]]:
    """Give what lines give back of, by the place of the line: fees, or usage that was billed.

    `creditable` has the fees by the place of the charge.  Late usage gives back where its window
    comes to less than was billed for it.
    """
    if not creditable and not late:
        return {}
    charges = [place for place, charge in enumerate(due.charges) if charge.kind == "credit"]
    credits_ = [place for place, line in enumerate(lines) if line.kind == "credit"]
    found: dict[int, tuple[FeeBack, ...]] = {
        place: tuple(
            (fee, back.minor)
            for fee, back in zip(creditable[charge], given_back(lines[place]), strict=True)
        )
        for place, charge in zip(credits_, charges, strict=True)
        if charge in creditable
    }
    billed = {_window(each.charge, each.used.group, each.part): each.billed for each in late}
    for place, line in enumerate(lines):
        if line.kind == "late" and line.amount.minor < 0:
            before = billed[line.item, line.price, line.window, line.group, line.part]
            if -line.amount.minor <= before.amount:
                found[place] = ((before, -line.amount.minor),)
    return found


def _window(charge: Charge, group: object, part: str) -> tuple[object, ...]:
    return charge.item.key, charge.price, charge.window, group, part


def taxed_lines(
    lines: tuple[InvoiceLine, ...],
    backs: Mapping[int, Sequence[FeeBack]],
    taxation: Taxation | None,
    at: Instant,
    offers: Mapping[str, Plan[Any]],
) -> tuple[tuple[InvoiceLine, ...], Mapping[str, Any]]:
    """Put their taxes on the lines; gives them with who decided what, and why.

    Nobody is asked where there is nothing new to tax.  Raises TaxUndecided.
    """
    done = list(lines)
    for place, fees in backs.items():
        done[place] = taxed_line(lines[place], _taxes_of_fees(fees))
    if taxation is None:
        return tuple(done), FrozenDict()
    new = [place for place, line in enumerate(lines) if place not in backs and _sold(line).minor]
    if not new:
        return tuple(done), FrozenDict()
    sold = tuple(_sold_line(lines[place], offers) for place in new)
    decision = taxation.decision(at, sold)
    taxes = tax_lines([each.amount for each in sold], decision.rates)
    for place, some in zip(new, taxes, strict=True):
        done[place] = taxed_line(lines[place], some)
    return tuple(done), _evidence(decision)


def _taxes_of_fees(fees: Sequence[FeeBack]) -> list[Tax]:
    """Give the taxes of what is given back of fees, those of one rate together."""
    found: dict[TaxRate, Tax] = {}
    for fee, minor in fees:
        for tax in fee.taxes_of(minor - fee.discount_of(minor)):
            before = found.get(tax.rate)
            amount = tax.amount if before is None else before.amount + tax.amount
            found[tax.rate] = replace(tax, amount=amount)
    return list(found.values())


def _sold(line: InvoiceLine) -> Money:
    return line.amount - line.discount - line.credit


def _sold_line(line: InvoiceLine, offers: Mapping[str, Plan[Any]]) -> SoldLine:
    plan = None if line.offer is None else offers[line.offer]
    return SoldLine(
        amount=_sold(line),
        price=line.price,
        plan="" if plan is None else plan.id,
        product="" if plan is None else plan.product_id,
    )


def _evidence(decision: TaxDecision) -> Mapping[str, Any]:
    tree = {"engine": decision.engine, "rules": decision.rules, "reasons": list(decision.reasons)}
    return FrozenDict({name: value for name, value in tree.items() if value})
