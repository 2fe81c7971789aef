"""Many rows in one statement: values for SQL, as PostgreSQL's arrays or as SQLite's lists of rows.

PostgreSQL reads one text for each column, which every driver can send and which costs a fraction
of a parameter for each cell.  A column that says the same in every row is sent once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import CursorResult, TextClause

    from tallystick.storage.unit import Unit

__all__ = ["Cell", "execute_rows", "insert_rows", "many"]

Cell = str | int | None
"""A value in a row, as text or a whole number."""

_BETWEEN: Final = "\x1f"
_NEXT: Final = '","'


def _array(cells: Sequence[Cell]) -> str:
    """Write cells as the text of an array."""
    if None not in cells:
        joined = _BETWEEN.join(map(str, cells))
        if joined.count(_BETWEEN) == len(cells) - 1:
            return f'{{"{_escaped(joined).replace(_BETWEEN, _NEXT)}"}}'
    texts = ("NULL" if cell is None else f'"{_escaped(str(cell))}"' for cell in cells)
    return f"{{{','.join(texts)}}}"


def _escaped(joined: str) -> str:
    if "\\" in joined:
        joined = joined.replace("\\", "\\\\")
    return joined.replace('"', '\\"') if '"' in joined else joined


@lru_cache(maxsize=256)
def _unnest(names: tuple[tuple[str, str], ...], single: tuple[bool, ...]) -> str:
    """Write a query that gives the rows, in their order."""
    chosen, arrays, columns = [], [], []
    for place, ((name, kind), alone) in enumerate(zip(names, single, strict=True)):
        if alone:
            chosen.append(f"CAST(CAST(:p{place} AS text) AS {kind}) AS {name}")
        else:
            chosen.append(f"a.{name}")
            columns.append(name)
            arrays.append(f"CAST(CAST(:p{place} AS text) AS {kind}[])")
    return (
        f"SELECT {', '.join(chosen)} FROM unnest({', '.join(arrays)}) AS a ({', '.join(columns)})"  # noqa: S608 - names of ours
    )


@lru_cache(maxsize=256)
def _statement(words: str) -> TextClause:
    return text(words)


def many(
    names: Sequence[tuple[str, str]], columns: Sequence[Sequence[Cell]]
) -> tuple[str, dict[str, Cell]]:
    """Give a query of PostgreSQL for the rows of these columns, and its parameters.

    `names` are those of the columns, with their types.  There is at least one row.
    """
    # One column is always an array, or nothing would say how many rows there are.
    single = [False] + [column.count(column[0]) == len(column) for column in columns[1:]]
    query = _unnest(tuple(names), tuple(single))
    given: dict[str, Cell] = {}
    for place, (column, alone) in enumerate(zip(columns, single, strict=True)):
        if not alone:
            given[f"p{place}"] = _array(column)
        else:
            given[f"p{place}"] = None if column[0] is None else str(column[0])
    return query, given


def execute_rows(unit: Unit, words: str, given: dict[str, Cell]) -> CursorResult[Any]:
    """Execute a statement made of `many`; its words are kept, as they come again and again."""
    return unit.connection.execute(_statement(words), given)


def insert_rows(
    unit: Unit,
    table: str,
    columns: Sequence[tuple[str, str]],
    rows: Sequence[Sequence[Cell]],
    ending: str = "",
) -> CursorResult[Any]:
    """Insert rows in their order: one statement, in which the table is called `d`.

    `columns` are names and PostgreSQL's types.
    """
    names = [name for name, _ in columns]
    head = f"INSERT INTO {table} AS d ({', '.join(names)})"
    if unit.dialect == "postgresql":
        query, given = many(columns, list(zip(*rows, strict=True)))
        return execute_rows(unit, f"{head} OVERRIDING SYSTEM VALUE {query}{ending}", given)
    marks = ", ".join("?" * len(names))
    return unit.connection.exec_driver_sql(f"{head} VALUES ({marks}){ending}", list(rows))
