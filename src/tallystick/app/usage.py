"""Recording usage exactly once, correcting it, and reading what it comes to.

Every use case takes a unit of work and leaves the commit to whoever opened it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tallystick.app.recording import Late, Recorded, Rejection, Status, recorded
from tallystick.core.period import instant
from tallystick.storage.usage import stored_events
from tallystick.storage.usage_read import Figure, Window, read_figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from decimal import Decimal

    from tallystick.core.event import UsageEvent
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant, Period
    from tallystick.storage.unit import Unit

__all__ = [
    "Figure",
    "Late",
    "Recorded",
    "Rejection",
    "Status",
    "Window",
    "export",
    "quantity",
    "read",
    "record",
    "record_many",
]

# --- recording ------------------------------------------------------------------------------------


def record(
    unit: Unit, item: object, meters: Mapping[str, Meter], at: Instant
) -> Literal["accepted", "duplicate"]:
    """Store one event, as `record_many` does.

    Raises InvalidUsage, Conflict (the id is taken by another body, the target was voided) and
    NotFound (the target of a correction).
    """
    outcome = record_many(unit, [item], meters, at)
    for rejection in outcome.rejected:
        raise rejection.error
    return "accepted" if outcome.accepted else "duplicate"


def record_many(
    unit: Unit, items: Iterable[object], meters: Mapping[str, Meter], at: Instant
) -> Recorded:
    """Store events and corrections, each once for ever, with the roll-ups of every ready meter.

    An item is a UsageEvent, plain values to parse as one, or the InvalidUsage that parsing
    raised.  They are taken in their order, but events of use before the corrections.  `meters` are
    the catalogue's: they say what is refused at the door.  `at` is when the items arrived, unless
    they say so themselves.

    A bad item is rejected and takes no other with it.  What is stored already with the same digest
    is a duplicate, and changes nothing.
    """
    return recorded(unit, items, meters.values(), instant(at))


# --- reading --------------------------------------------------------------------------------------


def read(
    unit: Unit,
    meter: Meter,
    customer: str,
    period: Period,
    *,
    group: Mapping[str, str | None] | None = None,
    group_by: Sequence[str] = (),
    window: Window | None = None,
    as_of: Instant | None = None,
) -> tuple[Figure, ...]:
    """Give a meter's figures for one customer and a half-open period.

    One figure; with `window` one for each hour, day or month of the UTC calendar, the first and
    the last as far as the period goes; with `group_by` one for each group that has any, told apart
    by some of the meter's own `group_by`.  `group` picks groups.  `as_of` looks back: what arrived
    after it is not seen.  Read in a unit of `storage.look()` to see one moment throughout.

    Raises InvalidUsage for a property that the meter is not grouped by, InvalidPeriod; one of them
    where the answer would have more than 10,000 figures.
    """
    unit.as_customer(customer)
    back = None if as_of is None else instant(as_of)
    return tuple(
        read_figures(
            unit,
            meter,
            customer,
            period,
            group=group,
            group_by=group_by,
            window=window,
            as_of=back,
        )
    )


def quantity(
    unit: Unit,
    meter: Meter,
    customer: str,
    period: Period,
    *,
    group: Mapping[str, str | None] | None = None,
    as_of: Instant | None = None,
) -> Decimal:
    """Give a meter's quantity for one customer and a half-open period: `read`, in one figure."""
    (figure,) = read(unit, meter, customer, period, group=group, as_of=as_of)
    return figure.quantity


def export(
    unit: Unit, *, customer: str | None = None, period: Period | None = None
) -> Iterator[UsageEvent]:
    """Give the stored events and corrections in the order of arrival, one by one.

    Memory stays small, however many there are.
    """
    if customer is None:
        unit.as_all()
    else:
        unit.as_customer(customer)
    return stored_events(unit, customer=customer, period=period)
