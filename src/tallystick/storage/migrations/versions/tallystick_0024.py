"""Money that went back at a provider: refunds that failed, and chargebacks.

The statements are frozen here as text: what was applied once never changes with the code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alembic import op

from tallystick.storage.revision import apply, undo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["downgrade", "upgrade"]

revision = "tallystick_0024"
down_revision = "tallystick_0020"
branch_labels = None
depends_on = None

KINDS: Final = "'payment', 'refund'"
MORE: Final = f"{KINDS}, 'refund_failed', 'chargeback'"
ALLOWED: Final = (
    "'draft>open', 'draft>paid', 'draft>empty', 'open>paid', 'open>void', 'open>uncollectible',"
    " 'uncollectible>paid'"
)
MORE_ALLOWED: Final = f"{ALLOWED}, 'paid>uncollectible'"
CASE: Final = "OLD.status <> NEW.status AND OLD.status || '>' || NEW.status NOT IN ({})"
WHY: Final = "a document never goes from that status to this one"

# SQLite changes a CHECK in its own words, as its documentation describes it; the trigger that is
# made anew after it tells other connections to read the schema again.
WORDS_ON_SQLITE: Final = """
    UPDATE sqlite_master SET sql = replace(sql, {before}, {after})
    WHERE type = 'table' AND name = '{p}payments'
"""


def _on_sqlite(before: str, after: str, allowed: str) -> Iterator[str]:
    change = WORDS_ON_SQLITE
    for name, words in (("{before}", f"({before})"), ("{after}", f"({after})")):
        doubled = words.replace("'", "''")
        change = change.replace(name, f"'{doubled}'")
    yield "PRAGMA writable_schema = ON"
    yield change
    yield "PRAGMA writable_schema = RESET"
    yield "DROP TRIGGER {p}invoices_status"
    yield (
        "CREATE TRIGGER {p}invoices_status BEFORE UPDATE OF status ON {p}invoices"
        f" WHEN {CASE.format(allowed)} BEGIN SELECT RAISE(ABORT, '{WHY}'); END"
    )


def _on_postgresql(kinds: str, allowed: str) -> Iterator[str]:
    table, name = "ALTER TABLE {s}{p}payments", "ck_{p}payments_kind"
    yield f"{table} DROP CONSTRAINT {name}"
    yield f"{table} ADD CONSTRAINT {name} CHECK (kind IN ({kinds}))"
    yield "DROP TRIGGER {p}invoices_status ON {s}{p}invoices"
    yield (
        "CREATE TRIGGER {p}invoices_status BEFORE UPDATE OF status ON {s}{p}invoices"
        f" FOR EACH ROW WHEN ({CASE.format(allowed)})"
        f" EXECUTE FUNCTION {{s}}{{p}}refuse_change('{WHY}')"
    )


def upgrade() -> None:
    """Let payments say that a refund failed or a payment was charged back."""
    apply(
        revision,
        __file__,
        sqlite=tuple(_on_sqlite(KINDS, MORE, MORE_ALLOWED)),
        postgresql=tuple(_on_postgresql(MORE, MORE_ALLOWED)),
    )


def downgrade() -> None:
    """Go back, where neither ever happened."""
    on_sqlite = op.get_context().dialect.name == "sqlite"
    back: Sequence[str] = tuple(
        _on_sqlite(MORE, KINDS, ALLOWED) if on_sqlite else _on_postgresql(KINDS, ALLOWED)
    )
    undo(revision, (), statements=back, rows=(("payments", f"kind NOT IN ({KINDS})"),))
