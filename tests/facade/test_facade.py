"""The facade's shelves: whose time, whose transaction, and the same answers as the use cases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from tallystick import Tallystick, define_plans
from tallystick.errors import Conflict, InvalidInput, InvalidPeriod, NotFound, SetupError
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
PLANS: Any = define_plans(
    [{"id": "pro", "name": "Pro", "price": 900, "currency": "USD", "interval": "month",
      "features": []}]
)  # fmt: skip


@pytest.fixture
def tally(database: Database) -> Iterator[Tallystick]:
    with Tallystick(database.url, clock=FrozenClock(NOON), ids=CountedIds()) as opened:
        opened.migrate()
        yield opened


def test_a_ledger_publishes_and_reads(tally: Tallystick) -> None:
    seen = tally.publish(PLANS, author="anna", preview=True)
    assert (seen.stored, tally.catalogs()) == (False, ())
    with pytest.raises(NotFound):
        tally.catalog()
    done = tally.publish(PLANS, author="anna", onto=seen.onto)
    assert done.version.published_at == NOON
    assert tally.catalogs() == (done.version,)
    assert tally.catalog() == tally.catalog(1) == PLANS
    assert tally.plan("pro@1").ref == tally.plan("pro").ref == "pro@1"
    assert tally.publish(PLANS, author="bob").unchanged
    with pytest.raises(Conflict):
        tally.publish("examples/plans.toml", author="bob", onto=0)


def test_what_is_published_is_named_or_the_ledgers_own() -> None:
    with Tallystick("sqlite://") as empty, pytest.raises(SetupError, match="pass one"):
        empty.publish(author="anna")
    with Tallystick("sqlite://", catalog=PLANS) as own:
        own.migrate()
        assert own.publish(author="anna").plans == ("pro@1",)


def test_customers_by_every_call(tally: Tallystick) -> None:
    made = tally.customers.create("acme", name="Acme", email="a@b.de", currency="EUR")
    assert made.created_at == NOON
    assert tally.customers.get("acme") == tally.customers.find(email="a@b.de") == made
    new = tally.customers.create()
    assert new.id == "cus_000001"
    page = tally.customers.list(limit=1)
    assert ([c.id for c in page], page.cursor) == (["acme"], "acme")
    assert [c.id for c in tally.customers.list(starting_after=page.cursor)] == ["cus_000001"]
    later = NOON + timedelta(days=1)
    assert tally.customers.update("acme", name="B", at=later).updated_at == later
    assert [record.kind for record in tally.customers.export("acme")] == ["customers"]
    assert tally.customers.forget("acme").name is None
    assert tally.verify().ok


def test_an_export_refuses_at_the_call(tally: Tallystick) -> None:
    with pytest.raises(NotFound):
        tally.customers.export("nobody")


def test_a_misspelt_field_is_told_with_the_right_one(tally: Tallystick) -> None:
    with pytest.raises(InvalidInput, match="'email'"):
        tally.customers.create("acme", emial="a@b.de")  # type: ignore[call-arg]  # the point of it


def test_a_time_without_a_zone_is_refused(tally: Tallystick) -> None:
    with pytest.raises(InvalidPeriod):
        tally.customers.create("acme", at=NOON.replace(tzinfo=None))


def test_a_hosts_transaction_is_the_hosts(database: Database) -> None:
    """Every call works in it, sees what was done before in it, and nothing stays after it."""
    with Tallystick(database.url, clock=FrozenClock(NOON)) as tally:
        tally.migrate()
        with tally.storage.engine.connect() as connection:
            tally.publish(PLANS, author="anna", connection=connection)
            with pytest.raises(Conflict):
                tally.publish("examples/plans.toml", author="b", onto=0, connection=connection)
            assert tally.catalog(connection=connection) == PLANS
            assert tally.plan("pro@1", connection=connection).ref == "pro@1"
            assert len(tally.catalogs(connection=connection)) == 1
            tally.customers.create("acme", provider_id="p", connection=connection)
            with pytest.raises(Conflict):
                tally.customers.create("acme", connection=connection)
            tally.customers.create("b", connection=connection)
            with pytest.raises(Conflict):
                tally.customers.update("b", provider_id="p", connection=connection)
            assert tally.customers.update("acme", name="A", connection=connection).name == "A"
            found = tally.customers.find(provider_id="p", connection=connection)
            assert found == tally.customers.get("acme", connection=connection)
            assert len(tally.customers.list(connection=connection)) == 2
            assert len(list(tally.customers.export("acme", connection=connection))) == 1
            assert tally.customers.forget("acme", connection=connection).name is None
            assert tally.verify(connection=connection).ok
            connection.rollback()
        assert tally.catalogs() == ()
        assert len(tally.customers.list()) == 0


def test_a_hosts_engine_and_commit(tmp_path: Any) -> None:
    host = create_engine(f"sqlite:///{tmp_path / 'host.db'}")
    with Tallystick(host, tables="bill_", clock=FrozenClock(NOON)) as tally:
        tally.migrate()
        with host.begin() as connection:
            tally.customers.create("acme", connection=connection)
        assert tally.customers.get("acme").created_at == NOON
    host.dispose()


def test_an_async_host_passes_its_session(database: Database) -> None:
    if not database.shared:
        pytest.skip("two engines cannot share a database in memory")
    with Tallystick(database.url, clock=FrozenClock(NOON)) as tally:
        tally.migrate()

        async def work() -> None:
            engine = create_async_engine(database.async_url())
            async with AsyncSession(engine) as session:
                await session.run_sync(lambda each: tally.customers.create("acme", connection=each))
                await session.run_sync(
                    lambda each: tally.publish(PLANS, author="anna", connection=each)
                )
                await session.commit()
            await engine.dispose()

        asyncio.run(work())
        assert tally.customers.get("acme").id == "acme"
        assert tally.plan("pro").ref == "pro@1"
