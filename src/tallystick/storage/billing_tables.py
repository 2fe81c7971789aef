"""The tables of billing: subscriptions, documents, the journal, and what is kept beside them.

`Tables` makes them together with the rest.  What the columns mean stands with the values of
`tallystick.core` and on the shelves; here stands what the database enforces.  Triggers, which
SQLAlchemy does not know, stand in the migration: moves, lines, payments and the journal are only
ever added to, and a document that was issued changes no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from tallystick.storage.types import Exact, Key, Moment, Serial

if TYPE_CHECKING:
    from collections.abc import Mapping

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
_DUE: Final = "due_at IS NOT NULL AND set_aside IS NULL"
_TO_ISSUE: Final = "status = 'draft' AND set_aside IS NULL"
_OWNER: Final = "customer_id"
_SUMS: Final = ("subtotal", "discount", "credit", "tax", "total", "balance", "amount_due")
_SINCE: Final = ("paid", "credited", "noted", "refunded")


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


def make_billing_tables(metadata: MetaData, prefix: str, events: Table) -> BillingTables:
    """Make the tables, and the index of late usage on the events."""
    Index(
        f"ix_{prefix}usage_events_late",
        events.c.customer_id,
        events.c.received_at,
        postgresql_where=text(LATE["postgresql"]),
        sqlite_where=text(LATE["sqlite"]),
    )
    names = _Names(metadata, prefix)
    return BillingTables(
        _subscriptions(names),
        _subscription_moves(names),
        _trials(names),
        _invoices(names),
        _invoice_lines(names),
        _invoice_items(names),
        _invoice_series(names),
        _payments(names),
        _journal(names),
        _balances(names),
        _sellers(names),
        _usage_watermark(names),
    )


class _Names(NamedTuple):
    """Where the tables are made, and how they name each other."""

    metadata: MetaData
    prefix: str

    def table(self, name: str, *parts: Any, **options: Any) -> Table:
        return Table(f"{self.prefix}{name}", self.metadata, *parts, **options)

    def refers(self, table: str, column: str, to: str) -> ForeignKeyConstraint:
        """Point to a row of the same customer; the key is named by what it points with."""
        schema = "" if self.metadata.schema is None else f"{self.metadata.schema}."
        there = f"{schema}{self.prefix}{to}"
        return ForeignKeyConstraint(
            [_OWNER, column],
            [f"{there}.{_OWNER}", f"{there}.id"],
            name=f"fk_{self.prefix}{table}_{column}",
        )

    def of_customer(self) -> ForeignKeyConstraint:
        schema = "" if self.metadata.schema is None else f"{self.metadata.schema}."
        return ForeignKeyConstraint([_OWNER], [f"{schema}{self.prefix}customers.id"])

    def where(self, kind: str, *columns: str, words: str, unique: bool = False) -> Index:
        return Index(
            f"{kind.format(p=self.prefix)}",
            *columns,
            unique=unique,
            postgresql_where=text(words),
            sqlite_where=text(words),
        )


def _key(name: str) -> Column[Any]:
    return Column(name, Key, primary_key=True)


def _needed(name: str, kind: Any = Text) -> Column[Any]:
    return Column(name, kind, nullable=False)


def _minor(name: str) -> Column[Any]:
    return Column(name, BigInteger, nullable=False)


def _currency_check() -> CheckConstraint:
    return CheckConstraint("length(currency) = 3", name="currency")


# --- subscriptions --------------------------------------------------------------------------------


def _subscriptions(names: _Names) -> Table:
    return names.table(
        "subscriptions",
        _key(_OWNER),
        _key("id"),
        _needed("group_key", Key),
        _needed("plan_id", Key),
        _needed("plan_version", BigInteger),
        _needed("state"),
        _needed("currency"),
        Column("due_at", Moment),
        _needed("moves", BigInteger),
        _needed("clock", Moment),
        _needed("snapshot"),
        Column("set_aside", Text),
        _needed("created_at", Moment),
        UniqueConstraint("id"),
        names.of_customer(),
        CheckConstraint(
            "state IN ('scheduled', 'trialing', 'active', 'past_due', 'paused', 'canceled',"
            " 'ended')",
            name="state",
        ),
        _currency_check(),
        CheckConstraint("plan_version > 0", name="plan_version"),
        CheckConstraint("moves > 0", name="moves"),
        names.where("uq_{p}subscriptions_live", _OWNER, "group_key", words=_LIVE, unique=True),
        names.where("ix_{p}subscriptions_due", "due_at", "id", words=_DUE),
    )


def _subscription_moves(names: _Names) -> Table:
    return names.table(
        "subscription_moves",
        _key(_OWNER),
        _key("subscription_id"),
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        _needed("kind"),
        _needed("at", Moment),
        _needed("recorded_at", Moment),
        Column("idempotency_key", Key),
        _needed("digest"),
        _needed("body"),
        UniqueConstraint(_OWNER, "idempotency_key"),
        names.refers("subscription_moves", "subscription_id", "subscriptions"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint(
            "kind IN ('start', 'change', 'pause', 'resume', 'cancel', 'keep', 'unplan', 'lapse',"
            " 'recover')",
            name="kind",
        ),
    )


def _trials(names: _Names) -> Table:
    """Make the trials that were given: one for each identity, whichever customer comes with it."""
    return names.table(
        "trials",
        _key("identity"),
        _needed(_OWNER, Key),
        _needed("subscription_id", Key),
        _needed("at", Moment),
        UniqueConstraint(_OWNER, "identity"),
        names.refers("trials", "subscription_id", "subscriptions"),
    )


# --- documents ------------------------------------------------------------------------------------


def _invoices(names: _Names) -> Table:
    """Make the documents.  The checks say what a status and the sums have to do with each other."""
    return names.table(
        "invoices",
        _key(_OWNER),
        _key("id"),
        Column("subscription_id", Key),
        _needed("kind"),
        _needed("status"),
        _needed("cause", Key),
        _needed("currency"),
        _needed("at", Moment),
        _needed("finalize_at", Moment),
        _needed("watermark", Moment),
        Column("issued_at", Moment),
        Column("due_at", Moment),
        Column("series", Key),
        Column("number", BigInteger),
        Column("number_text", Key),
        _needed("due"),
        Column("body", Text),
        Column("digest", Text),
        Column("chain", Text),
        *map(_minor, (*_SUMS, *_SINCE)),
        Column("credits_id", Key),
        Column("net_days", BigInteger),
        Column("memo", Text),
        Column("po_number", Text),
        Column("set_aside", Text),
        UniqueConstraint("id"),
        UniqueConstraint(_OWNER, "cause"),
        UniqueConstraint("series", "number"),
        names.refers("invoices", "subscription_id", "subscriptions"),
        names.refers("invoices", "credits_id", "invoices"),
        *_invoice_checks(),
        names.where("ix_{p}invoices_to_issue", "finalize_at", _OWNER, "cause", words=_TO_ISSUE),
        Index(f"ix_{names.prefix}invoices_number_text", "number_text"),
        Index(f"ix_{names.prefix}invoices_subscription_id", _OWNER, "subscription_id"),
        Index(f"ix_{names.prefix}invoices_credits_id", _OWNER, "credits_id"),
    )


def _invoice_checks() -> list[CheckConstraint]:
    return [
        CheckConstraint("kind IN ('invoice', 'credit_note')", name="kind"),
        CheckConstraint(
            "status IN ('draft', 'open', 'paid', 'void', 'uncollectible', 'empty')", name="status"
        ),
        _currency_check(),
        CheckConstraint("finalize_at >= at", name="finalize_at"),
        CheckConstraint(
            "(number IS NULL) = (status IN ('draft', 'empty'))"
            " AND (number IS NULL) = (series IS NULL)"
            " AND (number IS NULL) = (number_text IS NULL)"
            " AND (number IS NULL) = (issued_at IS NULL)"
            " AND (number IS NULL) = (body IS NULL)"
            " AND (number IS NULL) = (digest IS NULL)"
            " AND (number IS NULL) = (chain IS NULL)",
            name="issued",
        ),
        CheckConstraint("number IS NULL OR number > 0", name="number"),
        CheckConstraint(
            "kind = 'credit_note' AND total <= 0"
            " OR kind = 'invoice' AND balance >= 0 AND amount_due >= 0"
            " AND amount_due = total - balance",
            name="sums",
        ),
        CheckConstraint(
            "paid >= 0 AND refunded >= 0 AND refunded <= paid"
            " AND credited >= 0 AND credited <= noted",
            name="since",
        ),
        CheckConstraint(
            "kind = 'credit_note' AND paid = 0 AND noted = 0"
            " OR kind = 'invoice' AND paid + credited <= amount_due AND noted <= total",
            name="owed",
        ),
        CheckConstraint(
            "status NOT IN ('open', 'uncollectible') OR paid + credited < amount_due", name="open"
        ),
        CheckConstraint(
            "status <> 'paid' OR kind = 'credit_note' OR paid + credited = amount_due", name="paid"
        ),
    ]


def _invoice_lines(names: _Names) -> Table:
    """Make the lines.  Nothing in their key is NULL, or two that are the same would be two."""
    return names.table(
        "invoice_lines",
        _key(_OWNER),
        _key("invoice_id"),
        Column("position", BigInteger, primary_key=True, autoincrement=False),
        _needed("subscription_id", Key),
        _needed("item", Key),
        _needed("price_id", Key),
        _needed("offer", Key),
        _needed("kind", Key),
        _needed("window_start", Moment),
        _needed("window_end", Moment),
        _needed("group_key", Key),
        _needed("part", Key),
        _needed("quantity", Exact),
        _needed("billed", Exact),
        *map(_minor, ("amount", "discount", "credit", "tax")),
        _needed("evidence"),
        Index(
            f"uq_{names.prefix}invoice_lines_once",
            *(_OWNER, "subscription_id", "item", "price_id", "kind", "window_start", "window_end"),
            *("group_key", "part"),
            unique=True,
        ),
        names.refers("invoice_lines", "invoice_id", "invoices"),
        CheckConstraint("position > 0", name="position"),
        CheckConstraint(
            "kind IN ('fee', 'usage', 'credit', 'setup', 'minimum', 'item', 'late')", name="kind"
        ),
        CheckConstraint("window_start <= window_end", name="window"),
    )


def _invoice_items(names: _Names) -> Table:
    return names.table(
        "invoice_items",
        _key(_OWNER),
        _key("id"),
        Column("subscription_id", Key),
        _needed("description"),
        _needed("quantity", Exact),
        _minor("amount"),
        _needed("currency"),
        _needed("at", Moment),
        Column("idempotency_key", Key),
        Column("invoice_id", Key),
        UniqueConstraint("id"),
        UniqueConstraint(_OWNER, "idempotency_key"),
        names.refers("invoice_items", "subscription_id", "subscriptions"),
        names.refers("invoice_items", "invoice_id", "invoices"),
        _currency_check(),
        names.where("ix_{p}invoice_items_waiting", _OWNER, "id", words="invoice_id IS NULL"),
    )


def _invoice_series(names: _Names) -> Table:
    return names.table(
        "invoice_series",
        _key("series"),
        _needed("next", BigInteger),
        _needed("chain"),
        CheckConstraint("next > 0", name="next"),
    )


# --- money ----------------------------------------------------------------------------------------


def _payments(names: _Names) -> Table:
    return names.table(
        "payments",
        _key(_OWNER),
        _key("id"),
        _needed("invoice_id", Key),
        _needed("kind"),
        _minor("amount"),
        _needed("currency"),
        _needed("at", Moment),
        _needed("method"),
        Column("reference", Text),
        Column("idempotency_key", Key),
        UniqueConstraint("id"),
        UniqueConstraint(_OWNER, "idempotency_key"),
        names.refers("payments", "invoice_id", "invoices"),
        CheckConstraint("kind IN ('payment', 'refund')", name="kind"),
        CheckConstraint("amount > 0", name="amount"),
        _currency_check(),
        Index(f"ix_{names.prefix}payments_invoice_id", _OWNER, "invoice_id"),
    )


def _journal(names: _Names) -> Table:
    """Make the journal: a row takes from one account what it gives another, so it sums to zero."""
    return names.table(
        "journal",
        Column("id", Serial, Identity(always=True), primary_key=True),
        _needed(_OWNER, Key),
        _needed("at", Moment),
        _needed("cause", Key),
        _needed("debit", Key),
        _needed("credit", Key),
        _minor("minor"),
        _needed("currency"),
        UniqueConstraint(_OWNER, "cause", "debit", "credit"),
        CheckConstraint("debit <> credit", name="accounts"),
        CheckConstraint("minor > 0", name="minor"),
        _currency_check(),
        sqlite_autoincrement=True,
    )


def _balances(names: _Names) -> Table:
    return names.table(
        "balances",
        _key(_OWNER),
        _key("currency"),
        _minor("minor"),
        CheckConstraint("minor >= 0", name="minor"),
        _currency_check(),
    )


# --- what no customer owns ------------------------------------------------------------------------


def _sellers(names: _Names) -> Table:
    return names.table("sellers", _key("id"), _needed("facts"), _needed("updated_at", Moment))


def _usage_watermark(names: _Names) -> Table:
    return names.table(
        "usage_watermark",
        Column("id", BigInteger, primary_key=True, autoincrement=False),
        Column("closed_until", Moment),
        CheckConstraint("id = 1", name="id"),
    )
