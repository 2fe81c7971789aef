"""Leases of limits, and what a customer is given of a feature beside any plan.

The statements are frozen here as text: what was applied once never changes with the code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.storage.revision import apply, undo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["downgrade", "upgrade"]

revision = "tallystick_0014"
down_revision = "tallystick_0012"
branch_labels = None
depends_on = None

TABLES: Final = ("entitlement_overrides", "leases")

TYPES_ON_SQLITE: Final = {"{key}": "TEXT", "{moment}": "BIGINT"}
TYPES_ON_POSTGRESQL: Final = {
    "{key}": 'TEXT COLLATE "C"',
    "{moment}": "TIMESTAMP WITH TIME ZONE",
}

MADE: Final = (
    """
    CREATE TABLE {s}{p}leases (
        customer_id {key} NOT NULL,
        id {key} NOT NULL,
        meter {key} NOT NULL,
        feature {key} NOT NULL,
        plan {key},
        size BIGINT NOT NULL,
        reported BIGINT NOT NULL,
        reports BIGINT NOT NULL,
        taken_at {moment} NOT NULL,
        expires_at {moment} NOT NULL,
        closed_at {moment},
        CONSTRAINT pk_{p}leases PRIMARY KEY (customer_id, id),
        CONSTRAINT fk_{p}leases_meter FOREIGN KEY (customer_id, meter)
            REFERENCES {s}{p}gates (customer_id, meter),
        CONSTRAINT ck_{p}leases_size CHECK (size > 0),
        CONSTRAINT ck_{p}leases_reported CHECK (reported BETWEEN 0 AND size),
        CONSTRAINT ck_{p}leases_reports CHECK ((reports = 0) = (reported = 0) AND reports >= 0),
        CONSTRAINT ck_{p}leases_expires_at CHECK (taken_at < expires_at)
    )
    """,
    """
    CREATE INDEX ix_{p}leases_open
        ON {s}{p}leases (customer_id, meter) WHERE closed_at IS NULL
    """,
    """
    CREATE TABLE {s}{p}entitlement_overrides (
        customer_id {key} NOT NULL,
        feature {key} NOT NULL,
        version BIGINT NOT NULL,
        facts TEXT,
        set_at {moment} NOT NULL,
        CONSTRAINT pk_{p}entitlement_overrides PRIMARY KEY (customer_id, feature, version),
        CONSTRAINT ck_{p}entitlement_overrides_version CHECK (version > 0)
    )
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
