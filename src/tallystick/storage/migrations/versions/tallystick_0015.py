"""Intents: what is asked of payment providers, stored before it is asked.

The statements are frozen here as text: what was applied once never changes with the code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.storage.revision import apply, undo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["downgrade", "upgrade"]

revision = "tallystick_0015"
down_revision = "tallystick_0014"
branch_labels = None
depends_on = None

TABLES: Final = ("intents",)

TYPES_ON_SQLITE: Final = {"{key}": "TEXT", "{moment}": "BIGINT"}
TYPES_ON_POSTGRESQL: Final = {
    "{key}": 'TEXT COLLATE "C"',
    "{moment}": "TIMESTAMP WITH TIME ZONE",
}

MADE: Final = (
    """
    CREATE TABLE {s}{p}intents (
        customer_id {key} NOT NULL,
        id {key} NOT NULL,
        kind TEXT NOT NULL,
        invoice_id {key} NOT NULL,
        of_id {key},
        of_reference {key},
        provider {key} NOT NULL,
        account {key} NOT NULL,
        live BOOLEAN NOT NULL,
        payer {key},
        label TEXT NOT NULL,
        reason TEXT,
        amount BIGINT NOT NULL,
        currency TEXT NOT NULL,
        key {key} NOT NULL,
        idempotency_key {key},
        created_at {moment} NOT NULL,
        state TEXT NOT NULL,
        attempts BIGINT NOT NULL,
        leased_until {moment},
        next_at {moment} NOT NULL,
        first_sent_at {moment},
        reference {key},
        answer TEXT,
        surplus BIGINT NOT NULL,
        closed_at {moment},
        set_aside TEXT,
        CONSTRAINT pk_{p}intents PRIMARY KEY (customer_id, id),
        CONSTRAINT uq_{p}intents_id UNIQUE (id),
        CONSTRAINT uq_{p}intents_key UNIQUE (key),
        CONSTRAINT uq_{p}intents_customer_id_idempotency_key
            UNIQUE (customer_id, idempotency_key),
        CONSTRAINT uq_{p}intents_provider_account_reference
            UNIQUE (provider, account, reference),
        CONSTRAINT fk_{p}intents_invoice_id FOREIGN KEY (customer_id, invoice_id)
            REFERENCES {s}{p}invoices (customer_id, id),
        CONSTRAINT fk_{p}intents_of_id FOREIGN KEY (customer_id, of_id)
            REFERENCES {s}{p}intents (customer_id, id),
        CONSTRAINT ck_{p}intents_currency CHECK (length(currency) = 3),
        CONSTRAINT ck_{p}intents_kind CHECK (kind IN ('collect', 'refund')),
        CONSTRAINT ck_{p}intents_state CHECK (
            state IN ('open', 'waiting', 'succeeded', 'declined', 'canceled')
        ),
        CONSTRAINT ck_{p}intents_of CHECK (
            (kind = 'refund') = (of_id IS NOT NULL)
            AND (kind = 'refund') = (of_reference IS NOT NULL)
        ),
        CONSTRAINT ck_{p}intents_amount CHECK (amount > 0),
        CONSTRAINT ck_{p}intents_surplus CHECK (surplus BETWEEN 0 AND amount),
        CONSTRAINT ck_{p}intents_came CHECK (
            surplus = 0 OR kind = 'collect' AND state = 'succeeded'
        ),
        CONSTRAINT ck_{p}intents_attempts CHECK (
            attempts >= 0 AND (attempts > 0 OR first_sent_at IS NULL)
        ),
        CONSTRAINT ck_{p}intents_closed_at CHECK (
            (closed_at IS NULL) = (state IN ('open', 'waiting'))
            AND (closed_at IS NULL OR leased_until IS NULL)
        ),
        CONSTRAINT ck_{p}intents_reference CHECK (
            state NOT IN ('waiting', 'succeeded') OR reference IS NOT NULL
        )
    )
    """,
    """
    CREATE UNIQUE INDEX uq_{p}intents_live
        ON {s}{p}intents (customer_id, invoice_id, kind) WHERE state IN ('open', 'waiting')
    """,
    """
    CREATE INDEX ix_{p}intents_due
        ON {s}{p}intents (provider, next_at, id)
        WHERE state IN ('open', 'waiting') AND set_aside IS NULL
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
