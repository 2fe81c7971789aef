"""One transaction: ours or a host's, what it leaves behind, and what its failures are called."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from tallystick.errors import InvalidInput, OutOfBounds, SetupError, StorageUnavailable
from tallystick.storage.engine import open_engine
from tallystick.storage.refusal import meaning
from tallystick.storage.tables import Tables
from tallystick.storage.unit import Storage

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from tallystick.storage.unit import Unit


def add_meter(unit: Unit, key: str = "calls") -> None:
    unit.connection.execute(
        insert(unit.tables.meters).values(key=key, digest=key, definition={}, state="ready")
    )


def count(storage: Storage) -> int:
    with storage.look() as unit:
        found = unit.connection.execute(select(func.count()).select_from(unit.tables.meters))
        return int(found.scalar_one())


# --- ours ---------------------------------------------------------------------------------------


def test_without_commit_nothing_is_left(storage: Storage) -> None:
    with storage.begin() as unit:
        add_meter(unit)
    assert count(storage) == 0


def test_with_commit_it_stays(storage: Storage) -> None:
    with storage.begin() as unit:
        add_meter(unit)
        unit.commit()
    assert count(storage) == 1


def test_an_error_undoes_and_passes_on(storage: Storage) -> None:
    with pytest.raises(ZeroDivisionError), storage.begin() as unit:  # noqa: PT012 - two steps on purpose
        add_meter(unit)
        1 / 0  # noqa: B018 - any error
    assert count(storage) == 0


def test_a_unit_is_over_after_commit(storage: Storage) -> None:
    unit = storage.begin()
    with pytest.raises(SetupError, match="with"):
        unit.connection  # noqa: B018 - asking is the test
    with unit:
        unit.commit()
        with pytest.raises(SetupError, match="over"):
            unit.commit()
    assert unit.owned


def test_a_savepoint_lets_a_part_fail(storage: Storage) -> None:
    with storage.begin() as unit:
        add_meter(unit)
        with pytest.raises(IntegrityError), unit.savepoint():
            add_meter(unit)
        add_meter(unit, "bytes")
        unit.commit()
    assert count(storage) == 2


def test_looking_changes_nothing(storage: Storage) -> None:
    with storage.look() as unit:
        if unit.dialect == "sqlite":
            add_meter(unit)
        else:
            with pytest.raises(DBAPIError, match="read-only"):
                add_meter(unit)
    assert count(storage) == 0


def test_looking_sees_one_moment(storage_postgresql: Storage) -> None:
    """On SQLite a reader keeps writers from committing, or reads the old pages of the log."""
    storage = storage_postgresql
    with storage.look() as unit:
        before = unit.connection.execute(select(func.count()).select_from(unit.tables.meters))
        assert before.scalar() == 0
        with storage.begin() as other:
            add_meter(other)
            other.commit()
        after = unit.connection.execute(select(func.count()).select_from(unit.tables.meters))
        assert after.scalar() == 0
    assert count(storage) == 1


def test_writers_wait_for_each_other_and_none_is_lost(storage: Storage) -> None:
    """Read, add one, write: with a deferred lock on SQLite some of these would fail or be lost."""
    tables = storage.tables
    with storage.begin() as unit:
        add_meter(unit)
        unit.commit()

    def raise_by_one(unit: Unit) -> None:
        meter = select(tables.meters.c.definition).with_for_update()
        n = unit.connection.execute(meter).scalar_one().get("n", 0)
        unit.connection.execute(tables.meters.update().values(definition={"n": n + 1}))

    def many() -> None:
        for _ in range(10):
            storage.attempt(raise_by_one)

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with storage.look() as unit:
        assert unit.connection.execute(select(tables.meters.c.definition)).scalar() == {"n": 40}


# --- a host's -----------------------------------------------------------------------------------


def test_a_hosts_connection_is_never_committed(storage: Storage) -> None:
    host = storage.engine
    with host.connect() as connection:
        with storage.within(connection) as unit:
            add_meter(unit)
            unit.commit()
            assert not unit.owned
        connection.rollback()
    assert count(storage) == 0
    with host.connect() as connection:
        with storage.within(connection) as unit:
            add_meter(unit)
        connection.commit()
    assert count(storage) == 1


def test_a_hosts_failure_is_the_hosts_to_undo(storage: Storage) -> None:
    with storage.engine.begin() as connection:
        with pytest.raises(ZeroDivisionError), storage.within(connection) as unit:  # noqa: PT012 - two steps on purpose
            add_meter(unit)
            1 / 0  # noqa: B018 - any error
        assert connection.in_transaction()
    assert count(storage) == 1


def test_a_hosts_session_may_be_given(storage: Storage) -> None:
    with Session(storage.engine) as session:
        with storage.within(session) as unit:
            add_meter(unit)
        session.rollback()
    assert count(storage) == 0


def test_a_hosts_own_engine_on_sqlite_learns_the_functions(tmp_path: Path) -> None:
    host = create_engine(f"sqlite:///{tmp_path / 'host.db'}")
    storage = Storage(host)
    for _ in range(2):
        with host.connect() as connection, storage.within(connection) as unit:
            added = unit.connection.execute(text("SELECT exact_add('0.1', '0.2')")).scalar()
            assert added == "0.3"
    with storage.begin() as unit:
        assert unit.connection.execute(text("SELECT exact_max('10', '9')")).scalar() == "10"
    host.dispose()


def test_on_sqlite_a_host_becomes_the_one_writer_at_once(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'host.db'}"
    host = create_engine(address)
    impatient = Storage(create_engine(address, connect_args={"timeout": 0}))
    with host.connect() as connection, Storage(host).within(connection):
        with pytest.raises(StorageUnavailable, match="in use"), impatient.begin():
            pass
        with impatient.look():
            pass
    with host.connect() as connection:
        connection.execute(text("CREATE TABLE t (x)"))  # the driver has begun by itself
        with Storage(host).within(connection) as unit:
            unit.connection.execute(text("INSERT INTO t VALUES (1)"))
    host.dispose()
    impatient.close()


def test_a_connection_that_commits_by_itself_is_refused(storage: Storage) -> None:
    with storage.engine.connect() as connection:
        automatic = connection.execution_options(isolation_level="AUTOCOMMIT")
        with pytest.raises(SetupError, match="commits by itself"), storage.within(automatic):
            pass


@pytest.mark.parametrize("wrong", [None, "sqlite://", object(), 5])
def test_what_is_no_connection_is_refused(storage: Storage, wrong: Any) -> None:
    with pytest.raises(SetupError, match="no connection"):
        storage.within(wrong)


def test_a_connection_to_the_other_database_is_refused() -> None:
    elsewhere = Storage(open_engine("postgresql://host/name"))
    here = open_engine("sqlite://")
    with here.connect() as connection, pytest.raises(SetupError, match="is to sqlite"):
        elsewhere.within(connection)
    here.dispose()


ASYNC = ["sqlite+aiosqlite", "postgresql+asyncpg", "postgresql+psycopg"]


@pytest.mark.parametrize("driver", ASYNC)
def test_in_an_async_hosts_transaction(driver: str, request: pytest.FixtureRequest) -> None:
    """Everything runs through `run_sync`, and only the host decides what stays."""
    kind = "sqlite-file" if driver.startswith("sqlite") else "postgresql"
    storage = request.getfixturevalue(f"storage_{kind.replace('-', '_')}")
    engine = create_async_engine(storage.engine.url.set(drivername=driver))

    def write(session: Session) -> str:
        with storage.within(session) as unit:
            add_meter(unit)
            unit.commit()
            if unit.dialect == "sqlite":
                return str(unit.connection.execute(text("SELECT exact_add('0.1', '0.2')")).scalar())
            return "0.3"

    def write_on(connection: Connection) -> None:
        with storage.within(connection) as unit:
            add_meter(unit, "bytes")
            found = unit.connection.execute(select(unit.tables.meters.c.definition))
            assert found.scalars().all() == [{}, {}]

    async def run() -> None:
        async with AsyncSession(engine) as session:
            assert await session.run_sync(write) == "0.3"
            await session.rollback()
            assert await session.run_sync(write) == "0.3"
            with pytest.raises(SetupError, match="run_sync"):
                storage.within(session)
            await session.commit()
        async with engine.connect() as connection:
            with pytest.raises(SetupError, match="run_sync"):
                storage.within(connection)
            await connection.run_sync(write_on)
            await connection.rollback()
        await engine.dispose()

    asyncio.run(run())
    assert count(storage) == 1


def test_an_async_engine_is_refused() -> None:
    engine: Any = create_async_engine("sqlite+aiosqlite://")
    with pytest.raises(SetupError, match="AsyncEngine"):
        Storage(engine)


# --- trying again -------------------------------------------------------------------------------


def test_a_deadlock_is_tried_again(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def act(unit: Unit) -> str:
        calls.append(1)
        add_meter(unit)
        if len(calls) < 3:
            raise StorageUnavailable("met another", again=True)
        return "done"

    assert storage.attempt(act) == "done"
    assert len(calls) == 3
    assert count(storage) == 1


def test_what_cannot_help_is_not_tried_again(storage: Storage) -> None:
    calls: list[int] = []

    def act(_: Unit) -> None:
        calls.append(1)
        raise StorageUnavailable("full")

    with pytest.raises(StorageUnavailable, match="full"):
        storage.attempt(act)
    assert len(calls) == 1


@pytest.mark.parametrize(("repeatable", "expected"), [(False, 1), (True, 5)])
def test_a_lost_answer_to_commit_is_tried_again_only_where_that_is_safe(
    repeatable: bool, expected: int, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    monkeypatch.setattr("tallystick.storage.unit.time.sleep", lambda _: None)

    def act(_: Unit) -> None:
        calls.append(1)
        raise StorageUnavailable("who knows", unknown=True)

    with pytest.raises(StorageUnavailable) as refused:
        storage.attempt(act, repeatable=repeatable)
    assert len(calls) == expected
    assert refused.value.details() == {"outcome": "unknown"}


def test_a_real_deadlock_is_known_and_resolved(storage_postgresql: Storage) -> None:
    storage, tables = storage_postgresql, storage_postgresql.tables
    with storage.begin() as unit:
        add_meter(unit, "a")
        add_meter(unit, "b")
        unit.commit()
    meet = threading.Barrier(2, timeout=20)
    first_time = {"a": True, "b": True}

    def touch(first: str, second: str) -> None:
        def act(unit: Unit) -> None:
            unit.connection.execute(text("SET LOCAL deadlock_timeout = '50ms'"))
            for key in (first, second):
                unit.connection.execute(
                    tables.meters.update().where(tables.meters.c.key == key).values(state="ready")
                )
                if key == first and first_time[first]:
                    first_time[first] = False
                    meet.wait()

        storage.attempt(act)

    threads = [threading.Thread(target=touch, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)


def test_a_connection_that_was_cut_is_replaced(storage_postgresql: Storage) -> None:
    storage = storage_postgresql
    calls: list[int] = []

    def act(unit: Unit) -> None:
        calls.append(1)
        add_meter(unit)
        if len(calls) == 1:
            own = unit.connection.execute(text("SELECT pg_backend_pid()")).scalar()
            with storage.begin() as other:
                other.connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": own})
            unit.connection.execute(text("SELECT 1"))

    storage.attempt(act)
    assert len(calls) == 2
    assert count(storage) == 1


def test_a_connection_cut_at_commit_leaves_the_outcome_unknown(storage_postgresql: Storage) -> None:
    storage = storage_postgresql
    with pytest.raises(StorageUnavailable) as refused, storage.begin() as unit:  # noqa: PT012 - the cut comes in between
        add_meter(unit)
        own = unit.connection.execute(text("SELECT pg_backend_pid()")).scalar()
        with storage.begin() as other:
            other.connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": own})
        unit.commit()
    assert refused.value.unknown
    assert not refused.value.again
    assert count(storage) == 0


# --- what failures are called -------------------------------------------------------------------


def test_without_tables_one_is_told_to_migrate(database: Any) -> None:
    storage = Storage(open_engine(database.url))
    with pytest.raises(SetupError, match="tallystick migrate"), storage.begin() as unit:
        add_meter(unit)
    storage.close()


def test_what_cannot_be_stored_is_the_callers_to_cure(storage: Storage) -> None:
    surrogate = "\ud800"
    with pytest.raises(InvalidInput), storage.begin() as unit:
        add_meter(unit, surrogate)
    if storage.dialect == "postgresql":
        with pytest.raises(InvalidInput, match="NUL"), storage.begin() as unit:
            add_meter(unit, "a\0b")
    with pytest.raises((OutOfBounds, InvalidInput)), storage.begin() as unit:
        unit.connection.execute(
            insert(unit.tables.plan_versions).values(
                plan_id="p", version=2**63, digest="d", catalog_number=1, tree="{}"
            )
        )
    assert count(storage) == 0


def test_a_mistake_of_our_own_passes_as_it_is(storage: Storage) -> None:
    with pytest.raises((OperationalError, ProgrammingError)), storage.begin() as unit:
        unit.connection.execute(text("SELEKT 1"))
    with pytest.raises(IntegrityError), storage.begin() as unit:  # noqa: PT012 - the second is refused
        add_meter(unit)
        add_meter(unit)
    assert meaning(ValueError("x")) is None


def test_a_full_disk_is_unavailable_and_recovers(storage_sqlite_file: Storage) -> None:
    storage = storage_sqlite_file
    with storage.engine.connect() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar()
    with pytest.raises(StorageUnavailable, match="full") as refused, storage.begin() as unit:  # noqa: PT012 - the limit is set first
        unit.connection.execute(text(f"PRAGMA max_page_count = {pages}"))
        for number in range(2000):
            add_meter(unit, f"key-{number}")
    assert not refused.value.again
    storage.close()
    with storage.begin() as unit:
        add_meter(unit)
        unit.commit()
    assert count(storage) == 1


def test_a_locked_file_is_unavailable(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'a.db'}"
    one = Storage(open_engine(address))
    other = Storage(create_engine(address, connect_args={"timeout": 0}))
    refused = pytest.raises(StorageUnavailable, match="in use")
    with one.begin(), refused, other.begin():
        pass
    one.close()
    other.close()


def test_a_read_only_file_is_unavailable(storage_sqlite_file: Storage) -> None:
    file = storage_sqlite_file.engine.url.database
    reader = Storage(create_engine(f"sqlite:///file:{file}?mode=ro&uri=true"))
    with pytest.raises(StorageUnavailable, match="written"), reader.look() as unit:
        add_meter(unit)
    reader.close()


def test_too_many_at_once_are_unavailable() -> None:
    engine = open_engine("sqlite://")
    engine.pool._timeout = 0  # type: ignore[attr-defined]  # the pool's own setting, made short
    storage = Storage(engine)
    with storage.begin(), pytest.raises(StorageUnavailable, match="in use"), storage.begin():
        pass
    storage.close()


@pytest.mark.parametrize("prefix", ["Tally_", "a-b", "1a", "x" * 14, "a;drop", "é"])
def test_a_prefix_that_is_no_plain_name_is_refused(prefix: str) -> None:
    with pytest.raises(SetupError, match="prefix"):
        Tables(prefix)


@pytest.mark.parametrize("schema", ["", "Billing", 'a"b', "x" * 64])
def test_a_schema_that_is_no_plain_name_is_refused(schema: str) -> None:
    with pytest.raises(SetupError, match="schema"):
        Tables(schema=schema)


def test_every_name_fits_postgresql_even_with_the_longest_prefix() -> None:
    tables = Tables("x" * 13)
    names = [table.name for table in tables.metadata.sorted_tables]
    for table in tables.metadata.sorted_tables:
        names += [str(index.name) for index in table.indexes]
        names += [str(constraint.name) for constraint in table.constraints]
    assert len(names) > 30
    assert max(map(len, names)) <= 63


def test_sqlite_has_no_schema() -> None:
    with pytest.raises(SetupError, match="prefix instead"):
        Storage(open_engine("sqlite://"), Tables(schema="billing"))
