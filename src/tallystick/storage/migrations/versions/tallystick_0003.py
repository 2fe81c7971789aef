"""Taxes: the versions of the seller's tax rules, and which customers are exempt.

The statements are frozen here as text: what was applied once never changes with the code.
"""

from __future__ import annotations

from typing import Final

from tallystick.storage.revision import apply, undo

__all__ = ["downgrade", "upgrade"]

revision = "tallystick_0003"
down_revision = "tallystick_0002"
branch_labels = None
depends_on = None

TABLES: Final = ("tax_rules",)
COLUMNS: Final = (("customers", "tax_exempt"),)

MADE: Final = """
    CREATE TABLE {s}{p}tax_rules (
        number BIGINT NOT NULL,
        digest {key} NOT NULL,
        author TEXT NOT NULL,
        published_at {moment} NOT NULL,
        tree TEXT NOT NULL,
        CONSTRAINT pk_{p}tax_rules PRIMARY KEY (number),
        CONSTRAINT ck_{p}tax_rules_number CHECK (number > 0)
    )
"""
INDEXED: Final = "CREATE INDEX ix_{p}tax_rules_digest ON {s}{p}tax_rules (digest)"
EXEMPT: Final = "ALTER TABLE {s}{p}customers ADD COLUMN tax_exempt BOOLEAN"
WHY: Final = "published tax rules are never changed or removed: publish others"

SQLITE: Final = (
    MADE.replace("{key}", "TEXT").replace("{moment}", "BIGINT"),
    INDEXED,
    EXEMPT,
    f"""
    CREATE TRIGGER {{p}}tax_rules_unchanged BEFORE UPDATE ON {{p}}tax_rules
        BEGIN SELECT RAISE(ABORT, '{WHY}'); END
    """,
    f"""
    CREATE TRIGGER {{p}}tax_rules_kept BEFORE DELETE ON {{p}}tax_rules
        BEGIN SELECT RAISE(ABORT, '{WHY}'); END
    """,
)
POSTGRESQL: Final = (
    MADE.replace("{key}", 'TEXT COLLATE "C"').replace("{moment}", "TIMESTAMP WITH TIME ZONE"),
    INDEXED,
    EXEMPT,
    f"""
    CREATE TRIGGER {{p}}tax_rules_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON {{s}}{{p}}tax_rules
        FOR EACH STATEMENT EXECUTE FUNCTION {{s}}{{p}}refuse_change('{WHY}')
    """,
)


def upgrade() -> None:
    """Make the table and the column."""
    apply(revision, __file__, sqlite=SQLITE, postgresql=POSTGRESQL)


def downgrade() -> None:
    """Drop the table and the column, where they hold nothing."""
    undo(revision, TABLES, columns=COLUMNS)
