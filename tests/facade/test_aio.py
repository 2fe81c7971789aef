"""`tally.aio`: every call awaitable, and an event loop that goes on meanwhile."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from tallystick import QuotaExceeded, Tallystick, define_plans
from tallystick.errors import InvalidInput
from tallystick.facade.aio import Aio, Threads
from tests.typing.aio_types import STUB, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database

PLANS = define_plans(
    [
        {
            "id": "free",
            "name": "Free",
            "price": 0,
            "currency": "USD",
            "interval": "month",
            "features": [{"featureKey": "projects", "enabled": True, "limit": 2}],
        }
    ]
)


@pytest.fixture
def tally(database: Database) -> Iterator[Tallystick]:
    with Tallystick(database.url, catalog=PLANS, default_plan="free") as ledger:
        ledger.migrate()
        ledger.publish(author="ops")
        yield ledger


def test_calls_of_the_ledger_and_its_shelves_are_awaited(tally: Tallystick) -> None:
    async def told() -> None:
        assert (await tally.aio.use("acme", "projects")).remaining == 1
        held = await tally.aio.reserve("acme", "projects")
        assert (await tally.aio.commit("acme", held.id, held.token)).remaining == 0
        with pytest.raises(QuotaExceeded):
            await tally.aio.use("acme", "projects")
        await tally.aio.customers.create("acme", name="Acme", currency="USD")
        assert (await tally.aio.customers.get("acme")).name == "Acme"

    asyncio.run(told())
    assert tally.check("acme", "projects").used == 2


def test_many_at_once_use_exactly_the_limit(tally: Tallystick) -> None:
    async def one() -> bool:
        try:
            await tally.aio.use("acme", "projects")
        except QuotaExceeded:
            return False
        return True

    async def all_of_them() -> list[bool]:
        return await asyncio.gather(*(one() for _ in range(12)))

    assert sum(asyncio.run(all_of_them())) == 2
    assert tally.check("acme", "projects").used == 2


def test_the_event_loop_goes_on_while_a_statement_is_slow(tally: Tallystick) -> None:
    """A call that waits until the loop has ticked would wait for ever if it held the loop up."""
    ticked = threading.Event()

    def slow_count() -> int:
        assert ticked.wait(30)
        return 1

    async def ticks() -> None:
        asking = asyncio.ensure_future(tally.aio.check("acme", "projects", used=slow_count))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not asking.done()
        ticked.set()
        assert (await asking).used == 1

    asyncio.run(ticks())


def test_the_event_loop_goes_on_while_a_statement_waits_for_a_lock(
    tally: Tallystick, database: Database
) -> None:
    """Somebody else has the turn at the gate: the statement waits, and the loop does not."""
    if not database.shared:
        return

    async def ticks() -> None:
        with tally.storage.engine.connect() as other:
            tally.use("acme", "projects", connection=other)
            asking = asyncio.ensure_future(tally.aio.use("acme", "projects"))
            for _ in range(20):
                await asyncio.sleep(0.01)
            assert not asking.done()
            other.rollback()
        assert (await asking).remaining == 1

    asyncio.run(ticks())


def test_a_host_s_transaction_that_is_rolled_back_leaves_nothing(
    tally: Tallystick, database: Database
) -> None:
    if not database.shared:
        return
    address = database.async_url()

    async def undone() -> None:
        engine = create_async_engine(address)
        async with engine.connect() as own:
            await tally.aio.use("acme", "projects", connection=own)
            assert (await tally.aio.check("acme", "projects", connection=own)).used == 1
            await own.rollback()
        async with AsyncSession(engine) as session:
            await tally.aio.use("acme", "projects", connection=session)
            await session.commit()
        await engine.dispose()

    asyncio.run(undone())
    assert tally.check("acme", "projects").used == 1


def test_a_host_s_connection_of_the_other_kind_is_refused(tally: Tallystick) -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as own:
        wrong: Any = own
        with pytest.raises(InvalidInput, match="AsyncConnection"):
            asyncio.run(tally.aio.check("acme", "projects", connection=wrong))
    engine.dispose()


def test_what_is_no_call_is_not_given(tally: Tallystick) -> None:
    aio: Any = tally.aio
    for name in ("act", "begin", "close", "clock", "storage", "aio", "_shelf", "nothing"):
        with pytest.raises(AttributeError):
            getattr(aio, name)
    with pytest.raises(AttributeError, match="iterator"):
        _ = aio.usage.export


def test_the_context_of_the_caller_is_seen_in_the_thread() -> None:
    who: ContextVar[str] = ContextVar("who", default="nobody")

    class Shelf:
        def ask(self) -> str:
            return who.get()

    threads = Threads()

    async def asked() -> str:
        who.set("acme")
        return str(await Aio(Shelf(), threads).ask())

    assert asyncio.run(asked()) == "acme"
    threads.close()
    assert asyncio.run(asked()) == "acme", "a closed one starts again where it is needed"
    threads.close()


def test_the_types_are_those_of_the_facade() -> None:
    """Run `python -m tests.typing.aio_types` where the facade has changed."""
    assert STUB.read_text("utf-8") == written()
