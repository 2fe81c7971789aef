"""What customers have to their credit, by currency: never below zero, whoever takes at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from tallystick.core.currency import currency
from tallystick.core.money import Money
from tallystick.errors import Conflict, InvalidInput
from tallystick.storage.batches import insert_cells, rows_of, update_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tallystick.storage.unit import Unit

__all__ = ["add", "balance_of", "hold", "take"]

_COLUMNS: Final = (("customer_id", "text"), ("currency", "text"), ("minor", "bigint"))


def hold(unit: Unit, customers: Collection[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Lock balances, by customer and currency, until the transaction ends; give what is there.

    One that nobody has added to is not there, and counts as nothing.
    """
    found = rows_of(unit, unit.tables.balances, ("customer_id", "currency"), customers, lock=True)
    return {(row["customer_id"], row["currency"]): row["minor"] for row in found}


def balance_of(unit: Unit, customer: str) -> tuple[Money, ...]:
    """Give what a customer has, in the order of the currencies."""
    c = unit.tables.balances.c
    query = select(c.currency, c.minor).where(c.customer_id == customer).order_by(c.currency)
    return tuple(Money(row[1], currency(row[0])) for row in unit.connection.execute(query))


def add(unit: Unit, amounts: Sequence[tuple[str, Money]]) -> None:
    """Add to customers' balances.  Raises InvalidInput for less than nothing."""
    ending = " ON CONFLICT (customer_id, currency) DO UPDATE SET minor = d.minor + excluded.minor"
    insert_cells(unit, unit.tables.balances, _COLUMNS, _summed(amounts), ending)


def take(unit: Unit, amounts: Sequence[tuple[str, Money]]) -> None:
    """Take from customers' balances.

    Raises InvalidInput for less than nothing; Conflict, and nothing is to be committed then, where
    one has not so much.
    """
    rows = _summed(amounts)
    where = "d.customer_id = {customer_id} AND d.currency = {currency} AND d.minor >= {minor}"
    changes = {"minor": "d.minor - {minor}"}
    if update_rows(unit, unit.tables.balances, _COLUMNS, rows, changes, where) != len(rows):
        raise Conflict("a balance is less than what is to be taken from it")


def _summed(amounts: Sequence[tuple[str, Money]]) -> list[tuple[str, str, int]]:
    """Add up what is one customer's in one currency, in the order in which rows are locked."""
    sums: dict[tuple[str, str], Money] = {}
    for customer, amount in amounts:
        if amount.minor < 0:
            raise InvalidInput("a balance is added to or taken from, by more than nothing")
        key = (customer, amount.currency.code)
        sums[key] = sums[key] + amount if key in sums else amount
    return [(*key, total.minor) for key, total in sorted(sums.items()) if total.minor]
