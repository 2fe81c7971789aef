"""The lines of a document: each charge priced, shared out by time, and rounded once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, assert_never

from tallystick.core.evidence import evidence_of
from tallystick.core.frozen import FrozenDict
from tallystick.core.given_back import paused_seconds, shared_out
from tallystick.core.invoice import InvoiceLine
from tallystick.core.money import Money, settle
from tallystick.core.number import exact_sum, round_quotient
from tallystick.core.price import PerUnit
from tallystick.core.rating import rate
from tallystick.core.rating.usage import Quantity
from tallystick.core.span import fee_exact, quantity_for, share_of
from tallystick.core.terms import item_plan, prices_of, scaled_allowance
from tallystick.core.units_billed import UnitsBilled, granted_tree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.catalog import Plan
    from tallystick.core.charge import Charge, Due
    from tallystick.core.line_tax import Invoiced
    from tallystick.core.price import Price
    from tallystick.core.proration import TimeShare
    from tallystick.core.rating import RatedLine
    from tallystick.core.rating.line import Earlier
    from tallystick.core.rating.usage import Measured

__all__ = [
    "Late",
    "OneOff",
    "Used",
    "line_name",
    "plain_line",
    "rated_lines",
    "time_of",
    "usage_price",
]

_ONE: Final = Decimal(1)
_KEPT: Final = 8_192
_FEES: Final[dict[tuple[int, Decimal], tuple[Price, Mapping[str, Any]]]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What was used, for one charge: of which group, how much, what earlier slices billed of it.

    For a credit capped by value it is one allowance of the plan: so much of `included` was used.
    `last` is False for a slice that is billed before the window ends (a threshold).  A `gauge` says
    what there was at a time: in a part of a period there is as much of it, for less time.
    `before` is what documents billed of its units before, `grants` the grants that pay units now.
    """

    measured: Measured
    group: tuple[tuple[str, str | None], ...] = ()
    earlier: Earlier | None = None
    last: bool = True
    included: Decimal | None = None
    gauge: bool = False
    before: UnitsBilled = field(default_factory=UnitsBilled)
    grants: tuple[tuple[str, Decimal], ...] = ()

    @property
    def granted(self) -> Decimal:
        """What grants pay of its units to date."""
        return exact_sum(self.before.granted, *(units for _, units in self.grants))


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """Usage of a window that was billed before: what it comes to now, and what was billed of it.

    `events` names the first of the events that came late, of `count` in all.
    """

    charge: Charge
    used: Used
    billed: Invoiced
    part: str
    events: tuple[str, ...] = ()
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOff:
    """Something sold once, beside every plan: `amount` is for all of the quantity."""

    id: str
    description: str
    quantity: Decimal
    amount: Money


def rated_lines(
    due: Due,
    offers: Mapping[str, Plan[Any]],
    used: Mapping[int, Sequence[Used]],
    items: Sequence[OneOff],
    late: Sequence[Late],
    *,
    creditable: Mapping[int, Sequence[int]] = FrozenDict(),
) -> tuple[InvoiceLine, ...]:
    """Price every charge but the minimum: the due's own in their order, then late usage, items.

    Usage that nobody had gives no line, unless its price asks for something all the same.  A credit
    gives back no more than is `creditable`, by its place, of each of its fees.
    """
    lines: list[InvoiceLine] = []
    for place, charge in enumerate(due.charges):
        lines += _lines(charge, offers, used.get(place, ()), creditable.get(place))
    lines += [line for each in late if (line := _late_line(each, offers)) is not None]
    return (*lines, *map(_one_off, items))


def _lines(
    charge: Charge,
    offers: Mapping[str, Plan[Any]],
    used: Sequence[Used],
    left: Sequence[int] | None,
) -> list[InvoiceLine]:
    match charge.kind:
        case "fee":
            return [_fee(charge, offers)]
        case "credit":
            return [_credit(charge, offers, used, left)]
        case "usage":
            return [line for each in used if (line := _usage(charge, offers, each)) is not None]
        case "setup":
            return [_setup(charge, offers)]
        case "minimum" | "item":
            return []
        case _:
            assert_never(charge.kind)


# --- fees and credits -----------------------------------------------------------------------------


def _fee(charge: Charge, offers: Mapping[str, Plan[Any]]) -> InvoiceLine:
    """Price a flat or per-seat price for its share of the period."""
    price = prices_of(charge.item, offers)[charge.price]
    exact = fee_exact(price, charge.item)
    time = time_of(charge)
    amount = settle(exact, price.currency) if time is None else _part(exact, time, price)
    return _line(charge, offers, price, exact, amount=amount, time=time)


