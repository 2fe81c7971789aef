"""`tallystick invoice explain` and `replay`: the sums of a document, and that they still hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.cli.arguments import AsJson
from tallystick.cli.output import say, say_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.app.counted import CountedEvent
    from tallystick.app.explain import Trace, TracedLine
    from tallystick.wiring import Tallystick

__all__ = ["explain", "replay"]

_Invoice = Annotated[str, typer.Argument(metavar="INVOICE", help="Its id or its number.")]


def explain(
    tally: Tallystick,
    named: _Invoice,
    line: Annotated[
        int | None, typer.Argument(metavar="[LINE]", help="Only this line, counted from 1.")
    ] = None,
    events: Annotated[
        int, typer.Option(metavar="N", help="Name so many events of each line, up to 1,000.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Print each line as sums to redo with a calculator, and what they stand on.

    Example: tallystick invoice explain INV-000123 2 --events 10
    """
    found = tally.invoices.explain(named, line, events=events)
    if as_json:
        from tallystick.app.explain import trace_tree

        say_json(trace_tree(found))
        return
    for text in _head(found):
        say(text)
    for each in found.lines:
        say("", *_line(found, each))
    if line is None:
        say("", *found.sums)


def replay(tally: Tallystick, named: _Invoice, as_json: AsJson = False) -> None:
    """Make a document again from moves, catalogue and events; compare it byte for byte.

    Exit status: 0 it is the same, 1 it is not; then each difference is named.
    """
    found = tally.invoices.replay(named)
    if as_json:
        say_json(
            {
                "id": found.invoice,
                "number": found.number,
                "equal": found.equal,
                "differences": [
                    {"path": each.path, "stored": each.stored, "found": each.found}
                    for each in found.differences
                ],
            }
        )
    elif found.equal:
        say(f"{found.number}: made again, the same {len(found.body):,} bytes")
    else:
        say(f"{found.number}: not what it was")
        for each in found.differences:
            say(f"    {each}")
    if not found.equal:
        raise typer.Exit(1)


# --- for people -----------------------------------------------------------------------------------


def _head(trace: Trace) -> Iterator[str]:
    from tallystick.core.period import instant_text

    invoice, document = trace.invoice, trace.document
    name = "credit note" if invoice.kind == "credit_note" else "invoice"
    yield f"{invoice.number}  {name} {invoice.id}, {document.status}"
    yield f"customer {invoice.customer}, for {invoice.cause}"
    known = instant_text(invoice.watermark)
    yield f"usage as known before {known}; reckoning {invoice.reckoning}"
    yield f"digest {document.digest}"


def _line(trace: Trace, traced: TracedLine) -> Iterator[str]:
    line = traced.line
    yield f"{traced.position}. {line.description}: {line.amount}"
    yield from (f"   {text}" for text in _facts(trace, traced))
    yield from (f"   {text}" for text in traced.sums)
    for each in traced.events:
        yield f"   event {_event(each)}"
    left = 0 if traced.counted is None else len(traced.counted) - len(traced.events)
    if traced.events and left:
        yield f"   … and {left:,} more"


def _facts(trace: Trace, traced: TracedLine) -> Iterator[str]:
    from tallystick.core.period import instant_text

    line = traced.line
    if traced.section is not None:
        of = traced.section.subscription or traced.section.cause
        yield f"section of customer {traced.section.customer}, {of}"
    if traced.bought is not None:
        what = f", price {line.price}" if line.price else ""
        yield f"plan {traced.bought.ref} of catalogue {traced.bought.catalog}{what}"
    if traced.whole is not None and traced.whole != line.window:
        yield f"of the period {_period(traced.whole)}"
    for hole in traced.holes:
        yield f"without the pause {_period(hole)}"
    for name, value in line.group:
        yield f"of {name} {'none' if value is None else value}"
    if traced.meter is not None and traced.counted is not None:
        meter = traced.meter
        how = "count" if meter.aggregation == "count" else f"{meter.aggregation} of {meter.value}"
        yield f"meter {meter.key}: {how.replace('_', '-')} of events {meter.event_type}"
        before = instant_text(trace.invoice.watermark)
        yield f"{len(traced.counted):,} events counted that arrived before {before}"
        yield f"events {traced.counted.digest}"
    if line.kind == "late":
        yield f"late: {', '.join(map(str, line.evidence.get('events', ())))}"


def _period(period: Any) -> str:  # noqa: ANN401 - a Period, which is not loaded at start
    from tallystick.core.period import instant_text

    return f"{instant_text(period.start)} to {instant_text(period.end)}"


def _event(counted: CountedEvent) -> str:
    from tallystick.core.period import instant_text
    from tallystick.core.property import properties_text

    event = counted.event
    text = f"{event.source}/{event.id} at {instant_text(event.occurred_at)}"
    if event.received_at is not None:
        text += f", arrived {instant_text(event.received_at)}"
    text += f": {properties_text(event.properties)}"
    if counted.amendment is not None:
        text += f", as {counted.amendment.source}/{counted.amendment.id} amended it"
    return text
