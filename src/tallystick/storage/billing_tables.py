"""The tables of billing: subscriptions, documents, the journal, and what is kept beside them.

`Tables` makes them together with the rest.  What the columns mean stands with the values of
`tallystick.core` and on the shelves; here stands what the database enforces.  Triggers, which
SQLAlchemy does not know, stand in the migration: moves, lines, payments and the journal are only
ever added to, and a document that was issued changes no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Identity,
    Index,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from tallystick.storage.dunning_tables import dunning, outbox
from tallystick.storage.invoice_tables import (
    invoice_items,
    invoice_lines,
    invoice_series,
    invoices,
)
from tallystick.storage.table_parts import OWNER, Names, currency_check, key, minor, needed
from tallystick.storage.types import Key, Moment, Serial

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import MetaData

__all__ = ["BILLING_GRANTS", "LATE", "BillingTables", "make_billing_tables"]

_ADDED_TO: Final = frozenset({"SELECT", "INSERT"})

BILLING_GRANTS: Final[Mapping[str, frozenset[str]]] = {
    "subscriptions": _ADDED_TO | {"UPDATE"},
    "subscription_moves": _ADDED_TO,
    "trials": _ADDED_TO,
    "invoices": _ADDED_TO | {"UPDATE"},
    "invoice_lines": _ADDED_TO,
    "invoice_items": _ADDED_TO | {"UPDATE (invoice_id)"},
    "invoice_series": _ADDED_TO | {"UPDATE (next)", "UPDATE (chain)"},
    "payments": _ADDED_TO,
    "journal": _ADDED_TO,
    "balances": _ADDED_TO | {"UPDATE (minor)"},
    "sellers": _ADDED_TO | {"UPDATE (facts)", "UPDATE (updated_at)"},
    "usage_watermark": _ADDED_TO | {"UPDATE (closed_until)"},
    "dunning": _ADDED_TO | {"UPDATE"},
    "outbox": _ADDED_TO,
}
"""What the role of a program may do with each of these tables."""

LATE: Final[Mapping[str, str]] = {
    "postgresql": "kind <> 'use' OR received_at - occurred_at >= interval '1 minute'",
    "sqlite": "kind <> 'use' OR received_at - occurred_at >= 60000000",
}
"""What makes an event late or a correction, by database: the words of the index that finds them.

