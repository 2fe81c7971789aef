"""Credits by rule: what plans grant and what of it goes on, and automatic top-ups.

The statements are frozen here as text: what was applied once never changes with the code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.storage.revision import apply, undo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["downgrade", "upgrade"]

revision = "tallystick_0008"
down_revision = "tallystick_0007"
branch_labels = None
depends_on = None

TABLES: Final = ("plan_grants", "top_up_rules", "top_ups")

TYPES_ON_SQLITE: Final = {
    "{key}": "TEXT",
    "{moment}": "BIGINT",
    "{exact}": "TEXT",
}
TYPES_ON_POSTGRESQL: Final = {
    "{key}": 'TEXT COLLATE "C"',
    "{moment}": "TIMESTAMP WITH TIME ZONE",
    "{exact}": "NUMERIC",
}

MADE: Final = (
    """
    CREATE TABLE {s}{p}plan_grants (
        customer_id {key} NOT NULL,
        grant_id {key} NOT NULL,
        subscription_id {key} NOT NULL,
        plan_id {key} NOT NULL,
        plan_version BIGINT NOT NULL,
        credit {key} NOT NULL,
        starts_at {moment} NOT NULL,
        rolls_at {moment},
        rolled_from {key},
        CONSTRAINT pk_{p}plan_grants PRIMARY KEY (customer_id, grant_id),
        CONSTRAINT uq_{p}plan_grants_customer_id_rolled_from UNIQUE (customer_id, rolled_from),
        CONSTRAINT fk_{p}plan_grants_grant_id FOREIGN KEY (customer_id, grant_id)
            REFERENCES {s}{p}credit_grants (customer_id, id),
        CONSTRAINT fk_{p}plan_grants_subscription_id FOREIGN KEY (customer_id, subscription_id)
            REFERENCES {s}{p}subscriptions (customer_id, id),
        CONSTRAINT fk_{p}plan_grants_rolled_from FOREIGN KEY (customer_id, rolled_from)
            REFERENCES {s}{p}credit_grants (customer_id, id),
        CONSTRAINT ck_{p}plan_grants_plan_version CHECK (plan_version > 0),
        CONSTRAINT ck_{p}plan_grants_rolls_at CHECK (rolled_from IS NULL OR rolls_at IS NULL)
    )
    """,
    """
    CREATE UNIQUE INDEX uq_{p}plan_grants_starts_at
        ON {s}{p}plan_grants (customer_id, subscription_id, plan_id, credit, starts_at)
        WHERE rolled_from IS NULL
    """,
    """
    CREATE INDEX ix_{p}plan_grants_rolls_at
        ON {s}{p}plan_grants (rolls_at, customer_id, grant_id) WHERE rolls_at IS NOT NULL
    """,
    """
    CREATE TABLE {s}{p}top_up_rules (
        customer_id {key} NOT NULL,
        id {key} NOT NULL,
        currency TEXT,
        feature {key},
        threshold {exact} NOT NULL,
        size {exact} NOT NULL,
        price_minor BIGINT,
        price_currency TEXT,
        most BIGINT,
        recorded_at {moment} NOT NULL,
        ended_at {moment},
        CONSTRAINT pk_{p}top_up_rules PRIMARY KEY (customer_id, id),
        CONSTRAINT uq_{p}top_up_rules_id UNIQUE (id),
        CONSTRAINT fk_{p}top_up_rules_customer_id
            FOREIGN KEY (customer_id) REFERENCES {s}{p}customers (id),
        CONSTRAINT ck_{p}top_up_rules_measure CHECK ((currency IS NULL) <> (feature IS NULL)),
        CONSTRAINT ck_{p}top_up_rules_threshold CHECK (
            substr(CAST(threshold AS TEXT), 1, 1) <> '-'
        ),
        CONSTRAINT ck_{p}top_up_rules_size CHECK (
            substr(CAST(size AS TEXT), 1, 1) <> '-' AND CAST(size AS TEXT) <> '0'
        ),
        CONSTRAINT ck_{p}top_up_rules_price CHECK (
            (price_minor IS NULL) = (price_currency IS NULL) AND price_minor > 0
        ),
        CONSTRAINT ck_{p}top_up_rules_most CHECK (most > 0)
    )
    """,
    """
    CREATE UNIQUE INDEX uq_{p}top_up_rules_currency ON {s}{p}top_up_rules (customer_id, currency)
        WHERE ended_at IS NULL AND currency IS NOT NULL
    """,
    """
    CREATE UNIQUE INDEX uq_{p}top_up_rules_feature ON {s}{p}top_up_rules (customer_id, feature)
        WHERE ended_at IS NULL AND feature IS NOT NULL
    """,
    """
    CREATE TABLE {s}{p}top_ups (
        customer_id {key} NOT NULL,
        id {key} NOT NULL,
        rule_id {key} NOT NULL,
        month TEXT NOT NULL,
        number BIGINT NOT NULL,
        size {exact} NOT NULL,
        status TEXT NOT NULL,
        at {moment} NOT NULL,
        grant_id {key},
        CONSTRAINT pk_{p}top_ups PRIMARY KEY (customer_id, id),
        CONSTRAINT uq_{p}top_ups_id UNIQUE (id),
        CONSTRAINT uq_{p}top_ups_customer_id_rule_id_month_number
            UNIQUE (customer_id, rule_id, month, number),
        CONSTRAINT fk_{p}top_ups_rule_id FOREIGN KEY (customer_id, rule_id)
            REFERENCES {s}{p}top_up_rules (customer_id, id),
        CONSTRAINT fk_{p}top_ups_grant_id FOREIGN KEY (customer_id, grant_id)
            REFERENCES {s}{p}credit_grants (customer_id, id),
        CONSTRAINT ck_{p}top_ups_status CHECK (status IN ('open', 'granted', 'canceled')),
        CONSTRAINT ck_{p}top_ups_grant_id CHECK (
            (status = 'granted') = (grant_id IS NOT NULL)
        ),
        CONSTRAINT ck_{p}top_ups_number CHECK (number > 0),
        CONSTRAINT ck_{p}top_ups_size CHECK (
            substr(CAST(size AS TEXT), 1, 1) <> '-' AND CAST(size AS TEXT) <> '0'
        )
    )
    """,
    """
    CREATE UNIQUE INDEX uq_{p}top_ups_open ON {s}{p}top_ups (customer_id, rule_id)
        WHERE status = 'open'
    """,
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
        sqlite=_spelled(TYPES_ON_SQLITE),
        postgresql=_spelled(TYPES_ON_POSTGRESQL),
    )


def downgrade() -> None:
    """Drop the tables, where they hold nothing."""
    undo(revision, TABLES)
