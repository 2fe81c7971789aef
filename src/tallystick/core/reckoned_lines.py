"""The lines of a document: each charge priced, shared out by time, and rounded once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, assert_never

from tallystick.core.evidence import evidence_of
from tallystick.core.frozen import FrozenDict
from tallystick.core.invoice import InvoiceLine
from tallystick.core.money import Money, settle
from tallystick.core.number import round_quotient
from tallystick.core.price import PerUnit
from tallystick.core.proration import share
from tallystick.core.rating import rate
from tallystick.core.rating.usage import Quantity
from tallystick.core.span import fee_exact, quantity_for, share_of
from tallystick.core.terms import item_plan, prices_of, scaled_allowance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.catalog import Plan
    from tallystick.core.charge import Charge, Due
    from tallystick.core.period import Instant, Period
    from tallystick.core.price import Price
    from tallystick.core.proration import TimeShare
    from tallystick.core.rating import RatedLine
    from tallystick.core.rating.line import Earlier
    from tallystick.core.rating.usage import Measured

__all__ = ["Late", "OneOff", "Used", "counts_for_minimum", "minimum_line", "rated_lines"]

_ONE: Final = Decimal(1)
_KEPT: Final = 8_192
_FEES: Final[dict[tuple[int, Decimal], tuple[Price, Mapping[str, Any]]]] = {}
_FOR_MINIMUM: Final = frozenset({"fee", "usage", "late", "credit"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What was used, for one charge: of which group, how much, what earlier slices billed of it.

    For a credit capped by value it is one allowance of the plan: so much of `included` was used.
    `last` is False for a slice that is billed before the window ends (a threshold).  A `gauge` says
    what there was at a time: in a part of a period there is as much of it, for less time.
    """

    measured: Measured
    group: tuple[tuple[str, str | None], ...] = ()
    earlier: Earlier | None = None
    last: bool = True
    included: Decimal | None = None
    gauge: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """Usage of a window that was billed before: what it comes to now, and what was billed.

    `events` names the first of the events that came late, of `count` in all.
    """

    charge: Charge
    used: Used
    billed: int
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
    creditable: Mapping[int, int] = FrozenDict(),
) -> tuple[InvoiceLine, ...]:
    """Price every charge but the minimum: the due's own in their order, then late usage, items.

    Usage that nobody had gives no line, unless its price asks for something all the same.  A credit
    gives back no more than is `creditable`, by its place.
    """
    lines: list[InvoiceLine] = []
    for place, charge in enumerate(due.charges):
        lines += _lines(charge, offers, used.get(place, ()), creditable.get(place))
    lines += [line for each in late if (line := _late_line(each, offers)) is not None]
    return (*lines, *map(_one_off, items))


