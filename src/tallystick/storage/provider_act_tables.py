"""The table of acts that providers are asked for, on subscriptions that they bill."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Text, UniqueConstraint

from tallystick.storage.table_parts import OWNER, Names, key, needed
from tallystick.storage.types import Key, Moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import MetaData, Table

__all__ = ["PROVIDER_ACT_GRANTS", "make_provider_acts"]

_CHANGES: Final = (
    *("state", "key", "attempts", "leased_until", "next_at", "first_sent_at"),
    *("answer", "closed_at", "set_aside"),
)

PROVIDER_ACT_GRANTS: Final[Mapping[str, frozenset[str]]] = {
    "provider_acts": frozenset({"SELECT", "INSERT", *(f"UPDATE ({name})" for name in _CHANGES)}),
}
"""What the role of a program may do with the table: what is asked never changes."""

_OPEN: Final = "state = 'open'"


def make_provider_acts(metadata: MetaData, prefix: str) -> Table:
    """Make the table.  At most one act is open for a subscription, or to begin one."""
    names = Names(metadata, prefix)
    return names.table(
        "provider_acts",
        key(OWNER),
        key("id"),
        Column("subscription_id", Key),
        needed("provider", Key),
        needed("account", Key),
        needed("live", Boolean),
        needed("reference", Key),
        needed("move"),
        needed("call"),
        needed("key", Key),
        Column("idempotency_key", Key),
        needed("created_at", Moment),
        needed("state"),
        needed("attempts", BigInteger),
        Column("leased_until", Moment),
        needed("next_at", Moment),
        Column("first_sent_at", Moment),
        Column("answer", Text),
        Column("closed_at", Moment),
        Column("set_aside", Text),
        UniqueConstraint("id"),
        UniqueConstraint("key"),
        UniqueConstraint(OWNER, "idempotency_key"),
        names.refers("provider_acts", "subscription_id", "subscriptions"),
        CheckConstraint("state IN ('open', 'done', 'refused')", name="state"),
        CheckConstraint(
            "attempts >= 0 AND (attempts > 0 OR first_sent_at IS NULL)", name="attempts"
        ),
        CheckConstraint(
            "(closed_at IS NULL) = (state = 'open')"
            " AND (closed_at IS NULL OR leased_until IS NULL)",
            name="closed_at",
        ),
        names.where("uq_{p}provider_acts_open", OWNER, "reference", words=_OPEN, unique=True),
        names.where(
            "ix_{p}provider_acts_due",
            *("provider", "next_at", "id"),
            words=f"{_OPEN} AND set_aside IS NULL",
        ),
    )
