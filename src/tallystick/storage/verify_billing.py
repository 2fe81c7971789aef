"""The invariants of billing as queries that must return no rows: documents, lines, numbers, limits.

Those of the books stand in `storage.verify_books`, the seals of documents in
`storage.verify_seals`; whether a subscription is what its moves make of it needs the core, so that
stands in `app.verify_moves`.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, case, func, literal, or_, select, union_all

from tallystick.storage.sections import places_of
from tallystick.storage.verify import Check
from tallystick.storage.verify_books import BOOK_CHECKS
from tallystick.storage.verify_rows import mappings
from tallystick.storage.verify_seals import SEAL_CHECKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, CompoundSelect, FromClause, Select

    from tallystick.storage.unit import Unit
    from tallystick.storage.verify import Rows

__all__ = ["BILLING_CHECKS"]

_PARTS: Final = ("amount", "discount", "credit", "tax")
_LIVE: Final = ("trialing", "active", "past_due", "paused")
_OF_LINE: Final = ("customer_id", "subscription_id", "item", "price_id")
_KEY_OF_LINE: Final = (*_OF_LINE, "kind", "window_start", "window_end", "group_key", "part")
_WITHOUT_PRORATION: Final = '%"proration":"none"%'


# --- I8: sums -------------------------------------------------------------------------------------


def _sums(unit: Unit) -> Rows:
    """Find documents whose lines do not add up to them, or whose sums don't add up to the total.

    A payer's document is what its sections add up to.
    """
    i = unit.tables.invoices.c
    parts = _parts_of_documents(unit).subquery().c
    sums = [func.sum(parts[name]).label(name) for name in _PARTS]
    owner = (parts.customer_id, parts.invoice_id)
    found = select(*owner, *sums).group_by(*owner).subquery()
    of = and_(found.c.customer_id == i.customer_id, found.c.invoice_id == i.id)
    told = {"amount": i.subtotal, "discount": i.discount, "credit": i.credit, "tax": i.tax}
    counted = {name: func.coalesce(found.c[name], 0) for name in _PARTS}
    wrong = [told[name] != counted[name] for name in _PARTS]
    total = i.total != i.subtotal - i.discount - i.credit + i.tax
    left = and_(i.kind == "invoice", i.amount_due != i.total - i.balance)
    query = (
        select(
            *(i.customer_id, i.id, i.number_text, i.status, i.subtotal, i.total),
            *(each.label(f"lines_{name}") for name, each in counted.items()),
        )
        .select_from(unit.tables.invoices.outerjoin(found, of))
        .where(or_(*wrong, total, left))
        .order_by(i.customer_id, i.id)
    )
    return mappings(unit, query)


def _parts_of_documents(unit: Unit) -> CompoundSelect[Any]:
    """Give what documents add up from: lines, and a payer's document from its sections."""
    i, s, lines = (
        unit.tables.invoices.c,
        unit.tables.invoice_sections.c,
        unit.tables.invoice_lines.c,
    )
    own = select(lines.customer_id, lines.invoice_id, *(lines[name] for name in _PARTS))
    of = and_(s.member_id == i.customer_id, s.section_id == i.id)
    sums = [
        each.label(name)
        for each, name in zip((i.subtotal, i.discount, i.credit, i.tax), _PARTS, strict=True)
    ]
    joined = unit.tables.invoice_sections.join(unit.tables.invoices, of)
    return union_all(own, select(s.customer_id, s.invoice_id, *sums).select_from(joined))


def _currencies(unit: Unit) -> Rows:
    """Find documents in another currency than their subscription or what was paid for them."""
    i, s, p = unit.tables.invoices.c, unit.tables.subscriptions.c, unit.tables.payments.c
    ours = (i.customer_id, i.id, i.currency)
    subs = and_(s.customer_id == i.customer_id, s.id == i.subscription_id)
    pays = and_(p.customer_id == i.customer_id, p.invoice_id == i.id)
    for table, on, column in (
        (unit.tables.subscriptions, subs, s),
        (unit.tables.payments, pays, p),
    ):
        query = select(*ours, column.id.label("of"), column.currency.label("other"))
        joined = query.select_from(unit.tables.invoices.join(table, on))
        yield from mappings(unit, joined.where(column.currency != i.currency).order_by(*ours))


