"""Usage is recorded in a host's asynchronous transaction too, whatever its driver."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from tallystick.app.meters import prepare
from tallystick.app.usage import export, quantity, record_many
from tallystick.core.period import Period
from tests.usage_histories import METERS, after, event

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tallystick.storage.unit import Storage


@pytest.mark.parametrize(
    ("database", "driver"),
    [
        ("storage_postgresql", "postgresql+asyncpg"),
        ("storage_postgresql", "postgresql+psycopg"),
        ("storage_sqlite_file", "sqlite+aiosqlite"),
    ],
)
def test_usage_is_recorded_in_an_asynchronous_hosts_transaction(
    database: str, driver: str, request: pytest.FixtureRequest
) -> None:
    storage: Storage = request.getfixturevalue(database)
    prepare(storage, METERS.values())
    events = [event(f"e{n}", after(n), quantity=n) for n in range(500)]
    void = event("v", after(0), kind="void", type="", target=("api", "e7"), properties={})

    def act(session: Session) -> None:
        with storage.within(session) as unit:
            assert record_many(unit, [*events, void], METERS, after(0)).accepted == 501
            assert record_many(unit, events[:300], METERS, after(0)).duplicates == 300
            whole = Period(after(0), after(86_400))
            assert quantity(unit, METERS["sum"], "c", whole) == sum(range(500)) - 7
            assert quantity(unit, METERS["unique"], "c", whole) == 499
            assert quantity(unit, METERS["last"], "c", whole) == 499
            assert len(list(export(unit))) == 501

    async def host() -> None:
        engine = create_async_engine(storage.engine.url.set(drivername=driver))
        async with AsyncSession(engine) as session:
            await session.run_sync(act)
            await session.commit()
        await engine.dispose()

    asyncio.run(host())
    with storage.look() as unit:
        assert quantity(unit, METERS["n"], "c", Period(after(0), after(86_400))) == 499
