"""The journal: every movement of money from one account to another, only ever added to.

An entry is one amount with the account that takes it (debit) and the one that gives it (credit), so
all entries of a currency sum to zero by construction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select, union_all

from tallystick.core.currency import currency
from tallystick.core.money import Money
from tallystick.errors import Conflict, InvalidInput
from tallystick.storage.batches import insert_cells, moments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["Entry", "account_totals", "entries_of", "post"]

_COLUMNS: Final = (
    ("customer_id", "text"),
    ("at", "timestamptz"),
    ("cause", "text"),
    ("debit", "text"),
    ("credit", "text"),
    ("minor", "bigint"),
    ("currency", "text"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One transfer of a customer's: `amount`, more than nothing, from `credit` to `debit`.

    `cause` says what it is for (`invoice/ID`, `payment/ID`); with it, each pair of accounts comes
    once.
    """

    customer: str
    at: Instant
    cause: str
    debit: str
    credit: str
    amount: Money


def post(unit: Unit, entries: Sequence[Entry]) -> None:
    """Post entries, in one statement.

    Raises InvalidInput for one that is not more than nothing or goes from an account to itself;
    Conflict, and nothing is to be committed then, where one was posted before.
    """
    for entry in entries:
        if entry.amount.minor <= 0 or entry.debit == entry.credit:
            raise InvalidInput("an entry is more than nothing, between two accounts")
    moment = moments(unit)
    rows = [
        (
            *(each.customer, moment(each.at), each.cause, each.debit, each.credit),
            *(each.amount.minor, each.amount.currency.code),
        )
        for each in entries
    ]
    ending = " ON CONFLICT (customer_id, cause, debit, credit) DO NOTHING"
    if insert_cells(unit, unit.tables.journal, _COLUMNS, rows, ending) != len(rows):
        raise Conflict("an entry was posted before, for the same cause and accounts")


def entries_of(unit: Unit, customer: str, cause: str | None = None) -> tuple[Entry, ...]:
    """Give a customer's entries in the order in which they were posted, or those of one cause."""
    table = unit.tables.journal
    query = select(table).where(table.c.customer_id == customer)
    if cause is not None:
        query = query.where(table.c.cause == cause)
    rows = unit.connection.execute(query.order_by(table.c.id))
    return tuple(
        Entry(
            customer=row.customer_id,
            at=row.at,
            cause=row.cause,
            debit=row.debit,
            credit=row.credit,
            amount=Money(row.minor, currency(row.currency)),
        )
        for row in rows
    )


def account_totals(unit: Unit, customer: str | None = None) -> dict[tuple[str, str], int]:
    """Give what each account holds, by account and currency: debits less credits, minor units.

    They sum to zero in each currency.  Of one customer, or of all.
    """
    c = unit.tables.journal.c
    sides = []
    for side, minor in ((c.debit, c.minor), (c.credit, -c.minor)):
        query = select(side.label("account"), c.currency, minor.label("minor"))
        sides.append(query if customer is None else query.where(c.customer_id == customer))
    each = union_all(*sides).subquery()
    total = select(each.c.account, each.c.currency, func.sum(each.c.minor))
    rows = unit.connection.execute(total.group_by(each.c.account, each.c.currency))
    return {(row[0], row[1]): int(row[2]) for row in rows}
