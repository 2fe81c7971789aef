"""What a database holds, as plain values that can be compared; read past everything of ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import psycopg
from sqlalchemy import make_url

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["State", "has", "sound", "state"]

State: TypeAlias = Mapping[str, list[list[str]]]
"""The rows of each table as texts, sorted; the first row names the columns."""

_Rows: TypeAlias = "list[dict[str, Any]]"

_TABLES: Final = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'tallystick%'",
    "postgresql": "SELECT tablename AS name FROM pg_tables WHERE tablename LIKE 'tallystick%'",
}
_SHAPES: Final = {
    "sqlite": "SELECT type, name, sql FROM sqlite_master",
    "postgresql": """
        SELECT tablename AS name, indexdef AS shape FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL
        SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid <> 0
            AND connamespace = 'public'::regnamespace
        UNION ALL
        SELECT table_name || '.' || column_name, concat_ws(' ', data_type, is_nullable,
            column_default, collation_name, is_identity) FROM information_schema.columns
            WHERE table_schema = 'public'
    """,
}
# What a crash may leave different: numbers the database gives, and its own clock.
_EVENT_NUMBERS: Final = {"seq", "first_order", "last_order"}
_METER_NUMBERS: Final = {"meter_id"}
_CLOCKS: Final = {"applied_at"}
_CHANCE_IDS: Final = ("payments", "invoice_items")  # a call's key says which is which


def state(url: str, *, exact: bool = False, shape: bool = False) -> State:
    """Read every table of ours.

    Numbers that the database gave are shown by their rank, and its own times not at all, unless
    it is to be `exact`.  With `shape` come the definitions of tables, indexes and constraints.
    """
    address = make_url(url)
    kind = address.get_backend_name()
    with closing(_Asking(url)) as asking:
        names = sorted(row["name"] for row in asking.rows(_TABLES[kind]))
        found = {
            name.removeprefix("tallystick_"): asking.rows(f'SELECT * FROM "{name}"')  # noqa: S608 - a name the database gave
            for name in names
        }
        if shape:
            found["shape of the database"] = asking.rows(_SHAPES[kind])
    if not exact:
        _liken(found)
    return {name: _texts(rows) for name, rows in found.items()}


def has(found: State, table: str, value: str) -> bool:
    """Tell whether any row of a table carries a value."""
    return any(value in row for row in found.get(table, [])[1:])


def sound(url: str) -> bool:
    """Ask SQLite whether its file is whole; PostgreSQL's files are no business of a client."""
    if make_url(url).get_backend_name() != "sqlite":
        return True
    with closing(_Asking(url)) as asking:
        return asking.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]


class _Asking:
    """A connection that is asked by the driver alone."""

    def __init__(self, url: str) -> None:
        address = make_url(url)
        self._connection: Any
        if address.get_backend_name() == "sqlite":
            assert address.database is not None
            self._connection = sqlite3.connect(address.database, timeout=20)
        else:
            self._connection = psycopg.connect(
                address.set(drivername="postgresql").render_as_string(hide_password=False)
            )
        self.close: Callable[[], None] = self._connection.close

    def rows(self, query: str) -> _Rows:
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(query)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _liken(found: Mapping[str, _Rows]) -> None:
    _liken_intents(found)
    events = _ranks(found, "usage_events", "seq")
    meters = _ranks(found, "meters", "id")
    entries = _ranks(found, "journal", "id")
    positions = _ranks(found, "outbox", "position")
    chance = {
        row["id"]: f"{table} {row['idempotency_key']}"
        for table in _CHANCE_IDS
        for row in found.get(table, [])
    }
    for name, rows in found.items():
        for row in rows:
            for column in row.keys() & _EVENT_NUMBERS:
                row[column] = events.get(row[column], row[column])
            for column in row.keys() & _METER_NUMBERS:
                row[column] = meters.get(row[column], row[column])
            if name == "meters":
                row["id"] = meters[row["id"]]
            if name == "journal":
                row["id"] = entries[row["id"]]
                kind, _, of = row["cause"].partition("/")
                row["cause"] = f"{kind}/{chance.get(of, of)}"
            if name == "outbox":
                row["position"] = positions[row["position"]]
            if name in _CHANCE_IDS:
                row["id"] = chance[row["id"]]
            for column in row.keys() & _CLOCKS:
                del row[column]


def _liken_intents(found: Mapping[str, _Rows]) -> None:
    """Show the chance part of an intent's id by its caller's key, wherever it stands."""
    for intent in found.get("intents", []):
        chance, told = intent["id"].partition("_")[2], f"of {intent['idempotency_key']}"
        for row in (row for rows in found.values() for row in rows):
            for column, value in row.items():
                if isinstance(value, str) and chance in value:
                    row[column] = value.replace(chance, told)


def _ranks(found: Mapping[str, _Rows], table: str, column: str) -> dict[Any, str]:
    numbers = sorted(row[column] for row in found.get(table, []))
    return {number: f"#{place}" for place, number in enumerate(numbers, 1)}


def _texts(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    if not rows:
        return []
    columns = sorted(rows[0])
    return [columns, *sorted([str(row[column]) for column in columns] for row in rows)]
