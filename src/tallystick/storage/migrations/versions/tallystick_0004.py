"""Coupons: what was redeemed, how often, and what it took off which document.

The statements are frozen here as text: what was applied once never changes with the code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.storage.revision import apply, undo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["downgrade", "upgrade"]

revision = "tallystick_0004"
down_revision = "tallystick_0003"
branch_labels = None
depends_on = None

TABLES: Final = ("coupon_slots", "customer_coupon_slots", "redemptions", "invoice_discounts")

TYPES_ON_SQLITE: Final = {"{key}": "TEXT", "{moment}": "BIGINT"}
TYPES_ON_POSTGRESQL: Final = {
    "{key}": 'TEXT COLLATE "C"',
    "{moment}": "TIMESTAMP WITH TIME ZONE",
}

MADE: Final = (
    """
    CREATE TABLE {s}{p}coupon_slots (
        slot {key} NOT NULL,
        claimed BIGINT NOT NULL,
        most BIGINT,
        CONSTRAINT pk_{p}coupon_slots PRIMARY KEY (slot),
        CONSTRAINT ck_{p}coupon_slots_claimed CHECK (claimed >= 0),
        CONSTRAINT ck_{p}coupon_slots_most CHECK (most IS NULL OR claimed <= most)
    )
    """,
    """
    CREATE TABLE {s}{p}customer_coupon_slots (
        customer_id {key} NOT NULL,
        slot {key} NOT NULL,
        claimed BIGINT NOT NULL,
        most BIGINT,
        CONSTRAINT pk_{p}customer_coupon_slots PRIMARY KEY (customer_id, slot),
        CONSTRAINT ck_{p}customer_coupon_slots_claimed CHECK (claimed >= 0),
        CONSTRAINT ck_{p}customer_coupon_slots_most CHECK (most IS NULL OR claimed <= most)
    )
    """,
    """
    CREATE TABLE {s}{p}redemptions (
        customer_id {key} NOT NULL,
        id {key} NOT NULL,
        coupon_id {key} NOT NULL,
        code {key},
        subscription_id {key},
        source TEXT NOT NULL,
        place BIGINT NOT NULL,
        catalog_number BIGINT NOT NULL,
        zone TEXT,
        redeemed_at {moment} NOT NULL,
        recorded_at {moment} NOT NULL,
        ended_at {moment},
        released_at {moment},
        idempotency_key {key},
        CONSTRAINT pk_{p}redemptions PRIMARY KEY (customer_id, id),
        CONSTRAINT uq_{p}redemptions_id UNIQUE (id),
        CONSTRAINT uq_{p}redemptions_customer_id_idempotency_key
            UNIQUE (customer_id, idempotency_key),
        CONSTRAINT uq_{p}redemptions_customer_id_place UNIQUE (customer_id, place),
        CONSTRAINT fk_{p}redemptions_customer_id
            FOREIGN KEY (customer_id) REFERENCES {s}{p}customers (id),
        CONSTRAINT fk_{p}redemptions_catalog_number
            FOREIGN KEY (catalog_number) REFERENCES {s}{p}catalog_versions (number),
        CONSTRAINT fk_{p}redemptions_subscription_id FOREIGN KEY (customer_id, subscription_id)
            REFERENCES {s}{p}subscriptions (customer_id, id),
        CONSTRAINT ck_{p}redemptions_source CHECK (source IN ('plan', 'customer', 'code')),
        CONSTRAINT ck_{p}redemptions_place CHECK (place > 0)
    )
    """,
    "CREATE INDEX ix_{p}redemptions_coupon_id ON {s}{p}redemptions (customer_id, coupon_id)",
    """
    CREATE TABLE {s}{p}invoice_discounts (
        customer_id {key} NOT NULL,
        invoice_id {key} NOT NULL,
        redemption_id {key} NOT NULL,
        amount BIGINT NOT NULL,
        CONSTRAINT pk_{p}invoice_discounts PRIMARY KEY (customer_id, invoice_id, redemption_id),
        CONSTRAINT fk_{p}invoice_discounts_invoice_id FOREIGN KEY (customer_id, invoice_id)
            REFERENCES {s}{p}invoices (customer_id, id),
        CONSTRAINT fk_{p}invoice_discounts_redemption_id FOREIGN KEY (customer_id, redemption_id)
            REFERENCES {s}{p}redemptions (customer_id, id),
        CONSTRAINT ck_{p}invoice_discounts_amount CHECK (amount > 0)
    )
    """,
    """
    CREATE INDEX ix_{p}invoice_discounts_redemption_id
        ON {s}{p}invoice_discounts (customer_id, redemption_id)
    """,
)

STAYS: Final = (
    "customer_id, id, coupon_id, code, subscription_id, source, place, catalog_number, zone,"
    " redeemed_at,"
    " recorded_at, idempotency_key"
)
REDEEMED: Final = "a redemption stays as it was made: end it, or release it once"
DISCOUNTED: Final = "what a coupon took off a document is never changed or removed"


def _triggers_on_sqlite() -> Iterator[str]:
    refused = "BEGIN SELECT RAISE(ABORT, '{}'); END"
    yield (
        f"CREATE TRIGGER {{p}}redemptions_unchanged BEFORE UPDATE OF {STAYS} ON {{p}}redemptions"
        f" {refused.format(REDEEMED)}"
    )
    yield (
        "CREATE TRIGGER {p}redemptions_released BEFORE UPDATE OF released_at ON {p}redemptions"
        f" WHEN OLD.released_at IS NOT NULL {refused.format(REDEEMED)}"
    )
    yield (
        "CREATE TRIGGER {p}redemptions_kept BEFORE DELETE ON {p}redemptions"
        f" {refused.format(REDEEMED)}"
    )
    for what, name in (("UPDATE", "unchanged"), ("DELETE", "kept")):
        yield (
            f"CREATE TRIGGER {{p}}invoice_discounts_{name} BEFORE {what} ON {{p}}invoice_discounts"
            f" {refused.format(DISCOUNTED)}"
        )


def _triggers_on_postgresql() -> Iterator[str]:
    refused = "EXECUTE FUNCTION {{s}}{{p}}refuse_change('{}')"
    yield (
        f"CREATE TRIGGER {{p}}redemptions_unchanged BEFORE UPDATE OF {STAYS}"
        f" ON {{s}}{{p}}redemptions FOR EACH STATEMENT {refused.format(REDEEMED)}"
    )
    yield (
        "CREATE TRIGGER {p}redemptions_released BEFORE UPDATE OF released_at"
        " ON {s}{p}redemptions FOR EACH ROW WHEN (OLD.released_at IS NOT NULL)"
        f" {refused.format(REDEEMED)}"
    )
    yield (
        "CREATE TRIGGER {p}redemptions_kept BEFORE DELETE OR TRUNCATE ON {s}{p}redemptions"
        f" FOR EACH STATEMENT {refused.format(REDEEMED)}"
    )
    yield (
        "CREATE TRIGGER {p}invoice_discounts_kept BEFORE UPDATE OR DELETE OR TRUNCATE"
        f" ON {{s}}{{p}}invoice_discounts FOR EACH STATEMENT {refused.format(DISCOUNTED)}"
    )


def _spelled(types: Mapping[str, str]) -> Sequence[str]:
    made = []
    for statement in MADE:
        for name, words in types.items():
            statement = statement.replace(name, words)  # noqa: PLW2901 - one after the other
        made.append(statement)
    return made


def upgrade() -> None:
    """Make the tables."""
    apply(
        revision,
        __file__,
        sqlite=(*_spelled(TYPES_ON_SQLITE), *_triggers_on_sqlite()),
        postgresql=(*_spelled(TYPES_ON_POSTGRESQL), *_triggers_on_postgresql()),
    )


def downgrade() -> None:
    """Drop the tables, where they hold nothing."""
    undo(revision, TABLES)
