"""The credit steps of the reckoning: what grants of money pay of the lines of a document.

Promotional grants lower what is sold, so they act before tax; paid ones pay what is asked, tax
included.  A grant may pay a document whose instant lies in its time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tallystick.core.credit import Use
from tallystick.core.credit_lines import pay_lines
from tallystick.core.invoice import CreditBurn
from tallystick.core.money import Money

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tallystick.core.catalog import Plan
    from tallystick.core.credit import Category
    from tallystick.core.credit_balance import GrantBalance
    from tallystick.core.invoice import InvoiceLine
    from tallystick.core.period import Instant

__all__ = ["Paid", "paid_by_grants", "promoted_lines"]

Paid = tuple["tuple[CreditBurn, ...]", "tuple[GrantBalance, ...]"]
"""What grants paid, and how they stand afterwards."""


def promoted_lines(
    lines: tuple[InvoiceLine, ...],
    grants: Sequence[GrantBalance],
    at: Instant,
    offers: Mapping[str, Plan[Any]],
) -> tuple[tuple[InvoiceLine, ...], Paid]:
    """Let promotional grants lower the lines; they pay no more than all lines come to."""
    if not grants:
        return lines, ((), ())
    sold = [line.amount - line.discount for line in lines]
    paid = _pay(_uses(lines, sold, at, offers), grants, "promotional")
    by_line: dict[int, Money] = {}
    for each in paid[0]:
        by_line[each.line] = by_line.get(each.line, replace(each.amount, minor=0)) + each.amount
    done = tuple(
        replace(line, credit=by_line[place]) if place in by_line else line
        for place, line in enumerate(lines, start=1)
    )
    return done, paid


def paid_by_grants(
    lines: tuple[InvoiceLine, ...],
    grants: Sequence[GrantBalance],
    at: Instant,
    offers: Mapping[str, Plan[Any]],
) -> Paid:
    """Let paid grants pay what is asked for; the lines stay as they are."""
    if not grants:
        return (), ()
    asked = [line.amount - line.discount - line.credit + line.tax for line in lines]
    return _pay(_uses(lines, asked, at, offers), grants, "paid")


def _pay(uses: Iterable[Use], grants: Sequence[GrantBalance], category: Category) -> Paid:
    if not any(each.grant.category == category for each in grants):
        return (), tuple(grants)
    asked = list(uses)
    if not asked:
        return (), tuple(grants)
    first = asked[0].amount
    assert isinstance(first, Money)  # noqa: S101 - the lines of a document are money
    came = pay_lines(grants, asked, first.currency, category=category)
    burns = tuple(
        CreditBurn(
            grant=each.grant,
            category=category,
            line=int(each.use),
            amount=replace(first, minor=int(each.size)),
        )
        for each in came.burns
    )
    return burns, tuple(came.balances[each.grant.id] for each in grants)


def _uses(
    lines: Sequence[InvoiceLine],
    amounts: Sequence[Money],
    at: Instant,
    offers: Mapping[str, Plan[Any]],
) -> Iterator[Use]:
    for place, (line, amount) in enumerate(zip(lines, amounts, strict=True), start=1):
        yield _use(place, line, amount, at, offers)


def _use(
    place: int, line: InvoiceLine, amount: Money, at: Instant, offers: Mapping[str, Plan[Any]]
) -> Use:
    plan = None if line.offer is None else offers[line.offer]
    price = None if plan is None else next((p for p in plan.prices if p.id == line.price), None)
    return Use(
        id=str(place),
        amount=amount,
        at=at,
        meter=None if price is None else price.meter,
        price=line.price or None,
        plan=None if plan is None else plan.id,
    )
