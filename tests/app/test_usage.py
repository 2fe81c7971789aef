"""Usage, recorded and read: windows, groups, looking back; one event at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.app.meters import prepare
from tallystick.app.usage import Window, export, quantity, read, record, record_many
from tallystick.core.fold import fold, fold_by
from tallystick.core.period import Period
from tallystick.errors import Conflict, InvalidPeriod, InvalidUsage, NotFound
from tests.usage_histories import METERS, START, after, clear, event, histories, periods

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.core.event import UsageEvent
    from tallystick.storage.unit import Storage, Unit

DAY = timedelta(days=1)
WINDOWS: Sequence[Window | None] = (None, "hour", "day", "month")


def parts(period: Period, window: Window | None) -> list[Period]:
    """Cut a period by hand: hour by hour, joining the hours of one day or month."""
    if window is None:
        return [period]
    forms = {"hour": "%Y%m%d%H", "day": "%Y%m%d", "month": "%Y%m"}
    marks: list[datetime] = [period.start]
    hour = period.start.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    while hour < period.end:
        if hour.strftime(forms[window]) != marks[-1].strftime(forms[window]):
            marks.append(hour)
        hour += timedelta(hours=1)
    return [Period(a, b) for a, b in zip(marks, [*marks[1:], period.end], strict=True)]


def taken(unit: Unit, batch: list[UsageEvent]) -> None:
    record_many(unit, batch, METERS, START)


def test_every_window_and_every_look_back_equals_the_fold(storage: Storage) -> None:
    prepare(storage, METERS.values())
    small = storage.engine.url.database is None

    @settings(
        max_examples=30 if small else 6, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(
        histories(),
        periods(),
        st.sampled_from(WINDOWS),
        st.sampled_from([None, after(86_400 * 2), after(86_400 * 3)]),
        st.sampled_from([None, {"place": "a"}, {"place": None}]),
    )
    def equal(
        batches: list[list[UsageEvent]],
        period: Period,
        window: Window | None,
        as_of: datetime | None,
        group: dict[str, str | None] | None,
    ) -> None:
        clear(storage)
        for batch in batches:
            storage.attempt(partial(taken, batch=batch))
        with storage.look() as unit:
            mine = list(export(unit, customer="c"))
            for meter in METERS.values():
                figures = read(unit, meter, "c", period, window=window, as_of=as_of)
                assert [(f.period, f.quantity) for f in figures] == [
                    (part, fold(meter, mine, part, as_of=as_of)) for part in parts(period, window)
                ]
                if meter.group_by:
                    named = {"group_by": meter.group_by, "window": window, "as_of": as_of}
                    figures = read(unit, meter, "c", period, **named)  # type: ignore[arg-type]  # as the row above
                    assert {(f.period, f.group): f.quantity for f in figures} == {
                        (part, key): value
                        for part in parts(period, window)
                        for key, value in fold_by(
                            meter, mine, part, meter.group_by, as_of=as_of
                        ).items()
                    }
                    one = quantity(unit, meter, "c", period, group=group, as_of=as_of)
                    assert one == fold(meter, mine, period, group=group, as_of=as_of)

    equal()


def test_one_event_is_recorded_or_the_reason_raised(storage: Storage) -> None:
    with storage.begin() as unit:
        assert record(unit, event("a", after(0), quantity=3), METERS, START) == "accepted"
        assert record(unit, event("a", after(0), quantity=3), METERS, START) == "duplicate"
        with pytest.raises(Conflict):
            record(unit, event("a", after(0), quantity=4), METERS, START)
        with pytest.raises(InvalidUsage, match="quantity"):
            record(unit, event("b", after(0), properties={"quantity": "x"}), METERS, START)
        with pytest.raises(InvalidUsage, match="customer"):
            record(unit, {"id": "c", "type": "use"}, METERS, START)
        void = {"id": "v", "customer": "c", "void": "nothing"}
        with pytest.raises(NotFound, match="api/nothing"):
            record(unit, void, METERS, START)
        assert record(unit, {"id": "v", "customer": "c", "void": "a"}, METERS, START) == "accepted"
        assert quantity(unit, METERS["sum"], "c", Period(START, START + DAY)) == 0


def test_without_a_time_an_event_has_that_of_its_arrival(storage: Storage) -> None:
    tree = {"id": "a", "customer": "c", "type": "use", "properties": {"quantity": 2}}
    with storage.begin() as unit:
        record(unit, tree, METERS, after(5))
        assert record(unit, tree, METERS, after(500)) == "duplicate"
        (stored,) = export(unit)
    assert (stored.occurred_at, stored.received_at) == (after(5), after(5))


def test_what_is_asked_for_wrongly_is_refused(storage: Storage) -> None:
    month = Period(datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC))
    with storage.look() as unit:
        assert read(unit, METERS["sum"], "nobody", month)[0].quantity == 0
        with pytest.raises(InvalidUsage, match="not grouped by 'colour'"):
            read(unit, METERS["n"], "c", month, group_by=("colour",))
        with pytest.raises(InvalidUsage, match="not grouped by 'colour'"):
            read(unit, METERS["n"], "c", month, group={"colour": "red"})
        with pytest.raises(InvalidPeriod, match="a window is"):
            read(unit, METERS["sum"], "c", month, window="week")  # type: ignore[arg-type]  # the point
        long = Period(datetime(1900, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
        with pytest.raises(InvalidPeriod, match="windows"):
            read(unit, METERS["sum"], "c", long, window="hour")
        naive = datetime(2027, 1, 1)  # noqa: DTZ001 - the point
        with pytest.raises(InvalidPeriod, match="time zone"):
            read(unit, METERS["sum"], "c", month, as_of=naive)


def test_what_was_believed_then_is_a_question(storage: Storage) -> None:
    february = Period(datetime(2027, 2, 1, tzinfo=UTC), datetime(2027, 3, 1, tzinfo=UTC))
    third, tenth = (datetime(2027, 3, n, tzinfo=UTC) for n in (3, 10))
    prepare(storage, METERS.values())
    with storage.begin() as unit:
        used = {"id": "a", "customer": "c", "type": "use", "occurred_at": "2027-02-10T00:00:00Z"}
        record(unit, {**used, "properties": {"quantity": 5}}, METERS, february.start + DAY * 10)
        late = {**used, "id": "b", "properties": {"quantity": 2}}
        record(unit, late, METERS, third + DAY)
        record(unit, {"id": "v", "customer": "c", "void": "a"}, METERS, third + DAY * 2)
        believed = [
            quantity(unit, METERS["sum"], "c", february, as_of=at)
            for at in (third, third + DAY, tenth)
        ]
        assert believed == [5, 7, 2]
        assert quantity(unit, METERS["sum"], "c", february) == 2


def test_export_gives_everything_in_the_order_of_arrival(storage: Storage) -> None:
    events = [event(f"e{n}", after(5000 - n), customer=f"c{n % 2}") for n in range(2100)]
    with storage.begin() as unit:
        record_many(unit, events, METERS, START)
        assert [each.id for each in export(unit)] == [each.id for each in events]
        mine = export(unit, customer="c1", period=Period(after(4000), after(4500)))
        assert [each.id for each in mine] == [f"e{n}" for n in range(501, 1001, 2)]
