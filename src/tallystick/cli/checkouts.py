"""`tallystick checkout list` and so on: what customers are paying on pages of a provider."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.cli.arguments import AsJson, ends_well
from tallystick.cli.ledger import over_ledger
from tallystick.cli.output import say, say_json, say_table
from tallystick.cli.times import At, moment_or_none
from tallystick.core.checkout_page_tree import checkout_tree

if TYPE_CHECKING:
    from tallystick.core.checkout_page import Checkout
    from tallystick.wiring import Tallystick

__all__ = ["checkouts"]

checkouts = typer.Typer()
"""The commands of pages under `tallystick checkout`."""

_Id = Annotated[str, typer.Argument(metavar="ID", help="The id of the checkout.")]
_STATES = "open|processing|complete|expired|failed|refunding|refunded"


@checkouts.command("list")
@ends_well
@over_ledger
def list_(
    tally: Tallystick,
    customer: Annotated[str | None, typer.Option(metavar="CUSTOMER", help="Only theirs.")] = None,
    state: Annotated[str | None, typer.Option(metavar=_STATES, help="Only these.")] = None,
    set_aside: Annotated[
        bool, typer.Option("--set-aside", help="Only those that no worker goes on with.")
    ] = False,
    limit: Annotated[int, typer.Option(help="How many: 1 to 100.")] = 20,
    starting_after: Annotated[
        str | None, typer.Option(metavar="ID", help="The last of the page before.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List checkouts in the order of their ids, page by page."""
    page = tally.checkouts.list(
        customer=customer,
        state=state,  # type: ignore[arg-type]  # looked at there
        set_aside=set_aside,
        limit=limit,
        starting_after=starting_after,
    )
    if as_json:
        say_json({"checkouts": [_tree(each) for each in page], "cursor": page.cursor})
        return
    say_table(["id", "customer", "plan", "provider", "amount", "state"], map(_row, page))
    if page.cursor is not None:
        say(f"more: --starting-after {page.cursor}")


@checkouts.command()
@ends_well
@over_ledger
def show(tally: Tallystick, id_: _Id, as_json: AsJson = False) -> None:
    """Show how a checkout stands in the ledger, and why."""
    _tell(tally.checkouts.get(id_), as_json=as_json)


@checkouts.command()
@ends_well
@over_ledger
def refresh(tally: Tallystick, id_: _Id, at: At = None, as_json: AsJson = False) -> None:
    """Ask the provider how a page stands, and go on by what it says."""
    _tell(tally.checkouts.refresh(id_, at=moment_or_none(at, "--at")), as_json=as_json)


@checkouts.command()
@ends_well
@over_ledger
def expire(tally: Tallystick, id_: _Id, at: At = None, as_json: AsJson = False) -> None:
    """Let nobody pay on a page any more."""
    _tell(tally.checkouts.expire(id_, at=moment_or_none(at, "--at")), as_json=as_json)


@checkouts.command()
@ends_well
@over_ledger
def retry(tally: Tallystick, id_: _Id, at: At = None, as_json: AsJson = False) -> None:
    """Go on with a checkout that was set aside, once its reason is cured."""
    _tell(tally.checkouts.retry(id_, at=moment_or_none(at, "--at")), as_json=as_json)


def _tell(checkout: Checkout, *, as_json: bool) -> None:
    tree = _tree(checkout)
    if as_json:
        say_json(tree)
        return
    why = checkout.reason
    tree |= {"amount": str(checkout.amount), "reason": None if why is None else why["message"]}
    plain = {name: value for name, value in tree.items() if value is not None}
    say(*(f"{name.replace('_', ' ')}: {value}" for name, value in plain.items()))


def _tree(checkout: Checkout) -> dict[str, Any]:
    aside = checkout.set_aside
    return checkout_tree(checkout) | {
        "provider": checkout.provider,
        "account": checkout.account.id,
        "live": checkout.account.live,
        "key": checkout.key,
        "page": checkout.reference,
        "payment": checkout.payment,
        "refund": checkout.refund,
        "tries": checkout.attempts,
        "set_aside": None if aside is None else json.loads(aside),
    }


def _row(checkout: Checkout) -> list[str]:
    return [
        checkout.id,
        checkout.customer,
        checkout.quote.move.offer,
        checkout.provider,
        str(checkout.amount),
        f"{checkout.state}, set aside" if checkout.set_aside is not None else checkout.state,
    ]
