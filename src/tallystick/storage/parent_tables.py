"""The tables of parents: who pays for whom, and which sections a consolidated document has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
)

from tallystick.storage.table_parts import OWNER, Names, key
from tallystick.storage.types import Key, Moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import MetaData, Table

__all__ = ["PARENT_GRANTS", "ParentTables", "make_parent_tables"]

PARENT_GRANTS: Final[Mapping[str, frozenset[str]]] = {
    "customer_parents": frozenset({"SELECT", "INSERT", "UPDATE (until_at)"}),
    "invoice_sections": frozenset({"SELECT", "INSERT"}),
}
"""What the role of a program may do with each of these tables."""


class ParentTables(NamedTuple):
    """The tables of parents, by their names without the prefix."""

    customer_parents: Table
    invoice_sections: Table


def make_parent_tables(metadata: MetaData, prefix: str) -> ParentTables:
    """Make the tables."""
    names = Names(metadata, prefix)
    return ParentTables(_customer_parents(names), _invoice_sections(names))


def _customer_parents(names: Names) -> Table:
    """Make who pays for whom; a customer has one parent at a time."""
    customers = names.place("customers.id")
    return names.table(
        "customer_parents",
        Column(OWNER, Key, ForeignKey(customers), primary_key=True),
        Column("from_at", Moment, primary_key=True),
        Column("parent_id", Key, ForeignKey(customers), nullable=False),
        Column("until_at", Moment),
        CheckConstraint("until_at IS NULL OR until_at >= from_at", name="time"),
        Index(f"ix_{names.prefix}customer_parents_parent_id", "parent_id", OWNER),
        names.where("uq_{p}customer_parents_open", OWNER, words="until_at IS NULL", unique=True),
    )


def _invoice_sections(names: Names) -> Table:
    """Make the sections: the row of a member's document that stands on its payer's document."""
    invoices = names.place("invoices")
    return names.table(
        "invoice_sections",
        key(OWNER),
        key("invoice_id"),
        key("member_id"),
        key("section_id"),
        UniqueConstraint("member_id", "section_id"),
        names.refers("invoice_sections", "invoice_id", "invoices"),
        ForeignKeyConstraint(
            ["member_id", "section_id"],
            [f"{invoices}.{OWNER}", f"{invoices}.id"],
            name=f"fk_{names.prefix}invoice_sections_section_id",
            deferrable=True,
            initially="DEFERRED",
        ),
    )
