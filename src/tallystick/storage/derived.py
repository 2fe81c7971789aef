"""What is kept but could be made again: taking it away, and telling whether it came back the same.

Triggers guard most of it, so only who owns the tables can take it away; they stand again when the
work is done or undone.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, insert, select, text, update

from tallystick.storage.verify_rows import mappings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from tallystick.core.money import Money
    from tallystick.storage.unit import Unit

__all__ = [
    "Happening",
    "forget",
    "happenings",
    "ledger_digests",
    "put_balance",
    "put_stand",
    "reset_since",
    "unguarded",
    "waiting_drafts",
]

Happening = tuple[str, Any]
"""The cause of entries in the journal, and when it was."""

_GUARDED: Final = ("invoices", "journal")
_COUNTED: Final[dict[str, frozenset[str]]] = {
    "journal": frozenset({"id"}),
    "outbox": frozenset({"position"}),
    "usage_watermark": frozenset(),
}
_NOT_OURS: Final = frozenset({"migration_log"})


@contextmanager
def unguarded(unit: Unit) -> Iterator[None]:
    """Take the triggers off documents and journal for a while; only their owner can."""
    names = [getattr(unit.tables, table).fullname for table in _GUARDED]
    if unit.dialect == "postgresql":
        for name in names:
            unit.connection.execute(text(f"ALTER TABLE {name} DISABLE TRIGGER USER"))
        yield
        unit.connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))  # none may be left to check
        for name in names:
            unit.connection.execute(text(f"ALTER TABLE {name} ENABLE TRIGGER USER"))
        return
    query = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table")
    found = [row for name in names for row in unit.connection.execute(query, {"table": name})]
    for trigger, _ in found:
        unit.connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
    yield
    for _, words in found:
        unit.connection.exec_driver_sql(words)


def happenings(unit: Unit) -> dict[str, list[Happening]]:
    """Give what the journal has entries for, by customer, each once, in the order it happened."""
    c = unit.tables.journal.c
    query = select(c.customer_id, c.cause, c.at).order_by(c.id)
    found: dict[str, dict[str, Any]] = {}
    for customer, cause, at in unit.connection.execute(query):
        found.setdefault(customer, {}).setdefault(cause, at)
    return {customer: list(causes.items()) for customer, causes in found.items()}


def waiting_drafts(unit: Unit) -> list[tuple[str, str, str]]:
    """Give the drafts of subscriptions: customer, id and cause."""
    c = unit.tables.invoices.c
    query = select(c.customer_id, c.id, c.cause)
    rows = unit.connection.execute(
        query.where(c.status == "draft", c.subscription_id.is_not(None)).order_by(c.id)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def forget(unit: Unit, drafts: Collection[tuple[str, str]]) -> list[dict[str, Any]]:
    """Take away what subscriptions are now, these drafts, the journal and the balances.

    Gives the rows of the drafts.  Triggers are off.
    """
    tables = unit.tables
    unit.connection.execute(
        update(tables.subscriptions).values(
            state="ended", snapshot="{}", due_at=None, plan_id="", plan_version=1, moves=1
        )
    )
    c = tables.invoices.c
    gone = []
    for customer, id_ in drafts:
        mine = (c.customer_id == customer, c.id == id_, c.status == "draft")
        row = unit.connection.execute(select(tables.invoices).where(*mine)).mappings().one()
        gone.append(dict(row))
        unit.connection.execute(delete(tables.invoices).where(*mine))
    unit.connection.execute(delete(tables.journal))
    unit.connection.execute(delete(tables.balances))
    return gone


def reset_since(unit: Unit) -> None:
    """Let documents stand as they were issued: nothing paid, given back or voided since."""
    table = unit.tables.invoices
    nothing = {"paid": 0, "credited": 0, "noted": 0, "refunded": 0}
    issued = update(table).where(table.c.number.is_not(None))
    unit.connection.execute(issued.where(table.c.amount_due == 0).values(status="paid", **nothing))
    unit.connection.execute(issued.where(table.c.amount_due != 0).values(status="open", **nothing))


def put_stand(unit: Unit, customer: str, id_: str, figures: Mapping[str, Any]) -> None:
    """Say how a document stands now."""
    table = unit.tables.invoices
    mine = (table.c.customer_id == customer, table.c.id == id_)
    unit.connection.execute(update(table).where(*mine).values(**figures))


def put_balance(unit: Unit, customer: str, amount: Money) -> None:
    """Say what a customer has to its credit; also where that is nothing."""
    row = {"customer_id": customer, "currency": amount.currency.code, "minor": amount.minor}
    unit.connection.execute(insert(unit.tables.balances).values(row))


def ledger_digests(unit: Unit) -> dict[str, str]:
    """Give what the rows of each table hash to, in no order, and without their sequence numbers."""
    found = {}
    for name, table in sorted(vars(unit.tables).items()):
        if not hasattr(table, "columns") or name in _NOT_OURS:
            continue
        columns = [column for column in table.columns if column.name not in _COUNTED.get(name, ())]
        rows = sorted(
            hashlib.sha256(repr(list(row.values())).encode()).digest()
            for row in mappings(unit, select(*columns))
        )
        found[name] = hashlib.sha256(b"".join(rows)).hexdigest()
    return found
