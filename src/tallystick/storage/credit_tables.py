"""The tables of credits: grants, and where each of them went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Text, UniqueConstraint

from tallystick.storage.table_parts import OWNER, Names, key, needed
from tallystick.storage.types import Exact, Key, Moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import MetaData, Table

__all__ = ["CREDIT_GRANTS", "CreditTables", "make_credit_tables"]

CREDIT_GRANTS: Final[Mapping[str, frozenset[str]]] = {
    "credit_grants": frozenset({"SELECT", "INSERT", "UPDATE (remaining)"}),
    "credit_moves": frozenset({"SELECT", "INSERT"}),
}
"""What the role of a program may do with each of these tables."""


class CreditTables(NamedTuple):
    """The tables of credits, by their names without the prefix."""

    credit_grants: Table
    credit_moves: Table


def make_credit_tables(metadata: MetaData, prefix: str) -> CreditTables:
    """Make the tables."""
    names = Names(metadata, prefix)
    return CreditTables(_credit_grants(names), _credit_moves(names))


def _credit_grants(names: Names) -> Table:
    """Make the grants; that none is below zero is a check, written for each database apart."""
    return names.table(
        "credit_grants",
        key(OWNER),
        key("id"),
        needed("place", BigInteger),
        Column("currency", Text),
        Column("feature", Key),
        needed("size", Exact),
        needed("remaining", Exact),
        needed("category"),
        needed("source"),
        needed("priority", BigInteger),
        needed("effective_at", Moment),
        Column("expires_at", Moment),
        needed("scope"),
        needed("recorded_at", Moment),
        Column("reason", Text),
        Column("idempotency_key", Key),
        UniqueConstraint("id"),
        UniqueConstraint(OWNER, "idempotency_key"),
        UniqueConstraint(OWNER, "place"),
        names.of_customer(),
        CheckConstraint("(currency IS NULL) <> (feature IS NULL)", name="measure"),
        CheckConstraint("category IN ('promotional', 'paid')", name="category"),
        CheckConstraint(
            "source IN ('manual', 'plan', 'top_up', 'rollover', 'transfer')", name="source"
        ),
        CheckConstraint("place > 0", name="place"),
        CheckConstraint("expires_at IS NULL OR effective_at < expires_at", name="expires_at"),
        CheckConstraint("substr(CAST(remaining AS TEXT), 1, 1) <> '-'", name="remaining"),
        CheckConstraint("substr(CAST(size AS TEXT), 1, 1) <> '-'", name="size"),
        Index(
            f"ix_{names.prefix}credit_grants_to_expire",
            "expires_at",
            OWNER,
            "id",
        ),
    )


def _credit_moves(names: Names) -> Table:
    """Make what happened to grants, only ever added to.

    `burned` was paid for a line of a document, `restored` came back as that was void; the others
    say what they are.
    """
    return names.table(
        "credit_moves",
        key(OWNER),
        key("grant_id"),
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        needed("kind"),
        needed("size", Exact),
        needed("at", Moment),
        Column("invoice_id", Key),
        needed("cause", Key),
        UniqueConstraint(OWNER, "grant_id", "kind", "cause"),
        names.refers("credit_moves", "grant_id", "credit_grants"),
        names.refers("credit_moves", "invoice_id", "invoices"),
        CheckConstraint(
            "kind IN ('burned', 'restored', 'expired', 'voided', 'transferred')", name="kind"
        ),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint(
            "(invoice_id IS NULL) = (kind NOT IN ('burned', 'restored'))", name="invoice_id"
        ),
        CheckConstraint(
            "substr(CAST(size AS TEXT), 1, 1) <> '-' AND CAST(size AS TEXT) <> '0'", name="size"
        ),
        Index(f"ix_{names.prefix}credit_moves_invoice_id", OWNER, "invoice_id"),
    )
