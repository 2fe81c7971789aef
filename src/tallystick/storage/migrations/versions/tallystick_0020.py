"""The inbox: events of payment providers, each once, and the objects that they are hints of.

The statements are frozen here as text: what was applied once never changes with the code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.storage.revision import apply, undo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["downgrade", "upgrade"]

revision = "tallystick_0020"
down_revision = "tallystick_0019"
branch_labels = None
depends_on = None

TABLES: Final = ("provider_events", "provider_objects")

TYPES_ON_SQLITE: Final = {"{key}": "TEXT", "{moment}": "BIGINT"}
TYPES_ON_POSTGRESQL: Final = {
    "{key}": 'TEXT COLLATE "C"',
    "{moment}": "TIMESTAMP WITH TIME ZONE",
}

MADE: Final = (
    """
    CREATE TABLE {s}{p}provider_events (
        provider {key} NOT NULL,
        account {key} NOT NULL,
        id {key} NOT NULL,
        live BOOLEAN NOT NULL,
        type {key} NOT NULL,
        api_version TEXT,
        created {moment} NOT NULL,
        kind {key},
        object_id {key},
        body TEXT NOT NULL,
        received_at {moment} NOT NULL,
        state TEXT NOT NULL,
        reason TEXT,
        done_at {moment},
        CONSTRAINT pk_{p}provider_events PRIMARY KEY (provider, account, id),
        CONSTRAINT ck_{p}provider_events_state CHECK (
            state IN ('new', 'applied', 'ignored', 'set_aside')
        ),
        CONSTRAINT ck_{p}provider_events_done_at CHECK ((state = 'new') = (done_at IS NULL)),
        CONSTRAINT ck_{p}provider_events_reason CHECK (
            state IN ('new', 'applied') OR reason IS NOT NULL
        ),
        CONSTRAINT ck_{p}provider_events_object CHECK (
            state = 'ignored' OR object_id IS NOT NULL
        ),
        CONSTRAINT ck_{p}provider_events_kind CHECK (object_id IS NULL OR kind IS NOT NULL)
    )
    """,
    """
    CREATE INDEX ix_{p}provider_events_object
        ON {s}{p}provider_events (provider, account, kind, object_id, created)
    """,
    """
    CREATE INDEX ix_{p}provider_events_received
        ON {s}{p}provider_events (received_at, id)
    """,
    """
    CREATE TABLE {s}{p}provider_objects (
        provider {key} NOT NULL,
        account {key} NOT NULL,
        kind {key} NOT NULL,
        id {key} NOT NULL,
        live BOOLEAN NOT NULL,
        newest {moment} NOT NULL,
        hints BIGINT NOT NULL,
        turn BIGINT NOT NULL,
        tries BIGINT NOT NULL,
        due_at {moment},
        leased_until {moment},
        held_at {moment},
        held_upto {moment},
        held_mark TEXT,
        held_reach BIGINT,
        set_aside TEXT,
        CONSTRAINT pk_{p}provider_objects PRIMARY KEY (provider, account, kind, id),
        CONSTRAINT ck_{p}provider_objects_counts CHECK (
            hints > 0 AND turn >= 0 AND tries >= 0
        ),
        CONSTRAINT ck_{p}provider_objects_set_aside CHECK (set_aside IS NULL OR due_at IS NULL),
        CONSTRAINT ck_{p}provider_objects_held CHECK (
            (held_at IS NULL) = (held_mark IS NULL)
            AND (held_at IS NULL) = (held_upto IS NULL)
            AND (held_at IS NULL) = (held_reach IS NULL)
        ),
        CONSTRAINT ck_{p}provider_objects_held_upto CHECK (
            held_at IS NULL OR held_upto >= held_at
        )
    )
    """,
    """
    CREATE INDEX ix_{p}provider_objects_due
        ON {s}{p}provider_objects (provider, account, due_at, id) WHERE due_at IS NOT NULL
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