# --- I13: windows ---------------------------------------------------------------------------------


def _counted(unit: Unit, *kinds: str) -> Select[Any]:
    """Give lines for a time, of these kinds, on documents that count."""
    lines, i = unit.tables.invoice_lines, unit.tables.invoices.c
    of = and_(i.customer_id == lines.c.customer_id, i.id == lines.c.invoice_id)
    return (
        select(lines)
        .select_from(lines.join(unit.tables.invoices, of))
        .where(
            lines.c.kind.in_(kinds),
            lines.c.window_start < lines.c.window_end,
            i.status != "void",
        )
    )


def _usage_twice(unit: Unit) -> Rows:
    """Find usage of a price that is billed by two windows that overlap."""
    part = unit.tables.invoice_lines.c.part
    lines = _counted(unit, "usage").where(part == "").subquery().c
    key = [lines[name] for name in (*_OF_LINE, "group_key")]
    order = (lines.window_start, lines.window_end)
    lag = func.lag(lines.window_end, type_=lines.window_end.type)
    before = lag.over(partition_by=key, order_by=order).label("before")
    shown = select(*key, *order, lines.invoice_id, before).subquery()
    query = select(shown).where(shown.c.before > shown.c.window_start)
    return mappings(unit, query.order_by(*(shown.c[name] for name in _OF_LINE)))


def _fees_twice(unit: Unit) -> Rows:
    """Find time for which a fee is asked more than once and not given back.

    Whoever changes without proration leaves the old fee as it is, so those are left out; so is the
    rest of a fee too small to be given back, and whoever has a draft that may give it back yet.
    """
    lines = _counted(unit, "fee", "credit").subquery().c
    key = [lines[name] for name in _OF_LINE]
    fee = case((lines.kind == "fee", 1), else_=-1)
    counts = or_(lines.kind == "credit", lines.amount != 0)
    steps = union_all(
        select(*key, lines.window_start.label("at"), fee.label("step")).where(counts),
        select(*key, lines.window_end.label("at"), (-fee).label("step")).where(counts),
    ).subquery()
    over: dict[str, Any] = {
        "partition_by": [steps.c[name] for name in _OF_LINE],
        "order_by": steps.c.at,
    }
    covered = select(
        *(steps.c[name] for name in _OF_LINE),
        steps.c.at.label("since"),
        func.lead(steps.c.at, type_=steps.c.at.type).over(**over).label("until"),
        func.sum(steps.c.step).over(**over).label("fees"),
    ).subquery()
    query = select(covered).where(
        covered.c.fees > 1,
        covered.c.until > covered.c.since,
        ~_unprorated(unit, covered),
        ~_waits(unit, covered),
    )
    for row in mappings(unit, query.order_by(*(covered.c[name] for name in _OF_LINE))):
        if _fees_at(unit, row) > 1:
            yield {**row, "fees": int(row["fees"])}


def _unprorated(unit: Unit, of: FromClause) -> ColumnElement[bool]:
    moves = unit.tables.subscription_moves.c
    asked = select(literal(1)).where(
        moves.customer_id == of.c.customer_id,
        moves.subscription_id == of.c.subscription_id,
        moves.kind == "change",
        moves.body.like(_WITHOUT_PRORATION),
    )
    return asked.exists()


def _waits(unit: Unit, of: FromClause) -> ColumnElement[bool]:
    """Tell whether a document of a subscription waits for its usage, with what it gives back."""
    i = unit.tables.invoices.c
    draft = select(literal(1)).where(
        i.customer_id == of.c.customer_id,
        i.subscription_id == of.c.subscription_id,
        i.status == "draft",
        i.at <= of.c.since,
        i.due.like('%"kind":"credit"%'),
    )
    return draft.exists()


