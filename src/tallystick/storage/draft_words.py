"""What a person may still change on a draft: the note and the purchase order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import update

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.storage.unit import Unit

__all__ = ["put_words"]


def put_words(unit: Unit, customer: str, id_: str, words: Mapping[str, str | None]) -> bool:
    """Put the words on a draft; False, and nothing is changed, where it is no draft (any more)."""
    table = unit.tables.invoices
    c = table.c
    asked = update(table).where(c.customer_id == customer, c.id == id_, c.status == "draft")
    return unit.connection.execute(asked.values(dict(words))).rowcount > 0
