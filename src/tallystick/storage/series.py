"""The numbers of documents: each series counts without a gap, and chains what was issued in it.

A number is taken under a lock of its series that lasts until the transaction ends; one that is
undone gives its numbers back, so none is ever missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select, update

from tallystick.errors import InvalidInput, NotFound
from tallystick.storage.batches import insert_cells

if TYPE_CHECKING:
    from collections.abc import Collection

    from tallystick.storage.unit import Unit

__all__ = ["hold_series", "put_chain", "series_at", "take_numbers"]

_COLUMNS: Final = (("series", "text"), ("next", "bigint"), ("chain", "text"))


def hold_series(unit: Unit, series: Collection[str]) -> dict[str, tuple[int, str]]:
    """Lock series until the transaction ends; give each one's next number and its chain so far.

    A series that is new begins with 1 and an empty chain.  All are locked in one order.
    """
    names, table = sorted(set(series)), unit.tables.invoice_series
    ending = " ON CONFLICT (series) DO NOTHING"
    insert_cells(unit, table, _COLUMNS, [(name, 1, "") for name in names], ending)
    query = select(table).where(table.c.series.in_(names)).order_by(table.c.series)
    rows = unit.connection.execute(query.with_for_update())
    return {row.series: (row.next, row.chain) for row in rows}


def take_numbers(unit: Unit, series: str, count: int) -> tuple[int, str]:
    """Take the next so many numbers; give the first of them and the chain before it.

    Raises InvalidInput for fewer than one.
    """
    if count < 1:
        raise InvalidInput("at least one number is taken at a time")
    first, chain = hold_series(unit, [series])[series]
    _put(unit, series, next=first + count)
    return first, chain


def put_chain(unit: Unit, series: str, chain: str) -> None:
    """Keep the chain of the last document that was issued in a series, which is locked already.

    Raises NotFound for a series of which no number was taken.
    """
    _put(unit, series, chain=chain)


def series_at(unit: Unit) -> dict[str, tuple[int, str]]:
    """Give every series with its next number and its chain, without locking it."""
    table = unit.tables.invoice_series
    rows = unit.connection.execute(select(table).order_by(table.c.series))
    return {row.series: (row.next, row.chain) for row in rows}


def _put(unit: Unit, series: str, **values: Any) -> None:
    table = unit.tables.invoice_series
    done = unit.connection.execute(update(table).where(table.c.series == series).values(**values))
    if done.rowcount == 0:
        raise NotFound("series", series)
