"""Why each line of a document is what it is: its sums, and everything they were made of.

Nothing is reckoned anew: the sums are those the document was issued with (`app.replay` makes them
again).  What is looked up beside them is what they name: plan and catalogue version, meter, events.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tallystick.app.counted import counted_events, meter_of_charge
from tallystick.app.offers import Offers
from tallystick.core.invoice_explain import explain_line, explain_sums
from tallystick.core.meter import definition, definition_digest
from tallystick.core.number import plain
from tallystick.core.period import instant_text
from tallystick.core.trees import tree_of
from tallystick.errors import Conflict, InvalidInput, NotFound
from tallystick.storage import catalogs, invoices
from tallystick.storage.stored_documents import documents_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallystick.app.counted import Counted, CountedEvent
    from tallystick.core.charge import Charge
    from tallystick.core.invoice import Invoice, InvoiceLine, InvoiceSection
    from tallystick.core.meter import Meter
    from tallystick.core.period import Period
    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.unit import Unit

__all__ = [
    "MOST_EVENTS",
    "Bought",
    "Trace",
    "TracedLine",
    "charge_of",
    "document_at",
    "explain_invoice",
    "trace_tree",
]

MOST_EVENTS: Final = 1_000
"""The most events that are named for each line."""

_METERED: Final = frozenset({"usage", "late"})


@dataclass(frozen=True, slots=True)
class Bought:
    """The offer that a line charges: the plan version, its digest, and since which catalogue."""

    ref: str
    digest: str
    catalog: int
    catalog_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedLine:
    """One line: the sums that give it, and what they stand on.

    `position` counts from 1.  `whole` is the whole period whose share is charged, `holes` the
    pauses in it.  `meter` and `counted` are there for usage, of which `events` were asked for.
    `section` says whose line it is, where a customer pays for others.
    """

    position: int
    line: InvoiceLine
    sums: tuple[str, ...]
    section: InvoiceSection | None = None
    bought: Bought | None = None
    whole: Period | None = None
    holes: tuple[Period, ...] = ()
    meter: Meter | None = None
    counted: Counted | None = None
    events: tuple[CountedEvent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A document with the lines that were asked for, and the sums below all of its lines."""

    document: Document
    lines: tuple[TracedLine, ...]
    sums: tuple[str, ...]

    @property
    def invoice(self) -> Invoice:
        """The document itself."""
        return self.document.invoice


def document_at(unit: Unit, invoice_id: str, *, customer_id: str | None = None) -> Document:
    """Give an issued document by its id or its number; of another customer, as if it were not.

    Raises NotFound; Conflict where it was not issued.
    """
    wanted = str(invoice_id)
    found = invoices.find_invoice(unit, wanted, customer=customer_id)
    if found is None:
        found = invoices.invoice_by_number(unit, wanted)
    if found is None or customer_id not in {None, found.invoice.customer}:
        raise NotFound("invoice", wanted[:200])
    if found.number is None:
        why = "came to nothing" if found.status == "empty" else "is a draft"
        raise Conflict(f"the document {wanted!r} {why}: only what was issued has lines that stay")
    return found


def explain_invoice(
    unit: Unit,
    invoice_id: str,
    line: int | None = None,
    *,
    events: int = 0,
    customer_id: str | None = None,
) -> Trace:
    """Explain a document, by id or number, or one of its lines, counted from 1.

    So many of the `events` of each line are named.  Raises NotFound for the document or the line,
    Conflict where it was not issued, InvalidInput.
    """
    if type(events) is not int or not 0 <= events <= MOST_EVENTS:
        text = f"is a whole number from 0 to {MOST_EVENTS:,}"
        raise InvalidInput(f"events {text}", {"events": [text]})
    found = document_at(unit, invoice_id, customer_id=customer_id)
    if found.invoice.sections:
        unit.as_all()  # the lines stand on what others used
    else:
        unit.as_customer(found.invoice.customer)
    count = len(found.invoice.lines)
    if line is not None and (type(line) is not int or not 1 <= line <= count):
        raise NotFound("line", f"{found.invoice.number} {str(line)[:40]} (it has {count})")
    offers = Offers(unit)
    traced = tuple(
        _traced(unit, offers, found, place, events)
        for place in (range(1, count + 1) if line is None else [line])
    )
    return Trace(document=found, lines=traced, sums=explain_sums(found.invoice))


def _traced(unit: Unit, offers: Offers, document: Document, place: int, most: int) -> TracedLine:
    line = document.invoice.lines[place - 1]
    section, document = _part(unit, document, place)
    charge = charge_of(line, document.due.charges)
    if line.kind == "late":
        charge = _billed_before(unit, document, line)
    meter, counted = None, None
    if charge is not None and line.kind in _METERED:
        meter = meter_of_charge(offers, charge)
        counted = counted_events(
            unit,
            offers,
            document.invoice.customer,
            charge,
            watermark=document.invoice.watermark,
            group=dict(line.group),
        )
    return TracedLine(
        position=place,
        line=line,
        sums=explain_line(line),
        section=section,
        bought=None if line.offer is None else _bought(unit, line.offer),
        whole=None if charge is None else charge.whole,
        holes=() if charge is None else charge.holes,
        meter=meter,
        counted=counted,
        events=() if counted is None else counted.events[:most],
    )


