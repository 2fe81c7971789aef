"""Limits that hold: whose turn it is at one, and what is reserved of it.

The statements are frozen here as text: what was applied once never changes with the code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.storage.revision import apply, undo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["downgrade", "upgrade"]

revision = "tallystick_0012"
down_revision = "tallystick_0009"
branch_labels = None
depends_on = None

TABLES: Final = ("gates", "reservations")

TYPES_ON_SQLITE: Final = {"{key}": "TEXT", "{moment}": "BIGINT", "{exact}": "TEXT"}
TYPES_ON_POSTGRESQL: Final = {
    "{key}": 'TEXT COLLATE "C"',
    "{moment}": "TIMESTAMP WITH TIME ZONE",
    "{exact}": "NUMERIC",
}

MADE: Final = (
    """
    CREATE TABLE {s}{p}gates (
        customer_id {key} NOT NULL,
        meter {key} NOT NULL,
        tokens BIGINT NOT NULL,
        limit_seen TEXT,
        CONSTRAINT pk_{p}gates PRIMARY KEY (customer_id, meter),
        CONSTRAINT ck_{p}gates_tokens CHECK (tokens >= 0)
    )
    """,
    """
    CREATE TABLE {s}{p}reservations (
        customer_id {key} NOT NULL,
        id {key} NOT NULL,
        meter {key} NOT NULL,
        feature {key} NOT NULL,
        plan {key},
        quantity {exact} NOT NULL,
        token BIGINT NOT NULL,
        reserved_at {moment} NOT NULL,
        counts_at {moment} NOT NULL,
        expires_at {moment} NOT NULL,
        state TEXT NOT NULL,
        closed_at {moment},
        actual {exact},
        event_id {key},
        CONSTRAINT pk_{p}reservations PRIMARY KEY (customer_id, id),
        CONSTRAINT fk_{p}reservations_meter FOREIGN KEY (customer_id, meter)
            REFERENCES {s}{p}gates (customer_id, meter),
        CONSTRAINT ck_{p}reservations_state
            CHECK (state IN ('open', 'committed', 'released', 'expired')),
        CONSTRAINT ck_{p}reservations_closed_at
            CHECK ((closed_at IS NULL) = (state = 'open')),
        CONSTRAINT ck_{p}reservations_actual
            CHECK ((actual IS NULL) = (state <> 'committed')),
        CONSTRAINT ck_{p}reservations_expires_at CHECK (reserved_at < expires_at),
        CONSTRAINT ck_{p}reservations_token CHECK (token > 0),
        CONSTRAINT ck_{p}reservations_quantity CHECK (
            substr(CAST(quantity AS TEXT), 1, 1) <> '-' AND CAST(quantity AS TEXT) <> '0'
        )
    )
    """,
    """
    CREATE INDEX ix_{p}reservations_open
        ON {s}{p}reservations (customer_id, meter) WHERE state = 'open'
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
