"""`tallystick invoice`: reading documents, and what is done with them by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tallystick.cli.arguments import AsJson, Usage, ends_well
from tallystick.cli.documents import (
    document_tree,
    invoice_tree,
    payment_tree,
    print_document,
    print_invoice,
)
from tallystick.cli.invoice_explain import explain as _explain
from tallystick.cli.invoice_explain import replay as _replay
from tallystick.cli.invoice_run import run as _run
from tallystick.cli.ledger import over_ledger
from tallystick.cli.output import say, say_json, say_table
from tallystick.cli.times import At, moment_or_none

if TYPE_CHECKING:
    from tallystick.storage.invoice_rows import Document
    from tallystick.wiring import Tallystick

__all__ = ["invoice"]

invoice = typer.Typer(
    name="invoice",
    help="What is asked for: run the billing, read documents, record money, give back.\n\n"
    "INVOICE is an id or a number such as INV-000123. AMOUNT is in major units of its currency, "
    "as 12.50.",
    no_args_is_help=True,
)
"""The commands under `tallystick invoice`."""

_Invoice = Annotated[str, typer.Argument(metavar="INVOICE", help="Its id or its number.")]
_Amount = Annotated[str | None, typer.Argument(metavar="[AMOUNT]", help="In major units: 12.50.")]
_Method = Annotated[str, typer.Option(help="By which way: bank, cash, card.")]
_Reference = Annotated[str | None, typer.Option(help="What it is called there.")]
_Reason = Annotated[str | None, typer.Option(help="A sentence on the credit note.")]
_Key = Annotated[
    str | None,
    typer.Option("--idempotency-key", metavar="KEY", help="Repeat it safely under this key."),
]

invoice.command("run")(ends_well(over_ledger(_run)))
invoice.command("explain")(ends_well(over_ledger(_explain)))
invoice.command("replay")(ends_well(over_ledger(_replay)))


@invoice.command("list")
@ends_well
@over_ledger
def list_(
    tally: Tallystick,
    customer: Annotated[str | None, typer.Option(metavar="CUSTOMER", help="Only theirs.")] = None,
    subscription: Annotated[
        str | None, typer.Option(metavar="ID", help="Only of this one.")
    ] = None,
    status: Annotated[
        str | None, typer.Option(metavar="draft|open|paid|void|uncollectible", help="Only these.")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many: 1 to 100.")] = 20,
    starting_after: Annotated[
        str | None, typer.Option(metavar="ID", help="The last of the page before.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List documents in the order of their ids, page by page."""
    from tallystick.core.money import Money
    from tallystick.core.period import instant_text

    page = tally.invoices.list(
        customer=customer,
        subscription=subscription,
        status=status,  # type: ignore[arg-type]  # looked at there
        limit=limit,
        starting_after=starting_after,
    )
    if as_json:
        say_json({"invoices": [document_tree(each) for each in page], "cursor": page.cursor})
        return
    rows = (
        [
            each.invoice.number or "",
            each.invoice.id,
            each.invoice.customer,
            each.status,
            instant_text(each.invoice.issued_at or each.invoice.at),
            str(each.invoice.total),
            str(Money(each.left, each.invoice.currency)),
        ]
        for each in page
    )
    say_table(
        ["number", "id", "customer", "status", "at", "total", "left"], rows, right="total left"
    )
    if page.cursor is not None:
        say(f"more: --starting-after {page.cursor}")


@invoice.command()
@ends_well
@over_ledger
def show(
    tally: Tallystick,
    named: _Invoice,
    text: Annotated[
        bool, typer.Option("--text", help="As the customer reads it, in plain text.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it as an HTML page.")
    ] = None,
    locale: Annotated[
        str | None, typer.Option(help="Another language than the customer's, as de-AT.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a document, what was paid of it, and what is left.

    Example: tallystick invoice show INV-000123 --html invoice.html
    """
    if sum((text, html is not None, as_json)) > 1:
        raise Usage("--text, --html and --json are three ways to show it: choose one")
    if html is not None:
        page = tally.invoices.html(named, locale=locale)
        html.write_text(page, encoding="utf-8")
        say(f"wrote {html}")
        return
    if text:
        say(tally.invoices.text(named, locale=locale).rstrip("\n"))
        return
    if locale is not None:
        raise Usage("--locale goes with --text or --html")
    found = tally.invoices.get(named)
    if as_json:
        paid = [payment_tree(each) for each in tally.invoices.payments(found.invoice.id)]
        say_json({**document_tree(found), "payments": paid})
    elif found.status == "draft":
        print_invoice(tally.invoices.preview(found.invoice.id))
    else:
        print_document(found, tally.invoices.payments(found.invoice.id))


@invoice.command()
@ends_well
@over_ledger
def preview(
    tally: Tallystick,
    id_: Annotated[str, typer.Argument(metavar="ID", help="A subscription, or a draft by its id.")],
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Show the next document of a subscription as it stands now; changes nothing."""
    found = tally.invoices.preview(id_, at=moment_or_none(at, "--at"))
    if as_json:
        say_json(invoice_tree(found))
    else:
        print_invoice(found)


@invoice.command()
@ends_well
@over_ledger
def item(
    tally: Tallystick,
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="Who is billed.")],
    description: Annotated[str, typer.Argument(metavar="DESCRIPTION", help="What for.")],
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="For all of it: 12.50.")],
    currency: Annotated[
        str | None, typer.Option(help="Where the customer has none, as USD.")
    ] = None,
    quantity: Annotated[str, typer.Option(help="How many it is.")] = "1",
    subscription: Annotated[
        str | None, typer.Option(metavar="ID", help="On a document of this one.")
    ] = None,
    now: Annotated[bool, typer.Option("--now", help="On a document of its own.")] = False,
    idempotency_key: _Key = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Bill something once: on the next document, or with --now on its own."""
    from tallystick.core.currency import currency as currency_of
    from tallystick.core.money import Money

    asked: Money | str = amount
    if currency is not None:
        asked = Money.parse(amount, currency_of(currency))
    made = tally.invoices.add_item(
        customer,
        description,
        asked,
        quantity=quantity,
        subscription=subscription,
        now=now,
        idempotency_key=idempotency_key,
        at=moment_or_none(at, "--at"),
    )
    if as_json:
        say_json(
            {
                "id": made.id,
                "customer": made.customer,
                "subscription": made.subscription,
                "description": made.description,
                "quantity": made.quantity,
                "amount": made.amount.minor,
                "currency": made.amount.currency.code,
                "invoice": made.invoice,
            }
        )
    else:
        on = "a document of its own" if now else "the next document"
        say(f"{made.id}: {made.description}, {made.amount}, on {on}")


@invoice.command()
@ends_well
@over_ledger
def pay(
    tally: Tallystick,
    named: _Invoice,
    amount: _Amount = None,
    method: _Method = "manual",
    reference: _Reference = None,
    idempotency_key: _Key = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Record money that came for an invoice: AMOUNT of it, or all that is left."""
    done = tally.invoices.pay(
        named,
        amount,
        method=method,
        reference=reference,
        idempotency_key=idempotency_key,
        at=moment_or_none(at, "--at"),
    )
    _print(tally, done, as_json=as_json)


