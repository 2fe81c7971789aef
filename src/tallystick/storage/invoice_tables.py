"""The tables of documents: invoices and credit notes, their lines, one-off items, number series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Text, UniqueConstraint

from tallystick.storage.table_parts import OWNER, currency_check, key, minor, needed
from tallystick.storage.types import Exact, Key, Moment

if TYPE_CHECKING:
    from sqlalchemy import Table

    from tallystick.storage.table_parts import Names

__all__ = ["invoice_items", "invoice_lines", "invoice_series", "invoices"]

_TO_ISSUE: Final = "status = 'draft' AND set_aside IS NULL"
_SUMS: Final = ("subtotal", "discount", "credit", "tax", "total", "balance", "amount_due")
_SINCE: Final = ("paid", "credited", "noted", "refunded")


def invoices(names: Names) -> Table:
    """Make the documents.  The checks say what a status and the sums have to do with each other."""
    return names.table(
        "invoices",
        key(OWNER),
        key("id"),
        Column("subscription_id", Key),
        needed("kind"),
        needed("status"),
        needed("cause", Key),
        needed("currency"),
        needed("at", Moment),
        needed("finalize_at", Moment),
        needed("watermark", Moment),
        Column("issued_at", Moment),
        Column("due_at", Moment),
        Column("series", Key),
        Column("number", BigInteger),
        Column("number_text", Key),
        needed("due"),
        Column("body", Text),
        Column("digest", Text),
        Column("chain", Text),
        *map(minor, (*_SUMS, *_SINCE)),
        Column("credits_id", Key),
        Column("net_days", BigInteger),
        Column("memo", Text),
        Column("po_number", Text),
        Column("set_aside", Text),
        UniqueConstraint("id"),
        UniqueConstraint(OWNER, "cause"),
        UniqueConstraint("series", "number"),
        names.refers("invoices", "subscription_id", "subscriptions"),
        names.refers("invoices", "credits_id", "invoices"),
        *_invoice_checks(),
        names.where("ix_{p}invoices_to_issue", "finalize_at", OWNER, "cause", words=_TO_ISSUE),
        names.where("ix_{p}invoices_overdue", "due_at", OWNER, "id", words="status = 'open'"),
        Index(f"ix_{names.prefix}invoices_number_text", "number_text"),
        Index(f"ix_{names.prefix}invoices_subscription_id", OWNER, "subscription_id"),
        Index(f"ix_{names.prefix}invoices_credits_id", OWNER, "credits_id"),
    )


def _invoice_checks() -> list[CheckConstraint]:
    return [
        CheckConstraint("kind IN ('invoice', 'credit_note')", name="kind"),
        CheckConstraint(
            "status IN ('draft', 'open', 'paid', 'void', 'uncollectible', 'empty')", name="status"
        ),
        currency_check(),
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


def invoice_lines(names: Names) -> Table:
    """Make the lines.  Nothing in their key is NULL, or two that are the same would be two."""
    return names.table(
        "invoice_lines",
        key(OWNER),
        key("invoice_id"),
        Column("position", BigInteger, primary_key=True, autoincrement=False),
        needed("subscription_id", Key),
        needed("item", Key),
        needed("price_id", Key),
        needed("offer", Key),
        needed("kind", Key),
        needed("window_start", Moment),
        needed("window_end", Moment),
        needed("group_key", Key),
        needed("part", Key),
        needed("quantity", Exact),
        needed("billed", Exact),
        *map(minor, ("amount", "discount", "credit", "tax")),
        needed("evidence"),
        Index(
            f"uq_{names.prefix}invoice_lines_once",
            *(OWNER, "subscription_id", "item", "price_id", "kind", "window_start", "window_end"),
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


def invoice_items(names: Names) -> Table:
    """Make the one-off items, which wait for a document."""
    return names.table(
        "invoice_items",
        key(OWNER),
        key("id"),
        Column("subscription_id", Key),
        needed("description"),
        needed("quantity", Exact),
        minor("amount"),
        needed("currency"),
        needed("at", Moment),
        Column("idempotency_key", Key),
        Column("invoice_id", Key),
        UniqueConstraint("id"),
        UniqueConstraint(OWNER, "idempotency_key"),
        names.refers("invoice_items", "subscription_id", "subscriptions"),
        names.refers("invoice_items", "invoice_id", "invoices"),
        currency_check(),
        names.where("ix_{p}invoice_items_waiting", OWNER, "id", words="invoice_id IS NULL"),
    )


def invoice_series(names: Names) -> Table:
    """Make the series, each with its next number and its chain so far."""
    return names.table(
        "invoice_series",
        key("series"),
        needed("next", BigInteger),
        needed("chain"),
        CheckConstraint("next > 0", name="next"),
    )
