"""The tables of the inbox: events of providers, each once, and the objects that they are hints of.

Neither is a customer's: whose an object is, the provider says when it is asked for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Index, Text

from tallystick.storage.table_parts import Names, key, needed
from tallystick.storage.types import Key, Moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import MetaData, Table

__all__ = ["INBOX_GRANTS", "InboxTables", "make_inbox_tables"]

_OF_EVENT: Final = ("state", "reason", "done_at")
_OF_OBJECT: Final = (
    *("newest", "hints", "turn", "tries", "due_at", "leased_until"),
    *("held_at", "held_upto", "held_mark", "held_reach", "set_aside"),
)

INBOX_GRANTS: Final[Mapping[str, frozenset[str]]] = {
    "provider_events": frozenset(
        {"SELECT", "INSERT", "DELETE", *(f"UPDATE ({name})" for name in _OF_EVENT)}
    ),
    "provider_objects": frozenset(
        {"SELECT", "INSERT", *(f"UPDATE ({name})" for name in _OF_OBJECT)}
    ),
}
"""What the role of a program may do with each of these tables: what was sent never changes."""


class InboxTables(NamedTuple):
    """The tables, by their names without the prefix."""

    provider_events: Table
    provider_objects: Table


def make_inbox_tables(metadata: MetaData, prefix: str) -> InboxTables:
    """Make the tables."""
    names = Names(metadata, prefix)
    return InboxTables(_events(names), _objects(names))


def _events(names: Names) -> Table:
    """Make the events, told apart by the provider, the account and the event's id."""
    return names.table(
        "provider_events",
        key("provider"),
        key("account"),
        key("id"),
        needed("live", Boolean),
        needed("type", Key),
        Column("api_version", Text),
        needed("created", Moment),
        Column("kind", Key),
        Column("object_id", Key),
        needed("body"),
        needed("received_at", Moment),
        needed("state"),
        Column("reason", Text),
        Column("done_at", Moment),
        CheckConstraint("state IN ('new', 'applied', 'ignored', 'set_aside')", name="state"),
        CheckConstraint("(state = 'new') = (done_at IS NULL)", name="done_at"),
        CheckConstraint("state IN ('new', 'applied') OR reason IS NOT NULL", name="reason"),
        CheckConstraint("state = 'ignored' OR object_id IS NOT NULL", name="object"),
        CheckConstraint("object_id IS NULL OR kind IS NOT NULL", name="kind"),
        Index(
            f"ix_{names.prefix}provider_events_object",
            *("provider", "account", "kind", "object_id", "created"),
        ),
        Index(f"ix_{names.prefix}provider_events_received", "received_at", "id"),
    )


def _objects(names: Names) -> Table:
    """Make the objects: what is to be asked for, and how new what is held of each is."""
    return names.table(
        "provider_objects",
        key("provider"),
        key("account"),
        key("kind"),
        key("id"),
        needed("live", Boolean),
        needed("newest", Moment),
        needed("hints", BigInteger),
        needed("turn", BigInteger),
        needed("tries", BigInteger),
        Column("due_at", Moment),
        Column("leased_until", Moment),
        Column("held_at", Moment),
        Column("held_upto", Moment),
        Column("held_mark", Text),
        Column("held_reach", BigInteger),
        Column("set_aside", Text),
        CheckConstraint("hints > 0 AND turn >= 0 AND tries >= 0", name="counts"),
        CheckConstraint("set_aside IS NULL OR due_at IS NULL", name="set_aside"),
        CheckConstraint(
            "(held_at IS NULL) = (held_mark IS NULL) AND (held_at IS NULL) = (held_upto IS NULL)"
            " AND (held_at IS NULL) = (held_reach IS NULL)",
            name="held",
        ),
        CheckConstraint("held_at IS NULL OR held_upto >= held_at", name="held_upto"),
        names.where(
            "ix_{p}provider_objects_due",
            *("provider", "account", "due_at", "id"),
            words="due_at IS NOT NULL",
        ),
    )