@invoice.command()
@ends_well
@over_ledger
def refund(
    tally: Tallystick,
    named: _Invoice,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="In major units: 12.50.")],
    reason: _Reason = None,
    method: _Method = "manual",
    reference: _Reference = None,
    idempotency_key: _Key = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Record money that went back, never more than was paid; a credit note goes with it."""
    done = tally.invoices.refund(
        named,
        amount,
        reason=reason,
        method=method,
        reference=reference,
        idempotency_key=idempotency_key,
        at=moment_or_none(at, "--at"),
    )
    _print(tally, done, as_json=as_json)


@invoice.command()
@ends_well
@over_ledger
def credit(
    tally: Tallystick,
    named: _Invoice,
    amount: _Amount = None,
    line: Annotated[
        list[str] | None,
        typer.Option(metavar="POSITION=AMOUNT", help="Of this line so much; repeat."),
    ] = None,
    reason: _Reason = None,
    refund: Annotated[
        bool, typer.Option("--refund", help="Pay out what was paid, not to the balance.")
    ] = False,
    method: _Method = "manual",
    reference: _Reference = None,
    idempotency_key: _Key = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Write a credit note: AMOUNT, what --line says, or all that is left of the invoice.

    It lowers what is due first; the rest goes to the customer's balance.
    Example: tallystick invoice credit INV-000123 --line 2=5.00 --reason "an hour without service"
    """
    note = tally.invoices.credit(
        named,
        amount,
        lines=None if not line else [_line(word) for word in line],
        reason=reason,
        refund=refund,
        method=method,
        reference=reference,
        idempotency_key=idempotency_key,
        at=moment_or_none(at, "--at"),
    )
    _print(tally, note, as_json=as_json)


@invoice.command()
@ends_well
@over_ledger
def void(tally: Tallystick, named: _Invoice, at: At = None, as_json: AsJson = False) -> None:
    """Take back an open invoice of which nothing was paid or given back."""
    done = tally.invoices.void(named, at=moment_or_none(at, "--at"))
    _print(tally, done, as_json=as_json)


@invoice.command()
@ends_well
@over_ledger
def uncollectible(
    tally: Tallystick, named: _Invoice, at: At = None, as_json: AsJson = False
) -> None:
    """Write off what is left of an open invoice; it can still be paid."""
    done = tally.invoices.uncollectible(named, at=moment_or_none(at, "--at"))
    _print(tally, done, as_json=as_json)


@invoice.command()
@ends_well
@over_ledger
def retry(
    tally: Tallystick,
    id_: Annotated[
        str, typer.Argument(metavar="ID", help="A subscription or a draft that was set aside.")
    ],
    as_json: AsJson = False,
) -> None:
    """Take what was set aside into the runs again; the next run tries it."""
    found = tally.invoices.retry(id_)
    if as_json:
        say_json({"kind": found.kind, "id": found.id, "reason": dict(found.reason)})
    else:
        say(f"{found.kind} {found.id} is in the runs again; it was: {found.reason['message']}")


def _line(word: str) -> tuple[int, str]:
    position, sign, amount = word.partition("=")
    if not sign or not (position.isascii() and position.isdigit() and len(position) < 10):  # noqa: PLR2004 - no document has so many
        raise Usage(f"--line takes POSITION=AMOUNT, as 2=5.00, not {word!r}")
    return int(position), amount


def _print(tally: Tallystick, document: Document, *, as_json: bool) -> None:
    paid = tally.invoices.payments(document.invoice.id)
    if as_json:
        say_json({**document_tree(document), "payments": [payment_tree(each) for each in paid]})
    else:
        print_document(document, paid)
