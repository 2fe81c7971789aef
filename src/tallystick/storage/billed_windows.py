"""Which windows documents looked at: what was due on them, whether or not it came to a line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Integer, Text, text

from tallystick.core.charge import Due, in_turn
from tallystick.core.trees import value_of
from tallystick.storage.aside import read_each
from tallystick.storage.usage_stretches import moment_cell, table_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["Looked", "looked_after"]

_ASKED: Final = (
    ("no", "bigint"),
    ("customer", "text"),
    ("subscription", "text"),
    ("since", "timestamptz"),
)
_LOOKED: Final = """SELECT k.no AS no, i.id AS id, i.status AS status, i.cause AS cause,
 i.watermark AS watermark, i.due AS due FROM ({k}) k CROSS JOIN {invoices} i
 WHERE i.customer_id = k.customer AND i.subscription_id = k.subscription AND i.at > k.since
 AND (:drafts = 1 OR i.status <> 'draft')"""


@dataclass(frozen=True, slots=True)
class Looked:
    """A document, or with status `draft` one to come: its cause, and what was due on it."""

    id: str
    status: str
    cause: str
    watermark: Instant
    due: Due

    @property
    def turn(self) -> tuple[Any, ...]:
        """Where it stands in the order in which documents of a customer are issued."""
        return self.watermark, *in_turn(self.due.at, self.cause)


def looked_after(
    unit: Unit, asked: Sequence[tuple[str, str, Instant]], *, drafts: bool = False
) -> list[list[Looked]]:
    """Give the documents of subscriptions (customer, id) whose cause came after an instant.

    With `drafts`, also those that were not issued yet; none of a subscription of which one cannot
    be read, as its draft is set aside.
    """
    if not asked:
        return []
    rows = [
        (number, customer, subscription, moment_cell(unit, since))
        for number, (customer, subscription, since) in enumerate(asked)
    ]
    query, given = table_of(unit, _ASKED, rows)
    words = _LOOKED.format(k=query, invoices=unit.tables.invoices.fullname)
    found: list[list[Looked]] = [[] for _ in asked]
    unread = set[int]()
    moment = unit.tables.invoices.c.watermark.type
    asked_for = text(words).columns(
        no=Integer, id=Text, status=Text, cause=Text, watermark=moment, due=Text
    )
    rows_found = unit.connection.execute(asked_for, {**given, "drafts": int(drafts)})
    for row in rows_found.mappings():
        skip = (lambda each, _: unread.add(each["no"])) if drafts else None
        found[row["no"]] += read_each([row], _looked, skip)
    return [
        [] if number in unread else sorted(looked, key=lambda each: each.turn)
        for number, looked in enumerate(found)
    ]


def _looked(row: Mapping[str, Any]) -> Looked:
    due = value_of(Due, json.loads(row["due"]))
    return Looked(row["id"], row["status"], row["cause"], row["watermark"], due)
