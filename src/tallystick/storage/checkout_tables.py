"""The table of checkouts: a quote that is being paid, stored before its page is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Text, UniqueConstraint

from tallystick.storage.table_parts import OWNER, Names, currency_check, key, minor, needed
from tallystick.storage.types import Key, Moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import MetaData, Table

__all__ = ["CHECKOUT_GRANTS", "make_checkouts"]

_CHANGES: Final = (
    *("payer", "state", "attempts", "leased_until", "next_at", "first_sent_at", "reference"),
    *("url", "closing", "payment", "refund", "reason", "closed_at", "set_aside"),
)

CHECKOUT_GRANTS: Final[Mapping[str, frozenset[str]]] = {
    "checkouts": frozenset({"SELECT", "INSERT", *(f"UPDATE ({name})" for name in _CHANGES)}),
}
"""What the role of a program may do with the table: what was offered never changes."""

_LIVE: Final = "state IN ('open', 'processing', 'refunding')"


def make_checkouts(metadata: MetaData, prefix: str) -> Table:
    """Make the table.  A quote is sold once."""
    names = Names(metadata, prefix)
    return names.table(
        "checkouts",
        key(OWNER),
        key("id"),
        needed("biller"),
        needed("subscription_id", Key),
        needed("group_key", Key),
        needed("quote"),
        needed("provider", Key),
        needed("account", Key),
        needed("live", Boolean),
        Column("payer", Key),
        minor("amount"),
        needed("currency"),
        needed("key", Key),
        Column("idempotency_key", Key),
        needed("request"),
        needed("success_url"),
        needed("cancel_url"),
        needed("created_at", Moment),
        needed("expires_at", Moment),
        needed("state"),
        needed("attempts", BigInteger),
        Column("leased_until", Moment),
        needed("next_at", Moment),
        Column("first_sent_at", Moment),
        Column("reference", Key),
        Column("url", Text),
        needed("closing", Boolean),
        Column("payment", Key),
        Column("refund", Key),
        Column("reason", Text),
        Column("closed_at", Moment),
        Column("set_aside", Text),
        UniqueConstraint("id"),
        UniqueConstraint("key"),
        UniqueConstraint(OWNER, "idempotency_key"),
        UniqueConstraint("provider", "account", "reference"),
        UniqueConstraint("provider", "account", "payment"),
        names.of_customer(),
        currency_check(),
        *_checks(),
        names.where("uq_{p}checkouts_sold", OWNER, "subscription_id", words=_SOLD, unique=True),
        names.where(
            "ix_{p}checkouts_due",
            *("provider", "next_at", "id"),
            words=f"{_LIVE} AND set_aside IS NULL",
        ),
    )


_SOLD: Final = "state = 'complete'"


def _checks() -> list[CheckConstraint]:
    return [
        CheckConstraint("biller IN ('tallystick', 'provider')", name="biller"),
        CheckConstraint(
            "state IN ('open', 'processing', 'complete', 'expired', 'failed', 'refunding',"
            " 'refunded')",
            name="state",
        ),
        CheckConstraint("amount >= 0", name="amount"),
        CheckConstraint(
            "attempts >= 0 AND (attempts > 0 OR first_sent_at IS NULL)", name="attempts"
        ),
        CheckConstraint(
            "(closed_at IS NULL) = (state IN ('open', 'processing', 'refunding'))"
            " AND (closed_at IS NULL OR leased_until IS NULL)",
            name="closed_at",
        ),
        CheckConstraint(
            "(reference IS NULL) = (url IS NULL)"
            " AND (reference IS NULL OR payer IS NOT NULL)"
            " AND (payment IS NULL OR reference IS NOT NULL)",
            name="reference",
        ),
        CheckConstraint(
            "(payment IS NOT NULL) = (state = 'complete' AND (amount > 0 OR biller = 'provider')"
            " OR state IN ('refunding', 'refunded'))",
            name="payment",
        ),
        CheckConstraint(
            "(refund IS NULL OR state IN ('refunding', 'refunded'))"
            " AND (state <> 'refunded' OR refund IS NOT NULL)",
            name="refund",
        ),
        CheckConstraint(
            "reason IS NOT NULL OR state NOT IN ('failed', 'refunding', 'refunded')",
            name="reason",
        ),
    ]
