"""What belongs to a customer: which tables, and their rows, whole and page by page.

The tables are found, not listed, so one that is added later is part of every export and under row
security at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import UniqueConstraint, select, tuple_

if TYPE_CHECKING:
    from sqlalchemy import Column, Index, Table

    from tallystick.storage.tables import Tables
    from tallystick.storage.unit import Unit

__all__ = ["kind_of", "owned_tables", "owners", "page_of"]

OWNER: Final = "customer_id"


def owners(tables: Tables) -> dict[str, Column[Any]]:
    """Give the name of each table that customers own, with the column that says whose a row is."""
    own = {tables.customers.name: tables.customers.c.id}
    return own | {table.name: table.c[OWNER] for table in owned_tables(tables)}


def owned_tables(tables: Tables) -> tuple[Table, ...]:
    """Give the tables that keep what a customer has, in the order of their names."""
    found = (table for table in tables.metadata.tables.values() if OWNER in table.c)
    return tuple(sorted(found, key=lambda table: table.name))


def kind_of(tables: Tables, table: Table) -> str:
    """Give the name of a table without our prefix."""
    return table.name.removeprefix(tables.prefix)


def page_of(
    unit: Unit, table: Table, customer_id: str, limit: int, after: tuple[Any, ...] | None = None
) -> tuple[tuple[dict[str, Any], ...], tuple[Any, ...] | None]:
    """Give a customer's rows in the order of a key, and the place to go on from, or None."""
    key = _key(table)
    query = select(table).where(table.c[OWNER] == customer_id).order_by(*key).limit(limit)
    if after is not None:
        # The first column by itself too: that is what an index can be entered by.
        query = query.where(key[0] >= after[0], tuple_(*key) > after)
    rows = tuple(dict(row) for row in unit.connection.execute(query).mappings())
    last = tuple(rows[-1][column.name] for column in key) if len(rows) == limit else None
    return rows, last


def _key(table: Table) -> list[Column[Any]]:
    """Choose the columns that tell a customer's rows apart: of a key with the owner in it, if any.

    One that begins with the owner is best, because an index then holds the rows side by side; of
    several such, the table's own.  An index that tells nobody apart does with the primary key
    after it.  A key with NULLs in it tells nothing apart.
    """
    keys = [list(table.primary_key.columns)]
    keys += [
        list(each.columns)
        for each in sorted(table.constraints, key=lambda each: str(each.name))
        if isinstance(each, UniqueConstraint) and not any(c.nullable for c in each.columns)
    ]
    keys += [
        [*each.columns, *table.primary_key.columns]
        for each in sorted(table.indexes, key=lambda index: str(index.name))
        if not any(name.endswith("_where") and value is not None for name, value in _options(each))
        and not any(column.nullable for column in each.columns)
    ]
    return [column for column in min(keys, key=_distance) if column.name != OWNER]


def _options(index: Index) -> list[tuple[str, Any]]:
    """Give what an index is told for each database, as the rows that it is only for."""
    return [(str(name), value) for name, value in index.dialect_kwargs.items()]


def _distance(key: list[Column[Any]]) -> int:
    """Tell how far from its beginning a key has the owner."""
    names = [column.name for column in key]
    return names.index(OWNER) if OWNER in names else len(names) + 100
