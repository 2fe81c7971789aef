"""Rows whose columns are one of many keys: by an index on both databases."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, Text, any_, bindparam, text, tuple_

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import BindParameter, ColumnElement

    from tallystick.storage.unit import Unit

__all__ = ["among", "one_of"]


def one_of(unit: Unit, column: ColumnElement[str], names: Sequence[str]) -> ColumnElement[bool]:
    """Give the condition that a column is one of these names.

    On PostgreSQL they are one value, so that the statement is the same for any number of them.
    """
    if unit.dialect == "sqlite":
        return column.in_(names)
    return column == any_(bindparam("names", list(names), type_=ARRAY(Text), unique=True))


def among(
    unit: Unit, columns: Sequence[ColumnElement[str]], keys: Collection[Sequence[str]]
) -> ColumnElement[bool]:
    """Give the condition that some columns of text are, together, one of these keys.

    SQLite looks through the whole table for a list of rows that is written out, as its values have
    no type; for a query whose columns are texts it takes the index.
    """
    ordered = sorted(tuple(key) for key in keys)
    if unit.dialect == "postgresql":
        return tuple_(*columns).in_(ordered)
    cells = (f"CAST(json_extract(j.value, '$[{place}]') AS TEXT)" for place in range(len(columns)))
    rows: Any = text(f"SELECT {', '.join(cells)} FROM json_each(:among) j")  # noqa: S608 - no names but ours
    given: BindParameter[str] = bindparam("among", json.dumps(ordered), unique=True)
    return tuple_(*columns).in_(rows.bindparams(given))
