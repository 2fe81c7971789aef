"""Who bills a subscription: this engine, or the provider whose subscription it mirrors.

The statements are frozen here as text: what was applied once never changes with the code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alembic import op

from tallystick.storage.revision import apply, undo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["downgrade", "upgrade"]

revision = "tallystick_0017"
down_revision = "tallystick_0015"
branch_labels = None
depends_on = None

OF_PROVIDER: Final = ("provider", "account", "live", "reference", "as_of", "stamp")
COLUMNS: Final = tuple(("subscriptions", each) for each in OF_PROVIDER)
KINDS: Final = (
    "'start', 'change', 'pause', 'resume', 'cancel', 'keep', 'unplan', 'lapse', 'recover'"
)
BILLED: Final = ("invoices", "invoice_lines", "invoice_items")
WHY: Final = "its provider bills this subscription: no document of ours is made of it"
STAYS: Final = "biller, provider, account, live, reference"
WHOSE: Final = "who bills a subscription, and which one of a provider it mirrors, never changes"

ADDED: Final = (
    "ALTER TABLE {s}{p}subscriptions ADD COLUMN provider {key}",
    "ALTER TABLE {s}{p}subscriptions ADD COLUMN account {key}",
    "ALTER TABLE {s}{p}subscriptions ADD COLUMN live BOOLEAN",
    "ALTER TABLE {s}{p}subscriptions ADD COLUMN reference {key}",
    "ALTER TABLE {s}{p}subscriptions ADD COLUMN as_of {moment}",
    "ALTER TABLE {s}{p}subscriptions ADD COLUMN stamp {key}",
    """
    ALTER TABLE {s}{p}subscriptions ADD COLUMN biller TEXT DEFAULT 'tallystick' NOT NULL
        CONSTRAINT ck_{p}subscriptions_biller CHECK (biller IN ('tallystick', 'provider'))
        CONSTRAINT ck_{p}subscriptions_due_at CHECK (biller = 'tallystick' OR due_at IS NULL)
        CONSTRAINT ck_{p}subscriptions_origin CHECK (
            (biller = 'provider') = (provider IS NOT NULL)
            AND (biller = 'provider') = (account IS NOT NULL)
            AND (biller = 'provider') = (live IS NOT NULL)
            AND (biller = 'provider') = (reference IS NOT NULL)
            AND (biller = 'provider') = (as_of IS NOT NULL)
            AND (biller = 'provider') = (stamp IS NOT NULL)
        )
    """,
    """
    CREATE UNIQUE INDEX uq_{p}subscriptions_reference
        ON {s}{p}subscriptions (provider, account, reference) WHERE reference IS NOT NULL
    """,
)

# SQLite changes a CHECK in its own words, as its documentation describes it; what is added to
# another table after it tells other connections to read the schema again.
WORDS_ON_SQLITE: Final = """
    UPDATE sqlite_master SET sql = replace(sql, {before}, {after})
    WHERE type = 'table' AND name = '{p}subscription_moves'
"""
FUNCTION: Final = """
    CREATE OR REPLACE FUNCTION {s}{p}refuse_billed_elsewhere() RETURNS trigger LANGUAGE plpgsql
        SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM {s}{p}subscriptions s WHERE s.biller = 'provider'
            AND (s.customer_id, s.id) IN (
                SELECT DISTINCT a.customer_id, a.subscription_id FROM added a
            )
        ) THEN
            RAISE EXCEPTION USING MESSAGE = '{why}', ERRCODE = 'restrict_violation';
        END IF;
        RETURN NULL;
    END $$
