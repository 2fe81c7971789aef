"""The seals of issued documents: body, digest, chain, lines and columns must all say the same.

Every document is read again from its body, in the order of its series, a batch at a time.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from tallystick.core.invoice import Invoice
from tallystick.core.trees import body_of, value_of
from tallystick.errors import TallystickError
from tallystick.storage.invoice_lines import lines_of
from tallystick.storage.sections import payers_of, section_documents
from tallystick.storage.verify import Check
from tallystick.storage.verify_rows import in_batches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tallystick.core.invoice import InvoiceLine
    from tallystick.storage.invoice_lines import BilledLine
    from tallystick.storage.unit import Unit
    from tallystick.storage.verify import Rows

__all__ = [
    "SEAL_CHECKS",
    "Fault",
    "all_line_faults",
    "column_faults",
    "line_faults",
    "seal_faults",
]

Fault = tuple[str, object, object]
"""Where two tellings of one document are apart: where, what is kept, what it should be."""

_BATCH: Final = 500
_SUMS: Final = ("subtotal", "discount", "credit", "tax", "total", "balance", "amount_due")
_SAME: Final = ("id", "kind", "cause", "at", "finalize_at", "watermark", "issued_at", "due_at")
_OF_LINE: Final = (
    *("item", "price", "offer", "kind", "window", "group", "part", "quantity", "billed"),
    *("amount", "discount", "credit", "tax", "evidence"),
)


def seal_faults(row: Mapping[Any, Any], previous: str) -> Iterator[Fault]:
    """Give where the seals of an issued row are broken: its digest, and its chain."""
    found = hashlib.sha256(row["body"].encode()).hexdigest()
    if found != row["digest"]:
        yield "digest", row["digest"], found
    chain = hashlib.sha256((previous + row["digest"]).encode()).hexdigest()
    if chain != row["chain"]:
        yield "chain", row["chain"], chain


def column_faults(row: Mapping[Any, Any], body: Invoice) -> Iterator[Fault]:
    """Give where the columns of an issued row are not what its body says."""
    told: dict[str, object] = {name: getattr(body, name).minor for name in _SUMS}
    told |= {name: getattr(body, name) for name in _SAME}
    told |= {
        "customer_id": body.customer,
        "subscription_id": body.subscription,
        "currency": body.currency.code,
        "number_text": body.number,
        "credits_id": body.credits,
        "net_days": body.terms.net_days,
        "memo": body.terms.memo,
        "po_number": body.terms.po_number,
    }
    for name, value in told.items():
        if row[name] != value:
            yield name, row[name], value


def line_faults(lines: Sequence[BilledLine], body: Invoice) -> Iterator[Fault]:
    """Give where the lines that are kept are not those of the body."""
    if len(lines) != len(body.lines):
        yield "lines", len(lines), len(body.lines)
    for place, (kept, line) in enumerate(zip(lines, body.lines, strict=False)):
        if kept.position != place + 1:
            yield f"lines[{place}].position", kept.position, place + 1
        yield from _line_faults(f"lines[{place}]", kept, line, body.subscription)


def all_line_faults(unit: Unit, body: Invoice) -> Iterator[Fault]:
    """Give where the lines that are kept of a document, or of its sections, are not the body's."""
    if not body.sections:
        key = (body.customer, body.id)
        yield from line_faults(lines_of(unit, [key])[key], body)
        return
    kept = lines_of(unit, [(each.customer, each.id) for each in body.sections])
    of = payers_of(unit, kept)
    if len(section_documents(unit, (body.customer, body.id))) != len(body.sections):
        yield "sections", "other sections", len(body.sections)
    if sum(each.lines for each in body.sections) != len(body.lines):
        yield "lines", sum(each.lines for each in body.sections), len(body.lines)
    for place, (section, lines) in enumerate(body.by_section()):
        key = (section.customer, section.id)
        if of.get(key) != (body.customer, body.id):
            yield f"sections[{place}]", of.get(key), section.id
        alone = replace(body, subscription=section.subscription, lines=lines, sections=())
        for path, said, found in line_faults(kept[key], alone):
            yield f"sections[{place}].{path}", said, found


def _line_faults(
    path: str, kept: BilledLine, line: InvoiceLine, subscription: str | None
) -> Iterator[Fault]:
    if kept.subscription != subscription:
        yield f"{path}.subscription", kept.subscription, subscription
    for name in _OF_LINE:
        said, is_ = getattr(kept, name), getattr(line, name)
        if said != is_:
            yield f"{path}.{name}", said, is_


def _seals(unit: Unit) -> Rows:
    table = unit.tables.invoices
    c = table.c
    query = select(table).where(c.series.is_not(None)).order_by(c.series, c.number)
    series, chain = "", ""
    for rows in in_batches(unit, query, _BATCH):
        lines = lines_of(unit, [(row["customer_id"], row["id"]) for row in rows])
        for row in rows:
            chain = chain if row["series"] == series else ""
            series = row["series"]
            for path, stored, found in _faults(unit, row, chain, lines):
                yield {
                    "customer_id": row["customer_id"],
                    "id": row["id"],
                    "number": row["number_text"],
                    "what": path,
                    "stored": _told(stored),
                    "found": _told(found),
                }
            chain = row["chain"]
    yield from _ends(unit)


def _told(value: object) -> object:
    return value if value is None or isinstance(value, (int, str)) else str(value)


def _faults(
    unit: Unit,
    row: Mapping[Any, Any],
    chain: str,
    lines: Mapping[tuple[str, str], Sequence[BilledLine]],
) -> Iterator[Fault]:
    yield from seal_faults(row, chain)
    try:
        body = value_of(Invoice, json.loads(row["body"]))
        bytes_ = body_of(body)
    except (TallystickError, ValueError) as error:
        yield "body", str(error)[:200], "a document"
        return
    if bytes_ != row["body"].encode():
        yield "body", hashlib.sha256(row["body"].encode()).hexdigest(), "its one spelling"
    yield from column_faults(row, body)
    if body.sections:
        yield from all_line_faults(unit, body)
    else:
        yield from line_faults(lines[body.customer, body.id], body)


def _ends(unit: Unit) -> Rows:
    """Find series whose chain is not that of their last document."""
    i, s = unit.tables.invoices.c, unit.tables.invoice_series.c
    last = select(i.chain).where(i.series == s.series).order_by(i.number.desc()).limit(1)
    found = select(s.series, s.chain, last.scalar_subquery().label("last"))
    for row in unit.connection.execute(found.order_by(s.series)).mappings():
        if row["chain"] != (row["last"] or ""):
            ends = {"stored": row["chain"], "found": row["last"]}
            yield {"id": row["series"], "what": "chain of the series", **ends}


SEAL_CHECKS: Final[Sequence[Check]] = (
    Check("invoice-seals", "I18", "an issued document is what its digest and chain say", _seals),
)
"""The invariants of the seals."""
