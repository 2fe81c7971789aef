"""`tallystick payments`: what providers are asked to collect and to give back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.cli.arguments import AsJson, ends_well
from tallystick.cli.ledger import json_value, over_ledger
from tallystick.cli.output import say, say_json, say_table
from tallystick.cli.times import At, moment_or_none

if TYPE_CHECKING:
    from tallystick.core.intent import Intent
    from tallystick.wiring import Tallystick

__all__ = ["payments"]

payments = typer.Typer(
    name="payments",
    help="What payment providers are asked to collect and to give back.\n\n"
    "Each of it is an intent, stored before it is asked. `tallystick worker` begins one for each "
    "invoice that is due, where the customer has a provider, and goes on with what has no answer "
    "yet. `confirm` is for bank transfers (`manual`): a person has seen the money.",
    no_args_is_help=True,
)
"""The commands under `tallystick payments`."""

_Id = Annotated[str, typer.Argument(metavar="ID", help="The id of the intent.")]
_Key = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key", metavar="KEY", help="A repeat with it asks for nothing more."
    ),
]


@payments.command("list")
@ends_well
@over_ledger
def list_(
    tally: Tallystick,
    customer: Annotated[str | None, typer.Option(metavar="CUSTOMER", help="Only theirs.")] = None,
    invoice: Annotated[str | None, typer.Option(metavar="INVOICE", help="Only of it.")] = None,
    state: Annotated[
        str | None,
        typer.Option(metavar="open|waiting|succeeded|declined|canceled", help="Only these."),
    ] = None,
    set_aside: Annotated[
        bool, typer.Option("--set-aside", help="Only those that no worker goes on with.")
    ] = False,
    limit: Annotated[int, typer.Option(help="How many: 1 to 100.")] = 20,
    starting_after: Annotated[
        str | None, typer.Option(metavar="ID", help="The last of the page before.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List intents in the order of their ids, page by page."""
    page = tally.payments.list(
        customer=customer,
        invoice=invoice,
        state=state,  # type: ignore[arg-type]  # looked at there
        set_aside=set_aside,
        limit=limit,
        starting_after=starting_after,
    )
    if as_json:
        say_json({"payments": [_tree(each) for each in page], "cursor": page.cursor})
        return
    columns = ["id", "kind", "invoice", "customer", "provider", "amount", "state", "tries"]
    say_table(columns, map(_row, page), right="tries")
    if page.cursor is not None:
        say(f"more: --starting-after {page.cursor}")


@payments.command()
@ends_well
@over_ledger
def show(tally: Tallystick, id_: _Id, as_json: AsJson = False) -> None:
    """Show how an intent stands, and why."""
    _tell(tally.payments.get(id_), as_json=as_json)


@payments.command()
@ends_well
@over_ledger
def collect(
    tally: Tallystick,
    invoice: Annotated[str, typer.Argument(metavar="INVOICE", help="Its id or its number.")],
    provider: Annotated[str, typer.Option(metavar="NAME", help="Who collects it.")],
    amount: Annotated[
        str | None,
        typer.Option(metavar="AMOUNT", help="In major units.", show_default="all that is left"),
    ] = None,
    idempotency_key: _Key = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Have a provider collect an invoice."""
    done = tally.payments.collect(
        invoice,
        amount,
        provider=provider,
        idempotency_key=idempotency_key,
        at=moment_or_none(at, "--at"),
    )
    _tell(done, as_json=as_json)


@payments.command()
@ends_well
@over_ledger
def refund(
    tally: Tallystick,
    id_: _Id,
    amount: Annotated[
        str | None,
        typer.Option(metavar="AMOUNT", help="In major units.", show_default="all of it"),
    ] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="For the credit note, if it gets one.")
    ] = None,
    idempotency_key: _Key = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Have a provider give back what it collected by an intent."""
    done = tally.payments.refund(
        id_,
        amount,
        reason=reason,
        idempotency_key=idempotency_key,
        at=moment_or_none(at, "--at"),
    )
    _tell(done, as_json=as_json)


@payments.command()
@ends_well
@over_ledger
def confirm(
    tally: Tallystick,
    id_: _Id,
    method: Annotated[
        str, typer.Option(metavar="TEXT", help="How the money came, or went back.")
    ] = "bank",
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Say that the money of an intent at `manual` was seen."""
    done = tally.payments.confirm(id_, method=method, at=moment_or_none(at, "--at"))
    _tell(done, as_json=as_json)


@payments.command()
@ends_well
@over_ledger
def cancel(tally: Tallystick, id_: _Id, at: At = None, as_json: AsJson = False) -> None:
    """Give up an intent that was never sent, or that waits for someone to pay."""
    _tell(tally.payments.cancel(id_, at=moment_or_none(at, "--at")), as_json=as_json)


@payments.command()
@ends_well
@over_ledger
def retry(tally: Tallystick, id_: _Id, at: At = None, as_json: AsJson = False) -> None:
    """Go on with an intent that was set aside, once its reason is cured."""
    _tell(tally.payments.retry(id_, at=moment_or_none(at, "--at")), as_json=as_json)


def _tell(intent: Intent, *, as_json: bool) -> None:
    tree = _tree(intent)
    if as_json:
        say_json(tree)
        return
    tree["amount"] = str(intent.amount)
    flat = {
        name: value
        for key, part in tree.items()
        for name, value in (part.items() if isinstance(part, dict) else [(key, part)])
    }
    plain = {name: value for name, value in flat.items() if value is not None}
    say(*(f"{name.replace('_', ' ')}: {value}" for name, value in plain.items()))


def _tree(intent: Intent) -> dict[str, Any]:
    return {
        "id": intent.id,
        "kind": intent.kind,
        "state": intent.state,
        "customer": intent.customer,
        "invoice": intent.label,
        "of": intent.of,
        "amount": intent.amount.minor,
        "currency": intent.amount.currency.code,
        "surplus": intent.surplus,
        "provider": intent.provider,
        "account": intent.account.id,
        "live": intent.account.live,
        "key": intent.key,
        "reference": intent.reference,
        "tries": intent.attempts,
        "answer": None if intent.answer is None else dict(intent.answer),
        "created_at": json_value(intent.created_at),
        "next_at": None if intent.closed_at is not None else json_value(intent.next_at),
        "closed_at": json_value(intent.closed_at),
        "set_aside": None if intent.set_aside is None else json.loads(intent.set_aside),
    }


def _row(intent: Intent) -> list[str]:
    return [
        intent.id,
        intent.kind,
        intent.label,
        intent.customer,
        intent.provider,
        str(intent.amount),
        f"{intent.state}, set aside" if intent.set_aside is not None else intent.state,
        str(intent.attempts),
    ]
