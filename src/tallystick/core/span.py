"""Stretches of time that a price covers: their ends, what is charged for them, what is given back.

Everything is counted by the second.  A pause within a period (a hole) is no part of it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeVar

from tallystick.core.calendar import next_boundary, period_containing
from tallystick.core.charge import Charge
from tallystick.core.number import exact_product, round_half_away, round_quotient
from tallystick.core.period import Period
from tallystick.core.proration import TimeShare
from tallystick.core.rating import rate
from tallystick.core.rating.usage import Quantity
from tallystick.core.subscription import MAIN, Paid, Span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallystick.core.period import Cadence, Instant
    from tallystick.core.price import Price
    from tallystick.core.subscription import Item

__all__ = [
    "MINIMUM",
    "closing",
    "credit_for",
    "credit_minor",
    "fee_charge",
    "fee_exact",
    "fee_minor",
    "new_span",
    "paid_for",
    "period_around",
    "period_from",
    "quantity_for",
    "share_of",
    "with_hole",
    "with_pause",
]

MINIMUM: Final = ""
"""The `price` of a span that stands for a plan's minimum commitment."""

_SECOND: Final = timedelta(seconds=1)
_ONE: Final = Decimal(1)
_KEPT: Final = 8_192
# Many subscriptions have one price and as many seats; a price is known by being that very one.
_FEES: Final[dict[tuple[int, int, bool], tuple[Price, Decimal]]] = {}


def share_of(window: Period, whole: Period, holes: Iterable[Period] = ()) -> TimeShare:
    """Give a window's share of the whole period in seconds; holes count for neither.

    Where holes leave nothing of the period, the share is nothing of it.
    """
    holes = tuple(holes)
    return TimeShare(_seconds(window, holes), _seconds(whole, holes) or whole.seconds)


def _seconds(period: Period, holes: tuple[Period, ...]) -> int:
    if not holes:
        return period.seconds
    lost = (hole.intersection(period) for hole in holes)
    return period.seconds - sum(part.seconds for part in lost if part is not None)


def quantity_for(item: Item, price: Price) -> Decimal:
    """Give what a fee is multiplied by: seats, how many of an add-on are had, or one."""
    return Decimal(item.seats) if price.basis == "seats" or item.key != MAIN else _ONE


def fee_exact(price: Price, item: Item) -> Decimal:
    """Give what a flat or per-seat price asks for a whole period, unrounded minor units."""
    key = (id(price), item.seats, item.key == MAIN)
    known = _FEES.get(key)
    if known is None or known[0] is not price:  # another had its place in memory once
        if len(_FEES) >= _KEPT:
            _FEES.clear()
        known = _FEES[key] = (price, _fee_exact(price, item))
    return known[1]


def _fee_exact(price: Price, item: Item) -> Decimal:
    if price.basis == "seats":
        return rate(price, Quantity(Decimal(item.seats))).exact
    return exact_product(rate(price, Quantity(_ONE)).exact, quantity_for(item, price))


def fee_minor(price: Price, item: Item, share: TimeShare) -> int:
    """Give what it asks for a share of the period: minor units, rounded once, half away from zero.

    Raises OutOfBounds.
    """
    exact = fee_exact(price, item)
    if share.part == share.whole:
        return round_half_away(exact)
    return round_quotient(Fraction(exact) * share.fraction)


period_around: Final = lru_cache(maxsize=_KEPT)(period_containing)
"""`core.calendar.period_containing`, which many subscriptions of one day ask alike."""


@lru_cache(maxsize=_KEPT)
def period_from(
    start: Instant, anchor: Instant, cadence: Cadence, zone: str | None
) -> tuple[Instant, Period]:
    """Give the end of the period that begins at an instant, and the whole one it is a part of.

    A start on the anchor's day runs whole intervals; any other runs to the next anchor date, and is
    a part of the period between the two anchor dates around it.
    """
    end = next_boundary(start, anchor, cadence, zone)
    around = period_around(anchor, cadence, start, zone)
    return end, around if around.end == end else Period(start, end)


