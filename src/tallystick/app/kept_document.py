"""What is kept of an issued document, and all it stands on, held against what digests say."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tallystick.app.counted import counted_events
from tallystick.app.difference import Difference, told
from tallystick.app.offers import Offers
from tallystick.core.canonical import digest as catalog_digest
from tallystick.core.event import as_sent
from tallystick.core.event import digest as event_digest
from tallystick.core.published import catalog_of_text
from tallystick.errors import TallystickError
from tallystick.storage import catalogs, moves
from tallystick.storage.stored_documents import chain_before, stored_document
from tallystick.storage.verify_seals import all_line_faults, column_faults, seal_faults

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tallystick.core.invoice import Invoice
    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.unit import Unit

__all__ = ["kept_differences"]


def kept_differences(
    unit: Unit, document: Document, sections: Sequence[Document]
) -> Iterator[Difference]:
    """Hold all that a document and its sections stand on against what their digests say."""
    yield from _kept(unit, document.invoice)
    for each in (document, *sections):
        yield from _moved(unit, each.invoice)
    offers = Offers(unit)
    yield from _catalogs(unit, document)
    for each in (*sections, document):
        yield from _events(unit, offers, each)


def _kept(unit: Unit, stored: Invoice) -> Iterator[Difference]:
    """Hold body, digest, chain, columns and lines against each other."""
    row = stored_document(unit, stored.customer, stored.id)
    before = chain_before(unit, row["series"], row["number"])
    for path, said, found in seal_faults(row, before):
        yield Difference(path, told(said), told(found))
    for path, said, found in column_faults(row, stored):
        yield Difference(f"columns.{path}", told(said), told(found))
    for path, said, found in all_line_faults(unit, stored):
        yield Difference(f"rows of {path}", told(said), told(found))


def _moved(unit: Unit, stored: Invoice) -> Iterator[Difference]:
    """Hold the moves of its subscription against their digests."""
    if stored.subscription is not None:
        for record in moves.moves_of(unit, stored.customer, stored.subscription):
            found = moves.move_digest(record.move)
            if found != record.digest:
                yield Difference(f"move {record.number}", record.digest, found)


def _catalogs(unit: Unit, document: Document) -> Iterator[Difference]:
    """Read what was published again: it must still be what its digest says."""
    charges = document.due.charges
    refs = {line.offer for line in document.invoice.lines} | {each.item.offer for each in charges}
    versions = {each.number: each.digest for each in catalogs.every(unit)}
    checked: set[int] = set()
    for ref in sorted(ref for ref in refs if ref):
        plan_id, _, version = ref.rpartition("@")
        plan = catalogs.plan(unit, plan_id, int(version))
        if plan is None:
            yield Difference(f"plan {ref}", "was sold", None)
            continue
        offer = f"sha256:{hashlib.sha256(plan.text.encode()).hexdigest()}"
        if offer != plan.digest:
            yield Difference(f"plan {ref}", plan.digest, offer)
        if plan.catalog_number not in checked:
            checked.add(plan.catalog_number)
            said = versions.get(plan.catalog_number)
            found = _catalog_digest(unit, plan.catalog_number)
            if said != found:
                yield Difference(f"catalogue {plan.catalog_number}", said, found)


def _catalog_digest(unit: Unit, number: int) -> str:
    try:
        return catalog_digest(catalog_of_text(catalogs.text_of(unit, number) or ""))
    except (TallystickError, ValueError) as error:
        return told(f"cannot be read: {error}") or ""


def _events(unit: Unit, offers: Offers, document: Document) -> Iterator[Difference]:
    """Hold every event that counts against the digest of what was sent."""
    stored = document.invoice
    for charge in document.due.charges:
        if charge.kind != "usage":
            continue
        try:
            counted = counted_events(
                unit,
                offers,
                stored.customer,
                charge,
                watermark=stored.watermark,
            )
        except (TallystickError, KeyError):  # told where the document is made
            continue
        for each in counted.events:
            event = each.event if each.amendment is None else each.amendment
            said = each.digest if each.amendment_digest is None else each.amendment_digest
            found = event_digest(as_sent(event, said))
            if found != said:
                yield Difference(f"event {event.source}/{event.id}", said, found)
