"""Acts on subscriptions that a provider bills, stored before it is asked for them.

The statements are frozen here as text: what was applied once never changes with the code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.storage.revision import apply, undo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["downgrade", "upgrade"]

revision = "tallystick_0019"
down_revision = "tallystick_0018"
branch_labels = None
depends_on = None

TABLES: Final = ("provider_acts",)

TYPES_ON_SQLITE: Final = {"{key}": "TEXT", "{moment}": "BIGINT"}
TYPES_ON_POSTGRESQL: Final = {
    "{key}": 'TEXT COLLATE "C"',
    "{moment}": "TIMESTAMP WITH TIME ZONE",
}

MADE: Final = (
    """
    CREATE TABLE {s}{p}provider_acts (
        customer_id {key} NOT NULL,
        id {key} NOT NULL,
        subscription_id {key},
        provider {key} NOT NULL,
        account {key} NOT NULL,
        live BOOLEAN NOT NULL,
        reference {key} NOT NULL,
        move TEXT NOT NULL,
        call TEXT NOT NULL,
        key {key} NOT NULL,
        idempotency_key {key},
        created_at {moment} NOT NULL,
        state TEXT NOT NULL,
        attempts BIGINT NOT NULL,
        leased_until {moment},
        next_at {moment} NOT NULL,
        first_sent_at {moment},
        answer TEXT,
        closed_at {moment},
        set_aside TEXT,
        CONSTRAINT pk_{p}provider_acts PRIMARY KEY (customer_id, id),
        CONSTRAINT uq_{p}provider_acts_id UNIQUE (id),
        CONSTRAINT uq_{p}provider_acts_key UNIQUE (key),
        CONSTRAINT uq_{p}provider_acts_customer_id_idempotency_key
            UNIQUE (customer_id, idempotency_key),
        CONSTRAINT fk_{p}provider_acts_subscription_id FOREIGN KEY (customer_id, subscription_id)
            REFERENCES {s}{p}subscriptions (customer_id, id),
        CONSTRAINT ck_{p}provider_acts_state CHECK (state IN ('open', 'done', 'refused')),
        CONSTRAINT ck_{p}provider_acts_attempts CHECK (
            attempts >= 0 AND (attempts > 0 OR first_sent_at IS NULL)
        ),
        CONSTRAINT ck_{p}provider_acts_closed_at CHECK (
            (closed_at IS NULL) = (state = 'open')
            AND (closed_at IS NULL OR leased_until IS NULL)
        )
    )
    """,
    """
    CREATE UNIQUE INDEX uq_{p}provider_acts_open
        ON {s}{p}provider_acts (customer_id, reference) WHERE state = 'open'
    """,
    """
    CREATE INDEX ix_{p}provider_acts_due
        ON {s}{p}provider_acts (provider, next_at, id)
        WHERE state = 'open' AND set_aside IS NULL
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
