"""Which provider collects the invoices of a customer.

The statements are frozen here as text: what was applied once never changes with the code.
"""

from __future__ import annotations

from typing import Final

from tallystick.storage.revision import apply, undo

__all__ = ["downgrade", "upgrade"]

revision = "tallystick_0018"
down_revision = "tallystick_0017"
branch_labels = None
depends_on = None

COLUMNS: Final = (("customers", "provider"),)

COLUMN: Final = "ALTER TABLE {s}{p}customers ADD COLUMN provider {key}"
SQLITE: Final = (COLUMN.replace("{key}", "TEXT"),)
POSTGRESQL: Final = (COLUMN.replace("{key}", 'TEXT COLLATE "C"'),)


def upgrade() -> None:
    """Make the column."""
    apply(revision, __file__, sqlite=SQLITE, postgresql=POSTGRESQL)


def downgrade() -> None:
    """Drop the column, where it holds nothing."""
    undo(revision, (), columns=COLUMNS)
