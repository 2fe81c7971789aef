"""The sections of consolidated documents as rows.

A section keeps its own row among the documents, of the customer it is for: as a draft, and once the
payer's document is issued, as one that is closed without a number.  Its lines are its own, so each
line is there once; what becomes of them is what becomes of the payer's document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, case, exists, func, literal, or_, select

from tallystick.core.charge import in_turn
from tallystick.storage.among import among
from tallystick.storage.batches import insert_cells, rows_of, update_rows
from tallystick.storage.invoice_rows import document_of, draft_of
from tallystick.storage.turns import turns

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import ColumnElement, FromClause

    from tallystick.core.invoice import Invoice
    from tallystick.core.period import Instant
    from tallystick.storage.invoice_rows import Document, Draft
    from tallystick.storage.unit import Unit

__all__ = [
    "Key",
    "add_sections",
    "asked_before",
    "close_rows",
    "has_sections",
    "in_chunks",
    "is_section",
    "payers_of",
    "places_of",
    "section_documents",
    "section_drafts",
    "sections_of_customer",
    "sections_of_subscriptions",
    "with_standing",
]

Key = tuple[str, str]
"""A customer and the id of a document."""

_LINK: Final = (
    ("customer_id", "text"),
    ("invoice_id", "text"),
    ("member_id", "text"),
    ("section_id", "text"),
)
_SUMS: Final = ("subtotal", "discount", "credit", "tax", "total", "balance", "amount_due")
_CLOSED: Final = (
    ("customer_id", "text"),
    ("id", "text"),
    ("kind", "text"),
    *((name, "bigint") for name in _SUMS),
)
_MINE: Final = "d.customer_id = {customer_id} AND d.id = {id} AND d.status = 'draft'"
_OF_PAYER: Final = ("customer_id", "invoice_id")
_OF_MEMBER: Final = ("member_id", "section_id")
_AT_ONCE: Final = 500


def add_sections(unit: Unit, links: Iterable[tuple[Key, Key]]) -> None:
    """Put drafts on their payers' documents: the payer's document, and the section."""
    rows = [(*payer, *section) for payer, section in links]
    insert_cells(unit, unit.tables.invoice_sections, _LINK, rows)


def close_rows(unit: Unit, sections: Sequence[Invoice]) -> int:
    """Close the rows of sections that are drafts still, each with the sums of its lines.

    Gives how many there were.
    """
    rows = [
        (each.customer, each.id, each.kind, *(getattr(each, name).minor for name in _SUMS))
        for each in sections
    ]
    changes = {name: f"{{{name}}}" for name, _ in _CLOSED[2:]} | {"status": "'empty'"}
    return update_rows(unit, unit.tables.invoices, _CLOSED, rows, changes, _MINE)


def is_section(unit: Unit) -> ColumnElement[bool]:
    """Give the condition that a document is a section of another one."""
    s, c = unit.tables.invoice_sections.c, unit.tables.invoices.c
    return exists().where(s.member_id == c.customer_id, s.section_id == c.id)


def has_sections(unit: Unit, document: Key) -> bool:
    """Whether a document has sections."""
    rows = rows_of(unit, unit.tables.invoice_sections, _OF_PAYER, [document])
    return next(rows, None) is not None


def section_drafts(unit: Unit, payers: Collection[Key]) -> dict[Key, list[Draft]]:
    """Give the drafts that stand on payers' documents, by document, in the order of the sections.

    They are locked until the transaction ends.
    """
    of = _sections(unit, payers)
    found = rows_of(unit, unit.tables.invoices, ("customer_id", "id"), of, lock=True)
    drafts: dict[Key, list[Draft]] = {}
    for row in found:
        if row["status"] == "draft":
            key = of[row["customer_id"], row["id"]]
            drafts.setdefault(key, []).append(draft_of(row))
    for some in drafts.values():
        some.sort(key=lambda each: (each.customer, *each.turn))
    return drafts


def section_documents(unit: Unit, payer: Key) -> list[Document]:
    """Give the rows of the sections of a document, in their order."""
    of = _sections(unit, [payer])
    rows = rows_of(unit, unit.tables.invoices, ("customer_id", "id"), of)
    found = [document_of(row) for row in rows]
    return sorted(found, key=lambda each: (each.invoice.customer, *each.turn))


def _sections(unit: Unit, payers: Collection[Key]) -> dict[Key, Key]:
    if not _any_sections(unit):  # most ledgers have no families, and are asked once for a batch
        return {}
    rows = rows_of(unit, unit.tables.invoice_sections, _OF_PAYER, payers)
    return {
        (row["member_id"], row["section_id"]): (row["customer_id"], row["invoice_id"])
        for row in rows
    }


def _any_sections(unit: Unit) -> bool:
    query = select(literal(1)).select_from(unit.tables.invoice_sections).limit(1)
    return unit.connection.execute(query).first() is not None


def payers_of(unit: Unit, sections: Collection[Key]) -> dict[Key, Key]:
    """Give the payers' documents of those that are sections."""
    rows = rows_of(unit, unit.tables.invoice_sections, _OF_MEMBER, sections)
    return {
        (row["member_id"], row["section_id"]): (row["customer_id"], row["invoice_id"])
        for row in rows
    }


