"""The tables of leases, and of what a customer is given of a feature beside any plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, Text

from tallystick.storage.table_parts import OWNER, Names, key, needed
from tallystick.storage.types import Key, Moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import MetaData, Table

__all__ = ["LEASE_GRANTS", "LeaseTables", "make_lease_tables"]

_CHANGES: Final = ("reported", "reports", "closed_at")

LEASE_GRANTS: Final[Mapping[str, frozenset[str]]] = {
    "leases": frozenset({"SELECT", "INSERT", *(f"UPDATE ({name})" for name in _CHANGES)}),
    "entitlement_overrides": frozenset({"SELECT", "INSERT"}),
}
"""What the role of a program may do with each of these tables."""


class LeaseTables(NamedTuple):
    """The tables, by their names without the prefix."""

    leases: Table
    entitlement_overrides: Table


def make_lease_tables(metadata: MetaData, prefix: str) -> LeaseTables:
    """Make the tables."""
    names = Names(metadata, prefix)
    return LeaseTables(_leases(names), _overrides(names))


def _leases(names: Names) -> Table:
    """Make the blocks of units that holders answer from: `reported` of each are events by now."""
    gates = names.place("gates")
    return names.table(
        "leases",
        key(OWNER),
        key("id"),
        needed("meter", Key),
        needed("feature", Key),
        Column("plan", Key),
        needed("size", BigInteger),
        needed("reported", BigInteger),
        needed("reports", BigInteger),
        needed("taken_at", Moment),
        needed("expires_at", Moment),
        Column("closed_at", Moment),
        ForeignKeyConstraint(
            [OWNER, "meter"],
            [f"{gates}.{OWNER}", f"{gates}.meter"],
            name=f"fk_{names.prefix}leases_meter",
        ),
        CheckConstraint("size > 0", name="size"),
        CheckConstraint("reported BETWEEN 0 AND size", name="reported"),
        CheckConstraint("(reports = 0) = (reported = 0) AND reports >= 0", name="reports"),
        CheckConstraint("taken_at < expires_at", name="expires_at"),
        names.where("ix_{p}leases_open", OWNER, "meter", words="closed_at IS NULL"),
    )


def _overrides(names: Names) -> Table:
    """Make what was agreed with a customer: the last version holds, one without facts lifts it."""
    return names.table(
        "entitlement_overrides",
        key(OWNER),
        key("feature"),
        Column("version", BigInteger, primary_key=True, autoincrement=False),
        Column("facts", Text),
        needed("set_at", Moment),
        CheckConstraint("version > 0", name="version"),
    )