def _fees_at(unit: Unit, row: Mapping[str, Any]) -> int:
    """Count the fees for a stretch of time that come to an amount, less those given back."""
    lines = _counted(unit, "fee", "credit").subquery().c
    mine = [lines[name] == row[name] for name in _OF_LINE]
    query = select(lines.kind, lines.amount, lines.window_start, lines.window_end).where(
        *mine, lines.window_start <= row["since"], lines.window_end >= row["until"]
    )
    stretch = row["until"] - row["since"]
    count = 0
    for kind, amount, start, end in unit.connection.execute(query):
        if kind == "credit":
            count -= 1
        elif 2 * abs(amount) * stretch >= end - start:  # half a minor unit, or more
            count += 1
    return count


# --- I16, I20: one of each ------------------------------------------------------------------------


def _live_twice(unit: Unit) -> Rows:
    c = unit.tables.subscriptions.c
    query = select(c.customer_id, c.group_key, func.count().label("n"))
    live = query.where(c.state.in_(_LIVE)).group_by(c.customer_id, c.group_key)
    return mappings(unit, live.having(func.count() > 1).order_by(c.customer_id, c.group_key))


def _documents_twice(unit: Unit) -> Rows:
    c = unit.tables.invoices.c
    query = select(c.customer_id, c.cause, func.count().label("n"))
    grouped = query.group_by(c.customer_id, c.cause).having(func.count() > 1)
    return mappings(unit, grouped.order_by(c.customer_id, c.cause))


def _lines_twice(unit: Unit) -> Rows:
    c = unit.tables.invoice_lines.c
    key = [c[name] for name in _KEY_OF_LINE]
    query = select(*key, func.count().label("n")).group_by(*key)
    return mappings(unit, query.having(func.count() > 1).order_by(*key))


def _lost(unit: Unit) -> Rows:
    """Find lines and payments of documents that are not there, and lines on a draft."""
    i = unit.tables.invoices
    for what in ("invoice_lines", "payments"):
        c = getattr(unit.tables, what).c
        of = and_(i.c.customer_id == c.customer_id, i.c.id == c.invoice_id)
        status = i.c.status.label("status")
        query = select(literal(what).label("what"), c.customer_id, c.invoice_id, status).distinct()
        joined = query.select_from(getattr(unit.tables, what).outerjoin(i, of))
        none = or_(status.is_(None), status == "draft")
        yield from mappings(unit, joined.where(none).order_by(c.customer_id, c.invoice_id))


# --- I19: numbers ---------------------------------------------------------------------------------


def _numbers(unit: Unit) -> Rows:
    """Find series that have a gap, a number twice, or go on elsewhere than after their last."""
    i, s = unit.tables.invoices.c, unit.tables.invoice_series.c
    used = (
        select(
            i.series,
            func.min(i.number).label("first"),
            func.max(i.number).label("last"),
            func.count().label("n"),
            func.count(i.number.distinct()).label("different"),
        )
        .where(i.series.is_not(None))
        .group_by(i.series)
        .subquery()
    )
    wrong = or_(
        used.c.first != 1,
        used.c.last != used.c.n,
        used.c.n != used.c.different,
        s.next.is_(None),
        s.next != used.c.last + 1,
    )
    joined = used.outerjoin(unit.tables.invoice_series, s.series == used.c.series)
    yield from mappings(
        unit, select(used, s.next).select_from(joined).where(wrong).order_by(used.c.series)
    )
    unused = select(s.series, s.next).where(s.next != 1, s.series.not_in(select(used.c.series)))
    yield from mappings(unit, unused.order_by(s.series))


def _issue_times(unit: Unit) -> Rows:
    """Find documents that are issued before they may be, or due before they are issued."""
    c = unit.tables.invoices.c
    wrong = or_(c.issued_at != c.finalize_at, c.due_at < c.issued_at, c.finalize_at < c.at)
    query = select(c.customer_id, c.id, c.at, c.finalize_at, c.issued_at, c.due_at)
    return mappings(unit, query.where(wrong).order_by(c.customer_id, c.id))


# --- I24: limits ----------------------------------------------------------------------------------


