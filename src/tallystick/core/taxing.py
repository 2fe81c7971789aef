"""The tax step of the reckoning: which line is taxed at what, and what it comes to.

A line that gives back of an invoiced fee is taxed as that fee was.  All others are taxed at the
rates that the tax engine gives for the day on which the document is issued.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallystick.core.frozen import FrozenDict
from tallystick.core.line_tax import tax_lines, taxed_line
from tallystick.core.tax_decision import SoldLine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.catalog import Plan
    from tallystick.core.charge import Due
    from tallystick.core.invoice import InvoiceLine
    from tallystick.core.line_tax import Invoiced
    from tallystick.core.money import Money
    from tallystick.core.period import Instant
    from tallystick.core.tax_decision import Taxation, TaxDecision

__all__ = ["fees_given_back", "taxed_lines"]


def fees_given_back(
    lines: Sequence[InvoiceLine], due: Due, creditable: Mapping[int, Invoiced]
) -> dict[int, Invoiced]:
    """Give the fees of the lines that give back of one, by the place of the line.

    `creditable` has them by the place of the charge.
    """
    if not creditable:
        return {}
    charges = (place for place, charge in enumerate(due.charges) if charge.kind == "credit")
    credits_ = (place for place, line in enumerate(lines) if line.kind == "credit")
    return {
        place: creditable[charge]
        for place, charge in zip(credits_, charges, strict=True)
        if charge in creditable
    }


def taxed_lines(
    lines: tuple[InvoiceLine, ...],
    given_back: Mapping[int, Invoiced],
    taxation: Taxation | None,
    at: Instant,
    offers: Mapping[str, Plan[Any]],
) -> tuple[tuple[InvoiceLine, ...], Mapping[str, Any]]:
    """Put their taxes on the lines; gives them with who decided what, and why.

    Nobody is asked where there is nothing new to tax.  Raises TaxUndecided.
    """
    done = list(lines)
    for place, fee in given_back.items():
        line = lines[place]
        done[place] = taxed_line(line, fee.taxes_of(-_sold(line).minor))
    new = [
        place for place, line in enumerate(lines) if place not in given_back and _sold(line).minor
    ]
    if taxation is None or not new:
        return tuple(done), FrozenDict()
    sold = tuple(_sold_line(lines[place], offers) for place in new)
    decision = taxation.decision(at, sold)
    taxes = tax_lines([each.amount for each in sold], decision.rates)
    for place, some in zip(new, taxes, strict=True):
        done[place] = taxed_line(lines[place], some)
    return tuple(done), _evidence(decision)


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
