"""The tables of dunning: how far an unpaid invoice is, and what is to be told (the outbox)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Text, UniqueConstraint

from tallystick.storage.table_parts import OWNER, key, needed
from tallystick.storage.types import Key, Moment, Serial

if TYPE_CHECKING:
    from sqlalchemy import Table

    from tallystick.storage.table_parts import Names

__all__ = ["dunning", "outbox"]

_DUE: Final = "next_at IS NOT NULL AND set_aside IS NULL"


def dunning(names: Names) -> Table:
    """Make the ladders that are climbed: a row for an invoice that was not paid in time."""
    return names.table(
        "dunning",
        key(OWNER),
        key("id"),
        Column("subscription_id", Key),
        needed("ladder"),
        needed("attempts", BigInteger),
        needed("state"),
        needed("access"),
        Column("next_at", Moment),
        Column("set_aside", Text),
        names.refers("dunning", "id", "invoices"),
        CheckConstraint("attempts >= 0", name="attempts"),
        CheckConstraint("state IN ('waiting', 'retrying', 'final', 'recovered')", name="state"),
        CheckConstraint("access IN ('full', 'read_only', 'none')", name="access"),
        CheckConstraint("(next_at IS NULL) = (state IN ('final', 'recovered'))", name="next_at"),
        names.where("ix_{p}dunning_due", "next_at", OWNER, "id", words=_DUE),
    )


def outbox(names: Names) -> Table:
    """Make the outbox: what is to be told, each thing once."""
    return names.table(
        "outbox",
        Column("position", Serial, Identity(always=True), primary_key=True),
        needed(OWNER, Key),
        needed("kind", Key),
        needed("cause", Key),
        needed("at", Moment),
        needed("body"),
        UniqueConstraint(OWNER, "kind", "cause"),
        sqlite_autoincrement=True,
    )
