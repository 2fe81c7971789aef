"""The demonstration's invoices as pages: the list, each document, and why each line is what it is.

They are drawn anew each time, for this machine only, and for one customer.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.routing import Route

from tallystick.errors import NotFound
from tallystick.http.here import only_here
from tallystick.http.pages import explanation_page, invoice_page, invoices_page, moment_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import Receive, Scope, Send

    from tallystick.app.explain import TracedLine
    from tallystick.core.invoice import Invoice
    from tallystick.core.money import Money
    from tallystick.http.cached import Cached
    from tallystick.storage.invoice_rows import Document
    from tallystick.wiring import Tallystick

__all__ = ["DemoInvoices", "ExplainedLine", "ListedInvoice"]

_DOCUMENTS: Final = all(find_spec(name) for name in ("babel", "jinja2"))
"""Whether the extra is there by which an invoice is written for its customer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedInvoice:
    """A row of the list.  `start` and `end` bound the times of its lines, the end being outside."""

    number: str
    kind: str
    issued: str
    start: str
    end: str
    total: Money
    status: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedLine:
    """A line: what it stands on, as pairs of a word and a text, and the sums that give it."""

    position: int
    description: str
    amount: Money
    facts: tuple[tuple[str, str], ...]
    sums: tuple[str, ...]


class DemoInvoices:
    """The pages of one customer's invoices."""

    def __init__(self, tally: Tallystick, customer: str) -> None:
        """Show what a ledger has issued to a customer."""
        self._tally = tally
        self.customer = customer
        self.path = f"/invoices/{customer}"
        self.address = quote(self.path)

    def routes(self) -> list[Route]:
        """Give the routes: the list, the explanation of a document, the document."""
        return [
            Route(self.path, _Drawn(self._list), methods=["GET"]),
            Route(f"{self.path}/{{n:path}}/explained", _Drawn(self._explained), methods=["GET"]),
            Route(f"{self.path}/{{n:path}}", _Drawn(self._document), methods=["GET"]),
        ]

    def documents(self) -> tuple[ListedInvoice, ...]:
        """List what was issued, the first first."""
        return tuple(_listed(each, self.address) for each in self._issued())

    def worth_a_look(self) -> tuple[str, int] | None:
        """Choose a line to explain, by number and position: a credit, else a metered one."""
        found = {
            line.kind: (document.invoice.number or "", position)
            for document in self._issued()
            for position, line in enumerate(document.invoice.lines, 1)
        }
        return found.get("credit") or found.get("usage") or next(iter(found.values()), None)

    def _issued(self) -> list[Document]:
        """Give what was issued; nothing where there is usage before there is a customer."""
        found: list[Document] = []
        last: str | None = None
        with suppress(NotFound):
            while True:
                page = self._tally.invoices.list(
                    customer=self.customer, limit=100, starting_after=last
                )
                found += [each for each in page if each.number is not None]
                last = page.cursor
                if last is None:
                    break
        return sorted(found, key=_order)

    def _list(self, _: str) -> Cached:
        return invoices_page(self.customer, self.documents(), written=_DOCUMENTS)

    def _document(self, number: str) -> Cached:
        self._theirs(number)
        return invoice_page(self._tally.invoices.html(number))

    def _explained(self, number: str) -> Cached:
        listed = _listed(self._theirs(number), self.address)
        trace = self._tally.invoices.explain(number)
        lines = tuple(_explained(trace.invoice, each) for each in trace.lines)
        return explanation_page(
            self.customer, listed, lines, trace, back=self.address, written=_DOCUMENTS
        )

    def _theirs(self, number: str) -> Document:
        found = self._tally.invoices.get(number)
        if found.invoice.customer != self.customer:
            raise NotFound("invoice", number[:200])
        return found


class _Drawn:
    """An ASGI app that draws a page of a document for a browser on this machine."""

    def __init__(self, draw: Callable[[str], Cached]) -> None:
        self._draw = draw

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Draw it in a thread: it reads the database."""
        only_here(scope)
        page = await asyncio.to_thread(self._draw, scope["path_params"].get("n", ""))
        await page(scope, receive, send)


def _order(document: Document) -> tuple[str, str, int]:
    issued = document.invoice.issued_at
    return (
        "" if issued is None else issued.isoformat(),
        document.series or "",
        document.number or 0,
    )


def _listed(document: Document, address: str) -> ListedInvoice:
    invoice = document.invoice
    windows = [line.window for line in invoice.lines if line.window is not None]
    number = invoice.number or invoice.id
    return ListedInvoice(
        number=number,
        kind=invoice.kind.replace("_", " "),
        issued=moment_text(invoice.issued_at or invoice.at, clock=False),
        start=moment_text(min((each.start for each in windows), default=invoice.at)),
        end=moment_text(max((each.end for each in windows), default=invoice.at)),
        total=invoice.total,
        status=document.status,
        address=f"{address}/{quote(number, safe='')}",
    )


def _explained(invoice: Invoice, traced: TracedLine) -> ExplainedLine:
    line = traced.line
    return ExplainedLine(
        position=traced.position,
        description=line.description,
        amount=line.amount,
        facts=tuple(_facts(invoice, traced)),
        sums=traced.sums,
    )


def _facts(invoice: Invoice, traced: TracedLine) -> Iterator[tuple[str, str]]:
    if traced.bought is not None:
        yield "Plan", f"{traced.bought.ref} of catalogue {traced.bought.catalog}"
    if traced.line.price:
        yield "Price", traced.line.price
    if traced.whole is not None:
        start, end = map(moment_text, (traced.whole.start, traced.whole.end))
        yield "Period", f"{start} up to {end}"
    if traced.meter is not None and traced.counted is not None:
        meter = traced.meter
        yield "Meter", f"{meter.key}: {meter.aggregation.replace('_', '-')} of {meter.event_type}"
        before = moment_text(invoice.watermark)
        yield "Events", f"{len(traced.counted):,} counted that arrived before {before}"
        yield "Digest", traced.counted.digest
