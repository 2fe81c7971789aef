"""`tallystick dunning`: invoices that are not paid in time, and what is to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.cli.arguments import AsJson, ends_well
from tallystick.cli.ledger import json_value, over_ledger
from tallystick.cli.output import say, say_json, say_table

if TYPE_CHECKING:
    from tallystick.app.dunning import Climb
    from tallystick.wiring import Tallystick

__all__ = ["dunning"]

dunning = typer.Typer(
    name="dunning",
    help="Invoices that are not paid in time: how far that went, and what is to be told.\n\n"
    "`tallystick seller set --dunning FILE` says what happens; `tallystick invoice run` does it.",
    no_args_is_help=True,
)
"""The commands under `tallystick dunning`."""

_Customer = Annotated[str | None, typer.Option(metavar="CUSTOMER", help="Only theirs.")]
_Limit = Annotated[int, typer.Option(help="How many: 1 to 100.")]


@dunning.command("list")
@ends_well
@over_ledger
def list_(
    tally: Tallystick,
    customer: _Customer = None,
    state: Annotated[
        str | None,
        typer.Option(
            metavar="waiting|retrying|final|recovered", help="Only these.", show_default="all open"
        ),
    ] = None,
    limit: _Limit = 20,
    starting_after: Annotated[
        str | None, typer.Option(metavar="ID", help="The last of the page before.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List unpaid invoices in the order of their ids, page by page."""
    page = tally.dunning.list(
        customer=customer,
        state=state,  # type: ignore[arg-type]  # looked at there
        limit=limit,
        starting_after=starting_after,
    )
    if as_json:
        say_json({"dunning": [_tree(each) for each in page], "cursor": page.cursor})
        return
    columns = ["invoice", "customer", "state", "steps", "access", "next"]
    say_table(columns, map(_row, page), right="steps")
    if page.cursor is not None:
        say(f"more: --starting-after {page.cursor}")


@dunning.command()
@ends_well
@over_ledger
def show(
    tally: Tallystick,
    named: Annotated[str, typer.Argument(metavar="INVOICE", help="Its id or its number.")],
    as_json: AsJson = False,
) -> None:
    """Show how an unpaid invoice stands, and its ladder."""
    found = tally.dunning.get(named)
    if as_json:
        say_json(_tree(found))
        return
    tree = _tree(found)
    ladder = tree.pop("ladder")
    say(
        *(f"{name.replace('_', ' ')}: {value}" for name, value in tree.items() if value is not None)
    )
    clock = f" at {ladder['at']}" if ladder["at"] else ""
    for number, step in enumerate(ladder["steps"], start=1):
        notice = step["notice"] or "no notice"
        say(f"step {number}: day {step['days']}{clock}, access {step['access']}, {notice}")
    say(f"end: day {ladder['end_days']}{clock}, {ladder['end']}")


@dunning.command()
@ends_well
@over_ledger
def outbox(
    tally: Tallystick,
    customer: _Customer = None,
    after: Annotated[
        int, typer.Option(metavar="POSITION", help="Those that came after this one.")
    ] = 0,
    limit: _Limit = 20,
    as_json: AsJson = False,
) -> None:
    """List what is to be told to customers, in the order in which it became true."""
    found = tally.dunning.notices(customer=customer, after=after, limit=limit)
    if as_json:
        say_json(
            {
                "notices": [
                    {
                        "position": each.position,
                        "customer": each.customer,
                        "kind": each.kind,
                        "cause": each.cause,
                        "at": json_value(each.at),
                        "body": dict(each.body),
                    }
                    for each in found
                ]
            }
        )
        return
    rows = (
        [str(each.position), str(json_value(each.at)), each.customer, each.kind, each.cause]
        for each in found
    )
    say_table(["position", "at", "customer", "kind", "cause"], rows, right="position")


def _tree(climb: Climb) -> dict[str, Any]:
    from tallystick.core.dunning import ladder_tree

    return {
        "invoice": climb.invoice,
        "customer": climb.customer,
        "subscription": climb.subscription,
        "state": climb.state,
        "attempts": climb.attempts,
        "access": climb.access,
        "next_at": json_value(climb.next_at),
        "set_aside": climb.set_aside,
        "ladder": ladder_tree(climb.ladder),
    }


def _row(climb: Climb) -> list[str]:
    return [
        climb.invoice,
        climb.customer,
        climb.state,
        f"{climb.attempts} of {len(climb.ladder.steps) + 1}",
        climb.access,
        str(json_value(climb.next_at) or ""),
    ]
