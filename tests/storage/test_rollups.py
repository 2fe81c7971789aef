"""Roll-ups: right after whatever order, dropped and built again to the same bytes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from tallystick.app import meters as keeping
from tallystick.app.meters import meter_states, prepare, rebuild
from tallystick.app.usage import export, quantity, read, record_many
from tallystick.core.fold import fold
from tallystick.core.meter import Meter
from tallystick.core.period import Period
from tallystick.errors import NotFound
from tallystick.storage import usage_fill
from tallystick.storage.meters import find_meter, hold_alone, register
from tests.usage_histories import METERS, after, event, rolled_up

if TYPE_CHECKING:
    from tallystick.core.event import UsageEvent
    from tallystick.storage.unit import Storage, Unit

DAY = 86_400
ALL_TIME = Period(after(-30 * DAY), after(30 * DAY))


def record(storage: Storage, *items: UsageEvent) -> None:
    """Record items, each of which must be taken."""
    outcome = storage.attempt(lambda unit: record_many(unit, items, METERS, after(0)))
    assert outcome.rejected == ()


def _record_many(unit: Unit, *, batch: list[UsageEvent]) -> None:
    record_many(unit, batch, METERS, after(0))


def days(storage: Storage, key: str) -> list[Any]:
    """Give the rows that are kept of a meter."""
    with storage.look() as unit:
        kept = find_meter(unit, METERS[key])
        assert kept is not None
        table = unit.tables.usage_days
        query = select(table).where(table.c.meter_id == kept.id).order_by(table.c.day)
        return list(unit.connection.execute(query))


def equal_to_the_fold(storage: Storage, *periods: Period) -> None:
    """Hold every meter to a fold over what is stored."""
    with storage.look() as unit:
        stored = [each for each in export(unit) if each.customer == "c"]
        for meter in METERS.values():
            for period in (ALL_TIME, *periods):
                expected = fold(meter, stored, period)
                assert quantity(unit, meter, "c", period) == expected, meter.key


def test_a_day_keeps_what_its_meter_needs_and_no_more(storage: Storage) -> None:
    prepare(storage, METERS.values())
    record(storage, event("a", after(0), quantity=3), event("b", after(60), quantity=-1))
    (row,) = days(storage, "sum")
    assert (row.n, row.total, row.least, row.last_at) == (2, Decimal(2), None, None)
    (row,) = days(storage, "min")
    assert (row.n, row.total, row.least) == (2, None, Decimal(-1))
    (row,) = days(storage, "last")
    assert (row.n, row.last_at, row.last_value) == (2, after(60), Decimal(-1))
    (row,) = days(storage, "level")
    assert (row.first_at, row.area) == (after(0), Decimal(180_000_000))


def test_sums_are_exact_and_have_one_form(storage: Storage) -> None:
    prepare(storage, METERS.values())
    large = Decimal("999999999999999999.999999999999")
    small = Decimal("0.000000000001")
    for place, value in enumerate((large, small, Decimal("-0.5"), Decimal("0.50"))):
        record(storage, event(f"e{place}", after(place), quantity=value))
    (row,) = days(storage, "sum")
    assert str(row.total) == "1000000000000000000"
    equal_to_the_fold(storage)


def test_a_level_is_right_after_events_out_of_order(storage: Storage) -> None:
    """In order, between what is there, at the same instant, and before all of it."""
    prepare(storage, METERS.values())
    for place, seconds in enumerate((100, 200, 150, 150, 50, 300, 200)):
        record(storage, event(f"e{place}", after(seconds), quantity=place + 1))
        equal_to_the_fold(storage, Period(after(120), after(250)))
    before = rolled_up(storage)
    rebuild_all(storage)
    assert rolled_up(storage) == before


def test_the_later_arrival_is_the_last_of_one_instant_even_in_one_batch(storage: Storage) -> None:
    prepare(storage, METERS.values())
    record(storage, event("z", after(10), quantity=1), event("a", after(10), quantity=2))
    (row,) = days(storage, "last")
    assert row.last_value == 2
    record(storage, event("b", after(10), quantity=7), event("y", after(5), quantity=9))
    (row,) = days(storage, "last")
    assert row.last_value == 7
    equal_to_the_fold(storage)


def test_distinct_values_are_counted_exactly(storage: Storage) -> None:
    prepare(storage, METERS.values())
    record(storage, *[event(f"a{n}", after(n), quantity=n % 3) for n in range(9)])
    record(storage, *[event(f"b{n}", after(n), quantity=n % 5) for n in range(10)])
    (row,) = days(storage, "unique")
    assert (row.n, row.total) == (19, Decimal(5))
    record(
        storage,
        event("v", after(0), kind="void", type="", target=("api", "b3"), properties={}),
        event("w", after(0), kind="void", type="", target=("api", "b8"), properties={}),
    )
    (row,) = days(storage, "unique")
    assert (row.n, row.total) == (17, Decimal(4))
    equal_to_the_fold(storage)


def test_an_amendment_moves_an_event_to_another_day_and_group(storage: Storage) -> None:
    prepare(storage, METERS.values())
    record(storage, event("a", after(0), quantity=3, properties={"place": "x"}))
    moved = event(
        "fix",
        after(3 * DAY),
        kind="amend",
        type="",
        target=("api", "a"),
        properties={"place": "y"},
    )
    record(storage, moved)
    assert [row.day for row in days(storage, "sum")] == [after(3 * DAY).date()]
    back = replace(moved, id="fix2", timed=False)
    record(storage, back)
    assert [(row.day, row.group_key) for row in days(storage, "n")] == [(after(0).date(), '["y"]')]
    equal_to_the_fold(storage, Period(after(DAY), after(4 * DAY)))


def test_a_day_whose_last_event_is_voided_leaves_no_row(storage: Storage) -> None:
    prepare(storage, METERS.values())
    record(storage, event("a", after(0)))
    record(storage, event("v", after(0), kind="void", type="", target=("api", "a"), properties={}))
    assert rolled_up(storage) == []


def rebuild_all(storage: Storage) -> None:
    """Drop and rebuild every roll-up."""
    with storage.begin() as unit:
        for meter in METERS.values():
            rebuild(unit, meter)
        unit.commit()


def test_a_meter_that_was_never_registered_cannot_be_rebuilt(storage: Storage) -> None:
    with storage.begin() as unit, pytest.raises(NotFound):
        rebuild(unit, Meter(key="never"))


# --- a new meter over old events ------------------------------------------------------------------


def some(start: int, count: int) -> list[UsageEvent]:
    """Give events of several customers over several days."""
    return [
        event(f"e{n}", after(n * 9_000), quantity=n % 7, customer=f"c{n % 4}" if n % 3 else "c")
        for n in range(start, start + count)
    ]


def test_a_new_meter_is_computed_over_the_old_events(storage: Storage) -> None:
    record(storage, *some(0, 80))
    record(storage, event("v", after(0), kind="void", type="", target=("api", "e0"), properties={}))
    assert rolled_up(storage) == []
    equal_to_the_fold(storage)  # read from the events, as nothing is kept
    assert {kept.state for kept in prepare(storage, METERS.values())} == {"ready"}
    built = rolled_up(storage)
    equal_to_the_fold(storage, Period(after(DAY // 2), after(5 * DAY)))
    rebuild_all(storage)
    assert rolled_up(storage) == built
    record(storage, *some(80, 20))
    equal_to_the_fold(storage)


def test_to_prepare_again_changes_nothing(storage: Storage) -> None:
    first = prepare(storage, METERS.values())
    record(storage, *some(0, 10))
    before = rolled_up(storage)
    assert prepare(storage, METERS.values()) == first
    assert rolled_up(storage) == before
    with storage.look() as unit:
        assert len(meter_states(unit)) == len(METERS)


def test_two_definitions_of_one_key_are_kept_apart(storage: Storage) -> None:
    old = Meter(key="m", event_type="use", aggregation="sum")
    new = replace(old, aggregation="max")
    (first,) = prepare(storage, [old])
    (second,) = prepare(storage, [new])
    assert first.id != second.id
    record(storage, event("a", after(0), quantity=3), event("b", after(1), quantity=4))
    with storage.look() as unit:
        assert quantity(unit, old, "c", ALL_TIME) == 7
        assert quantity(unit, new, "c", ALL_TIME) == 4
        dressed = replace(old, unit="calls", rounding=0, description="the same figures")
        assert find_meter(unit, dressed) is not None


@pytest.mark.parametrize("moment", ["_fill", "_finish", "_catch_up"])
def test_events_that_arrive_meanwhile_are_neither_lost_nor_doubled(
    storage: Storage, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Record, correct and void between every two steps of the building."""
    record(storage, *some(0, 40))
    monkeypatch.setattr(keeping, "_FEW", 1)
    monkeypatch.setattr(usage_fill, "_AT_ONCE", 7)
    step = getattr(keeping, moment)
    arrived = iter(range(40, 64, 4))

    def with_arrivals(unit: Unit, **named: Any) -> Any:
        answer = step(unit, **named)
        start = next(arrived, None)
        if start is not None:
            target = ("api", f"e{start - 40 + 4}")
            late = [
                *some(start, 4),
                event(f"v{start}", after(0), kind="void", type="", target=target, properties={}),
            ]
            late[-1] = replace(late[-1], customer=some(start - 36, 1)[0].customer)
            pending.append(late)
        return answer

    pending: list[list[UsageEvent]] = []
    attempt = storage.attempt

    def attempt_then_record(act: Any, **named: Any) -> Any:
        answer = attempt(act, **named)
        while pending:
            batch = pending.pop()
            attempt(partial(_record_many, batch=batch))
        return answer

    monkeypatch.setattr(keeping, moment, with_arrivals)
    monkeypatch.setattr(storage, "attempt", attempt_then_record)
    ready = prepare(storage, METERS.values())
    monkeypatch.undo()
    assert len(ready) == len(METERS)
    built = rolled_up(storage)
    rebuild_all(storage)
    assert rolled_up(storage) == built
    equal_to_the_fold(storage)


def test_while_a_meter_is_building_it_is_read_from_the_events(storage: Storage) -> None:
    record(storage, *some(0, 20))
    with storage.begin() as unit:
        hold_alone(unit)
        register(unit, METERS.values())
        unit.commit()
    record(storage, *some(20, 20))
    assert rolled_up(storage) == []
    equal_to_the_fold(storage)
    with storage.look() as unit:
        assert {kept.state for kept in meter_states(unit)} == {"building"}
    prepare(storage, METERS.values())
    equal_to_the_fold(storage)
    with storage.look() as unit:
        assert len(read(unit, METERS["n"], "c", ALL_TIME, group_by=("place",))) == 1
