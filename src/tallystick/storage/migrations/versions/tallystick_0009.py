"""Parents: who pays for whom, and the sections of consolidated documents.

The statements are frozen here as text: what was applied once never changes with the code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.storage.revision import apply, undo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["downgrade", "upgrade"]

revision = "tallystick_0009"
down_revision = "tallystick_0008"
branch_labels = None
depends_on = None

TABLES: Final = ("customer_parents", "invoice_sections")

TYPES_ON_SQLITE: Final = {"{key}": "TEXT", "{moment}": "BIGINT"}
TYPES_ON_POSTGRESQL: Final = {
    "{key}": 'TEXT COLLATE "C"',
    "{moment}": "TIMESTAMP WITH TIME ZONE",
}

MADE: Final = (
    """
    CREATE TABLE {s}{p}customer_parents (
        customer_id {key} NOT NULL,
        from_at {moment} NOT NULL,
        parent_id {key} NOT NULL,
        until_at {moment},
        CONSTRAINT pk_{p}customer_parents PRIMARY KEY (customer_id, from_at),
        CONSTRAINT fk_{p}customer_parents_customer_id FOREIGN KEY (customer_id)
            REFERENCES {s}{p}customers (id),
        CONSTRAINT fk_{p}customer_parents_parent_id FOREIGN KEY (parent_id)
            REFERENCES {s}{p}customers (id),
        CONSTRAINT ck_{p}customer_parents_time CHECK (until_at IS NULL OR until_at >= from_at)
    )
    """,
    """
    CREATE INDEX ix_{p}customer_parents_parent_id
        ON {s}{p}customer_parents (parent_id, customer_id)
    """,
    """
    CREATE UNIQUE INDEX uq_{p}customer_parents_open
        ON {s}{p}customer_parents (customer_id) WHERE until_at IS NULL
    """,
    """
    CREATE TABLE {s}{p}invoice_sections (
        customer_id {key} NOT NULL,
        invoice_id {key} NOT NULL,
        member_id {key} NOT NULL,
        section_id {key} NOT NULL,
        CONSTRAINT pk_{p}invoice_sections
            PRIMARY KEY (customer_id, invoice_id, member_id, section_id),
        CONSTRAINT uq_{p}invoice_sections_member_id_section_id UNIQUE (member_id, section_id),
        CONSTRAINT fk_{p}invoice_sections_invoice_id FOREIGN KEY (customer_id, invoice_id)
            REFERENCES {s}{p}invoices (customer_id, id),
        CONSTRAINT fk_{p}invoice_sections_section_id FOREIGN KEY (member_id, section_id)
            REFERENCES {s}{p}invoices (customer_id, id) DEFERRABLE INITIALLY DEFERRED
    )
    """,
)
WHY: Final = "a section is never changed or removed: its document would be another one"


def _triggers_on_sqlite() -> Iterator[str]:
    for name, what in (("unchanged", "UPDATE"), ("kept", "DELETE")):
        yield (
            f"CREATE TRIGGER {{p}}invoice_sections_{name} BEFORE {what} ON {{p}}invoice_sections"
            f" BEGIN SELECT RAISE(ABORT, '{WHY}'); END"
        )


def _triggers_on_postgresql() -> Iterator[str]:
    yield (
        "CREATE TRIGGER {p}invoice_sections_kept BEFORE UPDATE OR DELETE OR TRUNCATE"
        " ON {s}{p}invoice_sections FOR EACH STATEMENT"
        f" EXECUTE FUNCTION {{s}}{{p}}refuse_change('{WHY}')"
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