def _lines(
    charge: Charge, offers: Mapping[str, Plan[Any]], used: Sequence[Used], left: int | None
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
    time = _time(charge)
    amount = settle(exact, price.currency) if time is None else _part(exact, time, price)
    return _line(charge, offers, price, exact, amount=amount, time=time)


def _credit(
    charge: Charge, offers: Mapping[str, Plan[Any]], used: Sequence[Used], left: int | None
) -> InvoiceLine:
    """Price the rest of a fee that is given back, within what was invoiced and is left.

    `left` is what documents left of it: less than the moves know of, where an invoice was void or
    somebody gave back by hand.
    """
    price = prices_of(charge.item, offers)[charge.price]
    exact = fee_exact(price, charge.item)
    time = _time(charge)
    whole = settle(exact, price.currency) if time is None else _part(exact, time, price)
    minor = whole.minor if charge.cap is None else min(whole.minor, charge.cap)
    capped: dict[str, Any] = {} if charge.cap is None else {"cap": charge.cap}
    if charge.by_value:
        unused = _unused(used)
        minor = min(minor, round_quotient(Fraction(exact) * unused))
        capped["unused"] = [str(unused.numerator), str(unused.denominator)]
    if left is not None and left < minor:
        minor = capped["creditable"] = left
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
    return Money(round_quotient(Fraction(exact) * time.fraction), price.currency)


def _time(charge: Charge) -> TimeShare | None:
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
    zero = Money.zero(amount.currency)
    return InvoiceLine(
        kind=charge.kind,
        description=_name(charge, offers, price),
        price=charge.price,
        item=charge.item.key,
        offer=charge.item.offer,
        window=charge.window,
        part=charge.part,
        quantity=quantity,
        billed=quantity,
        unit=price.unit,
        unit_price=price.shape.unit if isinstance(price.shape, PerUnit) else None,
        share=None if time is None or time.part == time.whole else (time.part, time.whole),
        amount=amount,
        discount=zero,
        credit=zero,
        tax=zero,
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


def _name(charge: Charge, offers: Mapping[str, Plan[Any]], price: Price | None) -> str:
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
    price = prices_of(charge.item, offers)[charge.price]
    time = _cut(charge)
    if time is None:
        return rate(price, used.measured, earlier=used.earlier, last=used.last)
    if not used.gauge:
        price = scaled_allowance(price, time.part, time.whole)
        return rate(price, used.measured, earlier=used.earlier, last=used.last)
    rated = rate(price, used.measured, last=used.last)
    amount = _part(rated.exact, time, price)
    return replace(rated, amount=amount if used.earlier is None else amount - used.earlier.billed)


def _cut(charge: Charge) -> TimeShare | None:
    """Give the share of the period that a change left of it; None where nothing cut it."""
    time = _time(charge) if charge.cut else None
    return None if time is None or time.part == time.whole else time


def _evidence(charge: Charge, rated: RatedLine, used: Used, **more: object) -> Mapping[str, Any]:
    if not used.gauge or _cut(charge) is None:
        return evidence_of(rated, more=more)
    if used.earlier is not None:
        more["earlier"] = used.earlier.billed.minor
    return evidence_of(rated, exact=rated.exact, more=more)


def _usage(charge: Charge, offers: Mapping[str, Plan[Any]], used: Used) -> InvoiceLine | None:
    """Give the line of what was measured."""
    rated = _rated(charge, offers, used)
    if not rated.measured and not rated.amount.minor:
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
    zero = Money.zero(amount.currency)
    return InvoiceLine(
        kind=charge.kind,
        description=_name(charge, offers, price),
        price=charge.price,
        item=charge.item.key,
        offer=charge.item.offer,
        window=charge.window,
        group=used.group,
        part=charge.part,
        quantity=rated.measured,
        billed=rated.billed,
        unit=price.unit,
        unit_price=price.shape.unit if isinstance(price.shape, PerUnit) else None,
        share=None if time is None else (time.part, time.whole),
        amount=amount,
        discount=zero,
        credit=zero,
        tax=zero,
        evidence=_evidence(charge, rated, used),
    )


def _late_line(late: Late, offers: Mapping[str, Plan[Any]]) -> InvoiceLine | None:
    """Give what a billed window comes to now, less what was billed; None for no difference."""
    rated = _rated(late.charge, offers, late.used)
    amount = Money(rated.amount.minor - late.billed, rated.currency)
    if not amount.minor:
        return None
    line = _used_line(late.charge, offers, late.used, rated, amount)
    more = {"billed": late.billed, "events": list(late.events), "count": late.count}
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
    return _plain(charge, f"{_name(charge, offers, None)} set-up", amount)


def _plain(charge: Charge, description: str, amount: Money, **evidence: object) -> InvoiceLine:
    zero = Money.zero(amount.currency)
    return InvoiceLine(
        kind=charge.kind,
        description=description,
        price=charge.price,
        item=charge.item.key,
        offer=charge.item.offer,
        window=charge.window,
        part=charge.part,
        quantity=_ONE,
        billed=_ONE,
        amount=amount,
        discount=zero,
        credit=zero,
        tax=zero,
        evidence=FrozenDict(evidence),
    )


def minimum_line(
    charge: Charge,
    offers: Mapping[str, Plan[Any]],
    before: int,
    lines: Sequence[InvoiceLine],
) -> InvoiceLine | None:
    """Give what is missing to a minimum commitment; None where nothing is.

    Fees and usage of the item count, of its window, after their discounts: those that earlier
    documents asked for (`before`, minor units) and those of this one.
    """
    plan = item_plan(charge.item, offers)
    time = _time(charge)
    if plan.minimum_commitment is None or time is None or charge.window is None:
        return None
    here = sum(
        line.amount.minor - line.discount.minor
        for line in lines
        if counts_for_minimum(charge, line.kind, line.item, line.window)
    )
    billed = Money(before + here, plan.currency)
    minimum = settle(plan.minimum_commitment, plan.currency)
    asked = share(minimum, time)
    gap = max(asked - billed, Money.zero(plan.currency))
    if not gap.minor:
        return None
    name = f"{_name(charge, offers, None)} minimum commitment"
    return _plain(
        charge, name, gap, minimum=minimum.minor, share=[time.part, time.whole], billed=billed.minor
    )


def counts_for_minimum(charge: Charge, kind: str, item: str, window: Period | None) -> bool:
    """Whether a line counts for a minimum commitment: a fee, usage, or what was given back of it.

    It counts where it begins; what was given back, in the window of the fee that it is of.
    """
    mine = charge.window
    if mine is None or window is None or item != charge.item.key or kind not in _FOR_MINIMUM:
        return False
    if kind == "credit":
        return _is_given_back(charge, mine, window.start)
    return mine.start <= window.start < mine.end


def _is_given_back(charge: Charge, mine: Period, at: Instant) -> bool:
    """Whether what is given back from an instant on was charged for this window.

    What cuts a period gives back the rest of its fees from the cut on: they are of the window that
    ends there, and not of the one that begins.  A pause moved the start of the whole back.
    """
    whole = charge.whole or mine
    paused = sum((hole.end - hole.start for hole in charge.holes), timedelta())
    if at == mine.start:
        return mine.start - whole.start <= paused
    return mine.start < at < mine.end or (at == mine.end and mine.end < whole.end)


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
