"""The subscriptions on some plan versions, page by page: for work that only some plans ask for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from sqlalchemy import exists, false, func, literal, or_, select, text

from tallystick.core.subscription import LIVE, TERMINAL, Subscription
from tallystick.core.trees import value_of
from tallystick.storage.billing_tables import LATE
from tallystick.storage.invoice_rows import draft_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sqlalchemy import Column, ColumnElement

    from tallystick.core.period import Instant
    from tallystick.storage.invoice_rows import Draft
    from tallystick.storage.unit import Unit

__all__ = ["drafts_with", "ended", "last_to_issue", "live_on"]

_PAGE: Final = 1_000


def live_on(unit: Unit, refs: Collection[str]) -> Iterator[list[Subscription]]:
    """Give the live subscriptions that have some plan versions, `pro@2`, also as an add-on.

    As pages in the order of ids.
    """
    c = unit.tables.subscriptions.c
    mine = _named(c.snapshot, refs)
    after = ""
    while refs:
        query = select(c.id, c.snapshot).where(c.id > after, c.state.in_(sorted(LIVE)), mine)
        page = unit.connection.execute(query.order_by(c.id).limit(_PAGE)).all()
        if page:
            yield [value_of(Subscription, json.loads(row.snapshot)) for row in page]
        if len(page) < _PAGE:
            return
        after = page[-1].id


def ended(unit: Unit) -> Iterator[list[tuple[str, str]]]:
    """Give the subscriptions that have ended and whose customer ever had something late.

    As pages of customer and id.
    """
    c, events = unit.tables.subscriptions.c, unit.tables.usage_events
    late = events.c.customer_id == c.customer_id, text(f"({LATE[unit.dialect]})")
    had = exists(select(literal(1)).select_from(events).where(*late))
    gone = c.state.in_(sorted(TERMINAL)), had
    after = ""
    while True:
        query = select(c.customer_id, c.id).where(c.id > after, *gone)
        page = unit.connection.execute(query.order_by(c.id).limit(_PAGE)).all()
        if page:
            yield [(row.customer_id, row.id) for row in page]
        if len(page) < _PAGE:
            return
        after = page[-1].id


def drafts_with(unit: Unit, refs: Collection[str]) -> Iterator[list[Draft]]:
    """Give the drafts that charge for some plan versions, as pages in the order of their ids."""
    table = unit.tables.invoices
    c = table.c
    named = _named(c.due, refs)
    after = ""
    while refs:
        query = select(table).where(c.id > after, c.status == "draft", c.set_aside.is_(None), named)
        page = list(unit.connection.execute(query.order_by(c.id).limit(_PAGE)).mappings())
        if page:
            yield list(map(draft_of, page))
        if len(page) < _PAGE:
            return
        after = page[-1]["id"]


def _named(tree: Column[str], refs: Collection[str]) -> ColumnElement[bool]:
    """Ask whether a stored tree names one of some plan versions as the offer of an item."""
    names = (f'"offer":{json.dumps(ref, ensure_ascii=False)}' for ref in sorted(refs))
    return or_(false(), *(tree.contains(name, autoescape=True) for name in names))


def last_to_issue(unit: Unit, until: Instant) -> Instant | None:
    """Give when the last draft may be issued that may be by then; None where there is none."""
    c = unit.tables.invoices.c
    query = select(func.max(c.finalize_at)).where(
        c.status == "draft", c.set_aside.is_(None), c.finalize_at <= until
    )
    at: Instant | None = unit.connection.execute(query).scalar()
    return at