def _part(unit: Unit, document: Document, place: int) -> tuple[InvoiceSection | None, Document]:
    """Give the section that a line stands in, and what is kept of it; else the document itself."""
    last = 0
    for section in document.invoice.sections:
        last += section.lines
        if place <= last:
            kept = invoices.find_invoice(unit, section.id, customer=section.customer)
            return section, document if kept is None else kept
    return None, document


def charge_of(line: InvoiceLine, charges: Iterable[Charge]) -> Charge | None:
    """Give the charge of a document that made a line; None for one of another making."""
    return next(
        (
            charge
            for charge in charges
            if (charge.kind, charge.price, charge.item.key, charge.window, charge.part)
            == (line.kind, line.price, line.item, line.window, line.part)
        ),
        None,
    )


def _billed_before(unit: Unit, document: Document, line: InvoiceLine) -> Charge | None:
    """Give the charge that billed the window of late usage first, on an earlier document."""
    invoice = document.invoice
    if invoice.subscription is None:
        return None
    wanted = (line.item, line.price, line.window)
    return next(
        (
            charge
            for each in documents_of(unit, invoice.customer, invoice.subscription)
            for charge in each.due.charges
            if charge.kind == "usage" and (charge.item.key, charge.price, charge.window) == wanted
        ),
        None,
    )


def _bought(unit: Unit, ref: str) -> Bought | None:
    plan_id, _, version = ref.rpartition("@")
    plan = catalogs.plan(unit, plan_id, int(version)) if version.isdigit() else None
    if plan is None:
        return None
    digest = next(c.digest for c in catalogs.every(unit) if c.number == plan.catalog_number)
    return Bought(ref, plan.digest, plan.catalog_number, digest)


# --- as JSON --------------------------------------------------------------------------------------


def trace_tree(trace: Trace) -> dict[str, Any]:
    """Give a trace as plain JSON values; amounts are minor units."""
    invoice = trace.invoice
    return {
        "id": invoice.id,
        "number": invoice.number,
        "kind": invoice.kind,
        "status": trace.document.status,
        "customer": invoice.customer,
        "subscription": invoice.subscription,
        "cause": invoice.cause,
        "at": instant_text(invoice.at),
        "watermark": instant_text(invoice.watermark),
        "currency": invoice.currency.code,
        "reckoning": invoice.reckoning,
        "digest": trace.document.digest,
        "chain": trace.document.chain,
        "lines": [_line_tree(each) for each in trace.lines],
        "sums": list(trace.sums),
        "subtotal": invoice.subtotal.minor,
        "discount": invoice.discount.minor,
        "credit": invoice.credit.minor,
        "tax": invoice.tax.minor,
        "taxes": [tree_of(each) for each in invoice.taxes],
        "tax_evidence": dict(invoice.tax_evidence),
        "total": invoice.total.minor,
        "burns": [tree_of(each) for each in invoice.burns],
        "balance": invoice.balance.minor,
        "amount_due": invoice.amount_due.minor,
    }


def _line_tree(traced: TracedLine) -> dict[str, Any]:
    tree: dict[str, Any] = {"position": traced.position, **tree_of(traced.line)}
    tree |= {"sums": list(traced.sums)}
    if traced.section is not None:
        tree |= {"section": tree_of(traced.section)}
    if traced.bought is not None:
        tree |= {
            "plan": traced.bought.ref,
            "plan_digest": traced.bought.digest,
            "catalog": traced.bought.catalog,
            "catalog_digest": traced.bought.catalog_digest,
        }
    if traced.whole is not None:
        tree |= {"whole": _period(traced.whole), "pauses": [_period(each) for each in traced.holes]}
    if traced.meter is not None:
        digest = definition_digest(traced.meter)
        tree |= {"meter": definition(traced.meter) | {"digest": digest}}
    if traced.counted is not None:
        tree |= {
            "events": {
                "count": len(traced.counted),
                "digest": traced.counted.digest,
                "named": [_event_tree(each) for each in traced.events],
            }
        }
    return tree


def _period(period: Period) -> list[str]:
    return [instant_text(period.start), instant_text(period.end)]


def _event_tree(counted: CountedEvent) -> dict[str, Any]:
    event = counted.event
    tree: dict[str, Any] = {
        "source": event.source,
        "id": event.id,
        "occurred_at": instant_text(event.occurred_at),
        "received_at": None if event.received_at is None else instant_text(event.received_at),
        "properties": {
            name: plain(value) if not isinstance(value, (str, bool, type(None))) else value
            for name, value in event.properties.items()
        },
        "digest": counted.digest,
    }
    if counted.amendment is not None:
        tree["amended_by"] = {
            "source": counted.amendment.source,
            "id": counted.amendment.id,
            "digest": counted.amendment_digest,
        }
    return tree
