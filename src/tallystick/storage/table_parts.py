"""What the tables of billing are made of: where they are, and columns that many of them have."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    MetaData,
    Table,
    Text,
    text,
)

from tallystick.storage.types import Key

__all__ = ["OWNER", "Names", "currency_check", "key", "minor", "needed"]

OWNER: Final = "customer_id"
"""The column that says whose a row is."""


class Names(NamedTuple):
    """Where the tables are made, and how they name each other."""

    metadata: MetaData
    prefix: str

    def table(self, name: str, *parts: Any, **options: Any) -> Table:
        """Make a table."""
        return Table(f"{self.prefix}{name}", self.metadata, *parts, **options)

    def refers(self, table: str, column: str, to: str) -> ForeignKeyConstraint:
        """Point to a row of the same customer; the key is named by what it points with."""
        there = self.place(to)
        return ForeignKeyConstraint(
            [OWNER, column],
            [f"{there}.{OWNER}", f"{there}.id"],
            name=f"fk_{self.prefix}{table}_{column}",
        )

    def of_customer(self) -> ForeignKeyConstraint:
        """Point to the customer."""
        return ForeignKeyConstraint([OWNER], [self.place("customers.id")])

    def place(self, name: str) -> str:
        """Give the full name of a table, or of a column of one, that is pointed to."""
        schema = "" if self.metadata.schema is None else f"{self.metadata.schema}."
        return f"{schema}{self.prefix}{name}"

    def where(self, kind: str, *columns: str, words: str, unique: bool = False) -> Index:
        """Make an index of the rows for which the words hold; `{p}` in its name is the prefix."""
        return Index(
            kind.format(p=self.prefix),
            *columns,
            unique=unique,
            postgresql_where=text(words),
            sqlite_where=text(words),
        )


def key(name: str) -> Column[Any]:
    """Make a text of the primary key."""
    return Column(name, Key, primary_key=True)


def needed(name: str, kind: Any = Text) -> Column[Any]:
    """Make a column that is never empty."""
    return Column(name, kind, nullable=False)


def minor(name: str) -> Column[Any]:
    """Make an amount in minor units."""
    return Column(name, BigInteger, nullable=False)


def currency_check() -> CheckConstraint:
    """Hold the currency to the form of its code."""
    return CheckConstraint("length(currency) = 3", name="currency")