def asked_before(
    unit: Unit, subscription: Key, at: Instant, causes: Collection[str]
) -> tuple[str | None] | None:
    """Give who was asked for the last document of a subscription (customer, id) up to an instant.

    None where there is none; None within where the customer was asked itself.  Only documents count
    whose cause begins with one of these words.
    """
    i, s = unit.tables.invoices, unit.tables.invoice_sections
    of = and_(s.c.member_id == i.c.customer_id, s.c.section_id == i.c.id)
    query = (
        select(s.c.customer_id)
        .select_from(i.outerjoin(s, of))
        .where(
            i.c.customer_id == subscription[0],
            i.c.subscription_id == subscription[1],
            i.c.at <= at,
            or_(*(i.c.cause.startswith(f"{word}/") for word in sorted(causes))),
        )
        .order_by(*(column.desc() for column in turns(i)))
        .limit(1)
    )
    found = unit.connection.execute(query).first()
    return None if found is None else (found[0],)


def with_standing(unit: Unit, joined: FromClause) -> tuple[Any, ColumnElement[str]]:
    """Join documents with those that they are sections of; gives how each of them stands."""
    i, s = unit.tables.invoices, unit.tables.invoice_sections
    payer = i.alias("payer")
    of = and_(s.c.member_id == i.c.customer_id, s.c.section_id == i.c.id)
    its = and_(payer.c.customer_id == s.c.customer_id, payer.c.id == s.c.invoice_id)
    status = case((payer.c.status.is_not(None), payer.c.status), else_=i.c.status)
    return joined.outerjoin(s, of).outerjoin(payer, its), status.label("status")


def places_of(unit: Unit, payers: Collection[Key]) -> dict[tuple[str, int], tuple[Key, int]]:
    """Give for each line of payers' documents, by id and position, its section and place there."""
    lines = unit.tables.invoice_lines.c
    of = _sections(unit, payers)
    counts: dict[Key, int] = {}
    order: dict[Key, tuple[Any, ...]] = {}
    for row in rows_of(unit, unit.tables.invoices, ("customer_id", "id"), of):
        order[row["customer_id"], row["id"]] = in_turn(row["at"], row["cause"])
    owner = (lines.customer_id, lines.invoice_id)
    for some in in_chunks(of):
        query = select(*owner, func.count()).where(among(unit, owner, some)).group_by(*owner)
        counts |= {(row[0], row[1]): row[2] for row in unit.connection.execute(query)}
    found: dict[tuple[str, int], tuple[Key, int]] = {}
    last: dict[str, int] = {}
    for section in sorted(of, key=lambda each: (each[0], *order[each])):
        document = of[section][1]
        for position in range(1, counts.get(section, 0) + 1):
            last[document] = last.get(document, 0) + 1
            found[document, last[document]] = (section, position)
    return found


def sections_of_subscriptions(
    unit: Unit, owners: Collection[Key]
) -> dict[Key, tuple[Key, str | None]]:
    """Give the sections of subscriptions (customer, id or ""), by customer and id.

    Each with its payer's document, and the subscription.
    """
    i, s = unit.tables.invoices.c, unit.tables.invoice_sections
    of = and_(s.c.member_id == i.customer_id, s.c.section_id == i.id)
    found: dict[Key, tuple[Key, str | None]] = {}
    for some in in_chunks(owners):
        alone = [customer for customer, subscription in some if not subscription]
        mine = or_(
            among(unit, (i.customer_id, i.subscription_id), some),
            and_(i.customer_id.in_(alone), i.subscription_id.is_(None)),
        )
        query = select(*s.c, i.subscription_id).select_from(s.join(unit.tables.invoices, of))
        for row in unit.connection.execute(query.where(mine)).mappings():
            payer = (row["customer_id"], row["invoice_id"])
            found[row["member_id"], row["section_id"]] = (payer, row["subscription_id"])
    return found


def sections_of_customer(unit: Unit, customer: str) -> dict[str, Key]:
    """Give the sections of a customer by their ids, each with its payer's document."""
    rows = rows_of(unit, unit.tables.invoice_sections, ("member_id",), [(customer,)])
    return {row["section_id"]: (row["customer_id"], row["invoice_id"]) for row in rows}


def in_chunks(keys: Collection[Key]) -> list[list[Key]]:
    """Give keys in their order, as many at a time as are asked for in one statement."""
    ordered = sorted(set(keys))
    return [ordered[start : start + _AT_ONCE] for start in range(0, len(ordered), _AT_ONCE)]
