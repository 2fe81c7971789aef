"""`tallystick quote`: what a signed quote says, and accepting it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.cli.arguments import AsJson, ends_well
from tallystick.cli.documents import print_subscription, subscription_tree
from tallystick.cli.ledger import json_value, over_ledger
from tallystick.cli.output import say, say_json, say_table
from tallystick.cli.times import At, moment_or_none

if TYPE_CHECKING:
    from tallystick.core.quote import Quote, Quoted
    from tallystick.wiring import Tallystick

__all__ = ["print_quoted", "quote"]

quote = typer.Typer(
    name="quote",
    help="Signed quotes: what a start would cost, to be accepted at that very price.\n\n"
    "`tallystick subscriptions start … --quote` makes one. TALLYSTICK_SIGNING_KEYS holds the keys.",
    no_args_is_help=True,
)
"""The commands under `tallystick quote`."""

_Text = Annotated[str, typer.Argument(metavar="QUOTE", help="The line that was signed: tsq1.…")]


@quote.command()
@ends_well
@over_ledger
def show(tally: Tallystick, text: _Text, at: At = None, as_json: AsJson = False) -> None:
    """Show what a quote says, if it is one of ours and still good."""
    found = tally.quotes.read(text, at=moment_or_none(at, "--at"))
    if as_json:
        from tallystick.core.trees import tree_of

        say_json(tree_of(found))
        return
    _print(found)


@quote.command()
@ends_well
@over_ledger
def accept(
    tally: Tallystick,
    text: _Text,
    customer: Annotated[
        str | None, typer.Option(metavar="ID", help="Refuse it unless it is this one's.")
    ] = None,
    identity: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="Who has no second trial; repeat.")
    ] = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Start the subscription that was quoted, at the very figures; a repeat changes nothing."""
    made = tally.quotes.accept(
        text, customer=customer, identities=identity or (), at=moment_or_none(at, "--at")
    )
    if as_json:
        tree = subscription_tree(made.subscription)
        say_json({"subscription": tree, "documents": list(made.documents)})
        return
    print_subscription(made.subscription)


def _print(found: Quote) -> None:
    say(
        f"quote: {found.id}",
        f"customer: {found.customer}",
        f"plan: {found.move.offer}",
        f"good until: {json_value(found.expires_at)}",
    )
    print_quoted(found.today, found.renewal)


def print_quoted(today: Quoted | None, renewal: Quoted | None) -> None:
    """Print what falls due at the start and at the first renewal."""
    for title, document in (("today", today), ("at the first renewal", renewal)):
        if document is None:
            say("", f"{title}: nothing")
        else:
            say("", f"{title}, on {json_value(document.at)}")
            say_table(
                ["line", "description", "quantity", "amount", "discount", "tax"],
                _rows(document),
                right="line quantity amount discount tax",
            )
            say(f"total  {document.total}, to pay {document.amount_due}")


def _rows(document: Quoted) -> list[list[Any]]:
    from tallystick.cli.lines import quantity_text

    return [
        [
            str(place),
            line.description,
            quantity_text(line.quantity),
            *(str(amount) for amount in (line.amount, line.discount, line.tax)),
        ]
        for place, line in enumerate(document.lines, start=1)
    ]
