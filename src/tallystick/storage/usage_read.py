"""Reading a meter: whole days from the roll-ups, the rest of the period from the events."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from tallystick.core.aggregate import Cut, DayState, Span, cut, day_of, quantity_of_states
from tallystick.core.calendar import boundary
from tallystick.core.fold import selects, shrunk
from tallystick.core.number import ZERO, exact_sum
from tallystick.core.period import Cadence, Period
from tallystick.errors import InvalidPeriod, InvalidUsage
from tallystick.storage.usage_asked import HELD, midnight_of
from tallystick.storage.usage_known import known_by_days, known_by_events

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import date
    from decimal import Decimal

    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant
    from tallystick.core.reading import Group, Reading
    from tallystick.storage.unit import Unit
    from tallystick.storage.usage_known import Known

__all__ = ["Figure", "Window", "figures_of", "read_figures", "windows_of"]

Window: TypeAlias = Literal["hour", "day", "month"]
"""What a period can be cut into: stretches of the UTC calendar."""

_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)
_MOST_WINDOWS: Final = 10_000
_MOST_FIGURES: Final = 10_000
_MOST_LEVELS: Final = 200_000  # of a group at the start of a window, in one answer
_AT: Final = attrgetter("at")


@dataclass(frozen=True, slots=True)
class Figure:
    """A quantity: of which part of the period, and of which group where groups are told apart."""

    period: Period
    quantity: Decimal
    group: Group = ()


# --- windows --------------------------------------------------------------------------------------


def windows_of(period: Period, window: Window | None) -> list[Period]:
    """Cut a period at every full hour, midnight or first of a month, UTC.

    Raises InvalidPeriod for more than 10,000 parts, and for a window there is none of.
    """
    if window is None:
        return [period]
    found: list[Period] = []
    for at in _cuts(period.start, window):
        start = max(at, period.start)
        if start >= period.end:
            return found
        if len(found) == _MOST_WINDOWS:
            raise InvalidPeriod(f"the period has more than {_MOST_WINDOWS:,} windows: ask for less")
        found.append(Period(start, min(_next(at, window), period.end)))
    return found


def _cuts(start: Instant, window: Window) -> Iterator[Instant]:
    if window not in {"hour", "day", "month"}:
        raise InvalidPeriod(f"a window is an hour, a day or a month, not {str(window)[:40]!r}")
    at = start.replace(minute=0, second=0, microsecond=0)
    if window != "hour":
        at = at.replace(hour=0)
    if window == "month":
        at = at.replace(day=1)
    while True:
        yield at
        at = _next(at, window)


def _next(at: Instant, window: Window) -> Instant:
    if window == "month":
        return boundary(at, Cadence("month"), 1)
    return at + (_HOUR if window == "hour" else _DAY)


# --- reading --------------------------------------------------------------------------------------


def read_figures(
    unit: Unit,
    meter: Meter,
    customer: str,
    period: Period,
    *,
    group: Mapping[str, str | None] | None = None,
    group_by: Sequence[str] = (),
    window: Window | None = None,
    as_of: Instant | None = None,
) -> list[Figure]:
    """Give a meter's figures, equal to a fold over the raw events.

    Raises InvalidUsage for a property that the meter is not grouped by, InvalidPeriod; either for
    more than 10,000 figures.
    """
    windows = windows_of(period, window)
    names = tuple(dict.fromkeys(group_by))
    for asked in (dict.fromkeys(names), group or {}):
        selects(meter, asked, (None,) * len(meter.group_by))  # a property it is not grouped by
    kept = as_of is None and window != "hour"
    known = known_by_days(unit, meter, customer, period) if kept else None
    days = known is not None
    if known is None:
        known = known_by_events(unit, meter, customer, period, as_of)
    return figures_of(meter, known, windows, names, group or {}, days=days)


def figures_of(
    meter: Meter,
    known: Mapping[Group, Known],
    windows: Sequence[Period],
    names: Sequence[str],
    group: Mapping[str, str | None],
    *,
    days: bool,
) -> list[Figure]:
    """Give the figures of what is known; `days` says that whole days are known as such.

    Raises InvalidUsage and InvalidPeriod for an answer that would be too long.
    """
    shown = {each: shrunk(meter, names, each) for each in known if selects(meter, group, each)}
    _check(meter, windows, shown)
    figures: list[Figure] = []
    for part, here in zip(windows, _present(meter, known, windows, shown), strict=True):
        whole = cut(part) if days else Cut(day_of(part.start), day_of(part.start), (part,))
        spans: dict[Group, list[Span]] = {} if names else {(): []}
        for each in here:
            span = _span(meter, known[each], part, whole)
            if span is not None:
                spans.setdefault(shown[each], []).append(span)
        figures += _figures(meter, part, spans)
    return figures


def _check(meter: Meter, windows: Sequence[Period], shown: Mapping[Group, Group]) -> None:
    """Refuse a question whose answer would be too long, or takes too long to work out."""
    groups, count = len(set(shown.values())), len(windows)
    levels = count * len(shown) if meter.aggregation in HELD else 0
    if count * groups <= _MOST_FIGURES and (count == 1 or levels <= _MOST_LEVELS):
        return
    if count == 1:
        text = f"{groups:,} groups are more than {_MOST_FIGURES:,} figures: name fewer properties"
        raise InvalidUsage(f"group_by: {text}", {"group_by": [text]})
    raise InvalidPeriod(
        f"{count:,} windows of {len(shown):,} groups are too many for one answer (it has at most "
        f"{_MOST_FIGURES:,} figures): ask for less time or longer windows, or name fewer "
        "properties to group by"
    )


def _present(
    meter: Meter, known: Mapping[Group, Known], windows: Sequence[Period], shown: Collection[Group]
) -> list[Collection[Group]]:
    """Give the groups that may have a figure in each window."""
    if len(windows) == 1 or meter.aggregation in HELD:
        return [shown] * len(windows)
    starts = [part.start for part in windows]
    found: list[set[Group]] = [set() for _ in windows]
    for group in shown:
        times = [reading.at for reading in known[group].readings]
        times += [midnight_of(day) for day, _ in known[group].days]
        for at in times:
            found[bisect_right(starts, at) - 1].add(group)
    return list(found)


def _figures(meter: Meter, part: Period, spans: Mapping[Group, Sequence[Span]]) -> Iterator[Figure]:
    for group in sorted(spans, key=_shown_order):
        yield Figure(part, quantity_of_states(meter, part, spans[group]), group)


def _shown_order(group: Group) -> list[tuple[bool, str]]:
    return [(text is not None, text or "") for text in group]


def _span(meter: Meter, facts: Known, part: Period, whole: Cut) -> Span | None:
    """Give what is known of a group in one window; None where it has no figure there."""
    first = bisect_left(facts.days, whole.first, key=_day_of)
    after = bisect_left(facts.days, whole.after, key=_day_of)
    states = [state for _, state in facts.days[first:after]]
    edges = [reading for edge in whole.edges for reading in _between(facts.readings, edge)]
    if meter.aggregation in HELD:
        before = _level(facts, part, first)
        if not (states or edges or before is not None):
            return None
        if meter.aggregation == "last":
            states, edges = states[-1:], edges[-1:]
        return Span(states=tuple(states), edges=tuple(edges), before=before or ZERO)
    if not (states or edges):
        return None
    labels = {text for day, text in facts.labels if whole.first <= day < whole.after}
    labels.update(reading.label for reading in edges if reading.label is not None)
    return Span(states=(_together(states, edges, part),), labels=frozenset(labels))


def _day_of(entry: tuple[date, DayState]) -> date:
    return entry[0]


def _together(states: Sequence[DayState], edges: Sequence[Reading], part: Period) -> DayState:
    """Put days and readings together where neither their times nor their order matter."""
    values = [reading.value for reading in edges]
    return DayState(
        n=sum(state.n for state in states) + len(values),
        total=exact_sum(*(state.total for state in states), *values),
        least=min([state.least for state in states] + values),
        most=max([state.most for state in states] + values),
        first_at=part.start,
        last_at=part.start,
        last_order=0,
        last_value=ZERO,
    )


def _between(readings: Sequence[Reading], part: Period) -> Sequence[Reading]:
    first = bisect_left(readings, part.start, key=_AT)
    return readings[first : bisect_left(readings, part.end, key=_AT)]


def _level(facts: Known, part: Period, first: int) -> Decimal | None:
    """Give the level of a group at the start of a window; None before its first reading."""
    place = bisect_left(facts.readings, part.start, key=_AT)
    reading = facts.readings[place - 1] if place else None
    state = facts.days[first - 1][1] if first else None
    if reading is not None and (state is None or state.last_at < reading.at):
        return reading.value
    return facts.before if state is None else state.last_value
