"""Price migrations: each of them, and the subscriptions that it moves to another plan version.

The statements are frozen here as text: what was applied once never changes with the code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.storage.revision import apply, undo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["downgrade", "upgrade"]

revision = "tallystick_0007"
down_revision = "tallystick_0006"
branch_labels = None
depends_on = None

TABLES: Final = ("price_migrations", "price_moves")

TYPES_ON_SQLITE: Final = {
    "{key}": "TEXT",
    "{moment}": "BIGINT",
    "{json}": "TEXT",
    "{exact}": "TEXT",
}
TYPES_ON_POSTGRESQL: Final = {
    "{key}": 'TEXT COLLATE "C"',
    "{moment}": "TIMESTAMP WITH TIME ZONE",
    "{json}": "JSONB",
    "{exact}": "NUMERIC",
}

MADE: Final = (
    """
    CREATE TABLE {s}{p}price_migrations (
        id {key} NOT NULL,
        from_offers {json} NOT NULL,
        to_offer {key} NOT NULL,
        customers {json},
        without {json} NOT NULL,
        at {moment} NOT NULL,
        notice_days BIGINT NOT NULL,
        cap_percent {exact},
        stages {json} NOT NULL,
        state TEXT NOT NULL,
        stage BIGINT NOT NULL,
        planned_at {moment} NOT NULL,
        CONSTRAINT pk_{p}price_migrations PRIMARY KEY (id),
        CONSTRAINT ck_{p}price_migrations_state
            CHECK (state IN ('planned', 'running', 'stopped', 'done', 'undone')),
        CONSTRAINT ck_{p}price_migrations_stage CHECK (stage >= 0),
        CONSTRAINT ck_{p}price_migrations_notice_days CHECK (notice_days >= 0)
    )
    """,
    """
    CREATE TABLE {s}{p}price_moves (
        customer_id {key} NOT NULL,
        migration_id {key} NOT NULL,
        subscription_id {key} NOT NULL,
        item TEXT NOT NULL,
        currency TEXT NOT NULL,
        before_minor BIGINT,
        after_minor BIGINT,
        status TEXT NOT NULL,
        reason TEXT NOT NULL,
        stage BIGINT,
        number BIGINT,
        takes_effect_at {moment},
        CONSTRAINT pk_{p}price_moves PRIMARY KEY (customer_id, migration_id, subscription_id),
        CONSTRAINT fk_{p}price_moves_migration_id
            FOREIGN KEY (migration_id) REFERENCES {s}{p}price_migrations (id),
        CONSTRAINT fk_{p}price_moves_subscription_id FOREIGN KEY (customer_id, subscription_id)
            REFERENCES {s}{p}subscriptions (customer_id, id),
        CONSTRAINT fk_{p}price_moves_number FOREIGN KEY (customer_id, subscription_id, number)
            REFERENCES {s}{p}subscription_moves (customer_id, subscription_id, number),
        CONSTRAINT ck_{p}price_moves_status
            CHECK (status IN ('planned', 'moved', 'skipped', 'undone')),
        CONSTRAINT ck_{p}price_moves_number CHECK (status <> 'moved' OR number IS NOT NULL),
        CONSTRAINT ck_{p}price_moves_currency CHECK (length(currency) = 3)
    )
    """,
    """
    CREATE INDEX ix_{p}price_moves_status
        ON {s}{p}price_moves (migration_id, status, subscription_id)
    """,
    """
    CREATE UNIQUE INDEX uq_{p}price_moves_planned
        ON {s}{p}price_moves (customer_id, subscription_id) WHERE status = 'planned'
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
