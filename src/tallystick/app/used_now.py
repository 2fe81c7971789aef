"""What is used, held and granted of many features of many customers, where there is any."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from tallystick.app.entitlement import counts_of, held_within
from tallystick.app.unit_grants import granted_of
from tallystick.core.access import Counted
from tallystick.core.number import EXACT, ZERO, exact_product, exact_sum
from tallystick.storage.held import held
from tallystick.storage.usage_batch import ready_meters, rounded_quantity
from tallystick.storage.usage_known import PlainReader
from tallystick.storage.usage_stretches import with_corrections
from tallystick.storage.used_days import used_days, used_edges

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tallystick.app.entitlement import Asked
    from tallystick.app.plan_shelf import Prepared
    from tallystick.core.access import Given
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit
    from tallystick.storage.used_days import Days, DaysUsed

__all__ = ["Question", "used_now"]

Question: TypeAlias = "tuple[Asked, Prepared]"
"""A question, and the feature that it is about."""

_NOTHING: Final = Counted()
_Used: TypeAlias = "Mapping[tuple[str, Days, str], DaysUsed]"


class _Plain(NamedTuple):
    """A question that the roll-ups answer."""

    place: int
    one: Asked
    given: Given
    meter: Meter
    days: Days
    of: Prepared


def used_now(
    unit: Unit, at: Instant, now: Instant, asked: Sequence[Question]
) -> dict[int, Counted]:
    """Give what counts, by the place of the question, of all of which there may be anything.

    What is missing in the answer is not used, not held and not granted.
    """
    if all(of.meter is None for _, of in asked):
        return {}
    ready = ready_meters(unit)
    plain: list[_Plain] = []
    others: list[int] = []
    for place, (one, of) in enumerate(asked):
        if of.meter is None:
            continue
        if of.days is None or one.used is not None or of.digest not in ready:
            others.append(place)
        else:
            plain.append(_Plain(place, one, of.given, of.meter, of.days, of))
    found, corrected = _by_days(unit, at, now, plain)
    others += corrected  # what the events say goes before what was found of these
    read = [(asked[place][0], asked[place][1].given, asked[place][1].meter) for place in others]
    return {**found, **dict(zip(others, counts_of(unit, at, now, read), strict=True))}


def _by_days(
    unit: Unit, at: Instant, now: Instant, asked: Sequence[_Plain]
) -> tuple[dict[int, Counted], set[int]]:
    """Give what counts by the roll-ups, and the places of what was corrected where it matters."""
    if not asked:
        return {}, set()
    spans = {(each.one.customer, each.days) for each in asked}
    customers = sorted({customer for customer, _ in spans})
    days = {(each.customer, each.days, each.digest): each for each in used_days(unit, spans)}
    reserved = held(unit, customers, now)
    wanted = [(each.one.customer, each.given, each.meter) for each in asked]
    granted = {
        each.place: units
        for each, units in zip(asked, granted_of(unit, at, now, wanted), strict=True)
        if units
    }
    busy = {key[0] for keys in (days, reserved) for key in keys}
    some = [each for each in asked if each.one.customer in busy or each.place in granted]
    outside, corrected = _outside(unit, some, days)
    found: dict[int, Counted] = {}
    for place, one, given, meter, span, of in some:
        mine = reserved.get((one.customer, meter.key), ())
        open_, lost = held_within(mine, given, at, now)
        known = days.get((one.customer, span, of.digest))
        used = ZERO if known is None else _figure(meter, known, outside.get(place, ZERO))
        counts = Counted(exact_sum(used, lost), open_, granted.get(place, ZERO))
        if counts != _NOTHING:
            found[place] = counts
    return found, corrected


def _figure(meter: Meter, known: DaysUsed, outside: Decimal) -> Decimal:
    total = Decimal(known.n) if meter.aggregation == "count" else known.total
    return max(ZERO, rounded_quantity(EXACT.subtract(total, outside), meter.rounding))


def _outside(
    unit: Unit, asked: Iterable[_Plain], days: _Used
) -> tuple[dict[int, Decimal], set[int]]:
    """Give what lies on ragged days outside the periods, and the places of what was corrected."""
    wanted: list[tuple[_Plain, tuple[str, str, Instant, Instant]]] = []
    for each in asked:
        known = days.get((each.one.customer, each.days, each.of.digest))
        if known is not None and known.ragged:
            key = each.one.customer, each.meter.event_type
            wanted += [(each, (*key, edge.start, edge.end)) for edge in each.of.edges]
    if not wanted:
        return {}, set()
    changed = with_corrections(unit, {each.one.customer for each, _ in wanted})
    corrected = {each.place for each, _ in wanted if each.one.customer in changed}
    found: dict[int, Decimal] = defaultdict(Decimal)
    for number, said, n, plain in used_edges(unit, [edge for _, edge in wanted]):
        place, meter = wanted[number][0].place, wanted[number][0].meter
        reading = PlainReader(meter)[said] if plain else None
        if reading is not None:
            value = Decimal(1) if meter.aggregation == "count" else reading.value
            found[place] = exact_sum(found[place], exact_product(value, Decimal(n)))
    return found, corrected
