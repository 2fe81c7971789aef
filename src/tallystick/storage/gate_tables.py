"""The tables of limits: whose turn it is at one, and what is reserved of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, Text

from tallystick.storage.table_parts import OWNER, Names, key, needed
from tallystick.storage.types import Exact, Key, Moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import MetaData, Table

__all__ = ["GATE_GRANTS", "GateTables", "make_gate_tables"]

_CLOSES: Final = ("state", "closed_at", "actual", "event_id")

GATE_GRANTS: Final[Mapping[str, frozenset[str]]] = {
    "gates": frozenset({"SELECT", "INSERT", "UPDATE (tokens)", "UPDATE (limit_seen)"}),
    "reservations": frozenset({"SELECT", "INSERT", *(f"UPDATE ({name})" for name in _CLOSES)}),
}
"""What the role of a program may do with each of these tables."""


class GateTables(NamedTuple):
    """The tables of limits, by their names without the prefix."""

    gates: Table
    reservations: Table


def make_gate_tables(metadata: MetaData, prefix: str) -> GateTables:
    """Make the tables."""
    names = Names(metadata, prefix)
    return GateTables(_gates(names), _reservations(names))


def _gates(names: Names) -> Table:
    """Make the gates: who takes a turn holds the row until the transaction ends.

    What is used stands in no row: it is what the events of the meter come to.  `tokens` counts the
    reservations that were ever made at it; `limit_seen` is the limit at the last turn, so that a
    change is told.  As usage is, a gate is kept also for a customer whom nobody has registered.
    """
    return names.table(
        "gates",
        key(OWNER),
        key("meter"),
        needed("tokens", BigInteger),
        Column("limit_seen", Text),
        CheckConstraint("tokens >= 0", name="tokens"),
    )


def _reservations(names: Names) -> Table:
    """Make what is reserved: open, or closed once for ever."""
    gates = names.place("gates")
    return names.table(
        "reservations",
        key(OWNER),
        key("id"),
        needed("meter", Key),
        needed("feature", Key),
        Column("plan", Key),
        needed("quantity", Exact),
        needed("token", BigInteger),
        needed("reserved_at", Moment),
        needed("counts_at", Moment),
        needed("expires_at", Moment),
        needed("state"),
        Column("closed_at", Moment),
        Column("actual", Exact),
        Column("event_id", Key),
        ForeignKeyConstraint(
            [OWNER, "meter"],
            [f"{gates}.{OWNER}", f"{gates}.meter"],
            name=f"fk_{names.prefix}reservations_meter",
        ),
        CheckConstraint(
            "state IN ('open', 'committed', 'released', 'expired')",
            name="state",
        ),
        CheckConstraint("(closed_at IS NULL) = (state = 'open')", name="closed_at"),
        CheckConstraint("(actual IS NULL) = (state <> 'committed')", name="actual"),
        CheckConstraint("reserved_at < expires_at", name="expires_at"),
        CheckConstraint("token > 0", name="token"),
        CheckConstraint(
            "substr(CAST(quantity AS TEXT), 1, 1) <> '-' AND CAST(quantity AS TEXT) <> '0'",
            name="quantity",
        ),
        names.where("ix_{p}reservations_open", OWNER, "meter", words="state = 'open'"),
    )
