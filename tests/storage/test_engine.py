"""Opening databases: the addresses, what SQLite is taught, forks, and what cannot be opened."""

from __future__ import annotations

import os
import sqlite3
import threading
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from tallystick.core.number import plain
from tallystick.errors import MissingExtra, SetupError, StorageUnavailable
from tallystick.storage import engine as engine_module
from tallystick.storage.engine import exact_add, exact_max, exact_min, open_engine
from tallystick.storage.unit import Storage

if TYPE_CHECKING:
    from pathlib import Path

FIGURES = st.decimals(allow_nan=False, allow_infinity=False, places=12)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "billing.db",
        "mysql://host/name",
        "oracle://host",
        "nosuch://x",
        "sqlite+aiosqlite:///a.db",
        "postgresql+asyncpg://host/name",
        "postgresql+psycopg_async://host/name",
        "postgresql://host:port/name",
    ],
)
def test_an_address_that_cannot_be_used_says_what_to_write(address: str) -> None:
    with pytest.raises(SetupError, match=r"write|PostgreSQL or SQLite") as refused:
        open_engine(address)
    assert refused.value.__cause__ is None


def test_an_address_with_a_password_is_not_repeated() -> None:
    with pytest.raises(SetupError) as refused:
        open_engine("postgresql://ann:hunter2@host:no/name")
    assert "hunter2" not in str(refused.value)


def test_a_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("psycopg")

    monkeypatch.setattr(engine_module, "create_engine", absent)
    with pytest.raises(MissingExtra, match=r"tallystick\[postgres\]"):
        open_engine("postgresql://host/name")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_postgresql_means_psycopg(scheme: str) -> None:
    assert open_engine(f"{scheme}://host/name").dialect.driver == "psycopg"


@pytest.mark.parametrize(
    "address",
    ["postgresql://127.0.0.1:1/none?connect_timeout=2", "sqlite:////no/such/folder/billing.db"],
)
def test_a_database_that_is_not_there_is_unavailable(address: str) -> None:
    storage = Storage(open_engine(address))
    with pytest.raises(StorageUnavailable, match=r"reached|opened"), storage.begin():
        pass


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    file = tmp_path / "note.db"
    file.write_text("no database at all, but long enough to look at" * 50, "utf-8")
    with pytest.raises(StorageUnavailable, match="not a SQLite database"):
        Storage(open_engine(f"sqlite:///{file}")).begin().__enter__()


def test_sqlite_is_opened_to_lose_nothing(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    with engine.connect() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("synchronous", "foreign_keys", "busy_timeout", "journal_mode", "mmap_size")
        }
    engine.dispose()
    safe = sqlite3.sqlite_version_info >= (3, 51, 3)
    assert pragmas == {
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 10_000,
        "journal_mode": "wal" if safe else "persist",
        "mmap_size": 0,
    }


@pytest.mark.parametrize(
    ("version", "journal"), [((3, 51, 2), "persist"), ((3, 51, 3), "wal"), ((4, 0, 0), "wal")]
)
def test_the_journal_is_chosen_by_version(
    version: tuple[int, int, int],
    journal: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == journal
    engine.dispose()


def test_a_file_left_in_another_journal_is_brought_to_the_safe_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.db"
    other = sqlite3.connect(file)
    other.execute("PRAGMA journal_mode = wal")
    other.execute("CREATE TABLE t (x)")
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 50, 0))
    monkeypatch.setattr("tallystick.storage.engine.time.sleep", lambda _: None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM t").fetchall()
    with pytest.raises(StorageUnavailable, match="close the other program"):
        open_engine(f"sqlite:///{file}").connect()
    other.close()
    engine = open_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "persist"
    engine.dispose()


def test_an_old_sqlite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(SetupError, match=r"SQLite 3\.35"):
        open_engine("sqlite://")


def test_an_old_postgresql_is_refused(
    storage_postgresql: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "_OLDEST_POSTGRESQL", 990_000)
    engine = open_engine(storage_postgresql.engine.url)
    with pytest.raises(SetupError, match="PostgreSQL 14"):
        engine.connect()
    engine.dispose()


def test_memory_is_one_database_for_all_threads() -> None:
    storage = Storage(open_engine("sqlite://"))
    with storage.begin() as unit:
        unit.connection.execute(text("CREATE TABLE t (x INTEGER)"))
        unit.commit()

    def add() -> None:
        for _ in range(20):
            with storage.begin() as unit:
                unit.connection.execute(text("INSERT INTO t VALUES (1)"))
                unit.commit()

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with storage.look() as unit:
        assert unit.connection.execute(text("SELECT count(*) FROM t")).scalar() == 80
    storage.close()


@pytest.mark.parametrize("opened", ["storage_sqlite_file", "storage_postgresql"])
def test_a_forked_process_speaks_through_a_connection_of_its_own(
    opened: str, request: pytest.FixtureRequest
) -> None:
    storage: Storage = request.getfixturevalue(opened)
    with storage.begin() as unit:
        unit.connection.execute(text("CREATE TABLE t (x INTEGER)"))
        unit.commit()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with storage.begin() as unit:
                unit.connection.execute(text("INSERT INTO t VALUES (1)"))
                unit.commit()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    with storage.begin() as unit:  # the parent's own connection still works
        assert unit.connection.execute(text("SELECT count(*) FROM t")).scalar() == 1


# --- exact arithmetic ---------------------------------------------------------------------------


@given(FIGURES, FIGURES)
def test_the_exact_functions_are_decimals_own(left: Decimal, right: Decimal) -> None:
    engine = open_engine("sqlite://")
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT exact_add(:a, :b), exact_min(:a, :b), exact_max(:a, :b)"),
            {"a": plain(left), "b": plain(right)},
        ).one()
    engine.dispose()
    assert Decimal(found[1]) == min(left, right)
    assert Decimal(found[2]) == max(left, right)
    assert Decimal(found[0]) - right == left or len(found[0]) > 28
    assert found[0] == exact_add(plain(left), plain(right))


def test_a_tenth_ten_times_is_one() -> None:
    total = None
    for _ in range(10):
        total = exact_add(total, "0.1")
    assert total == "1"


def test_null_counts_for_nothing() -> None:
    for function in (exact_add, exact_min, exact_max):
        assert function(None, "2") == function("2", None) == "2"
        assert function(None, None) is None


def test_figures_are_compared_as_numbers_not_as_texts() -> None:
    assert exact_min("10", "9") == "9"
    assert exact_max("10", "-9") == "10"
