"""The subscriptions on some plan versions, page by page: for work that only some plans ask for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, false, func, or_, select, text

from tallystick.core.subscription import LIVE, Subscription
from tallystick.core.trees import value_of
from tallystick.storage.aside import pass_over, read_each
from tallystick.storage.billing_tables import LATE
from tallystick.storage.invoice_rows import draft_of
from tallystick.storage.usage_stretches import BEGINNING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from sqlalchemy import Column, ColumnElement

    from tallystick.core.period import Instant
    from tallystick.storage.invoice_rows import Draft
    from tallystick.storage.unit import Unit

__all__ = ["drafts_with", "ended_late", "last_to_issue", "live_on"]

_PAGE: Final = 1_000
_ENDED_LATE: Final = """WITH RECURSIVE who (id) AS (
 SELECT (SELECT e.customer_id FROM {events} e WHERE ({late}) ORDER BY e.customer_id LIMIT 1)
 UNION ALL SELECT (SELECT e.customer_id FROM {events} e WHERE ({late})
 AND e.customer_id > who.id ORDER BY e.customer_id LIMIT 1) FROM who WHERE who.id IS NOT NULL)
 SELECT s.customer_id AS customer_id, s.id AS id FROM who
 JOIN {subscriptions} s ON s.customer_id = who.id
 WHERE s.state IN ('canceled', 'ended') AND s.id > :after AND EXISTS (SELECT 1 FROM {events} e
 WHERE e.customer_id = s.customer_id AND ({late}) AND e.received_at < :until
 AND e.received_at >= COALESCE((SELECT max(i.watermark) FROM {invoices} i
 WHERE i.customer_id = s.customer_id AND i.subscription_id = s.id AND i.status <> 'draft'),
 :beginning)) ORDER BY s.id LIMIT :page"""


def live_on(unit: Unit, refs: Collection[str]) -> Iterator[list[Subscription]]:
    """Give the live subscriptions that have some plan versions, `pro@2`, also as an add-on.

    As pages in the order of ids.
    """
    c = unit.tables.subscriptions.c
    mine = _named(c.snapshot, refs)
    after = ""
    while refs:
        query = select(c.id, c.snapshot).where(c.id > after, c.state.in_(sorted(LIVE)), mine)
        page = list(unit.connection.execute(query.order_by(c.id).limit(_PAGE)).mappings())
        if page:
            yield read_each(page, _subscription, pass_over)
        if len(page) < _PAGE:
            return
        after = page[-1]["id"]


def _subscription(row: Mapping[str, Any]) -> Subscription:
    return value_of(Subscription, json.loads(row["snapshot"]))


def ended_late(unit: Unit, until: Instant) -> Iterator[list[tuple[str, str]]]:
    """Give the subscriptions that have ended and for whose customer usage came late since.

    Late is what arrived after their last document and before `until`.  As pages of customer and id;
    it costs as much as there are customers for whom anything ever came late.
    """
    tables = unit.tables
    words = _ENDED_LATE.format(
        events=tables.usage_events.fullname,
        subscriptions=tables.subscriptions.fullname,
        invoices=tables.invoices.fullname,
        late=LATE[unit.dialect],
    )
    moment = tables.invoices.c.watermark.type
    query = text(words).bindparams(
        bindparam("until", until, moment), bindparam("beginning", BEGINNING, moment), page=_PAGE
    )
    after = ""
    while True:
        page = unit.connection.execute(query, {"after": after}).all()
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
            yield read_each(page, draft_of, pass_over)
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
