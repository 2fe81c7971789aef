"""Many rows of billing in one statement: changed by their keys, looked up by their keys.

Inserting is `arrays.insert_rows`; these are its siblings.  In conditions and changes a column of
the table is `d.name`, a value that was given `{name}`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import select

from tallystick.storage.among import among
from tallystick.storage.arrays import execute_rows, insert_rows, many
from tallystick.storage.types import micros

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from sqlalchemy import RowMapping, Table

    from tallystick.core.period import Instant
    from tallystick.storage.arrays import Cell
    from tallystick.storage.unit import Unit

__all__ = ["Names", "insert_cells", "moments", "rows_of", "update_rows"]

Names: TypeAlias = Sequence[tuple[str, str]]
"""Columns with their types on PostgreSQL."""

_KEYS_AT_ONCE: Final = 500


def moments(unit: Unit) -> Callable[[Instant | None], Cell]:
    """Give how this database writes an instant in a batch, where the same ones come often."""
    write: Callable[[Instant], Cell] = micros if unit.dialect == "sqlite" else str
    known: dict[Instant | None, Cell] = {None: None}

    def written(at: Instant | None) -> Cell:
        if at not in known:
            known[at] = None if at is None else write(at)
        return known[at]

    return written


def insert_cells(
    unit: Unit, table: Table, columns: Names, rows: Sequence[Sequence[Cell]], ending: str = ""
) -> int:
    """Insert rows, if there are any; give how many were."""
    if not rows:
        return 0
    return insert_rows(unit, table.fullname, columns, rows, ending).rowcount


def update_rows(  # noqa: PLR0917 - a statement has so many parts
    unit: Unit,
    table: Table,
    columns: Names,
    rows: Sequence[Sequence[Cell]],
    changes: Mapping[str, str],
    where: str,
) -> int:
    """Change a row for each that is given, where the condition holds; give how many were."""
    if not rows:
        return 0
    names = [name for name, _ in columns]
    if unit.dialect == "postgresql":
        query, given = many(columns, list(zip(*rows, strict=True)))
        marks = {name: f"k.{name}" for name in names}
        words = f"{_update(table, changes, marks)} FROM ({query}) k WHERE {where.format(**marks)}"
        return execute_rows(unit, words, given).rowcount
    marks = {name: f":{name}" for name in names}
    words = f"{_update(table, changes, marks)} WHERE {where.format(**marks)}"
    each: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in rows]
    return unit.connection.exec_driver_sql(words, each).rowcount


def _update(table: Table, changes: Mapping[str, str], marks: Mapping[str, str]) -> str:
    sets = ", ".join(f"{name} = {change.format(**marks)}" for name, change in changes.items())
    return f"UPDATE {table.fullname} AS d SET {sets}"  # noqa: S608 - names of ours


def rows_of(
    unit: Unit,
    table: Table,
    names: Sequence[str],
    keys: Collection[Sequence[str]],
    *,
    lock: bool = False,
) -> Iterator[RowMapping]:
    """Look rows up by some columns, in the order of the keys; lock them until the end if asked."""
    columns = [table.c[name] for name in names]
    ordered = sorted({tuple(key) for key in keys})
    for start in range(0, len(ordered), _KEYS_AT_ONCE):
        some = ordered[start : start + _KEYS_AT_ONCE]
        query = select(table).where(among(unit, columns, some)).order_by(*columns)
        if lock:
            query = query.with_for_update(key_share=True)  # what only points to a row may be added
        yield from unit.connection.execute(query).mappings()
