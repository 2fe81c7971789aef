"""Checkouts: quotes that are being paid, stored before their pages are asked for.

The statements are frozen here as text: what was applied once never changes with the code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.storage.revision import apply, undo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["downgrade", "upgrade"]

revision = "tallystick_0016"
down_revision = "tallystick_0015"
branch_labels = None
depends_on = None

TABLES: Final = ("checkouts",)

TYPES_ON_SQLITE: Final = {"{key}": "TEXT", "{moment}": "BIGINT"}
TYPES_ON_POSTGRESQL: Final = {
    "{key}": 'TEXT COLLATE "C"',
    "{moment}": "TIMESTAMP WITH TIME ZONE",
}

MADE: Final = (
    """
    CREATE TABLE {s}{p}checkouts (
        customer_id {key} NOT NULL,
        id {key} NOT NULL,
        biller TEXT NOT NULL,
        subscription_id {key} NOT NULL,
        group_key {key} NOT NULL,
        quote TEXT NOT NULL,
        provider {key} NOT NULL,
        account {key} NOT NULL,
        live BOOLEAN NOT NULL,
        payer {key},
        amount BIGINT NOT NULL,
        currency TEXT NOT NULL,
        key {key} NOT NULL,
        idempotency_key {key},
        request TEXT NOT NULL,
        success_url TEXT NOT NULL,
        cancel_url TEXT NOT NULL,
        created_at {moment} NOT NULL,
        expires_at {moment} NOT NULL,
        state TEXT NOT NULL,
        attempts BIGINT NOT NULL,
        leased_until {moment},
        next_at {moment} NOT NULL,
        first_sent_at {moment},
        reference {key},
        url TEXT,
        closing BOOLEAN NOT NULL,
        payment {key},
        refund {key},
        reason TEXT,
        closed_at {moment},
        set_aside TEXT,
        CONSTRAINT pk_{p}checkouts PRIMARY KEY (customer_id, id),
        CONSTRAINT uq_{p}checkouts_id UNIQUE (id),
        CONSTRAINT uq_{p}checkouts_key UNIQUE (key),
        CONSTRAINT uq_{p}checkouts_customer_id_idempotency_key
            UNIQUE (customer_id, idempotency_key),
        CONSTRAINT uq_{p}checkouts_provider_account_reference
            UNIQUE (provider, account, reference),
        CONSTRAINT uq_{p}checkouts_provider_account_payment
            UNIQUE (provider, account, payment),
        CONSTRAINT fk_{p}checkouts_customer_id
            FOREIGN KEY (customer_id) REFERENCES {s}{p}customers (id),
        CONSTRAINT ck_{p}checkouts_currency CHECK (length(currency) = 3),
        CONSTRAINT ck_{p}checkouts_biller CHECK (biller IN ('tallystick', 'provider')),
        CONSTRAINT ck_{p}checkouts_state CHECK (
            state IN (
                'open', 'processing', 'complete', 'expired', 'failed', 'refunding', 'refunded'
            )
        ),
        CONSTRAINT ck_{p}checkouts_amount CHECK (amount >= 0),
        CONSTRAINT ck_{p}checkouts_attempts CHECK (
            attempts >= 0 AND (attempts > 0 OR first_sent_at IS NULL)
        ),
        CONSTRAINT ck_{p}checkouts_closed_at CHECK (
            (closed_at IS NULL) = (state IN ('open', 'processing', 'refunding'))
            AND (closed_at IS NULL OR leased_until IS NULL)
        ),
        CONSTRAINT ck_{p}checkouts_reference CHECK (
            (reference IS NULL) = (url IS NULL)
            AND (reference IS NULL OR payer IS NOT NULL)
            AND (payment IS NULL OR reference IS NOT NULL)
        ),
        CONSTRAINT ck_{p}checkouts_payment CHECK (
            (payment IS NOT NULL) = (
                state = 'complete' AND (amount > 0 OR biller = 'provider')
                OR state IN ('refunding', 'refunded')
            )
        ),
        CONSTRAINT ck_{p}checkouts_refund CHECK (
            (refund IS NULL OR state IN ('refunding', 'refunded'))
            AND (state <> 'refunded' OR refund IS NOT NULL)
        ),
        CONSTRAINT ck_{p}checkouts_reason CHECK (
            reason IS NOT NULL OR state NOT IN ('failed', 'refunding', 'refunded')
        )
    )
    """,
    """
    CREATE UNIQUE INDEX uq_{p}checkouts_sold
        ON {s}{p}checkouts (customer_id, subscription_id) WHERE state = 'complete'
    """,
    """
    CREATE INDEX ix_{p}checkouts_due
        ON {s}{p}checkouts (provider, next_at, id)
        WHERE state IN ('open', 'processing', 'refunding') AND set_aside IS NULL
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