"""


def _words_on_sqlite(before: str, after: str) -> Sequence[str]:
    change = WORDS_ON_SQLITE
    for name, words in (("{before}", before), ("{after}", after)):
        doubled = words.replace("'", "''")
        change = change.replace(name, f"'{doubled}'")
    return ("PRAGMA writable_schema = ON", change, "PRAGMA writable_schema = RESET")


def _words_on_postgresql(kinds: str) -> Sequence[str]:
    table = "ALTER TABLE {s}{p}subscription_moves"
    name = "ck_{p}subscription_moves_kind"
    return (
        f"{table} DROP CONSTRAINT {name}",
        f"{table} ADD CONSTRAINT {name} CHECK (kind IN ({kinds}))",
    )


def _spelled(key: str, moment: str) -> Iterator[str]:
    for statement in ADDED:
        yield statement.replace("{key}", key).replace("{moment}", moment)


def _triggers_on_sqlite() -> Iterator[str]:
    refused = "BEGIN SELECT RAISE(ABORT, '{}'); END"
    mine = (
        "EXISTS (SELECT 1 FROM {p}subscriptions s WHERE s.customer_id = NEW.customer_id"
        " AND s.id = NEW.subscription_id AND s.biller = 'provider')"
    )
    for table in BILLED:
        yield (
            f"CREATE TRIGGER {{p}}{table}_biller BEFORE INSERT ON {{p}}{table}"
            f" WHEN {mine} {refused.format(WHY)}"
        )
    yield (
        f"CREATE TRIGGER {{p}}subscriptions_biller BEFORE UPDATE OF {STAYS} ON {{p}}subscriptions"
        f" {refused.format(WHOSE)}"
    )


def _triggers_on_postgresql() -> Iterator[str]:
    yield FUNCTION.replace("{why}", WHY)
    for table in BILLED:
        yield (
            f"CREATE TRIGGER {{p}}{table}_biller AFTER INSERT ON {{s}}{{p}}{table}"
            " REFERENCING NEW TABLE AS added FOR EACH STATEMENT"
            " EXECUTE FUNCTION {s}{p}refuse_billed_elsewhere()"
        )
    yield (
        f"CREATE TRIGGER {{p}}subscriptions_biller BEFORE UPDATE OF {STAYS}"
        f" ON {{s}}{{p}}subscriptions FOR EACH ROW EXECUTE FUNCTION"
        f" {{s}}{{p}}refuse_change('{WHOSE}')"
    )


def _undone_on_sqlite() -> Iterator[str]:
    for table in (*BILLED, "subscriptions"):
        yield f"DROP TRIGGER {{p}}{table}_biller"
    yield from _words_on_sqlite("'recover', 'mirror'", "'recover'")
    yield "DROP INDEX uq_{p}subscriptions_reference"
    yield "ALTER TABLE {p}subscriptions DROP COLUMN biller"


def _undone_on_postgresql() -> Iterator[str]:
    for table in (*BILLED, "subscriptions"):
        yield f"DROP TRIGGER {{p}}{table}_biller ON {{s}}{{p}}{table}"
    yield "DROP FUNCTION {s}{p}refuse_billed_elsewhere()"
    yield from _words_on_postgresql(KINDS)
    yield "DROP INDEX {s}uq_{p}subscriptions_reference"
    yield "ALTER TABLE {s}{p}subscriptions DROP COLUMN biller"


def upgrade() -> None:
    """Add the columns, and what holds a subscription to who bills it."""
    apply(
        revision,
        __file__,
        sqlite=(
            *_words_on_sqlite("'recover'", "'recover', 'mirror'"),
            *_spelled("TEXT", "BIGINT"),
            *_triggers_on_sqlite(),
        ),
        postgresql=(
            *_words_on_postgresql(f"{KINDS}, 'mirror'"),
            *_spelled('TEXT COLLATE "C"', "TIMESTAMP WITH TIME ZONE"),
            *_triggers_on_postgresql(),
        ),
    )


def downgrade() -> None:
    """Drop the columns, where no provider bills anything."""
    on_sqlite = op.get_context().dialect.name == "sqlite"
    back = _undone_on_sqlite() if on_sqlite else _undone_on_postgresql()
    undo(revision, (), statements=tuple(back), columns=COLUMNS)