def new_span(
    item: Item,
    price: str,
    times: tuple[Instant, Instant, Period],
    *,
    advance: bool,
    holes: tuple[Period, ...] = (),
    cut: bool = False,
) -> Span:
    """Begin a span: `times` are its start, its end and the whole period it is a part of."""
    start, end, whole = times
    return Span(
        item=item,
        price=price,
        start=start,
        end=end,
        whole=whole,
        advance=advance,
        holes=holes,
        cut=cut,
    )


def fee_charge(span: Span, part: str = "") -> Charge:
    """Give the charge for a span in advance."""
    return Charge(
        kind="fee",
        item=span.item,
        price=span.price,
        window=Period(span.start, span.end),
        whole=span.whole,
        holes=span.holes,
        part=part,
    )


def closing(span: Span, at: Instant, part: str = "", *, cut: bool = False) -> Charge | None:
    """Give the charge in arrears for a span that ends at an instant; None for one in advance.

    None, too, where nothing but a pause is left of it.
    """
    if span.advance or at <= span.start:
        return None
    window = Period(span.start, at)
    if span.holes and not share_of(window, span.whole, span.holes).part:
        return None
    return Charge(
        kind="usage" if span.price != MINIMUM else "minimum",
        item=span.item,
        price=span.price,
        window=window,
        whole=span.whole,
        holes=span.holes,
        cut=cut or span.cut,
        part=part,
    )


def credit_minor(price: Price, span: Span | Paid, at: Instant) -> int:
    """Give what is given back for the rest of a fee: never more than was invoiced and is left.

    The rest is what the list says by the second, rounded once, half away from zero.
    """
    if at >= span.end:
        return 0
    rest = share_of(Period(max(at, span.start), span.end), span.whole, span.holes)
    return max(0, min(fee_minor(price, span.item, rest), span.invoiced))


def paid_for(span: Span) -> tuple[Paid, ...]:
    """Give the fees that were charged for the time of a span: its own, or those it took over."""
    if span.paid or not span.invoiced:
        return span.paid
    return (
        Paid(
            item=span.item,
            price=span.price,
            start=span.start,
            end=span.end,
            whole=span.whole,
            invoiced=span.invoiced,
            holes=span.holes,
        ),
    )


def credit_for(
    span: Span, at: Instant, part: str, *, by_value: bool, paid: tuple[Paid, ...] = ()
) -> Charge:
    """Give the credit for the rest of a span, as a charge.

    `paid` is what the rest of the fees comes to whose time it took over.
    """
    return Charge(
        kind="credit",
        item=span.item,
        price=span.price,
        window=Period(max(at, span.start), span.end),
        whole=span.whole,
        holes=span.holes,
        cap=sum(each.invoiced for each in paid) if span.paid else span.invoiced,
        paid=paid,
        by_value=by_value,
        period=Period(span.start, span.end) if by_value else None,
        part=part,
    )


def with_hole(span: Span, hole: Period, *, moved: timedelta) -> Span:
    """Take a pause out of a span, and move its end on by it."""
    paid = tuple(_moved(each, hole, moved) for each in span.paid)
    return replace(_moved(span, hole, moved), paid=paid)


_S = TypeVar("_S", Span, Paid)


def _moved(span: _S, hole: Period, moved: timedelta) -> _S:
    whole = Period(span.whole.start, span.whole.end + moved)
    return replace(span, end=span.end + moved, whole=whole, holes=(*span.holes, hole))


def with_pause(span: Span, pause: Period) -> Span:
    """Take out a pause that leaves the boundaries.

    The allowance of a period stays whole for what is left of it.  A minimum commitment counts for
    the share of the period that was not paused, so its whole keeps its length.
    """
    whole = span.whole
    if span.price == MINIMUM:
        whole = Period(whole.start - (pause.end - pause.start), whole.end)
    return replace(span, whole=whole, holes=(*span.holes, pause))
