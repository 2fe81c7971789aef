"""Credits: grants, and where each of them went.

The statements are frozen here as text: what was applied once never changes with the code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.storage.revision import apply, undo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["downgrade", "upgrade"]

revision = "tallystick_0005"
down_revision = "tallystick_0004"
branch_labels = None
depends_on = None

TABLES: Final = ("credit_grants", "credit_moves")

TYPES_ON_SQLITE: Final = {"{key}": "TEXT", "{moment}": "BIGINT", "{exact}": "TEXT"}
TYPES_ON_POSTGRESQL: Final = {
    "{key}": 'TEXT COLLATE "C"',
    "{moment}": "TIMESTAMP WITH TIME ZONE",
    "{exact}": "NUMERIC",
}

MADE: Final = (
    """
    CREATE TABLE {s}{p}credit_grants (
        customer_id {key} NOT NULL,
        id {key} NOT NULL,
        place BIGINT NOT NULL,
        currency TEXT,
        feature {key},
        size {exact} NOT NULL,
        remaining {exact} NOT NULL,
        category TEXT NOT NULL,
        source TEXT NOT NULL,
        priority BIGINT NOT NULL,
        effective_at {moment} NOT NULL,
        expires_at {moment},
        scope TEXT NOT NULL,
        recorded_at {moment} NOT NULL,
        reason TEXT,
        idempotency_key {key},
        CONSTRAINT pk_{p}credit_grants PRIMARY KEY (customer_id, id),
        CONSTRAINT uq_{p}credit_grants_id UNIQUE (id),
        CONSTRAINT uq_{p}credit_grants_customer_id_idempotency_key
            UNIQUE (customer_id, idempotency_key),
        CONSTRAINT uq_{p}credit_grants_customer_id_place UNIQUE (customer_id, place),
        CONSTRAINT fk_{p}credit_grants_customer_id
            FOREIGN KEY (customer_id) REFERENCES {s}{p}customers (id),
        CONSTRAINT ck_{p}credit_grants_measure CHECK ((currency IS NULL) <> (feature IS NULL)),
        CONSTRAINT ck_{p}credit_grants_category CHECK (category IN ('promotional', 'paid')),
        CONSTRAINT ck_{p}credit_grants_source CHECK (
            source IN ('manual', 'plan', 'top_up', 'rollover', 'transfer')
        ),
        CONSTRAINT ck_{p}credit_grants_place CHECK (place > 0),
        CONSTRAINT ck_{p}credit_grants_expires_at CHECK (
            expires_at IS NULL OR effective_at < expires_at
        ),
        CONSTRAINT ck_{p}credit_grants_remaining CHECK (
            substr(CAST(remaining AS TEXT), 1, 1) <> '-'
        ),
        CONSTRAINT ck_{p}credit_grants_size CHECK (substr(CAST(size AS TEXT), 1, 1) <> '-')
    )
    """,
    """
    CREATE INDEX ix_{p}credit_grants_to_expire
        ON {s}{p}credit_grants (expires_at, customer_id, id)
    """,
    """
    CREATE TABLE {s}{p}credit_moves (
        customer_id {key} NOT NULL,
        grant_id {key} NOT NULL,
        number BIGINT NOT NULL,
        kind TEXT NOT NULL,
        size {exact} NOT NULL,
        at {moment} NOT NULL,
        invoice_id {key},
        cause {key} NOT NULL,
        CONSTRAINT pk_{p}credit_moves PRIMARY KEY (customer_id, grant_id, number),
        CONSTRAINT uq_{p}credit_moves_customer_id_grant_id_kind_cause
            UNIQUE (customer_id, grant_id, kind, cause),
        CONSTRAINT fk_{p}credit_moves_grant_id FOREIGN KEY (customer_id, grant_id)
            REFERENCES {s}{p}credit_grants (customer_id, id),
        CONSTRAINT fk_{p}credit_moves_invoice_id FOREIGN KEY (customer_id, invoice_id)
            REFERENCES {s}{p}invoices (customer_id, id),
        CONSTRAINT ck_{p}credit_moves_kind CHECK (
            kind IN ('burned', 'restored', 'expired', 'voided', 'transferred')
        ),
        CONSTRAINT ck_{p}credit_moves_number CHECK (number > 0),
        CONSTRAINT ck_{p}credit_moves_invoice_id CHECK (
            (invoice_id IS NULL) = (kind NOT IN ('burned', 'restored'))
        ),
        CONSTRAINT ck_{p}credit_moves_size CHECK (
            substr(CAST(size AS TEXT), 1, 1) <> '-' AND CAST(size AS TEXT) <> '0'
        )
    )
    """,
    "CREATE INDEX ix_{p}credit_moves_invoice_id ON {s}{p}credit_moves (customer_id, invoice_id)",
)

STAYS: Final = (
    "customer_id, id, place, currency, feature, size, category, source, priority, effective_at,"
    " expires_at, scope, recorded_at, reason, idempotency_key"
)
GRANTED: Final = "a credit grant stays as it was made: void what is left of it"
MOVED: Final = "what happened to a credit grant is never changed or removed"


def _triggers_on_sqlite() -> Iterator[str]:
    refused = "BEGIN SELECT RAISE(ABORT, '{}'); END"
    yield (
        f"CREATE TRIGGER {{p}}credit_grants_unchanged BEFORE UPDATE OF {STAYS}"
        f" ON {{p}}credit_grants {refused.format(GRANTED)}"
    )
    yield (
        "CREATE TRIGGER {p}credit_grants_kept BEFORE DELETE ON {p}credit_grants"
        f" {refused.format(GRANTED)}"
    )
    for what, name in (("UPDATE", "unchanged"), ("DELETE", "kept")):
        yield (
            f"CREATE TRIGGER {{p}}credit_moves_{name} BEFORE {what} ON {{p}}credit_moves"
            f" {refused.format(MOVED)}"
        )


def _triggers_on_postgresql() -> Iterator[str]:
    refused = "EXECUTE FUNCTION {{s}}{{p}}refuse_change('{}')"
    yield (
        f"CREATE TRIGGER {{p}}credit_grants_unchanged BEFORE UPDATE OF {STAYS}"
        f" ON {{s}}{{p}}credit_grants FOR EACH STATEMENT {refused.format(GRANTED)}"
    )
    yield (
        "CREATE TRIGGER {p}credit_grants_kept BEFORE DELETE OR TRUNCATE ON {s}{p}credit_grants"
        f" FOR EACH STATEMENT {refused.format(GRANTED)}"
    )
    yield (
        "CREATE TRIGGER {p}credit_moves_kept BEFORE UPDATE OR DELETE OR TRUNCATE"
        f" ON {{s}}{{p}}credit_moves FOR EACH STATEMENT {refused.format(MOVED)}"
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