def _limits(unit: Unit) -> Rows:
    """Find documents of which more is paid, given back or refunded than there is."""
    c = unit.tables.invoices.c
    wrong = or_(
        c.refunded > c.paid,
        c.credited > c.noted,
        and_(c.kind == "invoice", c.noted > c.total),
        and_(c.kind == "invoice", c.paid + c.credited > c.amount_due),
    )
    shown = (c.total, c.amount_due, c.paid, c.credited, c.noted, c.refunded)
    return mappings(
        unit, select(c.customer_id, c.id, *shown).where(wrong).order_by(c.customer_id, c.id)
    )


def _given_back(unit: Unit) -> Rows:
    """Find fees, or usage of one window, of which more was given back than was asked for."""
    fees = _counted(unit, "fee", "credit").subquery().c
    key = [fees[name] for name in _OF_LINE[:2]]
    query = select(*key, func.sum(fees.amount).label("left")).group_by(*key)
    yield from mappings(unit, query.having(func.sum(fees.amount) < 0).order_by(*key))
    used = _counted(unit, "usage", "late").subquery().c
    key = [used[name] for name in (*_OF_LINE, "window_start", "window_end", "group_key")]
    negative = func.min(case((used.kind == "usage", used.amount), else_=0))
    query = select(*key, func.sum(used.amount).label("left")).group_by(*key)
    broken = query.having(and_(func.sum(used.amount) < 0, negative >= 0))
    yield from mappings(unit, broken.order_by(*key))


def _noted_lines(unit: Unit) -> Rows:
    """Find lines of which credit notes by hand gave back more than they asked for."""
    lines, i = unit.tables.invoice_lines, unit.tables.invoices.c
    asked = lines.c.amount - lines.c.discount - lines.c.credit + lines.c.tax
    of = and_(i.customer_id == lines.c.customer_id, i.id == lines.c.invoice_id)
    query = (
        select(lines.c.customer_id, asked.label("asked"), lines.c.evidence)
        .select_from(lines.join(unit.tables.invoices, of))
        .where(i.kind == "credit_note", lines.c.kind == "item", i.status != "void")
    )
    given: Counter[tuple[str, str, int]] = Counter()
    for row in mappings(unit, query):
        evidence = json.loads(row["evidence"])
        if "position" in evidence:
            line = (row["customer_id"], evidence["invoice"], evidence["position"])
            given[line] -= row["asked"]
    places = places_of(unit, {(customer, invoice) for customer, invoice, _ in given})
    for (customer, invoice, position), minor in sorted(given.items()):
        own = ((customer, invoice), position)
        (owner, document), place = places.get((invoice, position), own)
        mine = (lines.c.customer_id == owner, lines.c.invoice_id == document)
        found = select(asked).where(*mine, lines.c.position == place)
        most = unit.connection.execute(found).scalar()
        if most is None or minor > most:
            yield {
                "customer_id": customer,
                "invoice_id": invoice,
                "position": position,
                "asked": most,
                "given": minor,
            }


BILLING_CHECKS: Final[Sequence[Check]] = (
    Check("invoice-sums", "I8", "the lines of a document add up to it", _sums),
    Check("invoice-currencies", "I8", "a document stands on one currency", _currencies),
    Check("usage-windows", "I13", "no usage is billed by two windows", _usage_twice),
    Check("fee-windows", "I13", "no fee is asked twice for a time", _fees_twice),
    Check("one-live", "I16", "a customer has one live subscription in a group", _live_twice),
    *SEAL_CHECKS,
    Check("invoice-numbers", "I19", "numbers are counted from 1 without a gap", _numbers),
    Check("invoice-times", "I18 I19", "a document is issued when it may be", _issue_times),
    Check("one-document", "I20", "a customer has one document for a cause", _documents_twice),
    Check("one-line", "I20", "a line is billed once: price, window and part", _lines_twice),
    Check("no-orphans", "I18 I20", "lines and payments are of a document that was issued", _lost),
    *BOOK_CHECKS,
    Check("invoice-limits", "I24", "no more is given back or refunded than there was", _limits),
    Check("line-limits", "I24", "no more is given back of a fee than was asked for", _given_back),
    Check("noted-lines", "I24", "no line is given back twice by hand", _noted_lines),
)
"""Every invariant of billing that is a query, in the order in which they are run."""
