"""Which provider collects for a customer, and what those that bill were told of usage.

The statements are frozen here as text: what was applied once never changes with the code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.storage.revision import apply, undo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["downgrade", "upgrade"]

revision = "tallystick_0018"
down_revision = "tallystick_0017"
branch_labels = None
depends_on = None

TABLES: Final = ("meter_reports",)
COLUMNS: Final = (("customers", "provider"),)

TYPES_ON_SQLITE: Final = {"{key}": "TEXT", "{moment}": "BIGINT", "{exact}": "TEXT"}
TYPES_ON_POSTGRESQL: Final = {
    "{key}": 'TEXT COLLATE "C"',
    "{moment}": "TIMESTAMP WITH TIME ZONE",
    "{exact}": "NUMERIC",
}

MADE: Final = (
    "ALTER TABLE {s}{p}customers ADD COLUMN provider {key}",
    """
    CREATE TABLE {s}{p}meter_reports (
        customer_id {key} NOT NULL,
        id {key} NOT NULL,
        meter {key} NOT NULL,
        event_name {key} NOT NULL,
        provider {key} NOT NULL,
        account {key} NOT NULL,
        live BOOLEAN NOT NULL,
        payer {key} NOT NULL,
        window_start {moment} NOT NULL,
        window_end {moment} NOT NULL,
        gauge BOOLEAN NOT NULL,
        number BIGINT NOT NULL,
        value {exact} NOT NULL,
        total {exact} NOT NULL,
        at {moment} NOT NULL,
        state TEXT NOT NULL,
        begun_at {moment} NOT NULL,
        next_at {moment} NOT NULL,
        tries BIGINT NOT NULL,
        answer TEXT,
        CONSTRAINT pk_{p}meter_reports PRIMARY KEY (customer_id, id),
        CONSTRAINT uq_{p}meter_reports_id UNIQUE (id),
        CONSTRAINT uq_{p}meter_reports_window
            UNIQUE (customer_id, meter, provider, account, window_start),
        CONSTRAINT fk_{p}meter_reports_customer_id
            FOREIGN KEY (customer_id) REFERENCES {s}{p}customers (id),
        CONSTRAINT ck_{p}meter_reports_window CHECK (window_start < window_end),
        CONSTRAINT ck_{p}meter_reports_number CHECK (number > 0),
        CONSTRAINT ck_{p}meter_reports_tries CHECK (tries >= 0),
        CONSTRAINT ck_{p}meter_reports_state CHECK (state IN ('open', 'told'))
    )
    """,
    """
    CREATE INDEX ix_{p}meter_reports_due
        ON {s}{p}meter_reports (provider, next_at, id) WHERE state = 'open'
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
    """Make the table and the column."""
    apply(
        revision,
        __file__,
        sqlite=_spelled(TYPES_ON_SQLITE),
        postgresql=_spelled(TYPES_ON_POSTGRESQL),
    )


def downgrade() -> None:
    """Drop the table and the column, where they hold nothing."""
    undo(revision, TABLES, columns=COLUMNS)
