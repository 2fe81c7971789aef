"""The lines of documents as rows: by them it is found what was billed before, and for which time.

Lines are added while their document is a draft and never change.  In the key of a line nothing is
NULL: what it has not is an empty text, and a line for no time has the year 1970 as its window.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from tallystick.core.currency import currency
from tallystick.core.frozen import FrozenDict
from tallystick.core.money import Money
from tallystick.core.number import plain
from tallystick.core.period import Period
from tallystick.core.plain_values import plain_text
from tallystick.storage.among import among
from tallystick.storage.batches import insert_cells, moments
from tallystick.storage.sections import (
    in_chunks,
    places_of,
    sections_of_subscriptions,
    with_standing,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from decimal import Decimal

    from sqlalchemy import RowMapping, Select

    from tallystick.core.invoice import Invoice, InvoiceLine
    from tallystick.core.period import Instant
    from tallystick.storage.arrays import Cell
    from tallystick.storage.unit import Unit

__all__ = [
    "BilledLine",
    "as_billed",
    "billed_lines",
    "insert_lines",
    "lines_of",
    "notes_on_sections",
]

_COLUMNS: Final = (
    ("customer_id", "text"),
    ("invoice_id", "text"),
    ("position", "bigint"),
    ("subscription_id", "text"),
    ("item", "text"),
    ("price_id", "text"),
    ("offer", "text"),
    ("kind", "text"),
    ("window_start", "timestamptz"),
    ("window_end", "timestamptz"),
    ("group_key", "text"),
    ("part", "text"),
    ("quantity", "numeric"),
    ("billed", "numeric"),
    ("amount", "bigint"),
    ("discount", "bigint"),
    ("credit", "bigint"),
    ("tax", "bigint"),
    ("evidence", "text"),
)
_NO_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)
_AT_ONCE: Final = 500
_LAST: Final = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledLine:
    """One line of a document as it was billed, and on which: all of it but its words.

    `position` counts from 1.  `status` and `at` are the document's; what is on one that is `empty`
    was looked at and came to nothing, what is on one that is `void` is not asked for any more.  A
    section's line stands as the document does that its payer was asked by.
    """

    customer: str
    invoice: str
    position: int
    status: str
    at: Instant
    subscription: str | None
    item: str
    price: str
    offer: str | None
    kind: str
    window: Period | None
    group: tuple[tuple[str, str | None], ...]
    part: str
    quantity: Decimal
    billed: Decimal
    amount: Money
    discount: Money
    credit: Money
    tax: Money
    evidence: Mapping[str, Any]


def insert_lines(unit: Unit, invoices: Sequence[Invoice]) -> None:
    """Store the lines of documents that are drafts still, in one statement.

    What the database refuses leaves here as it is: `invoices.issue` says what it means.
    """
    moment = moments(unit)
    rows = [
        _cells(invoice, position, line, moment)
        for invoice in invoices
        for position, line in enumerate(invoice.lines, start=1)
    ]
    insert_cells(unit, unit.tables.invoice_lines, _COLUMNS, rows)


def _cells(
    invoice: Invoice, position: int, line: InvoiceLine, moment: Callable[[Instant | None], Cell]
) -> tuple[Cell, ...]:
    return (
        *(invoice.customer, invoice.id, position, invoice.subscription or ""),
        *(line.item, line.price, line.offer or "", line.kind),
        moment(_NO_TIME if line.window is None else line.window.start),
        moment(_NO_TIME if line.window is None else line.window.end),
        *(plain_text(line.group) if line.group else "", line.part),
        *(plain(line.quantity), plain(line.billed)),
        *(line.amount.minor, line.discount.minor, line.credit.minor, line.tax.minor),
        plain_text(line.evidence),
    )


def as_billed(invoice: Invoice) -> list[BilledLine]:
    """Give the lines of a document that is about to be issued as they will be read."""
    return [
        BilledLine(
            customer=invoice.customer,
            invoice=invoice.id,
            position=position,
            status="open",
            at=invoice.at,
            subscription=invoice.subscription,
            item=line.item,
            price=line.price,
            offer=line.offer,
            kind=line.kind,
            window=line.window,
            group=line.group,
            part=line.part,
            quantity=line.quantity,
            billed=line.billed,
            amount=line.amount,
            discount=line.discount,
            credit=line.credit,
            tax=line.tax,
            evidence=line.evidence,
        )
        for position, line in enumerate(invoice.lines, start=1)
    ]


# --- reading --------------------------------------------------------------------------------------


def lines_of(
    unit: Unit, invoices: Collection[tuple[str, str]]
) -> dict[tuple[str, str], tuple[BilledLine, ...]]:
    """Give the lines of documents, by customer and document id."""
    lines = unit.tables.invoice_lines
    found: dict[tuple[str, str], list[BilledLine]] = {key: [] for key in invoices}
    for some in in_chunks(found):
        query = _selected(unit).where(among(unit, (lines.c.customer_id, lines.c.invoice_id), some))
        for line in _read(unit, query):
            found[line.customer, line.invoice].append(line)
    return {key: tuple(each) for key, each in found.items()}


def billed_lines(
    unit: Unit,
    subscriptions: Collection[tuple[str, str]],
    *,
    prices: Collection[str] | None = None,
    window: Period | None = None,
) -> list[BilledLine]:
    """Give what was billed for subscriptions, each as (customer, id), "" for none.

    Of these prices, and for times that touch the window, if given; else also what was given back of
    them by hand on a payer's document.  In the order in which the documents came to be, and of
    their lines: of one instant the boundary's first, then changes.
    """
    c = unit.tables.invoice_lines.c
    rows: list[RowMapping] = []
    for some in in_chunks(subscriptions):
        query = _selected(unit).where(among(unit, (c.customer_id, c.subscription_id), some))
        if prices is not None:
            query = query.where(c.price_id.in_(sorted(prices)))
        if window is not None:
            query = query.where(c.window_start < window.end, c.window_end > window.start)
        rows += unit.connection.execute(query).mappings()
    found = list(map(_line, sorted(rows, key=_came)))
    if prices is None and window is None:
        found += notes_on_sections(unit, subscriptions)
    return sorted(found, key=lambda line: (line.customer, line.at))


def _came(row: RowMapping) -> tuple[Any, ...]:
    turn = _turn(row["cause"])
    return row["customer_id"], row["at"], turn, row["invoice_id"], row["position"]


def _turn(cause: str) -> int:
    """Give the turn of a document among those of one instant; changes have numbers."""
    kind, _, rest = cause.partition("/")
    number = rest.rpartition("/")[2]
    if kind == "change" and number.isdecimal():
        return int(number)
    return 0 if kind == "boundary" else _LAST


def notes_on_sections(unit: Unit, subscriptions: Collection[tuple[str, str]]) -> list[BilledLine]:
    """Give what was given back by hand of the sections of subscriptions on a payer's document.

    Each as if the note were of the section: by its document and the place of the line there.
    """
    of = sections_of_subscriptions(unit, subscriptions)
    if not of:
        return []
    payers = {payer for payer, _ in of.values()}
    places, found = places_of(unit, payers), list[BilledLine]()
    i = unit.tables.invoices.c
    for some in in_chunks(payers):
        query = _selected(unit).where(among(unit, (i.customer_id, i.credits_id), some))
        for line in _read(unit, query):
            document, position = line.evidence.get("invoice"), line.evidence.get("position")
            section, place = places.get((str(document), int(position or 0)), (None, 0))
            if section in of:
                told = FrozenDict({**line.evidence, "invoice": section[1], "position": place})
                subscription = of[section][1]
                found.append(
                    replace(line, customer=section[0], subscription=subscription, evidence=told)
                )
    return found


def _selected(unit: Unit) -> Select[Any]:
    lines, invoices = unit.tables.invoice_lines, unit.tables.invoices
    same = (lines.c.customer_id == invoices.c.customer_id) & (lines.c.invoice_id == invoices.c.id)
    joined, status = with_standing(unit, lines.join(invoices, same))
    columns = (*lines.c, status, invoices.c.currency, invoices.c.at, invoices.c.cause)
    return select(*columns).select_from(joined)


def _read(unit: Unit, query: Select[Any]) -> list[BilledLine]:
    c = unit.tables.invoice_lines.c
    rows = unit.connection.execute(query.order_by(c.customer_id, c.invoice_id, c.position))
    return list(map(_line, rows.mappings()))


def _line(row: RowMapping) -> BilledLine:
    code, start = currency(row["currency"]), row["window_start"]
    timeless = start == row["window_end"] == _NO_TIME
    return BilledLine(
        customer=row["customer_id"],
        invoice=row["invoice_id"],
        position=row["position"],
        status=row["status"],
        at=row["at"],
        subscription=row["subscription_id"] or None,
        item=row["item"],
        price=row["price_id"],
        offer=row["offer"] or None,
        kind=row["kind"],
        window=None if timeless else Period(start, row["window_end"]),
        group=tuple((name, value) for name, value in json.loads(row["group_key"] or "[]")),
        part=row["part"],
        quantity=row["quantity"],
        billed=row["billed"],
        amount=Money(row["amount"], code),
        discount=Money(row["discount"], code),
        credit=Money(row["credit"], code),
        tax=Money(row["tax"], code),
        evidence=FrozenDict(json.loads(row["evidence"])),
    )
