"""Who sells: the facts that a document takes over, as they stand when it is issued."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["SELLER", "get_facts", "set_facts"]

SELLER: Final = "default"
"""The id of the seller where there is one only."""


def get_facts(unit: Unit, id_: str = SELLER) -> dict[str, Any] | None:
    """Give a seller's facts as plain JSON values, or None."""
    c = unit.tables.sellers.c
    facts = unit.connection.execute(select(c.facts).where(c.id == id_)).scalar()
    return None if facts is None else json.loads(facts)


def set_facts(unit: Unit, facts: Mapping[str, Any], at: Instant, id_: str = SELLER) -> None:
    """Keep a seller's facts from now on; documents that were issued have the old ones."""
    table = unit.tables.sellers
    dialect = postgresql if unit.dialect == "postgresql" else sqlite
    values = {"facts": json.dumps(facts, ensure_ascii=False, sort_keys=True), "updated_at": at}
    asked = dialect.insert(table).values(id=id_, **values)
    unit.connection.execute(asked.on_conflict_do_update(index_elements=[table.c.id], set_=values))