def _credit(
    charge: Charge,
    offers: Mapping[str, Plan[Any]],
    used: Sequence[Used],
    left: Sequence[int] | None,
) -> InvoiceLine:
    """Price the rest of a fee that is given back, within what was invoiced and is left.

    `left` is what documents left of it, or of each fee that was paid in its place: less than the
    moves know of, where an invoice was void or somebody gave back by hand.
    """
    price = prices_of(charge.item, offers)[charge.price]
    exact = fee_exact(price, charge.item)
    time = time_of(charge)
    whole = settle(exact, price.currency) if time is None else _part(exact, time, price)
    minor = whole.minor if charge.cap is None else min(whole.minor, charge.cap)
    capped: dict[str, Any] = {} if charge.cap is None else {"cap": charge.cap}
    if charge.by_value:
        unused = _unused(used)
        minor = min(minor, round_quotient(Fraction(exact) * unused))
        capped["unused"] = [str(unused.numerator), str(unused.denominator)]
    if left is not None and sum(left) < minor:
        minor = capped["creditable"] = sum(left)
    if charge.paid:
        most = [each.invoiced for each in charge.paid] if left is None else left
        capped["paid"] = shared_out(charge, most, minor)
    elif charge.holes:
        capped["paused"] = paused_seconds(charge.holes)
    amount = Money(-max(minor, 0), price.currency)
    return _line(charge, offers, price, exact, amount=amount, time=time, more=capped)


def _unused(used: Sequence[Used]) -> Fraction:
    """Give the share of the allowances that is left: of several, the least."""
    left = Fraction(1)
    for each in used:
        if isinstance(each.measured, Quantity) and each.included:
            spent = Fraction(each.measured.value) / Fraction(each.included)
            left = min(left, max(Fraction(0), 1 - spent))
    return left


def _part(exact: Decimal, time: TimeShare, price: Price) -> Money:
    if time.part == time.whole:
        return settle(exact, price.currency)
    return Money(round_quotient(Fraction(exact) * time.fraction), price.currency)


def time_of(charge: Charge) -> TimeShare | None:
    """Give the share of the period that a charge is for; None for what has no time."""
    if charge.window is None or charge.whole is None:
        return None
    return share_of(charge.window, charge.whole, charge.holes)


def _line(
    charge: Charge,
    offers: Mapping[str, Plan[Any]],
    price: Price,
    exact: Decimal,
    *,
    amount: Money,
    time: TimeShare | None,
    more: Mapping[str, Any] = FrozenDict(),
) -> InvoiceLine:
    quantity = quantity_for(charge.item, price)
    return plain_line(
        charge,
        line_name(charge, offers, price),
        amount,
        quantity=quantity,
        billed=quantity,
        unit=price.unit,
        unit_price=price.shape.unit if isinstance(price.shape, PerUnit) else None,
        share=None if time is None or time.part == time.whole else (time.part, time.whole),
        evidence=_fee_evidence(price, quantity, exact, more),
    )


