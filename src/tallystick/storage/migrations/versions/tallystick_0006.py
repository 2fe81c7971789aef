"""Dunning: the ladders of unpaid invoices, and the outbox of what is to be told.

The statements are frozen here as text: what was applied once never changes with the code.  Tables
are the same on both databases but for how a column's type is spelled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.storage.revision import apply, undo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["downgrade", "upgrade"]

revision = "tallystick_0006"
down_revision = "tallystick_0005"
branch_labels = None
depends_on = None

TABLES: Final = ("dunning", "outbox")

TYPES_ON_SQLITE: Final = {
    "{key}": "TEXT",
    "{moment}": "BIGINT",
    "{counted}": "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT",
    "{pk_outbox}": "",
}
TYPES_ON_POSTGRESQL: Final = {
    "{key}": 'TEXT COLLATE "C"',
    "{moment}": "TIMESTAMP WITH TIME ZONE",
    "{counted}": "BIGINT GENERATED ALWAYS AS IDENTITY",
    "{pk_outbox}": "CONSTRAINT pk_{p}outbox PRIMARY KEY (position),",
}

MADE: Final = (
    """
    CREATE TABLE {s}{p}dunning (
        customer_id {key} NOT NULL,
        id {key} NOT NULL,
        subscription_id {key},
        ladder TEXT NOT NULL,
        attempts BIGINT NOT NULL,
        state TEXT NOT NULL,
        access TEXT NOT NULL,
        next_at {moment},
        set_aside TEXT,
        CONSTRAINT pk_{p}dunning PRIMARY KEY (customer_id, id),
        CONSTRAINT fk_{p}dunning_id
            FOREIGN KEY (customer_id, id) REFERENCES {s}{p}invoices (customer_id, id),
        CONSTRAINT ck_{p}dunning_attempts CHECK (attempts >= 0),
        CONSTRAINT ck_{p}dunning_state CHECK (
            state IN ('waiting', 'retrying', 'final', 'recovered')
        ),
        CONSTRAINT ck_{p}dunning_access CHECK (access IN ('full', 'read_only', 'none')),
        CONSTRAINT ck_{p}dunning_next_at CHECK (
            (next_at IS NULL) = (state IN ('final', 'recovered'))
        )
    )
    """,
    """
    CREATE INDEX ix_{p}dunning_due ON {s}{p}dunning (next_at, customer_id, id)
        WHERE next_at IS NOT NULL AND set_aside IS NULL
    """,
    """
    CREATE TABLE {s}{p}outbox (
        position {counted},
        customer_id {key} NOT NULL,
        kind {key} NOT NULL,
        cause {key} NOT NULL,
        at {moment} NOT NULL,
        body TEXT NOT NULL,
        {pk_outbox}
        CONSTRAINT uq_{p}outbox_customer_id_kind_cause UNIQUE (customer_id, kind, cause)
    )
    """,
    """
    CREATE INDEX ix_{p}invoices_overdue ON {s}{p}invoices (due_at, customer_id, id)
        WHERE status = 'open'
    """,
)


def _spelled(types: Mapping[str, str]) -> Sequence[str]:
    made = []
    for statement in MADE:
        for name, words in types.items():
            statement = statement.replace(name, words)  # noqa: PLW2901 - one after the other
        made.append("\n".join(line for line in statement.splitlines() if line.strip()))
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
    undo(revision, TABLES, (), ("DROP INDEX {s}ix_{p}invoices_overdue",))
