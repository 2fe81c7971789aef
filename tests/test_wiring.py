"""The facade: what it opens, whose time it asks, and whose transaction it works in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, func, insert, select

from tallystick import Tallystick, UnknownPlan, define_plans
from tallystick.errors import InvalidPeriod, SetupError
from tallystick.system import SystemClock, SystemIds
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.ports import Clock, Ids
    from tallystick.storage.unit import Unit

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def note(unit: Unit, at: datetime) -> datetime:
    """Store a customer, as a use case would."""
    unit.connection.execute(
        insert(unit.tables.customers).values(id=at.isoformat(), created_at=at, updated_at=at)
    )
    return at


def count(tally: Tallystick) -> int:
    with tally.begin() as unit:
        found = unit.connection.execute(select(func.count()).select_from(unit.tables.customers))
        return int(found.scalar_one())


@pytest.fixture
def tally() -> Tallystick:
    opened = Tallystick("sqlite://", clock=FrozenClock(NOON))
    opened.migrate()
    return opened


def test_an_act_is_committed_and_has_one_time(tally: Tallystick) -> None:
    assert tally.act(note) == NOON
    assert tally.act(note, at=NOON + timedelta(days=1)) == NOON + timedelta(days=1)
    assert count(tally) == 2


def test_an_act_in_a_hosts_connection_is_not(tally: Tallystick) -> None:
    with tally.storage.engine.connect() as connection:
        tally.act(note, connection=connection)
        with tally.begin(connection) as unit:
            unit.commit()
        connection.rollback()
    assert count(tally) == 0


def test_a_hosts_engine_stays_open(tmp_path: Path) -> None:
    host = create_engine(f"sqlite:///{tmp_path / 'host.db'}")
    with Tallystick(host, tables="bill_") as tally:
        tally.migrate()
        tally.act(note)
        pool = host.pool
    assert host.pool is pool
    host.dispose()


def test_a_default_plan_is_looked_up_at_once() -> None:
    plans = define_plans(
        [{"id": "free", "name": "Free", "price": 0, "currency": "USD", "interval": "month",
          "features": []}]
    )  # fmt: skip
    assert Tallystick("sqlite://", catalog=plans, default_plan="free").default_plan == "free"
    with pytest.raises(UnknownPlan):
        Tallystick("sqlite://", catalog=plans, default_plan="fre")
    with pytest.raises(SetupError, match="catalog="):
        Tallystick("sqlite://", default_plan="free")


def test_a_catalogue_may_be_a_path() -> None:
    tally = Tallystick("sqlite://", catalog="examples/plans.toml", default_plan="free")
    assert tally.price_book is not None
    assert tally.price_book["pro"].id == "pro"


@pytest.mark.parametrize("clock", [SystemClock(), FrozenClock(NOON)])
def test_every_clock_shows_utc(clock: Clock) -> None:
    assert clock.now().tzinfo is UTC


def test_a_frozen_clock_moves_only_when_told() -> None:
    clock = FrozenClock(datetime(2026, 11, 21, 14, tzinfo=timezone(timedelta(hours=2))))
    assert clock.now() == clock.now() == NOON
    assert clock.advance(timedelta(hours=1)) == clock.now() == NOON + timedelta(hours=1)
    assert clock.set(NOON) == NOON
    with pytest.raises(InvalidPeriod, match="no offset"):
        clock.set(datetime(2026, 11, 21))  # noqa: DTZ001 - a time without a zone is what is refused


@pytest.mark.parametrize("ids", [SystemIds(), SystemIds(FrozenClock(NOON)), CountedIds()])
def test_ids_are_prefixed_and_never_given_twice(ids: Ids) -> None:
    found = [ids.new("cus") for _ in range(1000)]
    assert len(set(found)) == 1000
    assert all(each.startswith("cus_") for each in found)


@pytest.mark.parametrize("counted", [False, True])
def test_ids_sort_in_the_order_of_birth(counted: bool) -> None:
    clock = FrozenClock(NOON)
    ids: Ids = CountedIds() if counted else SystemIds(clock)
    found = []
    for _ in range(100):
        found.append(ids.new("cus"))
        clock.advance(timedelta(milliseconds=1))
    assert found == sorted(found)
    assert len({len(each) for each in found}) == 1
