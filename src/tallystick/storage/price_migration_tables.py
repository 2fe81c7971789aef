"""The tables of price migrations: each of them, and one row for each subscription it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
)

from tallystick.storage.table_parts import OWNER, Names, currency_check, key, needed
from tallystick.storage.types import Exact, JsonText, Key, Moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import MetaData, Table

__all__ = ["PRICE_MIGRATION_GRANTS", "PriceMigrationTables", "make_price_migration_tables"]

_CHANGES: Final = ("status", "reason", "stage", "number", "takes_effect_at")

PRICE_MIGRATION_GRANTS: Final[Mapping[str, frozenset[str]]] = {
    "price_migrations": frozenset({"SELECT", "INSERT", "UPDATE (state)", "UPDATE (stage)"}),
    "price_moves": frozenset({"SELECT", "INSERT", *(f"UPDATE ({name})" for name in _CHANGES)}),
}
"""What the role of a program may do with each of these tables."""


class PriceMigrationTables(NamedTuple):
    """The tables of price migrations, by their names without the prefix."""

    price_migrations: Table
    price_moves: Table


def make_price_migration_tables(metadata: MetaData, prefix: str) -> PriceMigrationTables:
    """Make the tables."""
    names = Names(metadata, prefix)
    return PriceMigrationTables(_price_migrations(names), _price_moves(names))


def _price_migrations(names: Names) -> Table:
    return names.table(
        "price_migrations",
        key("id"),
        needed("from_offers", JsonText),
        needed("to_offer", Key),
        Column("customers", JsonText),
        needed("without", JsonText),
        needed("at", Moment),
        needed("notice_days", BigInteger),
        Column("cap_percent", Exact),
        needed("stages", JsonText),
        needed("state"),
        needed("stage", BigInteger),
        needed("planned_at", Moment),
        CheckConstraint(
            "state IN ('planned', 'running', 'stopped', 'done', 'undone')", name="state"
        ),
        CheckConstraint("stage >= 0", name="stage"),
        CheckConstraint("notice_days >= 0", name="notice_days"),
    )


def _price_moves(names: Names) -> Table:
    """Make the subscriptions of each, of which one is planned by one price migration at a time."""
    change = names.place("subscription_moves")
    return names.table(
        "price_moves",
        key(OWNER),
        Column(
            "migration_id",
            Key,
            ForeignKey(names.place("price_migrations.id")),
            primary_key=True,
        ),
        key("subscription_id"),
        needed("item"),
        needed("currency"),
        Column("before_minor", BigInteger),
        Column("after_minor", BigInteger),
        needed("status"),
        needed("reason"),
        Column("stage", BigInteger),
        Column("number", BigInteger),
        Column("takes_effect_at", Moment),
        names.refers("price_moves", "subscription_id", "subscriptions"),
        ForeignKeyConstraint(
            [OWNER, "subscription_id", "number"],
            [f"{change}.{OWNER}", f"{change}.subscription_id", f"{change}.number"],
            name=f"fk_{names.prefix}price_moves_number",
        ),
        CheckConstraint("status IN ('planned', 'moved', 'skipped', 'undone')", name="status"),
        CheckConstraint("status <> 'moved' OR number IS NOT NULL", name="number"),
        currency_check(),
        Index(f"ix_{names.prefix}price_moves_status", "migration_id", "status", "subscription_id"),
        names.where(
            "uq_{p}price_moves_planned",
            OWNER,
            "subscription_id",
            words="status = 'planned'",
            unique=True,
        ),
    )