A query that says them word for word, with a customer and from when it was received, is answered by
that index alone.
"""

_LIVE: Final = "state IN ('trialing', 'active', 'past_due', 'paused')"
_OF_PROVIDER: Final = ("provider", "account", "live", "reference", "as_of", "stamp")
_DUE: Final = "due_at IS NOT NULL AND set_aside IS NULL"


class BillingTables(NamedTuple):
    """The tables of billing, by their names without the prefix."""

    subscriptions: Table
    subscription_moves: Table
    trials: Table
    invoices: Table
    invoice_lines: Table
    invoice_items: Table
    invoice_series: Table
    payments: Table
    journal: Table
    balances: Table
    sellers: Table
    usage_watermark: Table
    dunning: Table
    outbox: Table


def make_billing_tables(metadata: MetaData, prefix: str, events: Table) -> BillingTables:
    """Make the tables, and the index of late usage on the events."""
    Index(
        f"ix_{prefix}usage_events_late",
        events.c.customer_id,
        events.c.received_at,
        postgresql_where=text(LATE["postgresql"]),
        sqlite_where=text(LATE["sqlite"]),
    )
    names = Names(metadata, prefix)
    return BillingTables(
        _subscriptions(names),
        _subscription_moves(names),
        _trials(names),
        invoices(names),
        invoice_lines(names),
        invoice_items(names),
        invoice_series(names),
        _payments(names),
        _journal(names),
        _balances(names),
        _sellers(names),
        _usage_watermark(names),
        dunning(names),
        outbox(names),
    )


# --- subscriptions --------------------------------------------------------------------------------


def _subscriptions(names: Names) -> Table:
    return names.table(
        "subscriptions",
        key(OWNER),
        key("id"),
        needed("group_key", Key),
        needed("plan_id", Key),
        needed("plan_version", BigInteger),
        needed("state"),
        needed("currency"),
        Column("due_at", Moment),
        needed("moves", BigInteger),
        needed("clock", Moment),
        needed("snapshot"),
        Column("set_aside", Text),
        needed("created_at", Moment),
        Column("provider", Key),
        Column("account", Key),
        Column("live", Boolean),
        Column("reference", Key),
        Column("as_of", Moment),
        Column("stamp", Key),
        Column("biller", Text, nullable=False, server_default="tallystick"),
        UniqueConstraint("id"),
        names.of_customer(),
        CheckConstraint(
            "state IN ('scheduled', 'trialing', 'active', 'past_due', 'paused', 'canceled',"
            " 'ended')",
            name="state",
        ),
        currency_check(),
        CheckConstraint("plan_version > 0", name="plan_version"),
        CheckConstraint("moves > 0", name="moves"),
        CheckConstraint("biller IN ('tallystick', 'provider')", name="biller"),
        CheckConstraint("biller = 'tallystick' OR due_at IS NULL", name="due_at"),
        CheckConstraint(
            " AND ".join(f"(biller = 'provider') = ({each} IS NOT NULL)" for each in _OF_PROVIDER),
            name="origin",
        ),
        names.where(
            "uq_{p}subscriptions_reference",
            *("provider", "account", "reference"),
            words="reference IS NOT NULL",
            unique=True,
        ),
        names.where("uq_{p}subscriptions_live", OWNER, "group_key", words=_LIVE, unique=True),
        names.where("ix_{p}subscriptions_due", "due_at", "id", words=_DUE),
    )


def _subscription_moves(names: Names) -> Table:
    return names.table(
        "subscription_moves",
        key(OWNER),
        key("subscription_id"),
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        needed("kind"),
        needed("at", Moment),
        needed("recorded_at", Moment),
        Column("idempotency_key", Key),
        needed("digest"),
        needed("body"),
        UniqueConstraint(OWNER, "idempotency_key"),
        names.refers("subscription_moves", "subscription_id", "subscriptions"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint(
            "kind IN ('start', 'change', 'pause', 'resume', 'cancel', 'keep', 'unplan', 'lapse',"
            " 'recover', 'mirror')",
            name="kind",
        ),
    )


def _trials(names: Names) -> Table:
    """Make the trials that were given: one for each identity, whichever customer comes with it."""
    return names.table(
        "trials",
        key("identity"),
        needed(OWNER, Key),
        needed("subscription_id", Key),
        needed("at", Moment),
        UniqueConstraint(OWNER, "identity"),
        names.refers("trials", "subscription_id", "subscriptions"),
    )


# --- money ----------------------------------------------------------------------------------------


def _payments(names: Names) -> Table:
    return names.table(
        "payments",
        key(OWNER),
        key("id"),
        needed("invoice_id", Key),
        needed("kind"),
        minor("amount"),
        needed("currency"),
        needed("at", Moment),
        needed("method"),
        Column("reference", Text),
        Column("idempotency_key", Key),
        UniqueConstraint("id"),
        UniqueConstraint(OWNER, "idempotency_key"),
        names.refers("payments", "invoice_id", "invoices"),
        CheckConstraint(
            "kind IN ('payment', 'refund', 'refund_failed', 'chargeback')", name="kind"
        ),
        CheckConstraint("amount > 0", name="amount"),
        currency_check(),
        Index(f"ix_{names.prefix}payments_invoice_id", OWNER, "invoice_id"),
    )


def _journal(names: Names) -> Table:
    """Make the journal: a row takes from one account what it gives another, so it sums to zero."""
    return names.table(
        "journal",
        Column("id", Serial, Identity(always=True), primary_key=True),
        needed(OWNER, Key),
        needed("at", Moment),
        needed("cause", Key),
        needed("debit", Key),
        needed("credit", Key),
        minor("minor"),
        needed("currency"),
        UniqueConstraint(OWNER, "cause", "debit", "credit"),
        CheckConstraint("debit <> credit", name="accounts"),
        CheckConstraint("minor > 0", name="minor"),
        currency_check(),
        sqlite_autoincrement=True,
    )


def _balances(names: Names) -> Table:
    return names.table(
        "balances",
        key(OWNER),
        key("currency"),
        minor("minor"),
        CheckConstraint("minor >= 0", name="minor"),
        currency_check(),
    )


# --- what no customer owns ------------------------------------------------------------------------


def _sellers(names: Names) -> Table:
    return names.table("sellers", key("id"), needed("facts"), needed("updated_at", Moment))


def _usage_watermark(names: Names) -> Table:
    return names.table(
        "usage_watermark",
        Column("id", BigInteger, primary_key=True, autoincrement=False),
        Column("closed_until", Moment),
        CheckConstraint("id = 1", name="id"),
    )
