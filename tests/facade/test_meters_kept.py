"""Publishing decides which meters are kept: new ones are filled, those that went are retired."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from tallystick import Tallystick, define_plans
from tallystick.app import meters as keeping
from tallystick.core.meter import Meter
from tallystick.core.period import Period
from tallystick.storage import meter_states
from tallystick.storage.meter_states import drop_retired, keep_only
from tallystick.testing.clock import FrozenClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.app.meters import KeptMeter
    from tallystick.core.catalog import Catalog
    from tallystick.storage.unit import Storage, Unit

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
WEEK = Period(NOON - timedelta(days=7), NOON + timedelta(days=1))
REQUESTS = Meter(key="requests")
MOST = Meter(key="requests", aggregation="max")
PEOPLE = Meter(key="people", aggregation="unique", value="name", event_type="requests")


PLANS: Any = define_plans(
    [{"id": "pro", "name": "Pro", "price": 900, "currency": "USD", "interval": "month",
      "features": []}]
)  # fmt: skip


def book(*meters: Meter) -> Catalog[str, str]:
    found: Catalog[str, str] = replace(PLANS, meters={meter.key: meter for meter in meters})
    return found


@pytest.fixture
def tally(storage: Storage) -> Iterator[Tallystick]:
    with Tallystick(storage.engine, clock=FrozenClock(NOON)) as opened:
        yield opened


def record(tally: Tallystick, *numbers: int, days: int = 1) -> None:
    at = NOON - timedelta(days=days)
    for number in numbers:
        tally.usage.record(
            f"c{number % 3}",
            "requests",
            id=f"e{number}",
            quantity=number,
            occurred_at=at,
            properties={"name": f"n{number % 2}"},
        )


def states(tally: Tallystick) -> dict[str, str]:
    return {f"{kept.meter.key}/{kept.meter.aggregation}": kept.state for kept in tally.usage.kept()}


def rows(tally: Tallystick) -> int:
    """Count what is kept, of days and of labels."""
    with tally.storage.look() as unit:
        unit.as_all()
        tables = (unit.tables.usage_days, unit.tables.usage_values)
        counts = (select(func.count()).select_from(table) for table in tables)
        return sum(unit.connection.execute(count).scalar_one() for count in counts)


def figures(tally: Tallystick, meter: Meter) -> list[int]:
    return [int(tally.usage.quantity(f"c{each}", meter, WEEK)) for each in range(3)]


def test_meters_published_before_any_event_are_kept_from_the_first(tally: Tallystick) -> None:
    tally.publish(book(REQUESTS, PEOPLE), author="anna")
    assert states(tally) == {"requests/sum": "ready", "people/unique": "ready"}
    record(tally, 1, 2, 3)
    assert rows(tally) == 9
    assert figures(tally, REQUESTS) == [3, 1, 2]


def test_a_meter_published_over_old_events_is_filled(tally: Tallystick) -> None:
    record(tally, 1, 2, 3, 4)
    tally.publish(book(REQUESTS), author="anna")
    assert states(tally) == {"requests/sum": "ready"}
    assert (rows(tally), figures(tally, REQUESTS)) == (3, [3, 5, 2])


def test_filling_can_be_left_for_later(tally: Tallystick) -> None:
    record(tally, 1, 2)
    tally.publish(book(REQUESTS), author="anna", prepare=False)
    record(tally, 3, 4)
    assert states(tally) == {"requests/sum": "building"}
    assert (rows(tally), figures(tally, REQUESTS)) == (0, [3, 5, 2])
    tally.usage.prepare()
    assert states(tally) == {"requests/sum": "ready"}
    assert (rows(tally), figures(tally, REQUESTS)) == (3, [3, 5, 2])


def test_an_interrupted_filling_goes_on_where_the_same_is_published_again(
    tally: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(tally, 1, 2)
    with monkeypatch.context() as patched:
        patched.setattr(keeping, "_fill", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            tally.publish(book(REQUESTS), author="anna")
    assert len(tally.catalogs()) == 1
    assert states(tally) == {"requests/sum": "building"}
    assert tally.publish(book(REQUESTS), author="anna").unchanged
    assert states(tally) == {"requests/sum": "ready"}


def _interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_look_beforehand_keeps_nothing(tally: Tallystick) -> None:
    tally.publish(book(REQUESTS), author="anna", preview=True)
    assert states(tally) == {}


def test_in_a_hosts_transaction_it_comes_and_goes_with_the_host(tally: Tallystick) -> None:
    record(tally, 1, 2)
    with tally.storage.engine.connect() as connection:
        tally.publish(book(REQUESTS), author="anna", connection=connection)
        connection.rollback()
    assert (states(tally), tally.catalogs()) == ({}, ())
    with tally.storage.engine.begin() as connection:
        tally.publish(book(REQUESTS), author="anna", connection=connection)
    assert states(tally) == {"requests/sum": "building"}
    tally.usage.prepare()
    assert (states(tally), figures(tally, REQUESTS)) == ({"requests/sum": "ready"}, [0, 1, 2])


def test_a_host_that_looks_back_gets_no_meter_ready_without_its_events(
    storage_postgresql: Storage,
) -> None:
    with Tallystick(storage_postgresql.engine, clock=FrozenClock(NOON)) as tally:
        back = tally.storage.engine.execution_options(isolation_level="REPEATABLE READ")
        with back.begin() as connection:
            connection.exec_driver_sql("SELECT 1")
            tally.catalogs(connection=connection)
            record(tally, 1, 2)
            tally.publish(book(REQUESTS), author="anna", connection=connection)
        assert states(tally) == {"requests/sum": "building"}
        tally.usage.prepare()
        assert figures(tally, REQUESTS) == [0, 1, 2]
        assert tally.verify().ok


def test_a_meter_that_went_is_kept_no_more_and_still_right(tally: Tallystick) -> None:
    tally.publish(book(REQUESTS, PEOPLE), author="anna")
    record(tally, 1, 2, 3)
    tally.publish(book(REQUESTS), author="anna")
    assert states(tally) == {"requests/sum": "ready"}
    assert rows(tally) == 3
    record(tally, 4, 5, 6)
    assert rows(tally) == 3
    assert figures(tally, PEOPLE) == [2, 2, 2]
    assert figures(tally, REQUESTS) == [9, 5, 7]
    assert tally.verify().ok


def test_a_meter_that_comes_back_is_built_anew(tally: Tallystick) -> None:
    tally.publish(book(REQUESTS, PEOPLE), author="anna")
    record(tally, 1, 2, 3)
    tally.publish(book(REQUESTS), author="anna", prepare=False)  # its old rows are still there
    assert rows(tally) == 9
    record(tally, 4, 5, 6)
    tally.publish(book(REQUESTS, PEOPLE), author="anna", prepare=False)
    assert states(tally) == {"requests/sum": "ready", "people/unique": "building"}
    assert figures(tally, PEOPLE) == [2, 2, 2]
    tally.usage.prepare()
    assert states(tally) == {"requests/sum": "ready", "people/unique": "ready"}
    record(tally, 9)
    assert figures(tally, PEOPLE) == [2, 2, 2]
    assert tally.verify().ok


def test_a_changed_meter_takes_the_place_of_the_old_one(tally: Tallystick) -> None:
    tally.publish(book(REQUESTS), author="anna")
    record(tally, 1, 2, 3, 4)
    tally.publish(book(MOST), author="anna")
    assert states(tally) == {"requests/max": "ready"}
    assert (rows(tally), figures(tally, MOST)) == (3, [3, 4, 2])
    tally.publish(book(REQUESTS), author="anna")
    assert states(tally) == {"requests/sum": "ready"}
    assert (rows(tally), figures(tally, REQUESTS)) == (3, [3, 5, 2])


def test_a_meter_that_goes_while_it_is_filled_stays_gone(
    tally: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(tally, 1, 2, 3)
    build = keeping._build

    def publish_in_between(storage: Storage, kept: KeptMeter) -> None:
        monkeypatch.undo()
        tally.publish(book(), author="bob")
        build(storage, kept)

    monkeypatch.setattr(keeping, "_build", publish_in_between)
    tally.publish(book(REQUESTS), author="anna")
    assert (states(tally), rows(tally)) == ({}, 0)
    assert figures(tally, REQUESTS) == [3, 1, 2]


def test_an_own_catalogue_has_its_meters_kept_when_it_asks(storage: Storage) -> None:
    with Tallystick(storage.engine, clock=FrozenClock(NOON)) as shared:
        shared.publish(book(REQUESTS, PEOPLE), author="anna")
        record(shared, 1, 2)
        shared.publish(book(REQUESTS), author="anna")
        with Tallystick(storage.engine, catalog=book(PEOPLE), clock=FrozenClock(NOON)) as own:
            own.usage.prepare()
        assert states(shared) == {"requests/sum": "ready", "people/unique": "ready"}
        assert shared.verify().ok


def test_what_is_retired_is_dropped_in_pieces(
    tally: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally.publish(book(PEOPLE), author="anna")
    record(tally, 1, 2, 3)
    tally.publish(book(), author="anna", prepare=False)
    monkeypatch.setattr(meter_states, "_CUSTOMERS_AT_ONCE", 1)
    drop_retired(tally.storage)
    assert rows(tally) == 0
    drop_retired(tally.storage)


def test_nobody_who_still_fills_a_meter_that_went_spoils_the_one_that_came_back(
    tally: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(tally, 1, 2, 3)
    finish = keeping._finish

    def publish_in_between(unit: Unit, **given: Any) -> object:
        """Two publish where one who fills the meter has only the last step to do."""
        monkeypatch.undo()
        keep_only(unit, [])
        keep_only(unit, [REQUESTS])
        return finish(unit, **given)

    monkeypatch.setattr(keeping, "_finish", publish_in_between)
    tally.publish(book(REQUESTS), author="anna")
    assert states(tally) == {"requests/sum": "building"}
    assert figures(tally, REQUESTS) == [3, 1, 2]
    tally.usage.prepare()
    assert (states(tally), rows(tally)) == ({"requests/sum": "ready"}, 3)
    assert tally.verify().ok
