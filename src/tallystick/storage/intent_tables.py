"""The table of intents: what is asked of providers, stored before it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Text, UniqueConstraint

from tallystick.storage.table_parts import OWNER, Names, currency_check, key, minor, needed
from tallystick.storage.types import Key, Moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import MetaData, Table

__all__ = ["INTENT_GRANTS", "make_intents"]

_CHANGES: Final = (
    *("state", "attempts", "leased_until", "next_at", "first_sent_at"),
    *("reference", "answer", "surplus", "closed_at", "set_aside"),
)

INTENT_GRANTS: Final[Mapping[str, frozenset[str]]] = {
    "intents": frozenset({"SELECT", "INSERT", *(f"UPDATE ({name})" for name in _CHANGES)}),
}
"""What the role of a program may do with the table: what is asked never changes."""

_LIVE: Final = "state IN ('open', 'waiting')"


def make_intents(metadata: MetaData, prefix: str) -> Table:
    """Make the table.  Of one kind at most one is live for an invoice."""
    names = Names(metadata, prefix)
    return names.table(
        "intents",
        key(OWNER),
        key("id"),
        needed("kind"),
        needed("invoice_id", Key),
        Column("of_id", Key),
        Column("of_reference", Key),
        needed("provider", Key),
        needed("account", Key),
        needed("live", Boolean),
        Column("payer", Key),
        needed("label"),
        Column("reason", Text),
        minor("amount"),
        needed("currency"),
        needed("key", Key),
        Column("idempotency_key", Key),
        needed("created_at", Moment),
        needed("state"),
        needed("attempts", BigInteger),
        Column("leased_until", Moment),
        needed("next_at", Moment),
        Column("first_sent_at", Moment),
        Column("reference", Key),
        Column("answer", Text),
        minor("surplus"),
        Column("closed_at", Moment),
        Column("set_aside", Text),
        UniqueConstraint("id"),
        UniqueConstraint("key"),
        UniqueConstraint(OWNER, "idempotency_key"),
        UniqueConstraint("provider", "account", "reference"),
        names.refers("intents", "invoice_id", "invoices"),
        names.refers("intents", "of_id", "intents"),
        currency_check(),
        *_checks(),
        names.where("uq_{p}intents_live", OWNER, "invoice_id", "kind", words=_LIVE, unique=True),
        names.where(
            "ix_{p}intents_due",
            *("provider", "next_at", "id"),
            words=f"{_LIVE} AND set_aside IS NULL",
        ),
    )


def _checks() -> list[CheckConstraint]:
    return [
        CheckConstraint("kind IN ('collect', 'refund')", name="kind"),
        CheckConstraint(
            "state IN ('open', 'waiting', 'succeeded', 'declined', 'canceled')", name="state"
        ),
        CheckConstraint(
            "(kind = 'refund') = (of_id IS NOT NULL)"
            " AND (kind = 'refund') = (of_reference IS NOT NULL)",
            name="of",
        ),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("surplus BETWEEN 0 AND amount", name="surplus"),
        CheckConstraint("surplus = 0 OR kind = 'collect' AND state = 'succeeded'", name="came"),
        CheckConstraint(
            "attempts >= 0 AND (attempts > 0 OR first_sent_at IS NULL)", name="attempts"
        ),
        CheckConstraint(
            "(closed_at IS NULL) = (state IN ('open', 'waiting'))"
            " AND (closed_at IS NULL OR leased_until IS NULL)",
            name="closed_at",
        ),
        CheckConstraint(
            "state NOT IN ('waiting', 'succeeded') OR reference IS NOT NULL", name="reference"
        ),
    ]
