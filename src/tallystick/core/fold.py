"""What a meter's quantity is: a plain walk over raw events, which everything faster must equal."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Final, assert_never

from tallystick.core.number import QUANTITY_DECIMALS, ZERO, exact_sum, plain, round_quotient_to
from tallystick.core.reading import key_text, readings_of
from tallystick.errors import InvalidUsage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tallystick.core.event import UsageEvent
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant, Period
    from tallystick.core.reading import Group, Reading

__all__ = ["fold", "fold_by", "rounded", "selects", "shrunk"]

_MICRO: Final = timedelta(microseconds=1)


def fold(
    meter: Meter,
    events: Iterable[UsageEvent],
    period: Period,
    *,
    group: Mapping[str, str | None] | None = None,
    as_of: Instant | None = None,
) -> Decimal:
    """Give a meter's quantity for a period from one customer's raw events: the definition.

    * `count` the readings, `sum`, `min`, `max` of their values, `average` the sum by the number,
      `unique` the number of different texts.
    * `last`: the value of the last reading in the period; with none in it, the one in force at
      its start, as a gauge says what exists until it says otherwise.
    * `time_weighted`: a reading sets the level from its time to the next one; the integral over
      the period divided by its length.  Before the first the level is 0.

    Nothing at all is 0.  What is no whole decimal is rounded once, half away from zero, to the
    meter's `rounding` or to 12 decimals.  `group` picks groups by some of the `group_by`
    properties; where a meter has groups, `last` and `time_weighted` add the groups' levels.

    Raises InvalidUsage for a property that the meter is not grouped by.
    """
    readings = readings_of(meter, events, as_of=as_of)
    return _quantity(meter, [r for r in readings if selects(meter, group or {}, r.group)], period)


def fold_by(
    meter: Meter,
    events: Iterable[UsageEvent],
    period: Period,
    by: Sequence[str],
    *,
    as_of: Instant | None = None,
) -> dict[Group, Decimal]:
    """Give the quantity of each group, told apart by some of the meter's `group_by` properties.

    A group is there when it has a reading in the period or, for `last` and `time_weighted`,
    before it.  Raises InvalidUsage for a property that the meter is not grouped by.
    """
    held = meter.aggregation in {"last", "time_weighted"}
    groups: dict[Group, list[Reading]] = {}
    for reading in readings_of(meter, events, as_of=as_of):
        if reading.at in period or (held and reading.at < period.start):
            groups.setdefault(shrunk(meter, by, reading.group), []).append(reading)
    return {group: _quantity(meter, taken, period) for group, taken in groups.items()}


def selects(meter: Meter, wanted: Mapping[str, str | None], group: Group) -> bool:
    """Whether a group has the texts that are asked for; the other properties may say anything.

    A long text is found by itself and by its short form, as an answer shows it.
    Raises InvalidUsage for a property that the meter is not grouped by.
    """
    of = dict(zip(meter.group_by, group, strict=True))
    return all(of[_known(meter, name)] in {text, key_text(text)} for name, text in wanted.items())


def shrunk(meter: Meter, by: Sequence[str], group: Group) -> Group:
    """Give the part of a group that tells groups apart by some properties only, in their order.

    Raises InvalidUsage for a property that the meter is not grouped by.
    """
    of = dict(zip(meter.group_by, group, strict=True))
    return tuple(of[_known(meter, name)] for name in by)


def rounded(meter: Meter, exact: Fraction) -> Decimal:
    """Round a quantity once: to the meter's decimals, else a quotient to 12."""
    decimals = QUANTITY_DECIMALS if meter.rounding is None else meter.rounding
    return Decimal(plain(round_quotient_to(exact, decimals)))


def _known(meter: Meter, name: str) -> str:
    if name not in meter.group_by:
        known = ", ".join(meter.group_by) or "nothing"
        text = f"meter {meter.key!r} is not grouped by {name[:60]!r}: only by {known}"
        raise InvalidUsage(text, {"group_by": [text]})
    return name


def _quantity(meter: Meter, readings: Sequence[Reading], period: Period) -> Decimal:
    values = [reading.value for reading in readings if reading.at in period]
    match meter.aggregation:
        case "count":
            exact = Fraction(len(values))
        case "sum":
            exact = Fraction(exact_sum(*values))
        case "min":
            exact = Fraction(min(values, default=ZERO))
        case "max":
            exact = Fraction(max(values, default=ZERO))
        case "average":
            exact = Fraction(exact_sum(*values)) / (len(values) or 1)
        case "unique":
            exact = Fraction(len({r.label for r in readings if r.at in period}))
        case "last":
            held = (taken[-1].value for taken in _groups(readings, period))
            exact = Fraction(exact_sum(*held))
        case "time_weighted":
            areas = (_area(taken, period) for taken in _groups(readings, period))
            exact = sum(areas, Fraction()) / _micros(period.start, period.end)
        case _:
            assert_never(meter.aggregation)
    return rounded(meter, exact)


def _groups(readings: Sequence[Reading], period: Period) -> list[list[Reading]]:
    """Tell apart what has a level of its own: all until the period's end, by group."""
    groups: dict[Group, list[Reading]] = {}
    for reading in readings:
        if reading.at < period.end:
            groups.setdefault(reading.group, []).append(reading)
    return list(groups.values())


def _area(readings: Sequence[Reading], period: Period) -> Fraction:
    starts = [max(reading.at, period.start) for reading in readings]
    steps = zip(readings, pairwise([*starts, period.end]), strict=True)
    return sum(
        (Fraction(r.value) * _micros(since, until) for r, (since, until) in steps), Fraction()
    )


def _micros(since: Instant, until: Instant) -> int:
    return (until - since) // _MICRO
