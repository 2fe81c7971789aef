"""The tables of coupons: what was redeemed, how often, and what it took off which document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Text,
    UniqueConstraint,
)

from tallystick.storage.table_parts import OWNER, Names, key, minor, needed
from tallystick.storage.types import Key, Moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import MetaData, Table

__all__ = ["COUPON_GRANTS", "CouponTables", "make_coupon_tables"]

_CLAIM: Final = frozenset({"SELECT", "INSERT", "UPDATE (claimed)", "UPDATE (most)"})

COUPON_GRANTS: Final[Mapping[str, frozenset[str]]] = {
    "coupon_slots": _CLAIM,
    "customer_coupon_slots": _CLAIM,
    "redemptions": frozenset({"SELECT", "INSERT", "UPDATE (ended_at)", "UPDATE (released_at)"}),
    "invoice_discounts": frozenset({"SELECT", "INSERT"}),
}
"""What the role of a program may do with each of these tables."""


class CouponTables(NamedTuple):
    """The tables of coupons, by their names without the prefix."""

    coupon_slots: Table
    customer_coupon_slots: Table
    redemptions: Table
    invoice_discounts: Table


def make_coupon_tables(metadata: MetaData, prefix: str) -> CouponTables:
    """Make the tables."""
    names = Names(metadata, prefix)
    return CouponTables(
        _slots(names, "coupon_slots"),
        _slots(names, "customer_coupon_slots", key(OWNER)),
        _redemptions(names),
        _invoice_discounts(names),
    )


def _slots(names: Names, name: str, *owner: Column[str]) -> Table:
    """Make the counts of redemptions, of all customers or of each: never more than `most`.

    `slot` is `coupon/ID` or `code/KEY`; a customer's `guess/DAY` counts codes tried in vain.
    """
    return names.table(
        name,
        *owner,
        key("slot"),
        needed("claimed", BigInteger),
        Column("most", BigInteger),
        CheckConstraint("claimed >= 0", name="claimed"),
        CheckConstraint("most IS NULL OR claimed <= most", name="most"),
    )


def _redemptions(names: Names) -> Table:
    return names.table(
        "redemptions",
        key(OWNER),
        key("id"),
        needed("coupon_id", Key),
        Column("code", Key),
        Column("subscription_id", Key),
        needed("source"),
        needed("place", BigInteger),
        Column(
            "catalog_number",
            BigInteger,
            ForeignKey(names.place("catalog_versions.number")),
            nullable=False,
        ),
        Column("zone", Text),
        needed("redeemed_at", Moment),
        needed("recorded_at", Moment),
        Column("ended_at", Moment),
        Column("released_at", Moment),
        Column("idempotency_key", Key),
        UniqueConstraint("id"),
        UniqueConstraint(OWNER, "idempotency_key"),
        UniqueConstraint(OWNER, "place"),
        names.of_customer(),
        names.refers("redemptions", "subscription_id", "subscriptions"),
        CheckConstraint("source IN ('plan', 'customer', 'code')", name="source"),
        CheckConstraint("place > 0", name="place"),
        Index(f"ix_{names.prefix}redemptions_coupon_id", OWNER, "coupon_id"),
    )


def _invoice_discounts(names: Names) -> Table:
    return names.table(
        "invoice_discounts",
        key(OWNER),
        key("invoice_id"),
        key("redemption_id"),
        minor("amount"),
        names.refers("invoice_discounts", "invoice_id", "invoices"),
        names.refers("invoice_discounts", "redemption_id", "redemptions"),
        CheckConstraint("amount > 0", name="amount"),
        Index(f"ix_{names.prefix}invoice_discounts_redemption_id", OWNER, "redemption_id"),
    )