def _fee_evidence(
    price: Price, quantity: Decimal, exact: Decimal, more: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Write the steps of a fee down, once for all who have the price and as many seats."""
    key = (id(price), quantity)
    known = None if more else _FEES.get(key)
    if known is None or known[0] is not price:  # another had its place in memory once
        rated = rate(price, Quantity(quantity if price.basis == "seats" else _ONE))
        known = (price, evidence_of(rated, exact=exact, more=more))
        if len(_FEES) >= _KEPT:
            _FEES.clear()
        if not more:
            _FEES[key] = known
    return known[1]


def line_name(charge: Charge, offers: Mapping[str, Plan[Any]], price: Price | None) -> str:
    """Name a line after its plan and its price, without saying one thing twice."""
    plan = item_plan(charge.item, offers)
    title = plan.display_name or plan.name
    named = "" if price is None else price.name
    return named if not title or named == title or title in named else f"{title} {named}".strip()


# --- usage ----------------------------------------------------------------------------------------


def _rated(charge: Charge, offers: Mapping[str, Plan[Any]], used: Used) -> RatedLine:
    """Price what was measured, of which a change may have cut the period.

    What was counted has its allowances by time then.  A level keeps them, ten seats being ten
    however short the time, and the amount is shared out.
    """
    price = usage_price(charge, offers, used)
    time = _cut(charge)
    if time is None or not used.gauge:
        return rate(
            price,
            used.measured,
            earlier=used.earlier,
            last=used.last,
            granted=used.granted,
        )
    rated = rate(price, used.measured, last=used.last)
    amount = _part(rated.exact, time, price)
    return replace(rated, amount=amount if used.earlier is None else amount - used.earlier.billed)


def usage_price(charge: Charge, offers: Mapping[str, Plan[Any]], used: Used) -> Price:
    """Give the price of what was counted, its allowances cut where a change cut the period."""
    price = prices_of(charge.item, offers)[charge.price]
    time = _cut(charge)
    return price if time is None or used.gauge else scaled_allowance(price, time.part, time.whole)


def _cut(charge: Charge) -> TimeShare | None:
    """Give the share of the period that a change left of it; None where nothing cut it."""
    time = time_of(charge) if charge.cut else None
    return None if time is None or time.part == time.whole else time


def _evidence(charge: Charge, rated: RatedLine, used: Used, **more: object) -> Mapping[str, Any]:
    more |= granted_tree(used.grants)
    if not used.gauge or _cut(charge) is None:
        return evidence_of(rated, more=more)
    if used.earlier is not None:
        more["earlier"] = used.earlier.billed.minor
    return evidence_of(rated, exact=rated.exact, more=more)


def _usage(charge: Charge, offers: Mapping[str, Plan[Any]], used: Used) -> InvoiceLine | None:
    """Give the line of what was measured."""
    rated = _rated(charge, offers, used)
    if not rated.measured and not rated.amount.minor and not used.grants:
        return None
    return _used_line(charge, offers, used, rated, rated.amount)


def _used_line(
    charge: Charge,
    offers: Mapping[str, Plan[Any]],
    used: Used,
    rated: RatedLine,
    amount: Money,
) -> InvoiceLine:
    price = prices_of(charge.item, offers)[charge.price]
    time = _cut(charge)
    return plain_line(
        charge,
        line_name(charge, offers, price),
        amount,
        group=used.group,
        quantity=rated.measured,
        billed=rated.billed,
        unit=price.unit,
        unit_price=price.shape.unit if isinstance(price.shape, PerUnit) else None,
        share=None if time is None else (time.part, time.whole),
        evidence=_evidence(charge, rated, used),
    )


def _late_line(late: Late, offers: Mapping[str, Plan[Any]]) -> InvoiceLine | None:
    """Give what a window comes to now, less what was billed; None if nothing is, nor is granted."""
    rated = _rated(late.charge, offers, late.used)
    amount = Money(rated.amount.minor - late.billed.amount, rated.currency)
    if not amount.minor and not late.used.grants:
        return None
    line = _used_line(late.charge, offers, late.used, rated, amount)
    more = {"billed": late.billed.amount, "events": list(late.events), "count": late.count}
    return replace(
        line,
        kind="late",
        part=late.part,
        evidence=_evidence(late.charge, rated, late.used, **more),
    )


# --- the rest -------------------------------------------------------------------------------------


def _setup(charge: Charge, offers: Mapping[str, Plan[Any]]) -> InvoiceLine:
    plan = item_plan(charge.item, offers)
    amount = settle(plan.setup_fee, plan.currency)
    return plain_line(charge, f"{line_name(charge, offers, None)} set-up", amount)


def plain_line(
    charge: Charge,
    description: str,
    amount: Money,
    **more: Any,  # noqa: ANN401 - further fields of the line, as mypy knows them
) -> InvoiceLine:
    """Give the line of a charge: one of it for so much, and nothing off, unless `more` says so."""
    zero = Money.zero(amount.currency)
    fields: dict[str, Any] = {"quantity": _ONE, "billed": _ONE} | more
    return InvoiceLine(
        kind=charge.kind,
        description=description,
        price=charge.price,
        item=charge.item.key,
        offer=charge.item.offer,
        window=charge.window,
        part=charge.part,
        amount=amount,
        discount=zero,
        credit=zero,
        tax=zero,
        **fields,
    )


def _one_off(item: OneOff) -> InvoiceLine:
    zero = Money.zero(item.amount.currency)
    return InvoiceLine(
        kind="item",
        description=item.description,
        price="",
        item="",
        part=f"item/{item.id}",
        quantity=item.quantity,
        billed=item.quantity,
        amount=item.amount,
        discount=zero,
        credit=zero,
        tax=zero,
    )
