"""The version of what a customer has: it is another one after every change, in one statement.

Nobody has to bump it: it is made of what every change leaves behind.  A subscription counts its
moves and keeps its clock, an override and a catalogue have numbers, a ladder its attempts; of the
customer there is the zone, and whether they were forgotten.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from sqlalchemy import text

from tallystick.storage.usage_stretches import table_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import TextClause

    from tallystick.storage.tables import Tables
    from tallystick.storage.unit import Dialect, Unit

__all__ = [
    "StandingVersion",
    "standing_version",
    "standing_versions",
    "version_of",
    "version_words",
]

StandingVersion: TypeAlias = tuple[str | None, ...]
"""Equal where nothing has changed."""

_ASKED: Final = (("customer_id", "text"),)
_BETWEEN: Final = "|"
_PARTS: Final = (
    ("catalog_versions", ("max(number)",), "TRUE"),
    ("customers", ("count(id)", "max(time_zone)", "count(forgotten_at)"), "id = {who}"),
    (
        "subscriptions",
        ("count(id)", "sum(moves)", "{clock}", "min(state)"),
        "customer_id = {who}",
    ),
    (
        "dunning",
        ("count(id)", "sum(attempts)", "min(access)", "max(access)"),
        "customer_id = {who} AND state <> 'recovered'",
    ),
    ("entitlement_overrides", ("count(*)",), "customer_id = {who}"),
)
"""What a change leaves behind: the table, its figures, the rows that count."""


def standing_version(unit: Unit, customer: str) -> StandingVersion:
    """Give the version of what a customer has: catalogue, subscriptions, agreements, dunning."""
    return standing_versions(unit, [customer])[customer]


def standing_versions(unit: Unit, customers: Collection[str]) -> dict[str, StandingVersion]:
    """Give the versions of what customers have, in one statement."""
    query, given = table_of(unit, _ASKED, [(each,) for each in customers])
    words = version_words(unit.tables, unit.dialect, "k.customer_id")
    rows = unit.connection.execute(_statement(query, words), given)
    return {customer: version_of(said) for customer, said in rows}


@lru_cache(maxsize=64)
def _statement(query: str, words: str) -> TextClause:
    return text(f"SELECT k.customer_id, {words} FROM ({query}) k")  # noqa: S608 - names of ours


def version_of(said: str) -> StandingVersion:
    """Read what `version_words` gave."""
    return tuple(each or None for each in said.split(_BETWEEN))


@lru_cache(maxsize=64)
def version_words(tables: Tables, dialect: Dialect, who: str) -> str:
    """Write the expression whose value `version_of` reads; `who` is the customer in SQL."""
    clock = "max(clock)" if dialect == "sqlite" else "extract(epoch FROM max(clock))"
    parts = []
    for name, figures, mine in _PARTS:
        table = getattr(tables, name).fullname
        texts = (f"COALESCE(CAST({each.format(clock=clock)} AS text), '')" for each in figures)
        joined = f" || '{_BETWEEN}' || ".join(texts)
        parts.append(f"(SELECT {joined} FROM {table} WHERE {mine.format(who=who)})")  # noqa: S608 - names of ours
    return f" || '{_BETWEEN}' || ".join(parts)
