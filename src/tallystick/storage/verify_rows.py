"""Reading the rows of a check, however many there are, in little memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import RowMapping

    from tallystick.storage.unit import Unit
    from tallystick.storage.verify import Rows

__all__ = ["in_batches", "mappings"]

_PAGE: Final = 1_000


def mappings(unit: Unit, query: Any) -> Rows:
    """Give the rows of a query as mappings, as they come."""
    with unit.connection.execute(query, execution_options={"yield_per": _PAGE}) as rows:
        for row in rows.mappings():
            yield dict(row)


def in_batches(unit: Unit, query: Any, size: int) -> Iterator[Sequence[RowMapping]]:
    """Give the rows of a query some at a time."""
    with unit.connection.execute(query, execution_options={"yield_per": size}) as rows:
        yield from rows.mappings().partitions(size)
